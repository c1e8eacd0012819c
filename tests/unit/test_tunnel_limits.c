// SPDX-License-Identifier: MIT
// Tunnels that end although the peer speaks the protocol: floods, peers that do not read, peers
// that fall silent at the worst moment, used-up stream ids (docs/protocol.md §2, §4.4, §4.5).
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/check.h"
#include "tests/support/tunnel_pair.h"

enum {
    LATE_MS = 100, // the greatest delay of a tick (LOOP_TICK_MS)
};

static void discard(struct tunnel_side *side)
{
    static uint8_t out[TUNNEL_MESSAGE_MAX];
    while (tunnel_send(side->tunnel, out, sizeof(out)) > 0)
        continue;
}

// A message from a live peer with nothing new.
static int feed_ack(struct tunnel_side *to, uint64_t offset)
{
    uint8_t ack[PIPE_ACK_SIZE] = {PIPE_ACK};
    for (int i = 0; i < 8; i++)
        ack[8 - i] = (uint8_t)(offset >> 8 * i);
    return tunnel_feed(to, ack, sizeof(ack), true, sizeof(ack));
}

static void say_nothing(struct tunnel_side *side, const struct control_message *message)
{
    (void)side;
    (void)message;
}

// Milliseconds until a tunnel detects a peer that was last heard just after a tick, the worst
// moment. With traffic the peer owes an acknowledgement from then on.
static uint64_t noticed_after(uint64_t tick_ms, bool traffic)
{
    struct tunnel_pair p;
    tunnel_pair_open(&p);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(tunnel_pair_tick(&p, tick_ms), 0);
        tunnel_settle(&p);
    }
    uint64_t died = p.now_ms;
    p.relay.on_control = say_nothing;
    assert_int_equal(tunnel_say_type(&p.agent, CONTROL_BIND, 9), 0);
    (void)tunnel_move(&p.agent, &p.relay, TUNNEL_MESSAGE_MAX, TUNNEL_MESSAGE_MAX);
    if (traffic)
        assert_int_equal(tunnel_say_type(&p.relay, CONTROL_BOUND, 1), 0);
    int error = 0;
    while (!error) {
        discard(&p.relay);
        p.now_ms += tick_ms;
        error = tunnel_tick(p.relay.tunnel, p.now_ms);
    }
    assert_int_equal(error, TUNNEL_E_SILENT);
    uint64_t after = p.now_ms - died;
    tunnel_pair_deinit(&p);
    return after;
}

static void a_dead_peer_is_noticed_in_time(void **state)
{
    (void)state;
    for (uint64_t late = 0; late <= LATE_MS; late += LATE_MS) {
        assert_in_range(noticed_after(TUNNEL_TICK_MS + late, true), 4000, 6000);
        assert_in_range(noticed_after(TUNNEL_TICK_MS + late, false), 12000, 15000);
    }
}

static void a_peer_that_talks_but_acknowledges_nothing_is_dead_after_its_time(void **state)
{
    struct tunnel_pair p;
    (void)state;
    tunnel_pair_open(&p);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(tunnel_pair_tick(&p, TUNNEL_TICK_MS), 0);
        tunnel_settle(&p);
    }
    assert_int_equal(tunnel_say_type(&p.relay, CONTROL_BOUND, 1), 0);
    uint64_t begin = p.now_ms;
    int error = 0;
    while (!error) {
        discard(&p.relay);
        // The agent's heartbeats: it is alive and has received nothing.
        p.now_ms += TUNNEL_TICK_MS;
        assert_int_equal(tunnel_say_type(&p.agent, CONTROL_BIND, 9), 0);
        (void)tunnel_move(&p.agent, &p.relay, TUNNEL_MESSAGE_MAX, TUNNEL_MESSAGE_MAX);
        error = tunnel_tick(p.relay.tunnel, p.now_ms);
    }
    assert_int_equal(error, TUNNEL_E_STALLED);
    assert_in_range(p.now_ms - begin, TUNNEL_STALL_MS, TUNNEL_STALL_MS + TUNNEL_TICK_MS);
    tunnel_pair_deinit(&p);
}

static void messages_that_bring_nothing_are_bounded_and_time_gives_more(void **state)
{
    struct tunnel_side side;
    int heard = 0;
    (void)state;
    tunnel_side_init(&side, TUNNEL_RELAY, 0);
    while (tunnel_recv_ping(side.tunnel) == 0 && heard < TUNNEL_FLOOD_BUDGET - 1)
        heard++;
    assert_int_equal(tunnel_tick(side.tunnel, 1000), 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(tunnel_recv_ping(side.tunnel), 0);
    assert_int_equal(tunnel_recv_ping(side.tunnel), TUNNEL_E_FLOOD);
    assert_int_equal(tunnel_state(side.tunnel), TUNNEL_DEAD);
    tunnel_side_deinit(&side);
}

static void empty_pieces_and_messages_are_a_flood(void **state)
{
    uint8_t data[PIPE_DATA_HEAD] = {PIPE_DATA};
    (void)state;
    for (int whole = 0; whole < 2; whole++) {
        struct tunnel_pair p;
        struct tunnel_side *to = &p.agent;
        int error = 0;
        tunnel_pair_init(&p);
        (void)tunnel_move(&p.agent, &p.relay, TUNNEL_MESSAGE_MAX, TUNNEL_MESSAGE_MAX);
        (void)tunnel_move(&p.relay, &p.agent, TUNNEL_MESSAGE_MAX, TUNNEL_MESSAGE_MAX); // welcome
        assert_int_equal(tunnel_state(to->tunnel), TUNNEL_OPEN);
        if (!whole)
            assert_int_equal(tunnel_recv(to->tunnel, data, 1, false), 0);
        for (int i = 0; i < 2 * TUNNEL_FLOOD_BUDGET && !error; i++)
            error = whole ? feed_ack(to, 0) : tunnel_recv(to->tunnel, data, 0, false);
        assert_int_equal(error, TUNNEL_E_FLOOD);
        tunnel_pair_deinit(&p);
    }
}

// A pair whose relay has used up its stream ids, with one open request.
static void begin_spent(struct tunnel_pair *p, struct mux_limits *limits)
{
    struct http_head get = head_request("GET", "/");
    *limits = mux_default_limits;
    limits->ids = 1;
    tunnel_pair_init_limited(p, limits);
    tunnel_settle(p);
    assert_non_null(mux_side_open(&p->relay.mux, &get, true));
    assert_null(mux_side_open(&p->relay.mux, &get, true));
    tunnel_settle(p);
    assert_int_equal(tunnel_pair_tick(p, TUNNEL_TICK_MS), 0);
    tunnel_settle(p);
    assert_int_equal(p->agent.said[p->agent.said_count - 1].type, CONTROL_DRAIN);
}

static void a_spent_tunnel_drains_until_what_runs_has_ended(void **state)
{
    struct mux_limits limits;
    struct tunnel_pair p;
    struct http_head ok = head_response(200);
    (void)state;
    begin_spent(&p, &limits);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(tunnel_pair_tick(&p, TUNNEL_TICK_MS), 0);
        tunnel_settle(&p);
    }
    head_put(&ok, "content-length", "0");
    assert_int_equal(mux_respond(p.agent.mux.views[0]->stream, &ok, true), 0);
    tunnel_settle(&p);
    assert_true(p.relay.mux.views[0]->closed && p.relay.mux.views[0]->reset == 0);
    assert_int_equal(tunnel_pair_tick(&p, TUNNEL_TICK_MS), TUNNEL_E_IDS);
    assert_int_equal(tunnel_state(p.relay.tunnel), TUNNEL_DEAD);
    tunnel_pair_deinit(&p);
}

static void a_spent_tunnel_waits_no_longer_than_its_time(void **state)
{
    struct mux_limits limits;
    struct tunnel_pair p;
    int error = 0;
    (void)state;
    begin_spent(&p, &limits);
    uint64_t begin = p.now_ms;
    while (!error) {
        error = tunnel_pair_tick(&p, TUNNEL_TICK_MS);
        if (!error)
            tunnel_settle(&p);
    }
    assert_int_equal(error, TUNNEL_E_IDS);
    assert_int_equal(p.now_ms - begin, TUNNEL_DRAIN_MS);
    tunnel_pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dead_peer_is_noticed_in_time),
        cmocka_unit_test(a_peer_that_talks_but_acknowledges_nothing_is_dead_after_its_time),
        cmocka_unit_test(messages_that_bring_nothing_are_bounded_and_time_gives_more),
        cmocka_unit_test(empty_pieces_and_messages_are_a_flood),
        cmocka_unit_test(a_spent_tunnel_drains_until_what_runs_has_ended),
        cmocka_unit_test(a_spent_tunnel_waits_no_longer_than_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
