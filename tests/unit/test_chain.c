// SPDX-License-Identifier: MIT
// The queue of blocks keeps its content and little memory beyond it.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/chain.h"
#include "tests/support/chance.h"

enum {
    LONG = 12 * CHAIN_BLOCK_MAX
};

static uint8_t bytes[LONG];

static size_t memory_of(const struct chain *c)
{
    size_t cap = 0;
    for (const struct chain_block *b = c->first; b; b = b->next)
        cap += b->cap;
    return cap;
}

static void put(struct chain *c, uint64_t *in, size_t len)
{
    pattern_write(bytes, len, 1, *in);
    assert_true(chain_append(c, (const char *)bytes, len));
    *in += len;
}

static void take(struct chain *c, uint64_t *out, size_t len)
{
    char *copy = malloc(len + !len); // of just that size
    assert_non_null(copy);
    chain_take(c, copy, len);
    assert_true(len == 0 || pattern_is(copy, len, 1, *out));
    *out += len;
    free(copy);
}

static void bytes_leave_in_the_order_in_which_they_came(void **state)
{
    struct chain q = {0};
    struct chance c = chance_of_seed(1);
    uint64_t in = 0;
    uint64_t out = 0;
    (void)state;
    for (int i = 0; i < 20000; i++) {
        put(&q, &in, chance_below(&c, chance_one_in(&c, 100) ? LONG : 600));
        size_t len = chance_below(&c, (uint32_t)q.len + 1);
        if (chance_one_in(&c, 50) || q.len > 500000)
            len = q.len;
        take(&q, &out, len);
        assert_int_equal(q.len, in - out);
        if (chance_one_in(&c, 20))
            chain_trim(&q);
    }
    chain_free(&q);
}

static void an_empty_queue_keeps_one_block_until_it_is_trimmed(void **state)
{
    struct chain q = {0};
    uint64_t in = 0;
    uint64_t out = 0;
    (void)state;
    chain_trim(&q);
    put(&q, &in, 0);
    assert_null(q.first);
    put(&q, &in, 100);
    chain_trim(&q); // not empty
    take(&q, &out, q.len);
    assert_in_range(memory_of(&q), 100, 512);
    chain_trim(&q);
    assert_null(q.first);
    for (int i = 0; i < 100; i++)
        put(&q, &in, CHAIN_BLOCK_MAX);
    take(&q, &out, q.len);
    assert_true(memory_of(&q) == CHAIN_BLOCK_MAX && q.first == q.last);
    chain_free(&q);
    assert_true(q.len == 0 && !q.first);
}

static void memory_follows_the_length(void **state)
{
    struct chain q = {0};
    uint64_t in = 0;
    uint64_t out = 0;
    (void)state;
    while (q.len < 8 * CHAIN_BLOCK_MAX) {
        put(&q, &in, 100);
        assert_true(memory_of(&q) <= 512 + 2 * q.len);
        assert_true(memory_of(&q) <= q.len + CHAIN_BLOCK_MAX);
    }
    while (q.len > 0) {
        take(&q, &out, q.len < 1000 ? q.len : 1000);
        assert_true(memory_of(&q) <= q.len + 2 * CHAIN_BLOCK_MAX);
    }
    chain_free(&q);
}

// A reader that never reads leaves a part of what was queued behind.
static void taken_bytes_hold_one_block_at_most(void **state)
{
    (void)state;
    for (size_t taken = 1; taken <= LONG; taken += 501) {
        struct chain q = {0};
        uint64_t in = 0;
        uint64_t out = 0;
        put(&q, &in, LONG);
        take(&q, &out, taken);
        put(&q, &in, taken);
        assert_true(memory_of(&q) <= LONG + CHAIN_BLOCK_MAX);
        take(&q, &out, q.len);
        chain_free(&q);
    }
}

static void a_byte_does_not_hold_a_block(void **state)
{
    struct chain q = {0};
    uint64_t in = 0;
    uint64_t out = 0;
    (void)state;
    put(&q, &in, CHAIN_BLOCK_MAX);
    take(&q, &out, CHAIN_BLOCK_MAX - 1);
    put(&q, &in, CHAIN_BLOCK_MAX - 1);
    assert_int_equal(memory_of(&q), CHAIN_BLOCK_MAX);
    take(&q, &out, q.len);
    chain_free(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_leave_in_the_order_in_which_they_came),
        cmocka_unit_test(an_empty_queue_keeps_one_block_until_it_is_trimmed),
        cmocka_unit_test(memory_follows_the_length),
        cmocka_unit_test(taken_bytes_hold_one_block_at_most),
        cmocka_unit_test(a_byte_does_not_hold_a_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
