// SPDX-License-Identifier: MIT
// The last reports of a tunnel whose link is about to end (docs/protocol.md §5.1).
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/tunnel_pair.h"

enum {
    STREAMS = 5,
    ALL = TUNNEL_MESSAGE_MAX
};

static struct report some_report(void)
{
    return (struct report){.id = "01jdq00000000000", .duration_ns = 1, .body = {{.whole = true}}};
}

static void report_closed(struct mux_view *v, uint32_t reset)
{
    struct tunnel_side *side = (struct tunnel_side *)v->side;
    const struct report r = some_report();
    assert_int_equal(reset, MUX_RESET_LOST);
    tunnel_queue_report(side->tunnel, &r);
}

// An open pair with so many requests under way, each of which is reported when its stream is lost.
static void begin(struct tunnel_pair *p)
{
    const struct http_head get = head_request("GET", "/");
    tunnel_pair_open(p);
    p->relay.mux.hooks.closed = p->agent.mux.hooks.closed = report_closed;
    for (int i = 0; i < STREAMS; i++)
        assert_non_null(mux_side_open(&p->relay.mux, &get, true));
    tunnel_settle(p);
}

static void move_all(struct tunnel_side *from, struct tunnel_side *to, size_t cap, size_t piece)
{
    int n = 1;
    while (n > 0)
        n = tunnel_move(from, to, cap, piece);
    assert_int_equal(n, 0);
    assert_false(tunnel_wants_send(from->tunnel));
}

static void reports_leave_at_once_those_of_lost_streams_too(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 200; piece += 13) {
        const struct report r = some_report();
        struct tunnel_pair p;
        begin(&p);
        tunnel_queue_report(p.relay.tunnel, &r); // of an exchange that ended before
        assert_false(tunnel_wants_send(p.relay.tunnel));
        tunnel_leave(p.relay.tunnel);
        assert_int_equal(tunnel_state(p.relay.tunnel), TUNNEL_LEFT);
        assert_int_equal(mux_stream_count(p.relay.mux.mux), 0);
        move_all(&p.relay, &p.agent, TUNNEL_MESSAGE_MIN, piece);
        assert_int_equal(p.agent.report_count, STREAMS + 1);
        assert_int_equal(tunnel_state(p.agent.tunnel), TUNNEL_OPEN);
        tunnel_queue_report(p.relay.tunnel, &r); // too late
        assert_false(tunnel_wants_send(p.relay.tunnel));
        tunnel_pair_deinit(&p);
    }
}

static void both_ends_may_leave_at_a_time(void **state)
{
    struct tunnel_pair p;
    (void)state;
    begin(&p);
    tunnel_leave(p.relay.tunnel);
    tunnel_leave(p.agent.tunnel);
    move_all(&p.relay, &p.agent, ALL, ALL);
    move_all(&p.agent, &p.relay, ALL, ALL);
    assert_int_equal(p.relay.report_count, STREAMS);
    assert_int_equal(p.agent.report_count, STREAMS);
    tunnel_pair_deinit(&p);
}

// A peer that has left acknowledges nothing.
static void reports_do_not_wait_for_acknowledgements(void **state)
{
    const struct report r = some_report();
    uint8_t bytes[REPORT_MAX];
    size_t len = report_write(&r, bytes);
    struct tunnel_pair p;
    (void)state;
    begin(&p);
    tunnel_set_now(p.relay.tunnel, 1); // less may be in flight
    while (mux_stream_count(p.relay.mux.mux) < 20) {
        struct mux_view *upload = NULL;
        const struct http_head post = head_request("POST", "/");
        upload = mux_side_open(&p.relay.mux, &post, false);
        assert_non_null(upload);
        (void)mux_view_feed(upload, 1, UINT64_MAX);
        (void)tunnel_move(&p.relay, &p.agent, ALL, ALL);
    }
    assert_true(mux_wants_send(p.relay.mux.mux));
    for (int i = 0; i < 4000; i++) // more than may wait
        tunnel_queue_report(p.relay.tunnel, &r);
    assert_false(tunnel_wants_send(p.relay.tunnel));
    tunnel_leave(p.relay.tunnel);
    move_all(&p.relay, &p.agent, ALL, ALL);
    assert_int_equal(p.agent.report_count, (TUNNEL_REPORT_QUEUE - REPORT_MAX) / len + 1);
    tunnel_pair_deinit(&p);
}

static void a_control_record_that_has_begun_is_ended(void **state)
{
    struct tunnel_pair p;
    const struct report r = some_report();
    (void)state;
    tunnel_pair_open(&p);
    size_t said = p.agent.said_count;
    for (uint64_t id = 2; id < 50; id++)
        assert_int_equal(tunnel_say_type(&p.relay, CONTROL_BOUND, id), 0);
    assert_int_equal(tunnel_move(&p.relay, &p.agent, TUNNEL_MESSAGE_MIN, ALL), TUNNEL_MESSAGE_MIN);
    assert_true(p.agent.said_count < said + 48);
    tunnel_queue_report(p.relay.tunnel, &r);
    tunnel_leave(p.relay.tunnel);
    move_all(&p.relay, &p.agent, TUNNEL_MESSAGE_MIN, ALL);
    assert_int_equal(p.agent.said_count, said + 48);
    assert_int_equal(p.agent.report_count, 1);
    tunnel_pair_deinit(&p);
}

static void who_has_left_takes_reports_and_nothing_else(void **state)
{
    struct tunnel_pair p;
    const struct http_head ok = head_response(200);
    const struct report r = some_report();
    (void)state;
    begin(&p);
    tunnel_leave(p.relay.tunnel);
    size_t said = p.relay.said_count;
    for (size_t i = 0; i < STREAMS; i++) {
        struct mux_view *v = p.agent.mux.views[i];
        assert_int_equal(mux_respond(v->stream, &ok, false), 0);
        (void)mux_view_feed(v, 1, 1000);
        tunnel_queue_report(p.agent.tunnel, &r);
    }
    assert_int_equal(tunnel_say_type(&p.agent, CONTROL_BIND, 2), 0);
    move_all(&p.agent, &p.relay, ALL, 7);
    assert_int_equal(p.relay.report_count, 0);
    assert_int_equal(tunnel_tick(p.agent.tunnel, p.now_ms + TUNNEL_TICK_MS), 0);
    move_all(&p.agent, &p.relay, ALL, 7);
    assert_int_equal(p.relay.report_count, STREAMS);
    assert_int_equal(p.relay.said_count, said);
    for (size_t i = 0; i < STREAMS; i++)
        assert_int_equal(p.relay.mux.views[i]->head_count, 0);
    assert_int_equal(tunnel_state(p.relay.tunnel), TUNNEL_LEFT);
    tunnel_pair_deinit(&p);
}

// Feeds a record of reports to the relay, at `*offset` of the agent's stream.
static int feed_reports(struct tunnel_side *to, uint64_t *offset, const uint8_t *bytes, size_t len)
{
    uint8_t message[PIPE_DATA_HEAD + PIPE_RECORD_HEAD + REPORT_MAX] = {PIPE_DATA};
    write_be(message + 1, 8, *offset);
    pipe_write_record_head(message + PIPE_DATA_HEAD, PIPE_RECORD_REPORT, len);
    memcpy(message + PIPE_DATA_HEAD + PIPE_RECORD_HEAD, bytes, len);
    *offset += PIPE_RECORD_HEAD + len;
    return tunnel_feed(to, message, PIPE_DATA_HEAD + PIPE_RECORD_HEAD + len, true, ALL);
}

static void reports_behind_the_leave_are_checked_and_bounded(void **state)
{
    const struct report r = some_report();
    uint8_t bytes[REPORT_MAX];
    size_t len = report_write(&r, bytes);
    (void)state;
    for (int whole = 0; whole < 2; whole++) {
        struct tunnel_pair p;
        uint64_t offset = 0;
        int error = 0;
        tunnel_pair_init(&p);
        (void)tunnel_move(&p.agent, &p.relay, ALL, ALL); // hello
        assert_int_equal(tunnel_state(p.relay.tunnel), TUNNEL_OPEN);
        tunnel_leave(p.relay.tunnel);
        for (int i = 0; i < 2 * MUX_FLOOD_BUDGET && !error; i++)
            error = feed_reports(&p.relay, &offset, bytes, whole ? len : len - 1);
        assert_int_equal(error, whole ? TUNNEL_E_FLOOD : TUNNEL_E_CONTROL);
        assert_int_equal(tunnel_state(p.relay.tunnel), TUNNEL_DEAD);
        assert_true(p.relay.report_count <= MUX_FLOOD_BUDGET);
        tunnel_pair_deinit(&p);
    }
}

static void a_tunnel_that_is_not_open_says_nothing_when_it_leaves(void **state)
{
    struct tunnel_pair p;
    (void)state;
    tunnel_pair_init(&p);
    tunnel_leave(p.relay.tunnel);
    assert_int_equal(tunnel_state(p.relay.tunnel), TUNNEL_AWAITS_HELLO);
    assert_false(tunnel_wants_send(p.relay.tunnel));
    assert_int_equal(tunnel_say_type(&p.relay, CONTROL_REFUSED, 0), 0);
    tunnel_leave(p.relay.tunnel);
    assert_int_equal(tunnel_state(p.relay.tunnel), TUNNEL_REFUSED);
    tunnel_pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reports_leave_at_once_those_of_lost_streams_too),
        cmocka_unit_test(both_ends_may_leave_at_a_time),
        cmocka_unit_test(reports_do_not_wait_for_acknowledgements),
        cmocka_unit_test(a_control_record_that_has_begun_is_ended),
        cmocka_unit_test(who_has_left_takes_reports_and_nothing_else),
        cmocka_unit_test(reports_behind_the_leave_are_checked_and_bounded),
        cmocka_unit_test(a_tunnel_that_is_not_open_says_nothing_when_it_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
