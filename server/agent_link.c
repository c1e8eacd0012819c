// SPDX-License-Identifier: MIT
// An agent's link: WebSocket frames on a connection, each message of which is a link message of the
// tunnel (docs/protocol.md §1).
#include <stdio.h>
#include "agents_internal.h"
#include "common/base/clock.h"

// Moves link messages from the tunnel to the connection while fewer than LIMIT_LINK_QUEUE_BYTES
// wait there: what stays in the tunnel can still be ordered by urgency, and is flow-controlled.
static void on_flush(struct loop_task *task)
{
    struct agent *a = container_of(task, struct agent, flush);
    uint8_t *scratch = (uint8_t *)a->set->loop->scratch;
    tunnel_set_now(a->tunnel, clock_ns() / 1000);
    while (conn_pending(a->conn) < LIMIT_LINK_QUEUE_BYTES) {
        int n = tunnel_send(a->tunnel, scratch, TUNNEL_MESSAGE_MAX);
        if (n < 0) {
            agent_close_error(a, CLOSE_PROTOCOL, n);
            return;
        }
        if (n == 0)
            break;
        if (!agent_write_frame(a, WS_BINARY, scratch, (size_t)n)) {
            agent_close(a, CLOSE_GOING_AWAY, "out of memory");
            return;
        }
    }
    if (tunnel_state(a->tunnel) == TUNNEL_REFUSED && !tunnel_wants_send(a->tunnel))
        agent_close(a, CLOSE_NORMAL, "refused");
}

static void on_message(struct agent *a, const struct ws_event *e)
{
    if (e->opcode != WS_BINARY) {
        agent_close(a, CLOSE_PROTOCOL, "a message that is not binary");
        return;
    }
    int error = tunnel_recv(a->tunnel, e->bytes, e->len, e->last);
    if (error)
        agent_close_error(a, CLOSE_PROTOCOL, error);
    else
        agent_wake(a);
}

static void on_control_frame(struct agent *a, const struct ws_event *e)
{
    if (e->opcode == WS_CLOSE) {
        bool clean = e->len >= 2 && (e->bytes[0] << 8 | e->bytes[1]) == CLOSE_NORMAL;
        agent_close(a, clean ? CLOSE_NORMAL : CLOSE_GOING_AWAY, "the agent has left");
        return;
    }
    if (e->opcode == WS_PING && conn_pending(a->conn) < LIMIT_LINK_QUEUE_BYTES)
        (void)agent_write_frame(a, WS_PONG, e->bytes, e->len);
    int error = tunnel_recv_ping(a->tunnel);
    if (error)
        agent_close_error(a, CLOSE_PROTOCOL, error);
}

static void on_readable(struct conn *c)
{
    struct agent *a = conn_owner(c);
    if (!a->closed)
        tunnel_set_now(a->tunnel, clock_ns() / 1000);
    while (!a->closed) {
        struct slice in = conn_in(c);
        struct ws_event e = {0};
        // Unmasks in place: the bytes belong to the connection and are consumed with this call.
        int n = ws_read(&a->reader, (uint8_t *)(uintptr_t)in.p, in.len, &e);
        if (n < 0)
            agent_close(a, CLOSE_PROTOCOL, ws_strerror(n));
        if (n <= 0)
            return;
        if (e.kind == WS_EVENT_DATA)
            on_message(a, &e);
        else if (e.kind == WS_EVENT_CONTROL)
            on_control_frame(a, &e);
        if (!a->closed)
            conn_consume(c, (size_t)n);
    }
}

static void on_sent(struct conn *c)
{
    struct agent *a = conn_owner(c);
    a->progress = true;
    agent_wake(a);
}

static void on_eof(struct conn *c)
{
    agent_close(conn_owner(c), CLOSE_GOING_AWAY, "the link was closed");
}

static void on_failed(struct conn *c, int error)
{
    struct agent *a = conn_owner(c);
    a->conn = NULL;
    agent_close(a, CLOSE_GOING_AWAY, uv_strerror(error));
}

static const struct conn_ops conn_ops = {on_readable, on_sent, on_eof, on_failed, NULL};

// Closes agents that are silent, do not greet in time or do not read.
static void on_tick(struct timeout *t)
{
    struct agent *a = container_of(t, struct agent, tick);
    struct loop *loop = a->set->loop;
    uint64_t now = loop_now_ms(loop);
    int error = tunnel_tick(a->tunnel, now);
    if (error) {
        agent_close_error(a, CLOSE_GOING_AWAY, error);
        return;
    }
    if (!a->greeted && now - a->since_ms >= loop->limits.hello_ms) {
        agent_close(a, CLOSE_PROTOCOL, "no hello in time");
        return;
    }
    if (a->progress || conn_pending(a->conn) == 0)
        a->progress_ms = now;
    a->progress = false;
    if (now - a->progress_ms >= LIMIT_LINK_STALL_MS) {
        agent_close(a, CLOSE_GOING_AWAY, "the agent does not read");
        return;
    }
    timeout_start(loop, &a->tick, TUNNEL_TICK_MS, on_tick);
    if (tunnel_wants_send(a->tunnel))
        agent_wake(a);
}

void agent_link_begin(struct agent *a, struct conn *c)
{
    a->conn = c;
    a->flush.run = on_flush;
    ws_reader_init(&a->reader, true, TUNNEL_MESSAGE_MAX);
    conn_set_owner(c, &conn_ops, a);
    conn_set_read_max(c, LIMIT_READ_BYTES);
    conn_want_read(c, true);
    conn_recheck(c);
    timeout_start(a->set->loop, &a->tick, TUNNEL_TICK_MS, on_tick);
}
