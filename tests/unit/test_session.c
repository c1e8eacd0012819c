// SPDX-License-Identifier: MIT
// Sessions that their handler closes, or that leave: two of them, on both ends of a connection over
// loopback.
#include "common/base/limits.h"
#include "common/tunnel/session.h"
#include "conn_fixture.h"
#include "tests/support/chance.h"
#include "tests/support/mux_pair.h"
#include "tests/support/tunnel_pair.h"

enum {
    STREAMS = 3,
    LENT = MUX_WINDOW_START, // with the heads before it more than a length of two bytes tells
    BODY = 60 * 1000,        // at most MUX_SEND_MAX
};

// The events in which a handler may close its session.
enum event {
    ON_CONTROL,
    ON_HEAD,
    ON_DATA,
    ON_END,
    ON_DRAINED,
    ON_CLOSED, // inside session_close too
    ON_ENDED,
    EVENTS
};

struct side {
    struct session *session; // NULL: closed
    struct mux_stream *streams[STREAMS];
    int open, lost;       // streams, and those that were lost with the link
    int reports;          // of the peer; each side reports its lost streams
    enum event closes_on; // EVENTS: never
    bool at_once;
    bool lends; // bodies come later, by lend
    size_t received;
    bool ended;
    enum ws_close_code code; // of `ended`
};

struct both {
    struct owner *o;
    struct side relay, agent;
    struct conn *link; // the agent's
};

static void report(const struct side *side)
{
    const struct report report = {.id = "01jdq00000000000"};
    if (side->session)
        tunnel_queue_report(session_tunnel(side->session), &report);
}

static void on_event(struct side *side, enum event event)
{
    if (side->closes_on != event || !side->session)
        return;
    struct session *s = side->session;
    report(side);
    side->session = NULL;
    session_close(s, &(struct session_close){.code = WS_CLOSE_NORMAL, .at_once = side->at_once});
    session_close(s, &(struct session_close){.code = WS_CLOSE_PROTOCOL}); // does nothing
}

static void on_control(void *ctx, const struct control_message *message)
{
    struct side *side = ctx;
    const struct control_message welcome = {.type = CONTROL_WELCOME,
                                            .version = CONTROL_VERSION,
                                            .software = "aditd",
                                            .features = "reports"};
    if (message->type == CONTROL_HELLO)
        assert_int_equal(tunnel_queue_control(session_tunnel(side->session), &welcome), 0);
    on_event(side, ON_CONTROL);
}

// Answers each request with a body.
static void on_head(void *ctx, struct mux_stream *s, struct http_head *head,
                    const struct body_framing *framing, bool end)
{
    static const char body[BODY];
    const struct http_head ok = head_response(200);
    struct side *side = ctx;
    (void)framing;
    (void)end;
    if (head->method.len > 0) {
        side->streams[side->open++ % STREAMS] = s;
        assert_int_equal(mux_respond(s, &ok, false), 0);
    }
    if (head->method.len > 0 && !side->lends) {
        assert_int_equal(mux_data(s, body, sizeof(body)), 0);
        assert_int_equal(mux_finish(s, NULL), 0);
    }
    on_event(side, ON_HEAD);
}

static void on_data(void *ctx, struct mux_stream *s, const char *bytes, size_t len)
{
    struct side *side = ctx;
    if (side->lends)
        assert_true(pattern_is(bytes, len, 1, side->received));
    side->received += len;
    mux_credit(s, len);
    on_event(ctx, ON_DATA);
}

static void on_end(void *ctx, struct mux_stream *s, struct http_head *trailers)
{
    (void)s;
    (void)trailers;
    on_event(ctx, ON_END);
}

static void on_drained(void *ctx, struct mux_stream *s, size_t len)
{
    (void)s;
    (void)len;
    on_event(ctx, ON_DRAINED);
}

static void on_stream_closed(void *ctx, struct mux_stream *s, uint32_t reset)
{
    struct side *side = ctx;
    (void)s;
    side->open--;
    side->lost += reset == MUX_RESET_LOST;
    report(side);
    on_event(side, ON_CLOSED);
}

static void on_report(void *ctx, const struct report *report)
{
    struct side *side = ctx;
    assert_string_equal(report->id, "01jdq00000000000");
    side->reports++;
}

static void on_ended(void *ctx, const struct session_end *end)
{
    struct side *side = ctx;
    assert_false(side->ended);
    side->ended = true;
    side->code = end->code;
    on_event(side, ON_ENDED);
}

static const struct session_handler handler = {
    .tunnel = {.mux = {on_head, on_data, on_end, on_drained, on_stream_closed, NULL},
               .control = on_control,
               .report = on_report},
    .ended = on_ended,
};

static struct session *begin(struct both *b, struct side *side, struct conn *c,
                             enum tunnel_role role)
{
    const struct tunnel_config config = {.role = role};
    *side = (struct side){.closes_on = EVENTS};
    struct session *s = session_new(&b->o->loop, c, &config, &handler, side);
    assert_non_null(s);
    return s;
}

// Both ends, whose greetings are under way.
static void both_init(struct both *b)
{
    const struct control_message hello = tunnel_hello();
    b->o = owner_of_tcp();
    struct conn *other = conn_accept(&b->o->loop, b->o->peer, &owner_ops, b->o);
    assert_non_null(other);
    b->o->peer = -1;
    b->link = other;
    b->relay.session = begin(b, &b->relay, b->o->conn, TUNNEL_RELAY);
    b->agent.session = begin(b, &b->agent, other, TUNNEL_AGENT);
    assert_int_equal(tunnel_queue_control(session_tunnel(b->agent.session), &hello), 0);
    session_wake(b->agent.session);
}

static void side_deinit(struct side *side)
{
    side->closes_on = EVENTS;
    session_close(side->session, &(struct session_close){.code = WS_CLOSE_NORMAL});
    side->session = NULL;
}

static void both_deinit(struct both *b)
{
    side_deinit(&b->relay);
    side_deinit(&b->agent);
    serve(b->o); // frees both
    owner_free(b->o);
    assert_int_equal(b->relay.open, 0);
    assert_int_equal(b->agent.open, 0);
}

static void begin_streams(struct both *b)
{
    const struct http_head get = head_request("GET", "/");
    struct tunnel *t = session_tunnel(b->relay.session);
    WAIT(b->o, tunnel_state(t) == TUNNEL_OPEN);
    for (int i = 0; i < STREAMS; i++) {
        b->relay.streams[i] = mux_open(tunnel_mux(t), &get, true, NULL);
        assert_non_null(b->relay.streams[i]);
        b->relay.open++;
    }
    session_wake(b->relay.session);
}

static void what_a_message_causes_is_sent_without_a_tick(void **state)
{
    struct both b;
    (void)state;
    both_init(&b);
    begin_streams(&b);
    never_time_out(b.o);
    WAIT(b.o, b.relay.received == (size_t)STREAMS * BODY && b.relay.open == 0);
    both_deinit(&b);
}

static void close_on(bool relay, enum event event, bool at_once)
{
    struct both b;
    both_init(&b);
    struct side *side = relay ? &b.relay : &b.agent;
    struct side *other = relay ? &b.agent : &b.relay;
    side->at_once = at_once;
    side->closes_on = event;
    if (event != ON_CONTROL)
        begin_streams(&b);
    WAIT(b.o, !side->session);
    WAIT(b.o, other->ended);
    if (!at_once) { // the whole Close frame arrived, behind whole messages and the last report
        assert_int_equal(other->code, WS_CLOSE_NORMAL);
        assert_true(other->reports > 0);
    }
    assert_false(side->ended);
    assert_int_equal(side->open, 0);
    both_deinit(&b);
}

static void a_handler_may_close_its_session_in_any_event(void **state)
{
    static const struct {
        bool relay;
        enum event event;
    } cases[] = {
        {true, ON_CONTROL},  {true, ON_HEAD},    {true, ON_DATA},
        {true, ON_END},      {true, ON_CLOSED},  {false, ON_HEAD},
        {false, ON_DRAINED}, {false, ON_CLOSED}, {false, ON_CONTROL},
    };
    (void)state;
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++)
        close_on(cases[i / 2].relay, cases[i / 2].event, i % 2 == 1);
}

// The last frame that a session that was just closed has written is a Close frame.
static void assert_close_frame(struct owner *o, bool masked)
{
    uint8_t frames[1024];
    size_t len = masked ? 8 : 4;
    ssize_t n = recv(o->peer, frames, sizeof(frames), 0);
    assert_true(n >= (ssize_t)len);
    assert_int_equal(frames[(size_t)n - len], 0x80 | WS_CLOSE);
}

static void the_relay_ends_the_connection_and_the_agent_follows(void **state)
{
    struct both b = {.o = owner_of_tcp()};
    char more;
    (void)state;
    b.relay.session = begin(&b, &b.relay, b.o->conn, TUNNEL_RELAY);
    side_deinit(&b.relay);
    serve(b.o);
    assert_close_frame(b.o, false);
    assert_int_equal(recv(b.o->peer, &more, 1, 0), 0);
    owner_free(b.o);

    b.o = owner_of_tcp();
    b.agent.session = begin(&b, &b.agent, b.o->conn, TUNNEL_AGENT);
    side_deinit(&b.agent);
    serve(b.o);
    assert_close_frame(b.o, true);
    assert_int_equal(recv(b.o->peer, &more, 1, 0), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(shutdown(b.o->peer, SHUT_WR), 0);
    WAIT(b.o, b.o->closed);
    assert_int_equal(recv(b.o->peer, &more, 1, 0), 0);
    owner_free(b.o);
}

static void sessions_that_close_at_a_time_do_not_wait_for_each_other(void **state)
{
    struct both b;
    (void)state;
    both_init(&b);
    side_deinit(&b.relay);
    side_deinit(&b.agent);
    serve(b.o); // what they discard begins their time anew
    never_time_out(b.o);
    WAIT(b.o, !b.o->loop.conns.first);
    both_deinit(&b);
}

// The peer that does not leave closes as the programs do: its streams end while it closes.
static void on_peer_gone(struct side *side)
{
    if (!side->session || !side->ended)
        return;
    session_close(side->session, &(struct session_close){.code = side->code});
    side->session = NULL;
}

static void leave(struct side *side)
{
    session_leave(side->session, &(struct session_close){.code = WS_CLOSE_NORMAL});
    assert_int_equal(side->lost, STREAMS);
    assert_int_equal(side->open, 0);
    session_leave(side->session, &(struct session_close){.code = WS_CLOSE_PROTOCOL}); // nothing
}

static void who_leaves_takes_the_peers_last_reports(void **state)
{
    (void)state;
    for (int who = 1; who < 4; who++) { // the relay, the agent, both
        struct both b;
        both_init(&b);
        begin_streams(&b);
        b.agent.lends = true; // no body comes
        WAIT(b.o, b.agent.open == STREAMS);
        if (who & 1)
            leave(&b.relay);
        if (who & 2)
            leave(&b.agent);
        while (b.relay.session || b.agent.session) {
            (void)uv_run(&b.o->loop.uv, UV_RUN_ONCE);
            on_peer_gone(&b.relay);
            on_peer_gone(&b.agent);
        }
        assert_int_equal(b.relay.reports, STREAMS);
        assert_int_equal(b.agent.reports, STREAMS);
        assert_int_equal(b.relay.code, WS_CLOSE_NORMAL);
        assert_int_equal(b.agent.code, WS_CLOSE_NORMAL);
        conn_flush_closing(&b.o->loop, UINT32_MAX);
        both_deinit(&b);
    }
}

// Its owner limits the time. Nothing but a Close frame was sent, and only that.
static void who_leaves_may_wait_in_vain(void **state)
{
    (void)state;
    for (int role = TUNNEL_RELAY; role <= TUNNEL_AGENT; role++) {
        struct both b = {.o = owner_of_tcp()};
        char more;
        struct side *side = &b.relay;
        side->session = begin(&b, side, b.o->conn, (enum tunnel_role)role);
        session_leave(side->session, &(struct session_close){.code = WS_CLOSE_NORMAL});
        conn_flush_closing(&b.o->loop, 1);
        assert_close_frame(b.o, role == TUNNEL_AGENT);
        assert_int_equal(recv(b.o->peer, &more, 1, 0), -1);
        assert_int_equal(errno, EAGAIN); // no end either: a proxy between could drop what comes
        assert_false(side->ended);
        side_deinit(side);
        serve(b.o);
        assert_int_equal(recv(b.o->peer, &more, 1, 0), role == TUNNEL_AGENT ? -1 : 0);
        owner_free(b.o);
    }
}

static void a_session_that_is_closed_from_outside_loses_its_streams_at_once(void **state)
{
    struct both b;
    (void)state;
    both_init(&b);
    begin_streams(&b);
    b.agent.closes_on = ON_ENDED;
    struct session *s = b.relay.session;
    b.relay.session = NULL;
    session_close(s, &(struct session_close){.code = WS_CLOSE_NORMAL});
    assert_int_equal(b.relay.lost, STREAMS);
    WAIT(b.o, b.agent.ended && !b.agent.session);
    assert_int_equal(b.agent.code, WS_CLOSE_NORMAL);
    both_deinit(&b);
}

// Gives a body that lies in an input, as if that was being read.
static void lend(struct both *b, struct mux_stream *s)
{
    static uint8_t body[LENT];
    pattern_write(body, LENT, 1, 0);
    loop_begin_read(&b->o->loop, slice_of((const char *)body, LENT));
    assert_int_equal(mux_data_borrowed(s, (const char *)body, LENT), 0);
    session_wake(b->agent.session);
    loop_end_read(&b->o->loop);
    memset(body, 0, LENT);
}

static void begin_lending(struct both *b, int socket_bytes)
{
    both_init(b);
    int fd = conn_fd(b->link);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &socket_bytes, sizeof(int)), 0);
    b->agent.lends = b->relay.lends = true;
    begin_streams(b);
    WAIT(b->o, b->agent.open == STREAMS);
}

// The agent masks it where it lies, and writes it from there.
static void a_lent_body_leaves_before_its_input_changes(void **state)
{
    struct both b;
    (void)state;
    begin_lending(&b, 4 * LENT);
    lend(&b, b.agent.streams[0]);
    assert_int_equal(conn_pending(b.link), 0);
    WAIT(b.o, b.relay.received == LENT);
    assert_int_equal(mux_finish(b.agent.streams[0], NULL), 0);
    session_wake(b.agent.session);
    WAIT(b.o, b.relay.open == STREAMS - 1);
    both_deinit(&b);
}

// The session copies what the socket does not take; while it takes nothing, the tunnel keeps the
// rest.
static void a_slow_link_takes_a_part_of_a_lent_body(void **state)
{
    struct both b;
    (void)state;
    begin_lending(&b, 4096);
    lend(&b, b.agent.streams[0]);
    assert_in_range(conn_pending(b.link), 1, LENT - 1);
    WAIT(b.o, b.relay.received == LENT);
    b.relay.lends = false; // those behind take turns
    for (int i = 1; i < STREAMS; i++) {
        lend(&b, b.agent.streams[i]);
        assert_in_range(conn_pending(b.link), 1, LIMIT_LINK_QUEUE_BYTES + LENT);
    }
    WAIT(b.o, b.relay.received == (size_t)STREAMS * LENT);
    both_deinit(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_handler_may_close_its_session_in_any_event),
        cmocka_unit_test(what_a_message_causes_is_sent_without_a_tick),
        cmocka_unit_test(a_lent_body_leaves_before_its_input_changes),
        cmocka_unit_test(a_slow_link_takes_a_part_of_a_lent_body),
        cmocka_unit_test(a_session_that_is_closed_from_outside_loses_its_streams_at_once),
        cmocka_unit_test(sessions_that_close_at_a_time_do_not_wait_for_each_other),
        cmocka_unit_test(the_relay_ends_the_connection_and_the_agent_follows),
        cmocka_unit_test(who_leaves_may_wait_in_vain),
        cmocka_unit_test(who_leaves_takes_the_peers_last_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
