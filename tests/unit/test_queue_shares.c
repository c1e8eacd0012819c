// SPDX-License-Identifier: MIT
// Shares of the recorder's queue: a flood by one owner does not displace the bodies of others.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/record/write/queue_shares.h"

enum {
    PIECE = 60000,
    ALL = QUEUE_BLOCK_BYTES * QUEUE_BLOCKS,
    PART = ALL / RECORDER_SHARE_PART
};

struct fixture {
    struct queue *queue;
    struct queue_shares shares;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->queue = queue_new();
    assert_non_null(f->queue);
    queue_shares_init(&f->shares);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    queue_free(f->queue);
    free(f);
    return 0;
}

static bool put(struct fixture *f, uint8_t share)
{
    void *room = queue_shares_take(&f->shares, f->queue, share, PIECE)
                     ? queue_reserve(f->queue, PIECE, 0)
                     : NULL;
    if (room)
        queue_commit(f->queue, PIECE);
    queue_publish(f->queue);
    return room != NULL;
}

static size_t fill(struct fixture *f, uint8_t share)
{
    size_t bytes = 0;
    while (put(f, share))
        bytes += PIECE;
    return bytes;
}

static void who_floods_the_queue_takes_no_others_room(void **state)
{
    struct fixture *f = *state;
    assert_in_range(fill(f, 1), ALL / 4 * 3 - PART, ALL / 4 * 3 + PIECE);
    assert_in_range(fill(f, 2), PART - PIECE, PART);
    assert_in_range(fill(f, 3), PART / 4, PART); // the end of each block is unused
    assert_false(put(f, 1));
}

static void who_is_alone_has_all_of_it(void **state)
{
    struct fixture *f = *state;
    assert_true(fill(f, 0) > ALL - ALL / 4);
}

static void what_has_been_read_counts_no_more(void **state)
{
    struct fixture *f = *state;
    size_t len = 0;
    size_t before = fill(f, 1);
    while (queue_peek(f->queue, &len))
        queue_release(f->queue, len);
    assert_in_range(fill(f, 1), before - PIECE, before + PIECE);
}

static void shares_are_of_addresses_or_else_of_owners(void **state)
{
    struct fixture *f = *state;
    struct exchange x = {.facts = {.owner = "", .tunnel_address = "", .tunnel = "web"}};
    assert_int_equal(queue_shares_of(&f->shares, &x), 0);
    x.facts.owner = "a";
    uint8_t owner = queue_shares_of(&f->shares, &x);
    assert_int_not_equal(owner, 0);
    x.facts.tunnel = "api";
    assert_int_equal(queue_shares_of(&f->shares, &x), owner);
    x.facts.tunnel_address = "192.0.2.1";
    uint8_t address = queue_shares_of(&f->shares, &x);
    x.facts.owner = "b";
    assert_int_equal(queue_shares_of(&f->shares, &x), address);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_floods_the_queue_takes_no_others_room),
        TEST(who_is_alone_has_all_of_it),
        TEST(what_has_been_read_counts_no_more),
        TEST(shares_are_of_addresses_or_else_of_owners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
