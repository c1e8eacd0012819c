// SPDX-License-Identifier: MIT
// Ids of exchanges.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/exchange_id.h"

static void ids_sort_by_time_and_within_a_millisecond(void **state)
{
    struct exchange_ids ids;
    char before[17] = "";
    char id[17];
    (void)state;
    exchange_ids_init(&ids, 12345);
    for (uint64_t ms = 1; ms < 1ULL << 45; ms = ms * 3 + 1)
        for (int i = 0; i < 3; i++) {
            exchange_id_next(&ids, ms, id);
            assert_true(strcmp(before, id) < 0);
            assert_true(exchange_id_is_valid(slice_str(id)));
            memcpy(before, id, sizeof(id));
        }
}

static void ids_come_back_out_of_their_bytes(void **state)
{
    struct exchange_ids ids;
    uint8_t bytes[10];
    char id[17];
    char again[17];
    (void)state;
    exchange_ids_init(&ids, UINT64_MAX - 1);
    for (uint64_t i = 0; i < 10000; i++) {
        exchange_id_next(&ids, i * 0x9e3779b97f4a7c15ULL >> 19, id);
        exchange_id_pack(id, bytes);
        exchange_id_unpack(bytes, again);
        assert_string_equal(id, again);
    }
}

static void what_is_no_id_is_told(void **state)
{
    static const char *const wrong[] = {
        "",
        "0123456789abcde",
        "0123456789abcdef0",
        "0123456789abcdeu",
        "0123456789ABCDEF",
        "0123456789abcde\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(exchange_id_is_valid(slice_str(wrong[i])));
    assert_false(exchange_id_is_valid(slice_of("0123456789abcde\0", 16)));
    assert_true(exchange_id_is_valid(SLICE("0123456789abcdef")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_sort_by_time_and_within_a_millisecond),
        cmocka_unit_test(ids_come_back_out_of_their_bytes),
        cmocka_unit_test(what_is_no_id_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
