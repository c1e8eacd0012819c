// SPDX-License-Identifier: MIT
// The queue of bytes keeps its content and gives back its memory.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/buf.h"
#include "tests/support/chance.h"

static void bytes_leave_in_the_order_in_which_they_came(void **state)
{
    struct buf b = {0};
    uint64_t in = 0;
    uint64_t out = 0;
    struct chance c = chance_of_seed(1);
    (void)state;
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[300];
        size_t len = chance_below(&c, sizeof(bytes));
        pattern_write(bytes, len, 1, in);
        if (i & 1) {
            assert_true(buf_append(&b, bytes, len));
        } else {
            char *at = buf_reserve(&b, sizeof(bytes));
            assert_non_null(at);
            if (len > 0)
                memcpy(at, bytes, len);
            buf_commit(&b, len);
        }
        in += len;
        len = chance_below(&c, buf_len(&b) + 1);
        if (chance_one_in(&c, 50) || buf_len(&b) > 5000)
            len = buf_len(&b);
        assert_true(len == 0 || pattern_is(buf_at(&b), len, 1, out));
        buf_take(&b, len);
        out += len;
        assert_int_equal(buf_len(&b), in - out);
    }
    buf_free(&b);
}

static void an_empty_queue_holds_little_memory(void **state)
{
    struct buf b = {0};
    (void)state;
    assert_true(buf_append(&b, "", 0));
    assert_null(b.bytes);
    for (size_t len = 1; len <= 100000; len *= 10) {
        assert_non_null(buf_reserve(&b, len));
        memset(buf_at(&b), 'x', len);
        buf_commit(&b, len);
        buf_take(&b, len - 1);
        assert_int_equal(buf_len(&b), 1);
        buf_take(&b, 1);
        assert_true(buf_len(&b) == 0 && b.cap <= 512);
    }
    buf_free(&b);
}

static void room_is_made_by_moving_before_growing(void **state)
{
    struct buf b = {0};
    (void)state;
    assert_non_null(buf_reserve(&b, 1));
    size_t cap = b.cap;
    buf_commit(&b, cap);
    memset(b.bytes, 'x', cap);
    b.bytes[cap - 1] = 'y';
    buf_take(&b, cap - 1);
    assert_non_null(buf_reserve(&b, cap - 1));
    assert_true(b.cap == cap && b.start == 0 && buf_len(&b) == 1 && *buf_at(&b) == 'y');
    assert_non_null(buf_reserve(&b, cap));
    assert_true(b.cap > cap && buf_len(&b) == 1 && *buf_at(&b) == 'y');
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_leave_in_the_order_in_which_they_came),
        cmocka_unit_test(an_empty_queue_holds_little_memory),
        cmocka_unit_test(room_is_made_by_moving_before_growing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
