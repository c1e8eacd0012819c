// SPDX-License-Identifier: MIT
// Connections to an HTTP/2 origin, and the requests' places in them.
#include <inttypes.h>
#include <stdlib.h>
#include "common/base/log.h"
#include "dial_answer.h"
#include "h2_upstream_internal.h"
#include "proto/http2/service_profile.h"

static const char no_http2[] = "it does not speak HTTP/2: leave --upstream-protocol out";

static void serve_waiting(struct h2_upstream *u);

static void on_free(struct loop_task *task)
{
    struct h2_trunk *k = container_of(task, struct h2_trunk, free_task);
    http2_conn_free(&k->h);
    free(k);
}

// The only way a trunk ends. Its requests with streams hear of that by the mux.
static void trunk_close(struct h2_trunk *k, int error, enum conn_close_mode mode)
{
    struct h2_upstream *u = k->upstream;
    if (k->closed)
        return;
    k->closed = true;
    k->error = error;
    timeout_stop(&k->idle);
    dial_cancel(k->dial);
    k->dial = NULL;
    list_remove(&u->trunks, &k->in_upstream);
    u->trunk_count--;
    if (k->open)
        http2_conn_close(&k->h, error, mode);
    k->free_task.run = on_free;
    loop_queue(u->loop, &k->free_task);
    serve_waiting(u);
}

static void on_idle(struct timeout *t)
{
    trunk_close(container_of(t, struct h2_trunk, idle), 0, CONN_CLOSE_FLUSH);
}

// To be called when the number of requests or of streams has changed.
static void update(struct h2_trunk *k)
{
    const struct h2_upstream *u = k->upstream;
    if (k->closed || !k->open)
        return;
    const bool unused = k->count == 0 && mux_stream_count(k->h.mux) == 0;
    if (unused && (u->idle_ms == 0 || mux_is_ending(k->h.mux)))
        trunk_close(k, 0, CONN_CLOSE_FLUSH);
    else if (k->count > 0)
        timeout_stop(&k->idle);
    else if (!timeout_runs(&k->idle))
        timeout_start(u->loop, &k->idle, u->idle_ms ? u->idle_ms : LIMIT_POOL_IDLE_MS, on_idle);
}

static bool has_room(const struct h2_trunk *k)
{
    if (!k->open)
        return k->count < H2_UPSTREAM_STREAMS;
    return !mux_is_ending(k->h.mux) && mux_stream_count(k->h.mux) < mux_most_streams(k->h.mux);
}

static struct h2_trunk *find_room(const struct h2_upstream *u, const struct h2_trunk *except)
{
    for (struct list_link *at = u->trunks.first; at; at = at->next) {
        struct h2_trunk *k = LIST_ITEM(at, struct h2_trunk, in_upstream);
        if (k != except && has_room(k))
            return k;
    }
    return NULL;
}

// After the events of a connection: streams have ended, or the origin takes more.
static void after_events(struct h2_trunk *k)
{
    struct h2_upstream *u = k->upstream;
    update(k);
    serve_waiting(u);
}

static void on_readable(struct conn *c)
{
    struct h2_trunk *k = conn_owner(c);
    http2_conn_read(&k->h);
    after_events(k);
}

static void on_sent(struct conn *c)
{
    struct h2_trunk *k = conn_owner(c);
    http2_conn_sent(&k->h);
    after_events(k);
}

static void on_eof(struct conn *c)
{
    trunk_close(conn_owner(c), 0, CONN_CLOSE_FLUSH);
}

static void on_conn_failed(struct conn *c, int error)
{
    struct h2_trunk *k = conn_owner(c);
    (void)error;
    k->h.conn = NULL;
    trunk_close(k, 0, CONN_CLOSE_NOW);
}

static const struct conn_ops conn_ops = {on_readable, on_sent, on_eof, on_conn_failed, NULL};

static void on_mux_failed(struct http2_conn *h, int error)
{
    trunk_close(container_of(h, struct h2_trunk, h), error, CONN_CLOSE_FLUSH);
}

static const struct http2_conn_ops http2_ops = {on_mux_failed};

static struct mux *new_mux(struct h2_upstream *u)
{
    static const struct mux_peer peer = {.fields = true};
    const struct limits *l = &u->loop->limits;
    struct mux_limits limits = mux_default_limits;
    const struct mux_config config = {
        .role = MUX_CLIENT, .profile = &service_profile, .limits = &limits, .scratch = &u->scratch};
    limits.streams = H2_UPSTREAM_STREAMS;
    limits.unread = H2_UPSTREAM_UNREAD_BYTES;
    limits.window = limits.window_far = H2_UPSTREAM_WINDOW_BYTES;
    limits.head_bytes = l->response_head_bytes;
    limits.head_fields = l->response_head_fields;
    struct mux *m = mux_new(&config, &u->requests->handler, u);
    if (m)
        mux_set_peer(m, &peer);
    return m;
}

// The trunk is closed first, so that none of its requests gets a place in it again.
static void refuse_all(struct h2_trunk *k, enum answer answer, const char *detail)
{
    const struct h2_request_ops *ops = k->upstream->requests;
    trunk_close(k, 0, CONN_CLOSE_NOW);
    while (k->requests.first)
        ops->refuse(LIST_ITEM(k->requests.first, struct h2_request, in_list), answer, detail);
}

static void trunk_begin(struct h2_trunk *k, struct conn *c, struct mux *m)
{
    const struct h2_upstream *u = k->upstream;
    conn_set_owner(c, &conn_ops, k);
    conn_set_read_max(c, LIMIT_READ_BULK_BYTES);
    http2_conn_begin(&k->h, u->loop, c, m, &http2_ops);
    k->open = true;
    for (struct list_link *at = k->requests.first, *next = NULL; at && !k->closed; at = next) {
        struct h2_request *r = LIST_ITEM(at, struct h2_request, in_list);
        next = at->next;
        r->h.endpoint.x->facts.connect_ns = uv_hrtime() - r->placed_ns;
        u->requests->begin(r);
    }
    update(k);
}

static void on_dialed(void *ctx, struct conn *c, int error)
{
    struct h2_trunk *k = ctx;
    struct h2_upstream *u = k->upstream;
    char detail[ANSWER_DETAIL_MAX];
    k->dial = NULL;
    if (!c) {
        const enum answer answer = dial_answer(&u->target, error, detail);
        const bool alpn = strstr(u->target.tls_failure, "no application protocol");
        refuse_all(k, answer, alpn ? no_http2 : detail);
        return;
    }
    log_debug("a new HTTP/2 connection to the service %s", u->name);
    const bool speaks = !u->target.tls || slice_eq(conn_alpn(c), SLICE("h2"));
    struct mux *m = speaks ? new_mux(u) : NULL;
    if (m) {
        trunk_begin(k, c, m);
        return;
    }
    conn_close(c, CONN_CLOSE_NOW);
    if (speaks)
        refuse_all(k, ANSWER_BUSY, "");
    else
        refuse_all(k, ANSWER_UPSTREAM_INVALID, no_http2);
}

static struct h2_trunk *dial_trunk(struct h2_upstream *u)
{
    struct h2_trunk *k = calloc(1, sizeof(*k));
    if (!k)
        return NULL;
    k->upstream = u;
    k->dial = dial_start(u->loop, &u->target, on_dialed, k);
    if (!k->dial) {
        free(k);
        return NULL;
    }
    list_append(&u->trunks, &k->in_upstream);
    u->trunk_count++;
    return k;
}

static void take_place(struct h2_request *r, struct h2_trunk *k)
{
    r->trunk = k;
    list_append(&k->requests, &r->in_list);
    k->count++;
    update(k);
    if (k->open)
        k->upstream->requests->begin(r);
    else
        r->h.endpoint.x->facts.sent_on_ns = 0; // set when the request leaves
}

static void on_waited(struct timeout *t)
{
    struct h2_request *r = container_of(t, struct h2_request, limit);
    r->upstream->requests->refuse(r, ANSWER_BUSY,
                                  "the service takes no more requests at a time over HTTP/2");
}

static void wait_for_place(struct h2_request *r)
{
    struct h2_upstream *u = r->upstream;
    r->trunk = NULL;
    r->waits = true;
    list_append(&u->waiting, &r->in_list);
    u->waiting_count++;
    timeout_start(u->loop, &r->limit, u->loop->limits.connect_ms, on_waited);
}

void h2_trunk_place(struct h2_request *r, const struct h2_trunk *except)
{
    struct h2_upstream *u = r->upstream;
    r->placed_ns = uv_hrtime();
    struct h2_trunk *k = find_room(u, except);
    const bool may_dial = u->trunk_count < H2_UPSTREAM_CONNECTIONS;
    if (!k && may_dial)
        k = dial_trunk(u);
    if (k)
        take_place(r, k);
    else if (!may_dial && u->waiting_count < H2_UPSTREAM_WAITING)
        wait_for_place(r);
    else
        u->requests->refuse(r, ANSWER_BUSY, "");
}

static struct h2_request *leave_waiting(struct h2_request *r)
{
    struct h2_upstream *u = r->upstream;
    r->waits = false;
    list_remove(&u->waiting, &r->in_list);
    u->waiting_count--;
    timeout_stop(&r->limit);
    return r;
}

static void serve_waiting(struct h2_upstream *u)
{
    while (u->waiting.first) {
        struct h2_trunk *k = find_room(u, NULL);
        if (!k && u->trunk_count < H2_UPSTREAM_CONNECTIONS)
            k = dial_trunk(u);
        if (!k)
            return;
        take_place(leave_waiting(LIST_ITEM(u->waiting.first, struct h2_request, in_list)), k);
    }
}

void h2_trunk_leave(struct h2_request *r)
{
    struct h2_trunk *k = r->trunk;
    if (r->waits)
        (void)leave_waiting(r);
    if (!k)
        return;
    r->trunk = NULL;
    list_remove(&k->requests, &r->in_list);
    k->count--;
    update(k);
    serve_waiting(k->upstream);
}

void h2_trunks_close(struct h2_upstream *u)
{
    while (u->waiting.first)
        u->requests->refuse(LIST_ITEM(u->waiting.first, struct h2_request, in_list),
                            ANSWER_UPSTREAM_UNREACHABLE, "");
    while (u->trunks.first) {
        struct h2_trunk *k = LIST_ITEM(u->trunks.first, struct h2_trunk, in_upstream);
        if (k->open)
            trunk_close(k, 0, CONN_CLOSE_FLUSH);
        else
            refuse_all(k, ANSWER_UPSTREAM_UNREACHABLE, "");
    }
}
