// SPDX-License-Identifier: MIT
#include "agents.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "common/base/log.h"
#include "common/base/owner.h"
#include "common/io/conn.h"
#include "common/tunnel/tunnel_stream.h"
#include "proto/tunnel/tunnel.h"
#include "proto/tunnel/websocket.h"
#include "shed.h"

enum {
    CLOSE_NORMAL = 1000,
    CLOSE_GOING_AWAY = 1001,
    CLOSE_PROTOCOL = 1002,
    // Within which time agents come back to a relay that begins anew: at once when they are few,
    // and of a thousand not many at a time (docs/protocol.md §2).
    RETRY_LEAST_MS = 100,
    RETRY_PER_1000_MS = 1500,
    RANDOM_NAME_TRIES = 8
};

struct agent {
    struct relay *relay;
    struct agent_list *list; // that it is in: of those with names, or of those that wait
    struct agent *prev, *next;
    struct share *waits_of; // NULL: it has names
    struct client_address client;
    char address[INET6_ADDRSTRLEN]; // agent_address
    struct conn *conn;
    struct tunnel *tunnel;
    struct ws_reader reader;
    struct loop_task flush, free_task;
    struct timeout tick;
    struct route *routes;
    size_t route_count;
    struct shares clients;       // exchanges by client
    uint64_t number;             // of its tunnel
    enum exchange_record record; // of its exchanges, at most
    uint64_t since_ms;
    struct pace binds;
    uint64_t sent_ms; // when the link last took something, or had nothing to take
    bool sent;        // it has taken something since the last tick
    bool greeted;     // its hello has come
    bool closed;
    bool deaf;       // a message to it was dropped, and that was told
    bool in_the_way; // its connection is to be gone soon: others wait for the place
    char owner[ROUTE_OWNER_DIGITS + 1]; // SHA-256 of its key
    char before[72];                    // its hello's, or empty
    bool of_before;                     // it sends its key as it is
    struct log_tunnel log;              // what the log says of it
};

static void on_free(struct loop_task *task)
{
    struct agent *a = container_of(task, struct agent, free_task);
    tunnel_free(a->tunnel);
    free(a);
}

// The key by which shares count this agent; empty where its address may stand for anybody.
static struct slice address_of(const struct agent *a, unsigned char bytes[static CLIENT_KEY_BYTES])
{
    return a->client.anybody ? SLICE("") : client_address_key(&a->client, bytes);
}

static void leave_list(struct agent *a)
{
    struct agent_list *list = a->list;
    *(a->prev ? &a->prev->next : &list->first) = a->next;
    *(a->next ? &a->next->prev : &list->last) = a->prev;
    list->count--;
    a->prev = a->next = NULL;
    shares_leave(a->waits_of);
    a->waits_of = NULL;
}

static void enter_list(struct agent *a, struct agent_list *list)
{
    a->list = list;
    a->prev = list->last;
    *(list->last ? &list->last->next : &list->first) = a;
    list->last = a;
    list->count++;
}

static void leave_routes(struct agent *a, bool clean)
{
    struct relay *relay = a->relay;
    while (a->routes) {
        struct route *r = a->routes;
        a->routes = r->agent_next;
        if (r->agent != a)
            continue;
        routes_leave(r, !clean);
        if (clean)
            relay_log_tunnel(relay, LOG_INFO, "name %s free: its agent has left", r->name);
        else if (relay->retry_ms == 0) // else the file of names holds it
            relay_log_tunnel(relay, LOG_INFO, "name %s held: for its owner, for %u s", r->name,
                             relay->loop.limits.gone_ms / 1000);
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

// An agent gets a while to read why its link ends. Not so one that is in the way, nor where too
// many have ended of late: they could keep as many connections, by being slow or not reading at
// all.
static void end_link(struct agent *a, unsigned ws_code)
{
    struct relay *r = a->relay;
    enum conn_close_mode how = CONN_CLOSE_FLUSH;
    bool stops = r->retry_ms > 0;
    if (a->in_the_way || (!stops && !pace_allows(&r->lingers, loop_now_ms(&r->loop),
                                                 LIMIT_LINKS_LINGER_EACH_MS, LIMIT_LINKS_LINGER)))
        how = conn_pending(a->conn) > 0 ? CONN_CLOSE_NOW : CONN_CLOSE_RESET;
    write_close(a, ws_code);
    conn_close(a->conn, how);
    a->conn = NULL;
}

// The one way an agent ends. Its exchanges hear that the tunnel is gone.
static void agent_close(struct agent *a, unsigned ws_code, const char *why)
{
    struct relay *r = a->relay;
    if (a->closed)
        return;
    a->closed = true;
    relay_log_names(&a->log, a->routes ? a->routes->name : NULL, a->route_count);
    leave_routes(a, ws_code == CLOSE_NORMAL);
    leave_list(a);
    r->agent_count--;
    timeout_stop(&a->tick);
    loop_unqueue(&r->loop, &a->flush);
    mux_lose(tunnel_mux(a->tunnel));
    relay_log_closed(r, &a->log, ws_code == CLOSE_PROTOCOL ? LOG_WARN : LOG_INFO, why);
    if (a->conn)
        end_link(a, ws_code);
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

static void say(struct agent *a, const struct control_message *message)
{
    if (tunnel_say(a->tunnel, message) && !a->deaf) {
        a->deaf = true;
        relay_log_tunnel(a->relay, LOG_WARN,
                         "tunnel %" PRIu64 " deaf: messages to it are dropped, its queue is full",
                         a->number);
    }
    wake(a);
}

__attribute__((format(printf, 4, 5))) static void refuse(struct agent *a, uint64_t id,
                                                         const char *code, const char *format, ...)
{
    struct control_message message = {.type = CONTROL_REFUSED, .id = id};
    va_list args;
    (void)snprintf(message.code, sizeof(message.code), "%s", code);
    va_start(args, format);
    (void)vsnprintf(message.message, sizeof(message.message), format, args);
    va_end(args);
    relay_log_refusal(a->relay, &a->log, message.code, message.message);
    say(a, &message);
}

// An agent may ask for less than all. A word that we don't know is one that we cannot do.
static enum exchange_record record_of(const struct control_message *hello)
{
    if (!hello->record[0] || strcmp(hello->record, "all") == 0)
        return EXCHANGE_RECORD_ALL;
    return strcmp(hello->record, "heads") == 0 ? EXCHANGE_RECORD_HEADS : EXCHANGE_RECORD_NONE;
}

static void greet(struct agent *a, const struct control_message *hello)
{
    struct control_message welcome = {.type = CONTROL_WELCOME, .version = CONTROL_VERSION};
    (void)snprintf(welcome.features, sizeof(welcome.features), "%s",
                   a->relay->recorder ? "reports" : ""); // which go into the record
    a->record = record_of(hello);
    memcpy(a->before, hello->before, sizeof(a->before));
    a->of_before = !slice_list_has(slice_str(hello->features), SLICE("owner"));
    a->greeted = true;
    relay_log_software(&a->log, hello->software);
    if (!control_has_owner(hello) ||
        !secret_sha256_hex(hello->owner, strlen(hello->owner), a->owner)) {
        refuse(a, 0, "ADIT-BAD-OWNER", "The owner key must have 64 hexadecimal digits.");
        return;
    }
    memcpy(a->log.owner, a->owner, LOG_OWNER_DIGITS);
    (void)snprintf(welcome.software, sizeof(welcome.software), "aditd %s", ADIT_VERSION);
    say(a, &welcome);
}

// Of the agents without a name the one that has waited for longest; of this share, or of the
// address that has the most of them.
static struct agent *least_useful(const struct relay *r, const struct share *of)
{
    struct agent *found = NULL;
    size_t most = 0;
    for (struct agent *a = r->waiting.first; a; a = a->next) {
        size_t count = a->waits_of ? a->waits_of->count : 1;
        if (of ? a->waits_of == of : count > most) {
            found = a;
            most = count;
            if (of)
                break;
        }
    }
    return found;
}

// An agent has no name: it waits among those, and where they are too many one makes room for it.
static void wait_for_name(struct agent *a)
{
    struct relay *r = a->relay;
    unsigned char bytes[CLIENT_KEY_BYTES];
    struct slice key = address_of(a, bytes);
    const struct share *own = key.len > 0 ? shares_find(&r->waiting_of, key) : NULL;
    bool over = own && own->count >= r->loop.limits.handshakes_per_address;
    if (over || r->waiting.count >= r->loop.limits.handshakes) {
        struct agent *least = least_useful(r, over ? own : NULL);
        least->in_the_way = true;
        agent_close(least, CLOSE_GOING_AWAY, "it had no name, and made room for another");
    }
    a->waits_of = shares_enter(&r->waiting_of, key);
    enter_list(a, &r->waiting);
}

// Takes a route away from the agent that has it. Returns that agent, or NULL.
static struct agent *take_away(struct route *r)
{
    struct agent *old = r->agent;
    if (!old)
        return NULL;
    struct route **at = &old->routes;
    while (*at && *at != r)
        at = &(*at)->agent_next;
    if (*at)
        *at = r->agent_next;
    old->route_count--;
    refuse(old, r->bind_id, "ADIT-REPLACED", "Another adit of yours has taken over the name %s.",
           r->name);
    return old;
}

// A tunnel binds as many names as it may have and some more at once, and then one in each
// LIMIT_BINDS_EACH_MS: what a bind writes to the disk is bounded by it.
static bool may_bind(struct agent *a)
{
    const struct loop *l = &a->relay->loop;
    return pace_allows(&a->binds, loop_now_ms(l), LIMIT_BINDS_EACH_MS,
                       (uint64_t)l->limits.names_per_tunnel + LIMIT_BINDS_SPARE);
}

// A name that nobody has and that is not reserved. False when none was found.
static bool random_name(const struct relay *r, char name[static NAME_MAX_BYTES + 1])
{
    for (int tries = 0; tries < RANDOM_NAME_TRIES; tries++) {
        if (!name_random(name))
            return false;
        if (!routes_find(&r->routes, name) && !reserved_names_have(&r->config.reserved, name))
            return true;
    }
    return false;
}

// A route for the agent, which is not its owner if the name is there; NULL after the refusal was
// said.
static struct route *new_route(struct agent *a, const struct control_message *bind,
                               const char *name)
{
    unsigned char bytes[CLIENT_KEY_BYTES];
    struct routes *table = &a->relay->routes;
    const struct route_holder holder = {a->owner, address_of(a, bytes)};
    const char *why = routes_make_room_for(table, &holder, !routes_find(table, name));
    if (why) {
        refuse(a, bind->id, "ADIT-TOO-MANY-NAMES", "%s", why);
        return NULL;
    }
    struct route *r = routes_find(table, name); // it may have made room itself
    if (r && !routes_give(r, &holder))
        r = NULL;
    else if (!r)
        r = routes_add(table, name, &holder);
    if (!r)
        refuse(a, bind->id, "ADIT-BUSY", "The relay is out of memory.");
    return r;
}

// The name that a bind asks for, or a random one. False after the refusal was said.
static bool name_for(struct agent *a, const struct control_message *bind,
                     char name[static NAME_MAX_BYTES + 1])
{
    if (!may_bind(a)) {
        refuse(a, bind->id, "ADIT-BUSY", "This tunnel asks for names too often. Try again later.");
        return false;
    }
    if (!bind->name[0]) {
        bool found = random_name(a->relay, name);
        if (!found)
            refuse(a, bind->id, "ADIT-BUSY", "No random name was found. Choose one with --url.");
        return found;
    }
    if (!name_normalise(slice_str(bind->name), name)) {
        refuse(a, bind->id, "ADIT-BAD-NAME",
               "A name has 1 to 63 letters, digits and hyphens, no hyphen at its ends.");
        return false;
    }
    if (reserved_names_have(&a->relay->config.reserved, name)) {
        refuse(a, bind->id, "ADIT-NAME-RESERVED",
               "The name %s is reserved on this relay. Choose another with --url.", name);
        return false;
    }
    return true;
}

// Whether a name that is taken is this agent's: it has the same key, or shows that it knows the one
// that its owner had before. That is believed for our own domain only, since what it shows for a
// host that anybody may use, like an address, another relay there might show to us; and of owners
// of before only, since whoever reads what we keep of an owner could show it, too.
static bool is_owner(const struct agent *a, const struct route *r)
{
    owner_value proof;
    if (secret_equal(r->owner, ROUTE_OWNER_DIGITS, a->owner, ROUTE_OWNER_DIGITS))
        return true;
    return r->of_before && a->before[0] && owner_proof(r->owner, a->relay->config.domain, proof) &&
           secret_equal(proof, OWNER_DIGITS, a->before, strlen(a->before));
}

// The route that a bind may have, or NULL after the refusal was said.
static struct route *route_for(struct agent *a, const struct control_message *bind)
{
    char name[NAME_MAX_BYTES + 1];
    if (!name_for(a, bind, name))
        return NULL;
    struct route *r = routes_find(&a->relay->routes, name);
    if (r && (r->agent || r->reserved) && !is_owner(a, r)) {
        refuse(a, bind->id, "ADIT-NAME-IN-USE",
               "The name %s is in use by somebody else. Choose another with --url.", name);
        return NULL;
    }
    if ((!r || r->agent != a) && a->route_count >= a->relay->loop.limits.names_per_tunnel) {
        refuse(a, bind->id, "ADIT-TOO-MANY-NAMES",
               "This tunnel has as many names as one may have.");
        return NULL;
    }
    // One that is there already, its owner's, takes no more room, from wherever the owner comes.
    return r && is_owner(a, r) ? r : new_route(a, bind, name);
}

static void bind_name(struct agent *a, const struct control_message *bind)
{
    struct control_message bound = {.type = CONTROL_BOUND, .id = bind->id};
    unsigned char bytes[CLIENT_KEY_BYTES];
    struct route *r = route_for(a, bind);
    if (!r)
        return;
    routes_place(r, &(struct route_holder){a->owner, address_of(a, bytes)});
    struct agent *old = take_away(r);
    r->agent = a;
    r->of_before = a->of_before;
    r->bind_id = bind->id;
    (void)snprintf(r->bind_text, sizeof(r->bind_text), "%llu", (unsigned long long)bind->id);
    r->agent_next = a->routes;
    a->routes = r;
    a->route_count++;
    routes_taken(r);
    if (a->list != &a->relay->agents) {
        leave_list(a);
        enter_list(a, &a->relay->agents);
    }
    if (old && old->route_count == 0) {
        leave_list(old);
        wait_for_name(old);
    }
    (void)snprintf(bound.name, sizeof(bound.name), "%s", r->name);
    relay_url(a->relay, r->name, bound.url, sizeof(bound.url));
    relay_log_bound(a->relay, &a->log, &bound);
    say(a, &bound);
}

static void on_control(void *ctx, const struct control_message *message)
{
    struct agent *a = ctx;
    switch (message->type) {
    case CONTROL_HELLO: greet(a, message); return;
    case CONTROL_BIND: bind_name(a, message); return;
    case CONTROL_WELCOME:
    case CONTROL_REFUSED:
    case CONTROL_BOUND:
    case CONTROL_DRAIN: return;
    }
}

static void on_report(void *ctx, const struct report *report)
{
    struct agent *a = ctx;
    recorder_report(a->relay->recorder, a->number, report);
}

static const struct tunnel_handler handler = {
    .mux = {tunnel_stream_on_head, tunnel_stream_on_data, tunnel_stream_on_end,
            tunnel_stream_on_drained, tunnel_stream_on_closed, shed_fullest},
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
    int error = tunnel_recv_flood_budget(a->tunnel);
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

void agent_accept(struct relay *r, struct conn *c, const struct client_address *client)
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
        conn_close(c, CONN_CLOSE_NOW);
        return;
    }
    a->relay = r;
    a->clients.seed = r->edges.proxied.seed;
    a->conn = c;
    a->tunnel = t;
    a->since_ms = a->sent_ms = now;
    a->flush.run = on_flush;
    a->number = ++r->tunnel_count;
    a->client = *client;
    client_address_share_text(client, a->address);
    relay_log_begin(&a->log, a->number, client, now);
    wait_for_name(a);
    r->agent_count++;
    ws_reader_init(&a->reader, true, TUNNEL_MESSAGE_MAX);
    conn_set_owner(c, &conn_ops, a);
    c->read_max = LIMIT_READ_BYTES;
    conn_want_read(c, true);
    conn_recheck(c);
    timeout_start(&r->loop, &a->tick, TUNNEL_TICK_MS, on_tick);
}

bool agent_attach(struct agent *a, struct exchange *x, const struct client_address *client,
                  enum answer *why)
{
    struct mux *m = tunnel_mux(a->tunnel);
    struct tunnel_stream *e = tunnel_stream_outbound(&a->relay->loop, m, wake, a);
    *why = ANSWER_BUSY;
    if (!e)
        return false;
    if (!tunnel_stream_count(e, &a->clients, client, a->relay->loop.limits.streams_per_address)) {
        tunnel_stream_discard(e);
        *why = ANSWER_TOO_MANY;
        return false;
    }
    shed_make_room(m);
    x->info.tunnel_id = a->number;
    x->record = a->record;
    exchange_attach(x, &e->endpoint);
    return true;
}

const char *agent_address(const struct agent *a)
{
    return a->address;
}

// The agent that an exchange goes through, as long as it is there.
static struct agent *agent_of(const struct relay *r, const struct exchange *x)
{
    if (x->endpoint[OUTBOUND])
        return tunnel_stream_owner(x->endpoint[OUTBOUND]);        // it cannot be gone
    const struct agent_list *lists[] = {&r->agents, &r->waiting}; // its name may have been taken
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        for (struct agent *a = lists[i]->first; a; a = a->next)
            if (a->number == x->info.tunnel_id)
                return a;
    return NULL;
}

void agents_report(void *ctx, struct exchange *x, enum exchange_outcome why)
{
    struct agent *a = x->info.tunnel_id ? agent_of(ctx, x) : NULL;
    struct report report;
    relay_log_refused(ctx, x);
    if (!a)
        return;
    relay_log_count(&a->log, x);
    if (a->closed)
        return;
    exchange_report(x, why, &report);
    tunnel_report(a->tunnel, &report);
    wake(a);
}

void agents_close(struct relay *r)
{
    r->retry_ms = RETRY_LEAST_MS + r->agent_count * RETRY_PER_1000_MS / 1000;
    while (r->agents.first)
        agent_close(r->agents.first, CLOSE_GOING_AWAY, "the relay stops");
    while (r->waiting.first)
        agent_close(r->waiting.first, CLOSE_GOING_AWAY, "the relay stops");
}
