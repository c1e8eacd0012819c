// SPDX-License-Identifier: MIT
// The events of a session: bytes of the link, room in it, time.
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "session_internal.h"

static bool is_open(const struct session *s)
{
    return !s->ended && !s->closed;
}

// Whether the tunnel may send.
static bool is_linked(const struct session *s)
{
    return s->link->conn && is_open(s) && !s->left;
}

static void stop(struct session *s)
{
    timeout_stop(&s->tick);
    loop_unqueue(s->loop, &s->flush);
}

static void end(struct session *s, struct session_end why)
{
    if (!is_open(s))
        return;
    s->ended = true;
    stop(s);
    if (!why.detail)
        why.detail = "";
    s->handler->ended(s->ctx, &why);
}

// A peer that broke the protocol is told so; one that is slow, or a lack of ours, may be over at
// the next attempt (docs/protocol.md §1).
static enum ws_close_code code_of(int error)
{
    switch ((enum tunnel_error)error) {
    case TUNNEL_E_PIPE:
    case TUNNEL_E_CONTROL:
    case TUNNEL_E_MUX:
    case TUNNEL_E_FLOOD: return WS_CLOSE_PROTOCOL;
    case TUNNEL_E_SILENT:
    case TUNNEL_E_MEMORY:
    case TUNNEL_E_FULL:
    case TUNNEL_E_STALLED:
    case TUNNEL_E_IDS: break;
    }
    return WS_CLOSE_GOING_AWAY;
}

static void end_tunnel(struct session *s, int error)
{
    end(s, (struct session_end){.fault = SESSION_TUNNEL_FAILED,
                                .error = error,
                                .detail = tunnel_detail(s->tunnel),
                                .code = code_of(error)});
}

static void end_away(struct session *s, enum session_fault fault, int error)
{
    end(s, (struct session_end){.fault = fault, .error = error, .code = WS_CLOSE_GOING_AWAY});
}

static void end_breach(struct session *s, enum session_fault fault, int error)
{
    end(s, (struct session_end){.fault = fault, .error = error, .code = WS_CLOSE_PROTOCOL});
}

static void write_close_frame(struct session *s)
{
    const struct session_close *how = &s->close;
    char body[WS_CONTROL_MAX] = {(char)((unsigned)how->code >> 8), (char)how->code};
    int len = 2;
    if (how->retry_within_ms > 0)
        len += snprintf(body + 2, sizeof(body) - 2, "retry %u", (unsigned)how->retry_within_ms);
    (void)session_write_control(s->link, WS_CLOSE, body, (size_t)len);
}

// The last that we send: what the peer does not know yet of the exchanges, and a Close frame.
static void say_goodbye(struct session *s)
{
    if (s->left)
        return;
    while (!s->close.at_once && session_write_message(s) > 0)
        ;
    write_close_frame(s);
}

static void close_link(struct session *s)
{
    // The relay ends the connection (RFC 6455 §7.1.1), also when both ends close at a time.
    enum conn_close_mode mode = s->role == TUNNEL_AGENT ? CONN_CLOSE_AWAIT : CONN_CLOSE_FLUSH;
    if (s->close.at_once)
        mode = conn_pending(s->link->conn) > 0 ? CONN_CLOSE_NOW : CONN_CLOSE_RESET;
    say_goodbye(s);
    conn_close(s->link->conn, mode);
    s->link->conn = NULL;
}

// Does nothing the second time. Not while the tunnel is on the stack: it would go on with streams
// that are freed, and the Close frame would be written to where it writes its message.
static void lose_link(struct session *s)
{
    tunnel_leave(s->tunnel);
    if (s->link->conn)
        close_link(s);
}

// Before each call into the tunnel that may call its handler.
static void enter_tunnel(struct session *s)
{
    s->in_tunnel = true;
}

static void queue_flush(struct session *s)
{
    s->woken = false;
    if (mux_has_borrowed(tunnel_mux(s->tunnel)))
        loop_queue_settle(s->loop, &s->settle);
    else if (is_open(s))
        loop_queue(s->loop, &s->flush);
}

// Behind it: does what session_close and session_wake could not do meanwhile.
static void leave_tunnel(struct session *s)
{
    s->in_tunnel = false;
    if (s->closed)
        lose_link(s);
    else if (s->woken)
        queue_flush(s);
}

// Gives the tunnel the time, by which it measures round trips and rates.
static void set_now(struct session *s)
{
    tunnel_set_now(s->tunnel, clock_ns() / 1000);
}

// Moves link messages from the tunnel to the connection while fewer than `most` bytes wait there:
// what stays in the tunnel can still be ordered by urgency, and is flow-controlled. Returns whether
// there was any.
static bool fill_link(struct session *s, size_t most)
{
    bool any = false;
    int n = 1;
    set_now(s);
    while (n > 0 && is_linked(s) && conn_pending(s->link->conn) < most) {
        enter_tunnel(s);
        n = session_write_message(s);
        leave_tunnel(s);
        any = any || n > 0;
    }
    if (!is_open(s))
        return false;
    if (n == TUNNEL_E_MEMORY)
        end_away(s, SESSION_NO_MEMORY, 0);
    else if (n < 0)
        end_tunnel(s, n);
    else if (s->role == TUNNEL_RELAY && tunnel_state(s->tunnel) == TUNNEL_REFUSED &&
             !tunnel_wants_send(s->tunnel))
        end(s, (struct session_end){.fault = SESSION_REFUSED, .code = WS_CLOSE_NORMAL});
    return any;
}

static void on_flush(struct loop_task *task)
{
    (void)fill_link(container_of(task, struct session, flush), LIMIT_LINK_QUEUE_BYTES);
}

// A link that takes no bytes gets no more of a read than of a queue: it would be copied.
static size_t most_lent(const struct session *s)
{
    bool takes = s->link->conn && !conn_is_blocked(s->link->conn);
    return takes ? LIMIT_LINK_LENT_BYTES : LIMIT_LINK_QUEUE_BYTES;
}

// Body bytes that the mux has borrowed from a read buffer leave from there as far as the link takes
// them; the rest is copied into their stream's queue.
static void on_settle(struct loop_task *task)
{
    struct session *s = container_of(task, struct session, settle);
    while (fill_link(s, most_lent(s)) && is_linked(s) &&
           conn_pending(s->link->conn) >= most_lent(s))
        conn_flush(s->link->conn);
    enter_tunnel(s);
    mux_settle_data(tunnel_mux(s->tunnel));
    leave_tunnel(s);
    session_wake(s);
}

static void on_message(struct session *s, const struct ws_event *e)
{
    if (e->opcode != WS_BINARY) {
        end_breach(s, SESSION_NOT_BINARY, 0);
        return;
    }
    enter_tunnel(s);
    int error = tunnel_recv(s->tunnel, e->bytes, e->len, e->last);
    s->woken = s->woken || !error; // an acknowledgement may be due
    leave_tunnel(s);
    if (error)
        end_tunnel(s, error);
}

// A Close frame: two bytes of code, and perhaps "retry MS" (docs/protocol.md §1).
static void on_close_frame(struct session *s, const struct ws_event *e)
{
    const struct slice word = SLICE("retry ");
    struct slice body = slice_of((const char *)e->bytes, e->len);
    bool clean = body.len >= 2 && read_be(e->bytes, 2) == WS_CLOSE_NORMAL;
    struct session_end why = {.fault = SESSION_PEER_LEFT,
                              .code = clean ? WS_CLOSE_NORMAL : WS_CLOSE_GOING_AWAY};
    uint64_t ms = 0;
    if (body.len > 2 + word.len && slice_eq(slice_of(body.p + 2, word.len), word) &&
        slice_to_u64(slice_of(body.p + 2 + word.len, body.len - 2 - word.len), &ms) &&
        ms <= UINT32_MAX)
        why.retry_within_ms = (uint32_t)ms;
    end(s, why);
}

static void on_control_frame(struct session_link *l, const struct ws_event *e)
{
    struct session *s = l->session;
    if (e->opcode == WS_CLOSE) {
        on_close_frame(s, e);
        return;
    }
    if (e->opcode == WS_PING && !s->left && conn_pending(l->conn) < LIMIT_LINK_QUEUE_BYTES)
        (void)session_write_control(l, WS_PONG, e->bytes, e->len);
    int error = tunnel_recv_ping(s->tunnel);
    if (error)
        end_tunnel(s, error);
}

static void on_readable(struct conn *c)
{
    struct session_link *l = conn_owner(c);
    struct session *s = l->session;
    set_now(s);
    while (!s->ended && !s->closed) {
        struct slice in = conn_in(c);
        struct ws_event e = {0};
        // Unmasks in place: the bytes belong to the connection and are consumed with this call.
        int n = ws_read(&l->reader, (uint8_t *)(uintptr_t)in.p, in.len, &e);
        if (n < 0)
            end_breach(s, SESSION_BAD_FRAME, n);
        if (n <= 0)
            return;
        if (e.kind == WS_EVENT_DATA)
            on_message(s, &e);
        else if (e.kind == WS_EVENT_CONTROL)
            on_control_frame(l, &e);
        if (!s->closed)
            conn_consume(c, (size_t)n);
    }
}

static void on_sent(struct conn *c)
{
    struct session_link *l = conn_owner(c);
    l->progress = true;
    session_wake(l->session);
}

static void on_eof(struct conn *c)
{
    end_away(((struct session_link *)conn_owner(c))->session, SESSION_EOF, 0);
}

static void on_failed(struct conn *c, int error)
{
    struct session_link *l = conn_owner(c);
    l->conn = NULL;
    end_away(l->session, SESSION_CONN_FAILED, error);
}

static const struct conn_ops conn_ops = {on_readable, on_sent, on_eof, on_failed, NULL};

static void on_tick(struct timeout *t)
{
    struct session *s = container_of(t, struct session, tick);
    uint64_t now = loop_now_ms(s->loop);
    enter_tunnel(s);
    int error = tunnel_tick(s->tunnel, now);
    leave_tunnel(s);
    if (error) {
        end_tunnel(s, error);
        return;
    }
    struct conn *c = is_open(s) ? s->link->conn : NULL;
    if (!c)
        return; // the handler has closed it
    if (s->link->progress || conn_pending(c) == 0)
        s->link->progress_ms = now;
    conn_trim(c);
    s->link->progress = false;
    if (now - s->link->progress_ms >= LIMIT_LINK_STALL_MS) {
        end_away(s, SESSION_STALLED, 0);
        return;
    }
    timeout_start(s->loop, &s->tick, TUNNEL_TICK_MS, on_tick);
    if (tunnel_wants_send(s->tunnel))
        session_wake(s);
}

static void session_free(struct session *s)
{
    if (!s)
        return;
    loop_unqueue_settle(s->loop, &s->settle);
    tunnel_free(s->tunnel);
    free(s->link->masks);
    free(s);
}

static void on_free(struct loop_task *task)
{
    session_free(container_of(task, struct session, free_task));
}

static void begin_link(struct session *s, struct conn *c)
{
    s->link->conn = c;
    conn_set_owner(c, &conn_ops, s->link);
    conn_keep(c);
    conn_set_read_max(c, LIMIT_READ_BULK_BYTES);
    conn_want_read(c, true);
    conn_recheck(c);
    timeout_start(s->loop, &s->tick, TUNNEL_TICK_MS, on_tick);
}

struct session *session_new(struct loop *l, struct conn *c, const struct tunnel_config *config,
                            const struct session_handler *handler, void *ctx)
{
    struct session *s = calloc(1, sizeof(*s));
    bool masks = config->role == TUNNEL_AGENT;
    uint64_t now = loop_now_ms(l);
    if (s) {
        s->link = &s->links[0];
        s->link->session = s;
        s->loop = l;
        s->tunnel = tunnel_new(config, &handler->tunnel, ctx, now);
    }
    if (s && masks)
        s->link->masks = calloc(1, sizeof(*s->link->masks));
    if (!s || !s->tunnel || (masks && !s->link->masks)) {
        session_free(s);
        conn_close(c, CONN_CLOSE_NOW);
        return NULL;
    }
    s->role = config->role;
    s->handler = handler;
    s->ctx = ctx;
    s->link->progress_ms = now;
    s->flush.run = on_flush;
    s->settle.run = on_settle;
    s->free_task.run = on_free;
    ws_reader_init(&s->link->reader, !masks, TUNNEL_MESSAGE_MAX);
    begin_link(s, c);
    return s;
}

struct tunnel *session_tunnel(const struct session *s)
{
    return s->tunnel;
}

void session_wake(struct session *s)
{
    // The many events of one message wake once.
    if (s->in_tunnel)
        s->woken = true;
    else
        queue_flush(s);
}

bool session_has_link(const struct session *s)
{
    return s->link->conn != NULL;
}

void session_leave(struct session *s, const struct session_close *how)
{
    if (!s || !is_open(s) || s->left)
        return;
    assert(!s->in_tunnel);
    stop(s);
    tunnel_leave(s->tunnel);
    if (!s->link->conn)
        return;
    s->close = *how;
    say_goodbye(s);
    s->left = true;
    conn_set_leaving(s->link->conn);
}

void session_close(struct session *s, const struct session_close *how)
{
    if (!s || s->closed)
        return;
    s->closed = true;
    s->close = *how;
    stop(s);
    if (!s->in_tunnel)
        lose_link(s);
    loop_queue(s->loop, &s->free_task);
}
