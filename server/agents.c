// SPDX-License-Identifier: MIT
#include "agents.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "common/log.h"
#include "common/owner.h"
#include "common/stream_end.h"
#include "proto/tunnel.h"
#include "proto/websocket.h"

enum {
    CLOSE_NORMAL = 1000,
    CLOSE_GOING_AWAY = 1001,
    CLOSE_PROTOCOL = 1002,
    // Within which time agents come back to a relay that begins anew: at once when they are few,
    // and of a thousand not many at a time (docs/protocol.md §2).
    RETRY_LEAST_MS = 100,
    RETRY_PER_1000_MS = 1500
};

struct agent {
    struct relay *relay;
    struct agent *prev, *next;
    struct conn *conn;
    struct tunnel *tunnel;
    struct ws_reader reader;
    struct loop_task flush, free_task;
    struct timeout tick;
    struct route *routes;
    size_t route_count;
    uint64_t number;             // of its tunnel
    enum exchange_record record; // of its exchanges, at most
    uint64_t since_ms;
    uint64_t sent_ms; // when the link last took something, or had nothing to take
    bool sent;        // it has taken something since the last tick
    bool greeted;     // its hello has come
    bool closed;
    char owner[ROUTE_OWNER_DIGITS + 1]; // SHA-256 of its key
    char before[72];                    // its hello's, or empty
};

static void on_free(struct loop_task *task)
{
    struct agent *a = container_of(task, struct agent, free_task);
    tunnel_free(a->tunnel);
    free(a);
}

static void leave_routes(struct agent *a, bool clean)
{
    while (a->routes) {
        struct route *r = a->routes;
        a->routes = r->agent_next;
        if (r->agent == a)
            routes_leave(r, !clean);
    }
}

// Whole or not at all: false when out of memory.
static bool write_frame(struct agent *a, enum ws_opcode opcode, const void *bytes, size_t len)
{
    const struct ws_header h = {.fin = true, .opcode = opcode, .length = len};
    char *out = conn_reserve(a->conn, WS_HEADER_MAX + len);
    if (!out)
        return false;
    size_t n = ws_write_header((uint8_t *)out, &h);
    if (len > 0)
        memcpy(out + n, bytes, len);
    conn_written(a->conn, n + len);
    return true;
}

// The code, and when we stop the time within which the agent is to be back.
static void write_close(struct agent *a, unsigned ws_code)
{
    char body[32] = {(char)(ws_code >> 8), (char)ws_code};
    int len = 2;
    if (a->relay->retry_ms > 0)
        len += snprintf(body + 2, sizeof(body) - 2, "retry %zu", a->relay->retry_ms);
    (void)write_frame(a, WS_CLOSE, body, (size_t)len);
}

// The one way an agent ends. Its exchanges hear that the tunnel is gone.
static void agent_close(struct agent *a, unsigned ws_code, const char *why)
{
    struct relay *r = a->relay;
    if (a->closed)
        return;
    a->closed = true;
    log_info("tunnel closed: %s (%zu names)", why, a->route_count);
    leave_routes(a, ws_code == CLOSE_NORMAL);
    if (a->prev)
        a->prev->next = a->next;
    else
        r->agents = a->next;
    if (a->next)
        a->next->prev = a->prev;
    r->agent_count--;
    r->unauthenticated -= a->greeted ? 0 : 1;
    timeout_stop(&a->tick);
    loop_unqueue(&r->loop, &a->flush);
    mux_lose(tunnel_mux(a->tunnel));
    if (a->conn) {
        write_close(a, ws_code);
        conn_close(a->conn, CONN_END_FLUSH);
    }
    a->conn = NULL;
    a->free_task.run = on_free;
    loop_queue(&r->loop, &a->free_task);
}

// The same for an error of the tunnel.
static void close_for(struct agent *a, unsigned ws_code, int error)
{
    char why[160];
    const char *detail = tunnel_detail(a->tunnel);
    (void)snprintf(why, sizeof(why), detail[0] ? "%s: %s" : "%s", tunnel_strerror(error), detail);
    agent_close(a, ws_code, why);
}

static void wake(void *ctx)
{
    struct agent *a = ctx;
    if (!a->closed)
        loop_queue(&a->relay->loop, &a->flush);
}

// Fills the link with what the tunnel has to send: at most LIMIT_LINK_QUEUE_BYTES beyond what has
// left.
static void on_flush(struct loop_task *task)
{
    struct agent *a = container_of(task, struct agent, flush);
    uint8_t *scratch = (uint8_t *)a->relay->loop.scratch;
    while (conn_pending(a->conn) < LIMIT_LINK_QUEUE_BYTES) {
        int n = tunnel_send(a->tunnel, scratch, TUNNEL_MESSAGE_MAX);
        if (n < 0) {
            close_for(a, CLOSE_PROTOCOL, n);
            return;
        }
        if (n == 0)
            break;
        if (!write_frame(a, WS_BINARY, scratch, (size_t)n)) {
            agent_close(a, CLOSE_GOING_AWAY, "out of memory");
            return;
        }
    }
    if (tunnel_state(a->tunnel) == TUNNEL_REFUSED && !tunnel_wants_send(a->tunnel))
        agent_close(a, CLOSE_NORMAL, "refused");
}

static void say(struct agent *a, const struct hello *message)
{
    if (tunnel_say(a->tunnel, message))
        log_warn("a message to an agent was dropped: its queue is full");
    wake(a);
}

__attribute__((format(printf, 4, 5))) static void refuse(struct agent *a, uint64_t id,
                                                         const char *code, const char *format, ...)
{
    struct hello message = {.type = HELLO_REFUSED, .id = id};
    va_list args;
    (void)snprintf(message.code, sizeof(message.code), "%s", code);
    va_start(args, format);
    (void)vsnprintf(message.message, sizeof(message.message), format, args);
    va_end(args);
    say(a, &message);
}

// An agent may ask for less than all. A word that we don't know is one that we cannot do.
static enum exchange_record record_of(const struct hello *hello)
{
    if (!hello->record[0] || strcmp(hello->record, "all") == 0)
        return EXCHANGE_RECORD_ALL;
    return strcmp(hello->record, "heads") == 0 ? EXCHANGE_RECORD_HEADS : EXCHANGE_RECORD_NONE;
}

static void greet(struct agent *a, const struct hello *hello)
{
    struct hello welcome = {.type = HELLO_WELCOME, .version = HELLO_VERSION};
    (void)snprintf(welcome.features, sizeof(welcome.features), "%s",
                   a->relay->recorder ? "reports" : ""); // which go into the record
    a->record = record_of(hello);
    memcpy(a->before, hello->before, sizeof(a->before));
    a->greeted = true;
    a->relay->unauthenticated--;
    if (!hello_has_owner(hello) ||
        !secret_sha256_hex(hello->owner, strlen(hello->owner), a->owner)) {
        refuse(a, 0, "ADIT-BAD-OWNER", "The owner key must have 64 hexadecimal digits.");
        return;
    }
    (void)snprintf(welcome.software, sizeof(welcome.software), "aditd %s", ADIT_VERSION);
    say(a, &welcome);
}

// Takes a route away from the agent that has it, which is told why.
static void take_over(struct route *r)
{
    struct agent *old = r->agent;
    if (!old)
        return;
    struct route **at = &old->routes;
    while (*at && *at != r)
        at = &(*at)->agent_next;
    if (*at)
        *at = r->agent_next;
    old->route_count--;
    refuse(old, r->bind_id, "ADIT-REPLACED", "Another adit of yours has taken over the name %s.",
           r->name);
}

// Whether a name that is taken is this agent's: it has the same key, or shows that it knows the one
// that its owner had before. That is believed for our own domain only, since what it shows for a
// host that anybody may use, like an address, another relay there might show to us.
static bool is_owner(const struct agent *a, const struct route *r)
{
    owner_value proof;
    if (secret_equal(r->owner, ROUTE_OWNER_DIGITS, a->owner, ROUTE_OWNER_DIGITS))
        return true;
    return a->before[0] && owner_proof(r->owner, a->relay->config.domain, proof) &&
           secret_equal(proof, OWNER_DIGITS, a->before, strlen(a->before));
}

// The route that a bind may have, or NULL after the refusal was said.
static struct route *route_for(struct agent *a, const struct hello *bind)
{
    char name[NAME_MAX_BYTES + 1];
    struct routes *table = &a->relay->routes;
    if (bind->name[0] ? !name_normalise(slice_str(bind->name), name) : !name_random(name)) {
        refuse(a, bind->id, "ADIT-BAD-NAME",
               "A name has 1 to 63 letters, digits and hyphens, no hyphen at its ends.");
        return NULL;
    }
    struct route *r = routes_find(table, name);
    bool taken = r && (r->agent || r->reserved);
    if (taken && !is_owner(a, r)) {
        refuse(a, bind->id, "ADIT-NAME-IN-USE",
               "The name %s is in use by somebody else. Choose another with --url.", name);
        return NULL;
    }
    // One that is there already is the agent's own, or nobody's: it takes no more room.
    const struct limits *l = &a->relay->loop.limits;
    bool more = !r || r->agent != a;
    if ((more && a->route_count >= l->names_per_tunnel) || (!r && table->count >= l->tunnels)) {
        refuse(a, bind->id, "ADIT-TOO-MANY-NAMES",
               "There are too many names. Stop tunnels that are not used.");
        return NULL;
    }
    if (!r)
        r = routes_add(table, name);
    if (!r)
        refuse(a, bind->id, "ADIT-BUSY", "The relay is out of memory.");
    return r;
}

static void bind_name(struct agent *a, const struct hello *bind)
{
    struct hello bound = {.type = HELLO_BOUND, .id = bind->id};
    struct route *r = route_for(a, bind);
    if (!r)
        return;
    take_over(r);
    r->agent = a;
    r->bind_id = bind->id;
    (void)snprintf(r->bind_text, sizeof(r->bind_text), "%llu", (unsigned long long)bind->id);
    r->agent_next = a->routes;
    a->routes = r;
    a->route_count++;
    memcpy(r->owner, a->owner, sizeof(r->owner));
    routes_taken(r);
    (void)snprintf(bound.name, sizeof(bound.name), "%s", r->name);
    relay_url(a->relay, r->name, bound.url, sizeof(bound.url));
    log_info("tunnel open: %s", bound.url);
    say(a, &bound);
}

static void on_control(void *ctx, const struct hello *message)
{
    struct agent *a = ctx;
    switch (message->type) {
    case HELLO_HELLO: greet(a, message); return;
    case HELLO_BIND: bind_name(a, message); return;
    case HELLO_WELCOME:
    case HELLO_REFUSED:
    case HELLO_BOUND:
    case HELLO_DRAIN: return;
    }
}

static void on_report(void *ctx, const struct report *report)
{
    struct agent *a = ctx;
    recorder_report(a->relay->recorder, a->number, report);
}

static const struct tunnel_handler handler = {
    .mux = {stream_end_on_head, stream_end_on_data, stream_end_on_end, stream_end_on_drained,
            stream_end_on_closed},
    .control = on_control,
    .report = on_report,
};

static void on_message(struct agent *a, const struct ws_event *e)
{
    if (e->opcode != WS_BINARY) {
        agent_close(a, CLOSE_PROTOCOL, "a message that is not binary");
        return;
    }
    int error = tunnel_recv(a->tunnel, e->bytes, e->len, e->last);
    if (error)
        close_for(a, CLOSE_PROTOCOL, error);
    else
        wake(a);
}

static void on_control_frame(struct agent *a, const struct ws_event *e)
{
    if (e->opcode == WS_CLOSE) {
        bool clean = e->len >= 2 && (e->bytes[0] << 8 | e->bytes[1]) == CLOSE_NORMAL;
        agent_close(a, clean ? CLOSE_NORMAL : CLOSE_GOING_AWAY, "the agent has left");
        return;
    }
    if (e->opcode == WS_PING && conn_pending(a->conn) < LIMIT_LINK_QUEUE_BYTES)
        (void)write_frame(a, WS_PONG, e->bytes, e->len);
    int error = tunnel_recv_chatter(a->tunnel);
    if (error)
        close_for(a, CLOSE_PROTOCOL, error);
}

static void on_readable(struct conn *c)
{
    struct agent *a = c->owner;
    while (!a->closed) {
        struct slice in = conn_in(c);
        struct ws_event e = {0};
        // In place: the bytes are the connection's own and are consumed with this call.
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
    struct agent *a = c->owner;
    a->sent = true;
    wake(a);
}

static void on_eof(struct conn *c)
{
    agent_close(c->owner, CLOSE_GOING_AWAY, "the link was closed");
}

static void on_failed(struct conn *c, int error)
{
    struct agent *a = c->owner;
    a->conn = NULL;
    agent_close(a, CLOSE_GOING_AWAY, uv_strerror(error));
}

static const struct conn_ops conn_ops = {on_readable, on_sent, on_eof, on_failed, NULL};

static void on_tick(struct timeout *t)
{
    struct agent *a = container_of(t, struct agent, tick);
    uint64_t now = loop_now_ms(&a->relay->loop);
    int error = tunnel_tick(a->tunnel, now);
    if (error) {
        close_for(a, CLOSE_GOING_AWAY, error);
        return;
    }
    if (!a->greeted && now - a->since_ms >= a->relay->loop.limits.hello_ms) {
        agent_close(a, CLOSE_PROTOCOL, "no hello in time");
        return;
    }
    if (a->sent || conn_pending(a->conn) == 0)
        a->sent_ms = now;
    a->sent = false;
    if (now - a->sent_ms >= LIMIT_LINK_STALL_MS) {
        agent_close(a, CLOSE_GOING_AWAY, "the agent does not read");
        return;
    }
    timeout_start(&a->relay->loop, &a->tick, TUNNEL_TICK_MS, on_tick);
    if (tunnel_wants_send(a->tunnel))
        wake(a);
}

void agent_accept(struct relay *r, struct conn *c)
{
    struct agent *a = calloc(1, sizeof(*a));
    uint64_t now = loop_now_ms(&r->loop);
    struct mux_limits limits = mux_default_limits;
    const struct tunnel_config config = {.role = TUNNEL_RELAY, .limits = &limits};
    limits.streams = r->loop.limits.streams;
    limits.unread = r->loop.limits.unread_bytes;
    struct tunnel *t = a ? tunnel_new(&config, &handler, a, now) : NULL;
    if (!t) {
        free(a);
        conn_close(c, CONN_END_NOW);
        return;
    }
    a->relay = r;
    a->conn = c;
    a->tunnel = t;
    a->since_ms = a->sent_ms = now;
    a->flush.run = on_flush;
    a->number = ++r->tunnel_count;
    a->next = r->agents;
    if (r->agents)
        r->agents->prev = a;
    r->agents = a;
    r->agent_count++;
    r->unauthenticated++;
    ws_reader_init(&a->reader, true, TUNNEL_MESSAGE_MAX);
    conn_set_owner(c, &conn_ops, a);
    c->read_max = LIMIT_READ_BYTES;
    conn_want_read(c, true);
    conn_recheck(c);
    timeout_start(&r->loop, &a->tick, TUNNEL_TICK_MS, on_tick);
}

bool agent_attach(struct agent *a, struct exchange *x)
{
    stream_end_make_room(tunnel_mux(a->tunnel));
    struct stream_end *e = stream_end_outbound(&a->relay->loop, tunnel_mux(a->tunnel), wake, a);
    if (!e)
        return false;
    x->link = a->number;
    x->record = a->record;
    exchange_attach(x, &e->end);
    return true;
}

// The agent that an exchange goes through, as long as it is there.
static struct agent *agent_of(const struct relay *r, const struct exchange *x)
{
    if (x->end[OUTBOUND])
        return stream_end_owner(x->end[OUTBOUND]); // it cannot be gone
    struct agent *a = r->agents;
    while (a && a->number != x->link)
        a = a->next;
    return a;
}

void agents_report(void *ctx, struct exchange *x, enum exchange_why why)
{
    struct agent *a = x->link ? agent_of(ctx, x) : NULL;
    struct report report;
    if (!a || a->closed)
        return;
    exchange_report(x, why, &report);
    tunnel_report(a->tunnel, &report);
    wake(a);
}

void agents_close(struct relay *r)
{
    r->retry_ms = RETRY_LEAST_MS + r->agent_count * RETRY_PER_1000_MS / 1000;
    while (r->agents)
        agent_close(r->agents, CLOSE_GOING_AWAY, "the relay stops");
}
