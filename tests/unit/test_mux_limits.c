// SPDX-License-Identifier: MIT
// Every configurable limit of a mux, at, below and above it, and the flood budget (docs/protocol.md
// §4.5, §7).
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/check.h"
#include "tests/support/h2_raw.h"
#include "tests/support/mux_pair.h"

static struct mux_limits limits;

static void pair_init(struct mux_pair *p)
{
    mux_pair_init_limited(p, &limits);
    p->relay.holds_credit = true;
    p->relay.drops_bodies = true;
}

static int reset_limits(void **state)
{
    (void)state;
    limits = mux_default_limits;
    return 0;
}

static struct mux_view *open_get(struct mux_pair *p)
{
    struct http_head get = head_request("GET", "/");
    return mux_side_open(&p->relay, &get, true);
}

static struct mux_view *answer(struct mux_pair *p, bool end)
{
    struct http_head ok = head_response(200);
    struct mux_view *v = p->agent.views[p->agent.count - 1];
    assert_int_equal(mux_respond(v->stream, &ok, end), 0);
    return v;
}

static void so_many_streams_run_at_once_and_no_more(void **state)
{
    struct mux_pair p;
    (void)state;
    limits.streams = 3;
    pair_init(&p);
    for (int i = 0; i < 3; i++)
        assert_non_null(open_get(&p));
    assert_null(open_get(&p));
    mux_settle(&p);
    (void)answer(&p, true);
    mux_settle(&p);
    assert_non_null(open_get(&p));
    assert_null(open_get(&p));
    mux_pair_deinit(&p);
}

// The bytes that arrive undrained after 4 MiB of a body were drained.
static uint64_t window_of(uint32_t most)
{
    enum {
        DRAINED = 4 * 1024 * 1024
    };
    struct mux_pair p;
    limits.window = most;
    pair_init(&p);
    struct mux_view *reader = open_get(&p);
    mux_settle(&p);
    struct mux_view *sender = answer(&p, false);
    while (reader->received < DRAINED || reader->uncredited > 0) {
        (void)mux_view_feed(sender, 0, DRAINED);
        mux_settle(&p);
        mux_view_credit(reader, reader->uncredited);
        mux_settle(&p);
    }
    uint64_t before = reader->received;
    while (mux_view_feed(sender, 0, INT32_MAX) > 0)
        mux_settle(&p);
    uint64_t window = reader->received - before;
    mux_pair_deinit(&p);
    return window;
}

static void a_window_grows_to_its_limit_and_no_further(void **state)
{
    (void)state;
    // nghttp2 sends a WINDOW_UPDATE for half a window or more, so up to that much may be missing.
    assert_in_range(window_of(MUX_WINDOW_START), MUX_WINDOW_START / 2, MUX_WINDOW_START);
    assert_in_range(window_of(MUX_WINDOW_START + 1), MUX_WINDOW_START / 2, MUX_WINDOW_START + 1);
    assert_in_range(window_of(300000), 150000, 300000);
}

static void so_much_is_held_unread_and_no_more(void **state)
{
    struct mux_pair p;
    struct mux_view *readers[3];
    (void)state;
    limits.unread = (size_t)2 * MUX_WINDOW_START;
    pair_init(&p);
    for (int i = 0; i < 2; i++) {
        assert_non_null(readers[i] = open_get(&p));
        mux_settle(&p);
        struct mux_view *sender = answer(&p, false);
        // The last stream stays one byte below the limit at first.
        uint64_t total = i < 1 ? MUX_WINDOW_START : MUX_WINDOW_START - 1;
        while (mux_view_feed(sender, 0, total) > 0)
            mux_settle(&p);
    }
    assert_int_equal(mux_unread(p.relay.mux), limits.unread - 1);
    assert_non_null(readers[2] = open_get(&p));
    mux_settle(&p);
    struct mux_view *third = answer(&p, false);
    assert_int_equal(mux_view_feed(third, 0, 1), 1);
    mux_settle(&p);
    assert_int_equal(mux_unread(p.relay.mux), limits.unread);
    assert_null(open_get(&p));
    assert_int_equal(mux_view_feed(third, 0, 2), 1);
    mux_settle(&p);
    assert_true(readers[0]->closed && readers[0]->reset == MUX_RESET_CALM);
    assert_false(readers[1]->closed || readers[2]->closed);
    assert_non_null(open_get(&p));
    mux_pair_deinit(&p);
}

static void heads_that_wait_are_bounded_also_those_of_cancelled_requests(void **state)
{
    char out[65536];
    struct mux_pair p;
    struct mux_view *v = NULL;
    int opened = 0;
    (void)state;
    limits.heads = 2000;
    pair_init(&p);
    mux_settle(&p);
    // :method GET, :scheme http, :authority a.example and :path /, each plus 32: 174
    while ((v = open_get(&p))) {
        mux_view_reset(v, MUX_RESET_CANCEL);
        opened++;
    }
    assert_int_equal(opened, 12);
    assert_int_equal(mux_stream_count(p.relay.mux), 0);
    assert_int_equal(mux_send(p.relay.mux, out, sizeof(out)), 0); // their streams were reset
    for (int i = 0; i < 12; i++)
        assert_non_null(open_get(&p));
    assert_null(open_get(&p));
    assert_true(mux_send(p.relay.mux, out, sizeof(out)) > 0);
    assert_non_null(open_get(&p));
    mux_pair_deinit(&p);
}

static void interim_heads_that_wait_are_bounded_and_final_ones_pass(void **state)
{
    struct mux_pair p;
    struct http_head hints = head_response(103);
    int sent = 0;
    int error = 0;
    (void)state;
    limits.heads = 1000;
    pair_init(&p);
    struct mux_view *relay = open_get(&p);
    mux_settle(&p);
    struct mux_view *agent = p.agent.views[0];
    while ((error = mux_respond(agent->stream, &hints, false)) == 0)
        sent++;
    assert_int_equal(error, MUX_E_FULL);
    assert_int_equal(sent, 24); // :status and three digits, plus 32: 42
    (void)answer(&p, true);
    mux_settle(&p);
    assert_int_equal(relay->head_count, 25);
    assert_true(relay->closed && relay->reset == 0);
    mux_pair_deinit(&p);
}

static void when_its_ids_are_used_up_a_relay_begins_nothing_more(void **state)
{
    struct mux_pair p;
    (void)state;
    limits.ids = 5;
    pair_init(&p);
    for (int i = 0; i < 3; i++) {
        assert_false(mux_ids_exhausted(p.relay.mux));
        assert_non_null(open_get(&p));
    }
    assert_true(mux_ids_exhausted(p.relay.mux));
    assert_false(mux_ids_exhausted(p.agent.mux));
    assert_null(open_get(&p));
    mux_settle(&p);
    (void)answer(&p, true);
    mux_settle(&p);
    assert_true(p.relay.views[2]->closed && p.relay.views[2]->reset == 0);
    assert_null(open_get(&p));
    mux_pair_deinit(&p);
}

static int feed(struct mux_side *side, const struct buf *b)
{
    return mux_recv(side->mux, buf_at(b), buf_len(b));
}

static void what_brings_nothing_is_bounded_and_time_gives_more(void **state)
{
    struct mux_pair p;
    struct buf ping = {0};
    int left = 0;
    (void)state;
    limits.flood_budget = 150;
    pair_init(&p);
    mux_settle(&p); // both SETTINGS and a WINDOW_UPDATE were exchanged
    h2_frame(&ping, H2_PING, H2_ACK, 0, SLICE("12345678"));
    for (int i = 0; i < 100; i++)
        assert_int_equal(feed(&p.relay, &ping), 0);
    mux_tick(p.relay.mux, 1000);
    for (int i = 0; i < 100; i++)
        assert_int_equal(feed(&p.relay, &ping), 0);
    mux_tick(p.relay.mux, 3600000); // refills to the cap and not beyond
    while (feed(&p.relay, &ping) == 0)
        left++;
    assert_int_equal(left, 150);
    assert_int_equal(feed(&p.relay, &ping), MUX_E_PROTOCOL); // the mux is dead
    buf_free(&ping);
    mux_pair_deinit(&p);
}

static void work_earns_chatter(void **state)
{
    struct mux_pair p;
    (void)state;
    limits.flood_budget = 100; // far less than the WINDOW_UPDATEs of a long body
    pair_init(&p);
    p.relay.holds_credit = false;
    struct mux_view *reader = open_get(&p);
    mux_settle(&p);
    struct mux_view *sender = answer(&p, false);
    while (reader->received < (uint64_t)64 * 1024 * 1024) {
        (void)mux_view_feed(sender, 0, INT32_MAX);
        mux_settle(&p);
    }
    for (int i = 0; i < 1000; i++) { // nor do visitors who leave early
        struct mux_view *v = open_get(&p);
        mux_settle(&p);
        mux_view_reset(v, MUX_RESET_CANCEL);
        (void)answer(&p, true);
        mux_settle(&p);
    }
    mux_pair_deinit(&p);
}

static void a_body_for_a_stream_that_is_over_is_bounded_by_its_window(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        static char body[MUX_WINDOW_START / 5 + 1];
        struct mux_pair p;
        struct buf b = {0};
        pair_init(&p);
        struct mux_view *v = open_get(&p);
        mux_settle(&p);
        mux_view_reset(v, MUX_RESET_CANCEL);
        for (int i = 0; i < 5; i++)
            h2_frame(&b, H2_DATA, 0, 1, slice_of(body, MUX_WINDOW_START / 5 + (i ? 0 : over)));
        assert_int_equal(feed(&p.relay, &b), over ? MUX_E_PROTOCOL : 0);
        buf_free(&b);
        mux_pair_deinit(&p);
    }
}

static void a_head_that_unfolds_is_a_flood(void **state)
{
    struct mux_pair p;
    struct buf block = {0};
    struct buf b = {0};
    (void)state;
    pair_init(&p);
    (void)open_get(&p);
    mux_settle(&p);
    for (int i = 0; i < 16000; i++)
        assert_true(buf_append(&block, "\x88", 1)); // :status 200
    h2_headers_block(&b, 1, false, slice_of(buf_at(&block), buf_len(&block)));
    assert_int_equal(feed(&p.relay, &b), MUX_E_FLOOD);
    buf_free(&b);
    buf_free(&block);
    mux_pair_deinit(&p);
}

// In every split: nghttp2 would count a CONTINUATION again for each piece of its head.
static void the_largest_head_arrives_byte_by_byte(void **state)
{
    static char value[MUX_FIELD_MAX];
    struct mux_pair p;
    struct http_head get = head_request("GET", "/");
    (void)state;
    memset(value, '\\', sizeof(value)); // its Huffman code is long
    assert_true(head_add(&get, SLICE("x"), slice_of(value, MUX_FIELD_MAX)));
    assert_true(head_add(&get, SLICE("y"), slice_of(value, MUX_HEAD_MAX - MUX_FIELD_MAX - 100)));
    pair_init(&p);
    assert_non_null(mux_side_open(&p.relay, &get, true));
    int n = 1;
    while (n > 0)
        n = mux_move(&p.relay, &p.agent, 65536, 1);
    assert_int_equal(n, 0);
    assert_int_equal(p.agent.count, 1);
    mux_pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(so_many_streams_run_at_once_and_no_more, reset_limits),
        cmocka_unit_test_setup(a_window_grows_to_its_limit_and_no_further, reset_limits),
        cmocka_unit_test_setup(so_much_is_held_unread_and_no_more, reset_limits),
        cmocka_unit_test_setup(heads_that_wait_are_bounded_also_those_of_cancelled_requests,
                               reset_limits),
        cmocka_unit_test_setup(interim_heads_that_wait_are_bounded_and_final_ones_pass,
                               reset_limits),
        cmocka_unit_test_setup(when_its_ids_are_used_up_a_relay_begins_nothing_more, reset_limits),
        cmocka_unit_test_setup(what_brings_nothing_is_bounded_and_time_gives_more, reset_limits),
        cmocka_unit_test_setup(work_earns_chatter, reset_limits),
        cmocka_unit_test_setup(a_body_for_a_stream_that_is_over_is_bounded_by_its_window,
                               reset_limits),
        cmocka_unit_test_setup(a_head_that_unfolds_is_a_flood, reset_limits),
        cmocka_unit_test_setup(the_largest_head_arrives_byte_by_byte, reset_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
