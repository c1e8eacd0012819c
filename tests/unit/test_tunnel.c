// SPDX-License-Identifier: MIT
// Two tunnels joined in memory: states and control messages (docs/protocol.md §2, §5).
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/chance.h"
#include "tests/support/check.h"
#include "tests/support/tunnel_pair.h"

enum {
    ALL = TUNNEL_MESSAGE_MAX
};

static void the_conversation_is_the_same_in_every_split(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 200; piece++) {
        struct tunnel_pair p;
        int moved = 1;
        tunnel_pair_init(&p);
        while (moved > 0) {
            moved = tunnel_move(&p.relay, &p.agent, TUNNEL_MESSAGE_MIN, piece);
            moved += tunnel_move(&p.agent, &p.relay, TUNNEL_MESSAGE_MIN, piece);
        }
        assert_int_equal(moved, 0);
        assert_int_equal(p.relay.said_count, 2);
        assert_int_equal(p.relay.said[0].type, CONTROL_HELLO);
        assert_string_equal(p.relay.said[0].owner, tunnel_hello().owner);
        assert_string_equal(p.relay.said[0].features, "reports,case,fields,visitors,acks");
        assert_int_equal(p.relay.said[1].type, CONTROL_BIND);
        assert_string_equal(p.relay.said[1].name, "name");
        assert_int_equal(p.agent.said_count, 2);
        assert_int_equal(p.agent.said[0].type, CONTROL_WELCOME);
        assert_string_equal(p.agent.said[0].features, "reports,case,fields,visitors,acks");
        assert_int_equal(p.agent.said[1].type, CONTROL_BOUND);
        assert_string_equal(p.agent.said[1].url, "http://name.test/");
        tunnel_pair_deinit(&p);
    }
}

// Brings a side into a state in which a message may come; it has received nothing else.
static void side_in(struct tunnel_side *side, enum tunnel_role role, bool open)
{
    struct control_message hello = tunnel_hello();
    char json[512];
    tunnel_side_init(side, role, 0);
    if (!open)
        return;
    hello.type = role == TUNNEL_RELAY ? CONTROL_HELLO : CONTROL_WELCOME;
    uint8_t kind = role == TUNNEL_RELAY ? PIPE_HELLO : PIPE_WELCOME;
    int len = control_write(json, sizeof(json), &hello);
    assert_int_equal(tunnel_feed(side, &kind, 1, false, 1), 0);
    assert_int_equal(tunnel_feed(side, (uint8_t *)json, (size_t)len, true, 1000), 0);
    assert_int_equal(tunnel_state(side->tunnel), TUNNEL_OPEN);
    side->said_count = 0;
}

// Feeds a JSON message as a link message of this kind, or as a control record when `kind` is 0.
static int feed_json(struct tunnel_side *side, uint8_t kind, const char *json, size_t len)
{
    uint8_t head[PIPE_DATA_HEAD + PIPE_RECORD_HEAD] = {PIPE_DATA};
    if (kind) {
        int error = tunnel_feed(side, &kind, 1, false, 1);
        return error ? error : tunnel_feed(side, (const uint8_t *)json, len, true, 50);
    }
    pipe_write_record_head(head + PIPE_DATA_HEAD, PIPE_RECORD_CONTROL, len);
    int error = tunnel_feed(side, head, sizeof(head), false, 5);
    return error ? error : tunnel_feed(side, (const uint8_t *)json, len, true, 50);
}

static bool is_legal(enum tunnel_role role, bool open, uint8_t kind,
                     const struct control_message *h)
{
    bool agent = role == TUNNEL_AGENT;
    switch (h->type) {
    case CONTROL_HELLO: return !agent && !open && kind == PIPE_HELLO;
    case CONTROL_WELCOME: return agent && !open && kind == PIPE_WELCOME;
    case CONTROL_REFUSED: return agent && (kind == PIPE_REFUSED || (open && kind == 0 && h->id));
    case CONTROL_BIND: return !agent && open && kind == 0;
    case CONTROL_BOUND:
    case CONTROL_DRAIN: return agent && open && kind == 0;
    }
    return false;
}

static void try_message(enum tunnel_role role, bool open, uint8_t kind,
                        const struct control_message *h)
{
    struct tunnel_side side;
    char json[512];
    int len = control_write(json, sizeof(json), h);
    bool legal = is_legal(role, open, kind, h);
    side_in(&side, role, open);
    int error = feed_json(&side, kind, json, (size_t)len);
    if (error != (legal ? 0 : TUNNEL_E_CONTROL))
        fail_msg("role %d, open %d, kind %d, %s: %d", role, open, kind, json, error);
    assert_int_equal(side.said_count, legal);
    enum tunnel_state then = kind == PIPE_REFUSED ? TUNNEL_REFUSED : TUNNEL_OPEN;
    assert_int_equal(tunnel_state(side.tunnel), legal ? then : TUNNEL_DEAD);
    if (!legal) {
        assert_int_equal(feed_json(&side, kind, json, (size_t)len), TUNNEL_E_PIPE);
        assert_false(tunnel_wants_send(side.tunnel));
    }
    tunnel_side_deinit(&side);
}

static void messages_are_heard_where_and_when_they_are_legal(void **state)
{
    static const uint8_t kinds[] = {0, PIPE_HELLO, PIPE_WELCOME, PIPE_REFUSED};
    (void)state;
    for (unsigned i = 0; i < 7 * 4 * 2 * 2; i++) {
        struct control_message h = tunnel_hello();
        h.type = (enum control_type)(i % 7 < 6 ? i % 7 : CONTROL_REFUSED);
        h.id = i % 7 != CONTROL_REFUSED;
        (void)snprintf(h.name, sizeof(h.name), "n");
        (void)snprintf(h.url, sizeof(h.url), "http://u");
        (void)snprintf(h.code, sizeof(h.code), "ADIT-U");
        try_message(i / 7 / 4 / 2 ? TUNNEL_AGENT : TUNNEL_RELAY, i / 7 / 4 % 2, kinds[i / 7 % 4],
                    &h);
    }
}

static void nothing_but_a_greeting_is_taken_before_the_greeting(void **state)
{
    static const uint8_t data[] = {PIPE_DATA, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 'x'};
    static const uint8_t ack[] = {PIPE_ACK, 0, 0, 0, 0, 0, 0, 0, 0};
    (void)state;
    for (int role = TUNNEL_RELAY; role <= TUNNEL_AGENT; role++)
        for (int i = 0; i < 2; i++) {
            struct tunnel_side side;
            side_in(&side, (enum tunnel_role)role, false);
            int error = tunnel_feed(&side, i ? data : ack, i ? sizeof(data) : sizeof(ack), true, 3);
            assert_int_equal(error, TUNNEL_E_CONTROL);
            assert_int_equal(side.said_count, 0);
            tunnel_side_deinit(&side);
        }
}

static void what_breaks_the_framing_or_the_mux_ends_the_tunnel(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        int error;
    } cases[] = {
        {"\0", 1, TUNNEL_E_PIPE},
        {"\6", 1, TUNNEL_E_PIPE},
        {"", 0, TUNNEL_E_PIPE},
        {"\4\0\0\0", 4, TUNNEL_E_PIPE},
        {"\4\0\0\0\0\0\0\0\1", 9, TUNNEL_E_PIPE},
        {"\5\0\0\0\0\0\0\0\1", 9, TUNNEL_E_PIPE},
        {"\4\0\0\0\0\0\0\0\0\3\0\0\1x", 14, TUNNEL_E_PIPE},
        {"\4\0\0\0\0\0\0\0\0\2\0\0\1x", 14, TUNNEL_E_CONTROL},
        {"\4\0\0\0\0\0\0\0\0\0\0\0\0", 13, TUNNEL_E_PIPE},
        {"\4\0\0\0\0\0\0\0\0\0\x10\0\1x", 14, TUNNEL_E_PIPE},
        {"\4\0\0\0\0\0\0\0\0\1\0\0\2{}", 15, TUNNEL_E_CONTROL},
        {"\1{}", 3, TUNNEL_E_CONTROL},
        {"\4\0\0\0\0\0\0\0\0\0\0\0\30POST / HTTP/1.1\r\nHost: a\r\n", 39, TUNNEL_E_MUX},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t piece = 1; piece <= cases[i].len + 1; piece++) {
            struct tunnel_side side;
            side_in(&side, TUNNEL_AGENT, true);
            const uint8_t *bytes = (const uint8_t *)cases[i].bytes;
            assert_int_equal(tunnel_feed(&side, bytes, cases[i].len, true, piece), cases[i].error);
            assert_int_equal(tunnel_state(side.tunnel), TUNNEL_DEAD);
            assert_int_equal(side.said_count, 0);
            assert_int_equal(tunnel_recv(side.tunnel, bytes, 0, true), TUNNEL_E_PIPE);
            assert_int_equal(tunnel_send(side.tunnel, (uint8_t[2000]){0}, 2000), 0);
            tunnel_side_deinit(&side);
        }
}

// The relay detects the breach only when it answers.
static void a_breach_that_only_the_answer_shows_ends_the_tunnel(void **state)
{
    static const char settings[] = "\0\0\0\4\0\0\0\0\0";
    static const char breach[] = "\0\0\4\x08\0\0\0\0\0\0\0\0\0"; // WINDOW_UPDATE of 0
    struct tunnel_side side;
    uint8_t head[PIPE_DATA_HEAD + PIPE_RECORD_HEAD] = {PIPE_DATA};
    uint8_t out[ALL];
    int n = 1;
    (void)state;
    side_in(&side, TUNNEL_RELAY, true);
    while (n > 0)
        n = tunnel_send(side.tunnel, out, sizeof(out));
    assert_int_equal(n, 0);
    pipe_write_record_head(head + PIPE_DATA_HEAD, PIPE_RECORD_MUX, 9 + 13);
    assert_int_equal(tunnel_feed(&side, head, sizeof(head), false, 100), 0);
    assert_int_equal(tunnel_feed(&side, (const uint8_t *)settings, 9, false, 100), 0);
    assert_int_equal(tunnel_feed(&side, (const uint8_t *)breach, 13, true, 100), 0);
    assert_true(tunnel_wants_send(side.tunnel));
    assert_int_equal(tunnel_send(side.tunnel, out, sizeof(out)), TUNNEL_E_MUX);
    assert_int_equal(tunnel_state(side.tunnel), TUNNEL_DEAD);
    tunnel_side_deinit(&side);
}

static void refuse_hello(struct tunnel_side *side, const struct control_message *message)
{
    (void)message;
    CHECK(tunnel_say_type(side, CONTROL_WELCOME, 0) == 0); // the refusal replaces it
    CHECK(tunnel_say_type(side, CONTROL_REFUSED, 0) == 0);
}

static void a_refused_agent_hears_why_and_nothing_else(void **state)
{
    struct tunnel_pair p;
    (void)state;
    tunnel_pair_init(&p);
    p.relay.on_control = refuse_hello;
    assert_true(tunnel_move(&p.agent, &p.relay, ALL, ALL) > 0);
    assert_int_equal(tunnel_state(p.relay.tunnel), TUNNEL_REFUSED);
    assert_true(tunnel_wants_send(p.relay.tunnel));
    assert_int_equal(tunnel_feed(&p.relay, (const uint8_t *)"junk", 4, true, 1), 0);
    assert_true(tunnel_move(&p.relay, &p.agent, ALL, 1) > 0);
    assert_false(tunnel_wants_send(p.relay.tunnel));
    assert_int_equal(p.agent.said_count, 1);
    assert_int_equal(p.agent.said[0].type, CONTROL_REFUSED);
    assert_string_equal(p.agent.said[0].code, "ADIT-TEST");
    assert_int_equal(tunnel_state(p.agent.tunnel), TUNNEL_REFUSED);
    assert_int_equal(tunnel_feed(&p.agent, (const uint8_t *)"junk", 4, true, 1), 0);
    assert_int_equal(tunnel_pair_tick(&p, 1000), 0);
    tunnel_settle(&p);
    tunnel_pair_deinit(&p);
}

static void a_refused_bind_leaves_the_tunnel_open(void **state)
{
    struct tunnel_pair p;
    (void)state;
    tunnel_pair_open(&p);
    assert_int_equal(tunnel_say_type(&p.relay, CONTROL_REFUSED, UINT64_MAX), 0);
    assert_int_equal(tunnel_say_type(&p.relay, CONTROL_DRAIN, 0), 0);
    tunnel_settle(&p);
    assert_int_equal(p.agent.said_count, 4);
    assert_true(p.agent.said[2].id == UINT64_MAX);
    assert_string_equal(p.agent.said[3].message, "A test.");
    assert_int_equal(tunnel_state(p.agent.tunnel), TUNNEL_OPEN);
    tunnel_pair_deinit(&p);
}

static void control_records_wait_within_their_bound_and_arrive_whole(void **state)
{
    struct tunnel_pair p;
    size_t queued = 0;
    int error = 0;
    (void)state;
    tunnel_pair_open(&p);
    p.agent.on_control = NULL;
    while (!error) {
        error = tunnel_say_type(&p.relay, CONTROL_BOUND, 100 + queued);
        queued += !error;
    }
    assert_int_equal(error, TUNNEL_E_FULL);
    assert_in_range(queued, TUNNEL_CONTROL_QUEUE / 100, TUNNEL_CONTROL_QUEUE / 50);
    size_t before = p.agent.said_count;
    while (tunnel_move(&p.relay, &p.agent, TUNNEL_MESSAGE_MIN, 100) > 0)
        ;
    assert_int_equal(p.agent.said_count - before, queued);
    for (size_t i = before; i < TUNNEL_SAID_MAX; i++)
        assert_int_equal(p.agent.said[i].id, 100 + i - before);
    assert_int_equal(tunnel_say_type(&p.relay, CONTROL_BOUND, 1), 0);
    tunnel_settle(&p);
    tunnel_pair_deinit(&p);
}

static void a_message_too_long_to_be_said_is_not(void **state)
{
    struct tunnel_pair p;
    struct control_message drain = {.type = CONTROL_DRAIN};
    (void)state;
    tunnel_pair_open(&p);
    memset(drain.message, 1, sizeof(drain.message) - 1); // each takes six characters in JSON
    assert_int_equal(tunnel_queue_control(p.relay.tunnel, &drain), TUNNEL_E_CONTROL);
    assert_false(tunnel_wants_send(p.relay.tunnel));
    memset(drain.message, '"', sizeof(drain.message) - 1);
    assert_int_equal(tunnel_queue_control(p.relay.tunnel, &drain), 0);
    tunnel_settle(&p);
    assert_string_equal(p.agent.said[2].message, drain.message);
    tunnel_pair_deinit(&p);
}

static void control_goes_before_bodies_and_between_them(void **state)
{
    struct tunnel_pair p;
    struct http_head post = head_request("POST", "/");
    (void)state;
    tunnel_pair_open(&p);
    struct mux_view *relay = mux_side_open(&p.relay.mux, &post, false);
    tunnel_settle(&p);
    struct mux_view *agent = p.agent.mux.views[0];
    for (uint64_t i = 1; i < 20; i++) {
        (void)mux_view_feed(relay, 9, i * 20000);
        assert_int_equal(tunnel_say_type(&p.relay, CONTROL_BOUND, i), 0);
        uint64_t before = agent->received;
        assert_true(tunnel_move(&p.relay, &p.agent, TUNNEL_MESSAGE_MIN, 1000) > 0);
        assert_true(p.agent.said[p.agent.said_count - 1].id == i);
        assert_true(agent->received > before);
        tunnel_settle(&p);
    }
    assert_int_equal(agent->received, 19 * 20000);
    assert_true(pattern_is(buf_at(&agent->body), 19 * 20000, 9, 0));
    tunnel_pair_deinit(&p);
}

static void every_error_has_its_words(void **state)
{
    (void)state;
    for (int error = TUNNEL_E_FULL; error < 0; error++)
        assert_string_not_equal(tunnel_strerror(error), tunnel_strerror(0));
    tunnel_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_conversation_is_the_same_in_every_split),
        cmocka_unit_test(messages_are_heard_where_and_when_they_are_legal),
        cmocka_unit_test(nothing_but_a_greeting_is_taken_before_the_greeting),
        cmocka_unit_test(what_breaks_the_framing_or_the_mux_ends_the_tunnel),
        cmocka_unit_test(a_breach_that_only_the_answer_shows_ends_the_tunnel),
        cmocka_unit_test(a_refused_agent_hears_why_and_nothing_else),
        cmocka_unit_test(a_refused_bind_leaves_the_tunnel_open),
        cmocka_unit_test(control_records_wait_within_their_bound_and_arrive_whole),
        cmocka_unit_test(a_message_too_long_to_be_said_is_not),
        cmocka_unit_test(control_goes_before_bodies_and_between_them),
        cmocka_unit_test(every_error_has_its_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
