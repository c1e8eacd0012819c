// SPDX-License-Identifier: MIT
// Body bytes that the mux borrows until mux_settle_data.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/chance.h"
#include "tests/support/check.h"
#include "tests/support/mux_pair.h"

enum {
    LENT = 40000
};

// One exchange whose sender is at the agent.
struct fixture {
    struct mux_pair p;
    struct mux_view *reader, *sender;
};

static void begin_as(struct fixture *f, bool lends)
{
    mux_pair_init(&f->p);
    f->p.agent.lends = lends;
    mux_pair_begin(&f->p, &f->reader, &f->sender);
    mux_view_respond(f->sender, 200, false);
    mux_settle(&f->p);
}

static void begin(struct fixture *f)
{
    begin_as(f, false);
}

static void expect_body(const struct mux_view *reader, uint64_t key, size_t len)
{
    assert_int_equal(buf_len(&reader->body), len);
    assert_true(pattern_is(buf_at(&reader->body), len, key, 0));
}

// Lends LENT bytes, moves a message of `cap` bytes, and takes the bytes back.
static void lend(struct fixture *f, size_t cap)
{
    assert_int_equal(mux_view_lend(f->sender, 1, LENT), LENT);
    assert_true(mux_move(&f->p.agent, &f->p.relay, cap, cap) > 0);
    mux_side_settle(&f->p.agent);
}

static void bytes_arrive_whatever_left_before_they_were_taken_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < 20; i++) {
        struct fixture f;
        begin_as(&f, i % 2 == 1);
        lend(&f, 10 + i / 2 * 4001);
        mux_settle(&f.p);
        assert_int_equal(f.sender->drained, LENT);
        expect_body(f.reader, 1, LENT);
        mux_pair_deinit(&f.p);
    }
}

static void borrowed_and_copied_bytes_keep_their_order(void **state)
{
    struct chance c = chance_of_seed(1);
    struct fixture f;
    (void)state;
    begin(&f);
    while (f.sender->sent < 1000000) {
        uint64_t to = f.sender->sent + chance_below(&c, 20000);
        if (chance_one_in(&c, 2))
            (void)mux_view_lend(f.sender, 1, to);
        else
            (void)mux_view_feed(f.sender, 1, to);
        if (chance_one_in(&c, 3))
            mux_side_settle(&f.p.agent);
        f.p.agent.lends = chance_one_in(&c, 2);
        if (chance_one_in(&c, 3))
            (void)mux_move(&f.p.agent, &f.p.relay, 16 + chance_below(&c, 30000), 65536);
        if (chance_one_in(&c, 3))
            (void)mux_move(&f.p.relay, &f.p.agent, 65536, 65536);
    }
    mux_side_settle(&f.p.agent);
    assert_int_equal(mux_finish(f.sender->stream, NULL), 0);
    mux_settle(&f.p);
    assert_true(f.reader->ended);
    expect_body(f.reader, 1, f.sender->sent);
    mux_pair_deinit(&f.p);
}

static void two_streams_may_lend_in_one_turn(void **state)
{
    struct fixture f;
    struct mux_view *reader = NULL;
    struct mux_view *sender = NULL;
    (void)state;
    begin(&f);
    mux_pair_begin(&f.p, &reader, &sender);
    mux_view_respond(sender, 200, false);
    assert_int_equal(mux_view_lend(f.sender, 1, 30000), 30000);
    assert_int_equal(mux_view_lend(sender, 2, 20000), 20000);
    assert_int_equal(mux_view_lend(f.sender, 1, LENT), LENT - 30000);
    (void)mux_move(&f.p.agent, &f.p.relay, 10000, 10000);
    mux_side_settle(&f.p.agent);
    mux_settle(&f.p);
    expect_body(f.reader, 1, LENT);
    expect_body(reader, 2, 20000);
    mux_pair_deinit(&f.p);
}

static void the_end_follows_borrowed_bytes(void **state)
{
    struct http_head trailers = {0};
    (void)state;
    head_put(&trailers, "x", "y");
    for (int i = 0; i < 4; i++) {
        struct fixture f;
        bool settled = i % 2 == 1;
        begin_as(&f, i >= 2);
        assert_int_equal(mux_view_lend(f.sender, 1, LENT), LENT);
        assert_int_equal(mux_finish(f.sender->stream, &trailers), 0);
        if (settled)
            mux_side_settle(&f.p.agent);
        mux_settle(&f.p);
        expect_body(f.reader, 1, LENT);
        buf_expect(&f.reader->trailers, "x: y\n");
        assert_true(f.reader->closed && f.reader->reset == 0);
        mux_side_settle(&f.p.agent);
        mux_pair_deinit(&f.p);
    }
}

// Neither end of the stream may leave the mux with bytes that are taken back.
static void a_reset_gives_borrowed_bytes_back(void **state)
{
    (void)state;
    for (int who = 0; who < 3; who++) {
        struct fixture f;
        struct mux_view *reader = NULL;
        struct mux_view *sender = NULL;
        begin(&f);
        assert_int_equal(mux_view_lend(f.sender, 1, LENT), LENT);
        if (who == 0)
            mux_view_reset(f.sender, MUX_RESET_CANCEL);
        else if (who == 1)
            mux_view_reset(f.reader, MUX_RESET_CANCEL);
        else
            mux_link_lost(f.p.agent.mux);
        if (who == 1)
            while (mux_move(&f.p.relay, &f.p.agent, 65536, 65536) > 0)
                ;
        assert_null(f.sender->stream);
        mux_side_settle(&f.p.agent);
        if (who < 2) {
            mux_settle(&f.p);
            assert_int_equal(buf_len(&f.reader->body), 0);
            mux_pair_begin(&f.p, &reader, &sender);
            mux_view_respond(sender, 200, false);
            assert_int_equal(mux_view_lend(sender, 2, LENT), LENT);
            mux_settle(&f.p);
            mux_side_settle(&f.p.agent);
            expect_body(reader, 2, LENT);
        }
        mux_pair_deinit(&f.p);
    }
}

// Lent bytes end the message, even if there is room for more, and count in its length.
static void lent_bytes_end_the_message(void **state)
{
    char out[1000];
    struct slice tail;
    struct fixture f;
    (void)state;
    begin(&f);
    assert_int_equal(mux_view_lend(f.sender, 1, LENT), LENT);
    for (size_t left = LENT, most; left > 0; left -= tail.len) {
        most = left > 30000 ? 10000 : 2 * LENT;
        int n = mux_send_lent(f.p.agent.mux, out, sizeof(out), most, &tail);
        assert_int_equal(n, 9); // the head of a frame
        assert_int_equal(tail.len, left < most - 9 ? left : most - 9);
        assert_true(pattern_is(tail.p, tail.len, 1, LENT - left));
        assert_int_equal(mux_recv(f.p.relay.mux, out, (size_t)n), 0);
        assert_int_equal(mux_recv(f.p.relay.mux, tail.p, tail.len), 0);
    }
    assert_int_equal(mux_send_lent(f.p.agent.mux, out, sizeof(out), LENT, &tail), 0);
    assert_int_equal(tail.len, 0);
    mux_side_settle(&f.p.agent);
    expect_body(f.reader, 1, LENT);
    mux_pair_deinit(&f.p);
}

// Bytes that are queued come first, and are copied.
static void lent_bytes_follow_those_of_the_queue(void **state)
{
    char out[3000];
    struct slice tail;
    struct fixture f;
    (void)state;
    begin(&f);
    assert_int_equal(mux_view_feed(f.sender, 1, 1000), 1000);
    assert_int_equal(mux_view_lend(f.sender, 1, LENT), LENT - 1000);
    int n = mux_send_lent(f.p.agent.mux, out, sizeof(out), LENT, &tail);
    assert_int_equal(n, sizeof(out)); // a frame of the queue and of what fits behind it
    assert_int_equal(tail.len, 0);
    assert_int_equal(mux_recv(f.p.relay.mux, out, (size_t)n), 0);
    n = mux_send_lent(f.p.agent.mux, out, sizeof(out), LENT, &tail);
    assert_int_equal(n, 9);
    assert_int_equal(mux_recv(f.p.relay.mux, out, (size_t)n), 0);
    assert_int_equal(mux_recv(f.p.relay.mux, tail.p, tail.len), 0);
    mux_side_settle(&f.p.agent);
    expect_body(f.reader, 1, LENT);
    mux_pair_deinit(&f.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_arrive_whatever_left_before_they_were_taken_back),
        cmocka_unit_test(borrowed_and_copied_bytes_keep_their_order),
        cmocka_unit_test(two_streams_may_lend_in_one_turn),
        cmocka_unit_test(the_end_follows_borrowed_bytes),
        cmocka_unit_test(lent_bytes_end_the_message),
        cmocka_unit_test(lent_bytes_follow_those_of_the_queue),
        cmocka_unit_test(a_reset_gives_borrowed_bytes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
