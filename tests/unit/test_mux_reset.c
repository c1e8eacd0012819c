// SPDX-License-Identifier: MIT
// Streams of the mux that are reset or stopped (docs/protocol.md §4).
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/check.h"
#include "tests/support/mux_pair.h"

enum {
    LARGE = 64 * 1024
};

// The stop precedes the end of the response, or follows it.
static void a_request_that_is_stopped_ends_behind_its_whole_response(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct mux_pair p;
        struct mux_view *relay = NULL;
        struct mux_view *agent = NULL;
        mux_pair_init(&p);
        mux_pair_begin_upload(&p, &relay, &agent);
        mux_view_respond(agent, 413, false);
        assert_int_equal(mux_view_give(agent, "too much"), 0);
        assert_int_equal(mux_finish(agent->stream, NULL), 0);
        if (late)
            mux_settle(&p);
        assert_false(relay->closed);
        mux_stop_request(agent->stream);
        mux_settle(&p);
        buf_expect(&relay->body, "too much");
        assert_true(relay->ended && relay->closed && agent->closed);
        assert_int_equal(relay->reset, MUX_RESET_UNWANTED);
        assert_true(mux_stream_count(p.relay.mux) == 0 && mux_stream_count(p.agent.mux) == 0);
        mux_pair_deinit(&p);
    }
}

static void a_request_that_has_ended_need_not_be_stopped(void **state)
{
    struct mux_pair p;
    struct mux_view *relay = NULL;
    struct mux_view *agent = NULL;
    (void)state;
    mux_pair_init(&p);
    mux_pair_begin_upload(&p, &relay, &agent);
    assert_int_equal(mux_finish(relay->stream, NULL), 0);
    mux_settle(&p);
    mux_stop_request(agent->stream);
    mux_view_respond(agent, 200, true);
    mux_settle(&p);
    assert_true(relay->ended && relay->closed && relay->reset == 0);
    assert_true(agent->closed && agent->reset == 0);
    mux_pair_deinit(&p);
}

static void a_reset_ends_a_stream_on_both_sides_and_no_other(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 8; way++) {
        struct mux_pair p;
        struct mux_view *relay[2];
        struct mux_view *agent[2];
        bool by_relay = way & 1;
        mux_pair_init(&p);
        mux_pair_begin(&p, &relay[0], &agent[0]);
        mux_pair_begin(&p, &relay[1], &agent[1]);
        if (way & 2)
            mux_view_respond(agent[0], 200, false);
        if (way & 4) // the head is under way in both directions
            mux_settle(&p);
        if (way & 2)
            assert_int_equal(mux_view_give(agent[0], "lost perhaps"), 0);
        mux_view_reset(by_relay ? relay[0] : agent[0], MUX_RESET_CALM);
        mux_settle(&p);
        struct mux_view *other = by_relay ? agent[0] : relay[0];
        assert_true(other->closed && other->reset == MUX_RESET_CALM);
        assert_false((by_relay ? relay[0] : agent[0])->closed);
        mux_view_respond(agent[1], 200, true);
        mux_settle(&p);
        assert_true(relay[1]->closed && relay[1]->reset == 0 && agent[1]->reset == 0);
        assert_true(mux_stream_count(p.relay.mux) == 0 && mux_stream_count(p.agent.mux) == 0);
        mux_pair_deinit(&p);
    }
}

static void a_request_that_is_reset_before_it_left_never_leaves(void **state)
{
    struct mux_pair p;
    struct mux_view *relay;
    struct mux_view *agent;
    struct http_head post = head_request("POST", "/");
    (void)state;
    mux_pair_init(&p);
    for (int i = 0; i < 10; i++) {
        struct mux_view *v = mux_side_open(&p.relay, &post, i & 1);
        assert_int_equal(mux_view_give(v, "x"), 0);
        mux_view_reset(v, MUX_RESET_CANCEL);
    }
    assert_int_equal(mux_stream_count(p.relay.mux), 0);
    mux_settle(&p);
    assert_int_equal(p.agent.count, 0);
    mux_pair_begin(&p, &relay, &agent);
    mux_view_respond(agent, 200, true);
    mux_settle(&p);
    assert_true(relay->closed && relay->reset == 0);
    mux_pair_deinit(&p);
}

// nghttp2 has closed the first stream, and its handler is called when the batch is over. Until then
// its owner may still use the stream.
static void use_the_first(struct mux_view *v, const struct http_head *head, bool end)
{
    struct mux_view *first = v->side->views[0];
    struct http_head trailers = {0};
    struct http_head response = head_response(200);
    (void)head;
    (void)end;
    if (v->index < 2)
        return;
    CHECK(!first->closed && first->stream);
    head_put(&trailers, "x", "y");
    CHECK(mux_view_give(first, "more") == 0);
    mux_credit(first->stream, 100);
    CHECK(mux_respond(first->stream, &response, false) != 0);
    CHECK(mux_finish(first->stream, &trailers) == 0);
    if (v->index == 3)
        mux_view_reset(first, MUX_RESET_CANCEL);
}

static void a_stream_that_its_peer_has_just_reset_takes_all_calls(void **state)
{
    struct http_head get = head_request("GET", "/");
    struct http_head post = head_request("POST", "/");
    (void)state;
    for (int others = 1; others <= 2; others++) {
        struct mux_pair p;
        mux_pair_init(&p);
        struct mux_view *relay = mux_side_open(&p.relay, &post, false);
        struct mux_view *second = mux_side_open(&p.relay, &post, false);
        mux_settle(&p);
        p.agent.holds_credit = true;
        assert_int_equal(mux_view_give(relay, "unread"), 0);
        mux_settle(&p);
        assert_int_equal(mux_unread(p.agent.mux), 6);
        mux_view_reset(relay, MUX_RESET_CANCEL);
        mux_view_reset(second, MUX_RESET_CANCEL);
        for (int i = 0; i < others; i++)
            assert_non_null(mux_side_open(&p.relay, &get, true));
        p.agent.hooks.head = use_the_first;
        mux_settle(&p);
        assert_int_equal(p.agent.views[0]->closed,
                         others == 1); // with two, the owner had reset the stream itself
        assert_true(p.agent.views[1]->closed);
        assert_int_equal(p.agent.count, 2 + others);
        assert_int_equal(mux_unread(p.agent.mux), 0);
        mux_pair_deinit(&p);
    }
}

static void forgotten_streams_leave_nothing_behind(void **state)
{
    struct mux_pair p;
    (void)state;
    mux_pair_init(&p);
    p.relay.holds_credit = true;
    for (int i = 0; i < 50; i++) {
        struct mux_view *relay;
        struct mux_view *agent;
        mux_pair_begin(&p, &relay, &agent);
        mux_view_respond(agent, 200, false);
        while (mux_view_feed(agent, 1, LARGE) > 0)
            mux_settle(&p);
        assert_int_equal(relay->received, MUX_WINDOW_START);
        mux_view_reset(relay, MUX_RESET_CANCEL);
        assert_int_equal(mux_unread(p.relay.mux), 0);
        mux_settle(&p);
        assert_true(agent->closed && agent->reset == MUX_RESET_CANCEL);
        assert_int_equal(mux_stream_count(p.agent.mux), 0);
    }
    mux_pair_deinit(&p);
}

static void thousands_of_resets_do_not_end_it(void **state)
{
    struct mux_pair p;
    struct mux_view *relay;
    struct mux_view *agent;
    (void)state;
    mux_pair_init(&p);
    for (int i = 0; i < 5000; i++) {
        mux_pair_begin(&p, &relay, &agent);
        mux_view_reset(i & 1 ? relay : agent, MUX_RESET_CANCEL);
        if (i % 10 == 0)
            mux_settle(&p);
    }
    mux_pair_begin(&p, &relay, &agent);
    mux_view_respond(agent, 200, true);
    mux_settle(&p);
    assert_true(relay->closed && relay->reset == 0);
    mux_pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_that_is_stopped_ends_behind_its_whole_response),
        cmocka_unit_test(a_request_that_has_ended_need_not_be_stopped),
        cmocka_unit_test(a_reset_ends_a_stream_on_both_sides_and_no_other),
        cmocka_unit_test(a_request_that_is_reset_before_it_left_never_leaves),
        cmocka_unit_test(a_stream_that_its_peer_has_just_reset_takes_all_calls),
        cmocka_unit_test(forgotten_streams_leave_nothing_behind),
        cmocka_unit_test(thousands_of_resets_do_not_end_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
