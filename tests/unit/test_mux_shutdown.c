// SPDX-License-Identifier: MIT
// A mux that drains, loses its link, or is freed (docs/protocol.md §4).
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

static void drain_at_the_relay_lets_the_running_end_and_begins_none(void **state)
{
    struct mux_pair p;
    struct mux_view *relay;
    struct mux_view *agent;
    struct http_head get = head_request("GET", "/");
    (void)state;
    mux_pair_init(&p);
    mux_pair_begin(&p, &relay, &agent);
    mux_drain(p.relay.mux);
    mux_drain(p.relay.mux);
    assert_null(mux_side_open(&p.relay, &get, true));
    mux_settle(&p);
    mux_view_respond(agent, 200, false);
    assert_int_equal(mux_view_give(agent, "goodbye"), 0);
    assert_int_equal(mux_finish(agent->stream, NULL), 0);
    mux_settle(&p);
    buf_expect(&relay->body, "goodbye");
    assert_true(relay->closed && relay->reset == 0 && agent->closed && agent->reset == 0);
    // RST_STREAM that was under way is no error.
    assert_int_equal(mux_recv(p.agent.mux, "\0\0\4\3\0\0\0\0\1\0\0\0\0", 13), 0);
    assert_true(mux_send(p.agent.mux, (char[100]){0}, 100) >= 0);
    mux_pair_deinit(&p);
}

static void a_request_from_before_the_drain_still_runs(void **state)
{
    struct mux_pair p;
    struct http_head get = head_request("GET", "/");
    (void)state;
    mux_pair_init(&p);
    struct mux_view *relay = mux_side_open(&p.relay, &get, true);
    mux_drain(p.relay.mux);
    mux_settle(&p);
    assert_int_equal(p.agent.count, 1);
    mux_view_respond(p.agent.views[0], 200, true);
    mux_settle(&p);
    assert_true(relay->closed && relay->reset == 0);
    mux_pair_deinit(&p);
}

static void drain_at_the_agent_refuses_what_it_has_not_begun(void **state)
{
    (void)state;
    for (int sent_before = 0; sent_before < 2; sent_before++) {
        struct mux_pair p;
        struct mux_view *relay;
        struct mux_view *agent;
        struct http_head get = head_request("GET", "/");
        mux_pair_init(&p);
        mux_pair_begin(&p, &relay, &agent);
        mux_drain(p.agent.mux);
        struct mux_view *late = mux_side_open(&p.relay, &get, true);
        assert_non_null(late); // the relay has not seen the GOAWAY
        if (sent_before)
            assert_true(mux_move(&p.relay, &p.agent, LARGE, LARGE) > 0);
        mux_settle(&p);
        assert_int_equal(p.agent.count, 1);
        assert_true(late->closed && late->reset == MUX_RESET_REFUSED);
        assert_null(mux_side_open(&p.relay, &get, true));
        mux_view_respond(agent, 200, true);
        mux_settle(&p);
        assert_true(relay->closed && relay->reset == 0);
        assert_int_equal(mux_stream_count(p.agent.mux), 0);
        mux_pair_deinit(&p);
    }
}

static void a_lost_mux_tells_every_stream_once_and_takes_no_more(void **state)
{
    struct mux_pair p;
    struct mux_view *relay;
    struct mux_view *agent;
    struct http_head get = head_request("GET", "/");
    char out[100];
    (void)state;
    mux_pair_init(&p);
    for (int i = 0; i < 100; i++)
        mux_pair_begin(&p, &relay, &agent);
    (void)mux_side_open(&p.relay, &get, true); // not sent yet
    mux_view_respond(agent, 200, false);
    mux_settle(&p);
    mux_link_lost(p.relay.mux);
    mux_link_lost(p.agent.mux);
    for (size_t i = 0; i < p.relay.count; i++)
        assert_true(p.relay.views[i]->closed && p.relay.views[i]->reset == MUX_RESET_LOST);
    for (size_t i = 0; i < p.agent.count; i++)
        assert_true(p.agent.views[i]->closed && p.agent.views[i]->reset == MUX_RESET_LOST);
    assert_int_equal(mux_stream_count(p.relay.mux), 0);
    assert_null(mux_side_open(&p.relay, &get, true));
    assert_false(mux_wants_send(p.relay.mux));
    assert_int_equal(mux_send(p.relay.mux, out, sizeof(out)), MUX_E_PROTOCOL);
    assert_int_equal(mux_recv(p.relay.mux, "x", 1), MUX_E_PROTOCOL);
    mux_link_lost(p.relay.mux);
    mux_drain(p.relay.mux);
    mux_pair_deinit(&p);
}

static void never_called(struct mux_view *v, uint32_t reset)
{
    (void)reset;
    CHECK(!v);
}

static void freeing_calls_nobody(void **state)
{
    struct mux_pair p;
    struct mux_view *relay;
    struct mux_view *agent;
    (void)state;
    mux_pair_init(&p);
    p.relay.hooks.closed = p.agent.hooks.closed = never_called;
    for (int i = 0; i < 10; i++)
        mux_pair_begin(&p, &relay, &agent);
    mux_view_respond(agent, 200, false);
    assert_int_equal(mux_view_give(agent, "unsent"), 0);
    mux_pair_deinit(&p);
    mux_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drain_at_the_relay_lets_the_running_end_and_begins_none),
        cmocka_unit_test(a_request_from_before_the_drain_still_runs),
        cmocka_unit_test(drain_at_the_agent_refuses_what_it_has_not_begun),
        cmocka_unit_test(a_lost_mux_tells_every_stream_once_and_takes_no_more),
        cmocka_unit_test(freeing_calls_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
