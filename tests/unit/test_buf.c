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

static void a_block_is_kept_up_to_a_bound_and_until_its_owner_idles(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        struct buf b = {0};
        char *at = buf_reserve(&b, BUF_KEEP_MAX + over);
        assert_non_null(at);
        memset(at, 'x', 2);
        buf_commit(&b, 2);
        buf_take_keeping(&b, 1);
        buf_trim(&b); // not empty
        assert_true(buf_len(&b) == 1 && *buf_at(&b) == 'x');
        buf_take_keeping(&b, 1);
        assert_true(buf_len(&b) == 0 && b.cap == (over ? 0 : BUF_KEEP_MAX));
        buf_trim(&b);
        assert_true(b.cap <= 512);
        buf_free(&b);
    }
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

// Passes `total` bytes through a queue that holds up to `most`, `piece` at a time. Returns how
// often a byte was moved on average, by the addresses of the bytes.
static double moves_per_byte(size_t most, size_t piece, size_t total)
{
    struct buf b = {0};
    size_t moved = 0;
    for (size_t in = 0; in < total; in += piece) {
        const char *before = b.bytes ? buf_at(&b) : NULL;
        char *at = buf_reserve(&b, piece);
        assert_non_null(at);
        if (buf_at(&b) != before)
            moved += buf_len(&b);
        memset(at, 'x', piece);
        buf_commit(&b, piece);
        assert_true(b.cap <= 4 * most);
        if (buf_len(&b) >= most)
            buf_take(&b, piece + (piece > 1));
    }
    buf_free(&b);
    return (double)moved / (double)total;
}

static void a_byte_that_passes_a_full_queue_is_moved_once_at_most(void **state)
{
    (void)state;
    for (size_t piece = 1; piece <= 4096; piece *= 8)
        assert_true(moves_per_byte(8192, piece, 1000000) <= 1.1);
}

static void growth_keeps_the_bytes_that_were_not_taken(void **state)
{
    struct buf b = {0};
    (void)state;
    char *at = buf_reserve(&b, 512);
    assert_non_null(at);
    pattern_write((uint8_t *)at, 512, 1, 0);
    buf_commit(&b, 512);
    buf_take(&b, 255); // one byte fewer than are left
    assert_non_null(buf_reserve(&b, 1));
    assert_true(b.cap == 1024 && b.start == 0 && pattern_is(buf_at(&b), 257, 1, 255));
    buf_take(&b, 1);
    assert_non_null(buf_reserve(&b, 2000));
    assert_true(b.cap >= 2256 && b.start == 0 && pattern_is(buf_at(&b), 256, 1, 256));
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_leave_in_the_order_in_which_they_came),
        cmocka_unit_test(an_empty_queue_holds_little_memory),
        cmocka_unit_test(a_block_is_kept_up_to_a_bound_and_until_its_owner_idles),
        cmocka_unit_test(room_is_made_by_moving_before_growing),
        cmocka_unit_test(a_byte_that_passes_a_full_queue_is_moved_once_at_most),
        cmocka_unit_test(growth_keeps_the_bytes_that_were_not_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
