// SPDX-License-Identifier: MIT
// The hash of hash tables: it depends on every byte and on the seed.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "proto/hash.h"

enum {
    LENGTHS = 300 // XXH3 has several algorithms up to 240 bytes, and one above
};

static void equal_bytes_have_equal_hashes_wherever_they_lie(void **state)
{
    char text[LENGTHS + 1], other[LENGTHS + 2];
    (void)state;
    for (size_t i = 0; i < LENGTHS; i++)
        text[i] = other[i + 1] = (char)(i * 7);
    for (size_t len = 0; len <= LENGTHS; len++)
        assert_true(hash_bytes(slice_of(text, len), 1) == hash_bytes(slice_of(other + 1, len), 1));
}

static void the_seed_changes_the_hash(void **state)
{
    char text[LENGTHS] = {0};
    (void)state;
    for (size_t len = 0; len <= LENGTHS; len++)
        assert_true(hash_bytes(slice_of(text, len), 1) != hash_bytes(slice_of(text, len), 2));
}

static void every_byte_and_the_length_change_the_hash(void **state)
{
    char text[LENGTHS] = {0};
    (void)state;
    for (size_t len = 1; len <= LENGTHS; len++) {
        uint64_t hash = hash_bytes(slice_of(text, len), 1);
        assert_true(hash != hash_bytes(slice_of(text, len - 1), 1));
        for (size_t i = 0; i < len; i++) {
            text[i] = 1;
            assert_true(hash != hash_bytes(slice_of(text, len), 1));
            text[i] = 0;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_bytes_have_equal_hashes_wherever_they_lie),
        cmocka_unit_test(the_seed_changes_the_hash),
        cmocka_unit_test(every_byte_and_the_length_change_the_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
