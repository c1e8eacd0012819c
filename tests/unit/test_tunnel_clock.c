// SPDX-License-Identifier: MIT
// Two tunnels joined in memory, on one clock: heartbeats, silence, acknowledgements
// (docs/protocol.md §3).
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/tunnel_pair.h"

enum {
    ALL = TUNNEL_MESSAGE_MAX
};

// Passes time in ticks of `tick` ms and delivers everything at once. Returns the first error.
static int pass(struct tunnel_pair *p, uint64_t ms, uint64_t tick)
{
    for (uint64_t at = 0; at < ms; at += tick) {
        int error = tunnel_pair_tick(p, tick);
        if (error)
            return error;
        tunnel_settle(p);
    }
    return 0;
}

static void an_idle_tunnel_lives_on_heartbeats(void **state)
{
    (void)state;
    for (uint64_t tick = 100; tick <= 1300; tick += 100) {
        struct tunnel_pair p;
        tunnel_pair_open(&p);
        assert_int_equal(pass(&p, 3600000, tick), 0);
        tunnel_pair_deinit(&p);
    }
}

static void nobody_is_silent_for_longer_than_the_heartbeat(void **state)
{
    struct tunnel_pair p;
    uint64_t last = 0;
    uint64_t longest = 0;
    (void)state;
    tunnel_pair_open(&p);
    for (uint64_t at = 0; at < 600000; at += 10) {
        bool speaks = at % 61230 == 0; // at any phase of the ticks
        p.now_ms += 10;
        if (at % 1000 == 0)
            assert_int_equal(tunnel_pair_tick(&p, 0), 0);
        if (speaks)
            assert_int_equal(tunnel_say_type(&p.relay, CONTROL_BOUND, 1), 0);
        if (tunnel_move(&p.relay, &p.agent, ALL, ALL) > 0) {
            longest = at - last > longest ? at - last : longest;
            last = at;
        }
        (void)tunnel_move(&p.agent, &p.relay, ALL, ALL);
    }
    assert_in_range(longest, 4000, TUNNEL_HEARTBEAT_MS);
    tunnel_pair_deinit(&p);
}

static void a_silent_peer_is_dead_after_its_time(void **state)
{
    (void)state;
    for (int owes = 0; owes < 2; owes++) {
        struct tunnel_pair p;
        uint64_t limit = owes ? TUNNEL_UNACKED_SILENCE_MS : TUNNEL_SILENCE_MS;
        tunnel_pair_open(&p);
        assert_int_equal(pass(&p, 2000, 1000), 0); // everything is acknowledged
        if (owes)
            assert_int_equal(tunnel_say_type(&p.relay, CONTROL_BOUND, 1), 0);
        uint8_t out[ALL];
        uint64_t begin = p.now_ms;
        int error = 0;
        while (!error) {
            (void)tunnel_send(p.relay.tunnel, out, sizeof(out)); // is lost
            p.now_ms += 100;
            error = tunnel_tick(p.relay.tunnel, p.now_ms);
        }
        assert_int_equal(error, TUNNEL_E_SILENT);
        assert_int_equal(tunnel_state(p.relay.tunnel), TUNNEL_DEAD);
        assert_in_range(p.now_ms - begin, limit, limit + 100);
        tunnel_pair_deinit(&p);
    }
}

static void an_agent_that_never_greets_is_dead_after_its_time(void **state)
{
    struct tunnel_side side;
    uint64_t now = 0;
    (void)state;
    tunnel_side_init(&side, TUNNEL_RELAY, now);
    while (tunnel_tick(side.tunnel, now) == 0)
        now += 1000;
    assert_int_equal(now, TUNNEL_SILENCE_MS);
    assert_false(tunnel_wants_send(side.tunnel));
    tunnel_side_deinit(&side);
}

// The first bytes after a silence must not kill a peer that had no time to acknowledge them, at any
// phase of the two clocks.
static void traffic_after_idleness_kills_nobody(void **state)
{
    (void)state;
    for (uint64_t phase = 0; phase < 1100; phase += 100)
        for (uint64_t speak = 0; speak < 14000; speak += 100) {
            struct tunnel_pair p;
            tunnel_pair_open(&p);
            for (uint64_t at = 0; at < 20000; at += 100) {
                p.now_ms += 100;
                if (at % 1100 == 0)
                    assert_int_equal(tunnel_tick(p.relay.tunnel, p.now_ms), 0);
                if (at % 1100 == phase)
                    assert_int_equal(tunnel_tick(p.agent.tunnel, p.now_ms), 0);
                if (at == speak)
                    assert_int_equal(tunnel_say_type(&p.relay, CONTROL_BOUND, 1), 0);
                tunnel_settle(&p);
            }
            tunnel_pair_deinit(&p);
        }
}

static void a_machine_that_was_suspended_gives_its_peer_a_chance(void **state)
{
    (void)state;
    for (int owes = 0; owes < 2; owes++) {
        struct tunnel_pair p;
        uint8_t out[ALL];
        tunnel_pair_open(&p);
        assert_int_equal(pass(&p, 10000, 1000), 0);
        if (owes)
            assert_int_equal(tunnel_say_type(&p.relay, CONTROL_BOUND, 1), 0);
        assert_true(tunnel_send(p.relay.tunnel, out, sizeof(out)) >= 0);
        p.now_ms += 3600000;
        assert_int_equal(tunnel_tick(p.relay.tunnel, p.now_ms), 0);
        assert_true(tunnel_wants_send(p.relay.tunnel)); // a heartbeat, at once
        // A peer that does not answer now is dead:
        int error = 0;
        uint64_t begin = p.now_ms;
        while (!error && p.now_ms - begin < 60000)
            error = tunnel_tick(p.relay.tunnel, p.now_ms += 1000);
        assert_int_equal(error, TUNNEL_E_SILENT);
        assert_true(p.now_ms - begin <= TUNNEL_SILENCE_MS);
        tunnel_pair_deinit(&p);
    }
}

static void what_was_received_is_acknowledged_soon(void **state)
{
    struct tunnel_pair p;
    (void)state;
    tunnel_pair_open(&p);
    assert_int_equal(pass(&p, 3000, 1000), 0);
    assert_int_equal(tunnel_say_type(&p.relay, CONTROL_BOUND, 1), 0);
    tunnel_settle(&p);
    assert_false(tunnel_wants_send(p.agent.tunnel)); // too few bytes for an immediate ACK
    assert_int_equal(tunnel_pair_tick(&p, 1000), 0);
    assert_int_equal(tunnel_move(&p.agent, &p.relay, ALL, 1), PIPE_ACK_SIZE);
    assert_false(tunnel_wants_send(p.agent.tunnel));
    tunnel_pair_deinit(&p);
}

static void no_more_is_sent_than_may_be_unacknowledged(void **state)
{
    static uint8_t out[ALL];
    struct tunnel_pair p;
    struct http_head post = head_request("POST", "/");
    struct mux_view *relay[200];
    uint64_t sent = 0;
    (void)state;
    tunnel_pair_open(&p);
    assert_int_equal(pass(&p, 2000, 1000), 0); // everything is acknowledged
    for (int i = 0; i < 200; i++) {
        relay[i] = mux_side_open(&p.relay.mux, &post, false);
        (void)mux_view_feed(relay[i], 1, MUX_SEND_MAX);
    }
    // Fetch the messages now and deliver them later.
    uint8_t *messages = malloc(2 * PIPE_UNACKED_UNASKED);
    size_t lengths[200];
    size_t count = 0;
    assert_non_null(messages);
    for (int n = 1; n > 0; sent += n > 0 ? (uint64_t)n - PIPE_DATA_HEAD : 0) {
        n = tunnel_send(p.relay.tunnel, out, sizeof(out));
        assert_true(n >= 0);
        memcpy(messages + sent + count * PIPE_DATA_HEAD, out, (size_t)n);
        lengths[count] = (size_t)n;
        count += n > 0;
    }
    assert_in_range(sent, PIPE_UNACKED_UNASKED - 2 * TUNNEL_MESSAGE_MAX, PIPE_UNACKED_UNASKED);
    assert_false(tunnel_wants_send(p.relay.tunnel));
    const uint8_t *at = messages;
    for (size_t i = 0; i < count; at += lengths[i++])
        assert_int_equal(tunnel_feed(&p.agent, at, lengths[i], true, ALL), 0);
    free(messages);
    assert_int_equal(tunnel_move(&p.agent, &p.relay, ALL, ALL), PIPE_ACK_SIZE);
    assert_true(tunnel_wants_send(p.relay.tunnel));
    tunnel_settle(&p);
    for (int i = 0; i < 200; i++)
        assert_int_equal(p.agent.mux.views[i]->received, MUX_SEND_MAX);
    tunnel_pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_tunnel_lives_on_heartbeats),
        cmocka_unit_test(nobody_is_silent_for_longer_than_the_heartbeat),
        cmocka_unit_test(a_silent_peer_is_dead_after_its_time),
        cmocka_unit_test(an_agent_that_never_greets_is_dead_after_its_time),
        cmocka_unit_test(traffic_after_idleness_kills_nobody),
        cmocka_unit_test(a_machine_that_was_suspended_gives_its_peer_a_chance),
        cmocka_unit_test(what_was_received_is_acknowledged_soon),
        cmocka_unit_test(no_more_is_sent_than_may_be_unacknowledged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
