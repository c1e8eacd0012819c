// SPDX-License-Identifier: MIT
// A visitor's HTTP/2 connection: its beginning, its time limits, its end.
#include "h2_edge.h"
#include <stdlib.h>
#include "h2_edge_internal.h"
#include "proto/http2/public_profile.h"

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

enum h2_recognised h2_edge_recognises(const struct conn *c)
{
    const struct slice in = conn_in(c);
    const size_t whole = sizeof(preface) - 1;
    const struct slice alpn = conn_alpn(c);
    if (alpn.len > 0)
        return slice_eq(alpn, SLICE("h2")) ? H2_YES : H2_NO;
    const size_t n = in.len < whole ? in.len : whole;
    if (memcmp(in.p, preface, n) != 0)
        return H2_NO;
    return n == whole ? H2_YES : H2_PERHAPS;
}

static void on_free(struct loop_task *task)
{
    struct h2_edge *e = container_of(task, struct h2_edge, free_task);
    http2_conn_free(&e->h);
    free(e);
}

// The only way an h2_edge ends. `error` is a mux_error, or 0.
static void h2_edge_close(struct h2_edge *e, int error, enum conn_close_mode how)
{
    if (e->closed)
        return;
    e->closed = true;
    timeout_stop(&e->limit);
    http2_conn_close(&e->h, error, how);
    if (e->visitor.place) {
        e->visitor.place->owner = NULL;
        admission_set_idle(e->visitor.place);
        e->visitor.place = NULL;
    }
    list_remove(&e->visitor.set->h2_edges, &e->in_set);
    e->visitor.set->count--;
    e->free_task.run = on_free;
    loop_queue(e->h.loop, &e->free_task);
}

static void check_streams(struct h2_edge *e)
{
    const uint64_t now_ms = loop_now_ms(e->h.loop);
    const bool taken = h2_edge_is_taken(e, now_ms);
    for (struct list_link *link = e->streams.first, *next = NULL; link; link = next) {
        next = link->next;
        h2_stream_check(LIST_ITEM(link, struct h2_stream, in_edge), now_ms, taken);
    }
}

static bool is_head_late(const struct h2_edge *e)
{
    return e->head_since_ms && loop_now_ms(e->h.loop) - e->head_since_ms >= h2_limits(e)->head_ms;
}

static void on_limit(struct timeout *t)
{
    struct h2_edge *e = container_of(t, struct h2_edge, limit);
    if (e->clock != H2_CLOCK_BUSY || is_head_late(e)) {
        h2_edge_close(e, 0, CONN_CLOSE_FLUSH);
        return;
    }
    check_streams(e);
    if (e->clock == H2_CLOCK_BUSY)
        h2_edge_start_clock(e, H2_CLOCK_BUSY);
}

static void note_head(struct h2_edge *e)
{
    if (!mux_is_in_head(e->h.mux))
        e->head_since_ms = 0;
    else if (!e->head_since_ms)
        e->head_since_ms = loop_now_ms(e->h.loop);
    h2_edge_update(e);
}

// Ends a connection on which no request follows, once its last stream is over.
static void end_if_drained(struct h2_edge *e)
{
    if (!e->closed && e->count == 0 && mux_is_draining(e->h.mux) && !mux_wants_send(e->h.mux))
        h2_edge_close(e, 0, CONN_CLOSE_FLUSH);
}

static void on_readable(struct conn *c)
{
    struct h2_edge *e = conn_owner(c);
    http2_conn_read(&e->h);
    if (!e->closed)
        note_head(e);
    end_if_drained(e);
}

static void on_sent(struct conn *c)
{
    struct h2_edge *e = conn_owner(c);
    http2_conn_sent(&e->h);
    end_if_drained(e);
}

static void on_eof(struct conn *c)
{
    h2_edge_close(conn_owner(c), 0, CONN_CLOSE_FLUSH);
}

static void on_conn_failed(struct conn *c, int error)
{
    struct h2_edge *e = conn_owner(c);
    (void)error;
    e->h.conn = NULL;
    h2_edge_close(e, 0, CONN_CLOSE_NOW);
}

static const struct conn_ops conn_ops = {on_readable, on_sent, on_eof, on_conn_failed, NULL};

static void on_mux_failed(struct http2_conn *h, int error)
{
    h2_edge_close(container_of(h, struct h2_edge, h), error, CONN_CLOSE_FLUSH);
}

static const struct http2_conn_ops http2_ops = {on_mux_failed};

static const struct mux_handler mux_handler = {
    .head = h2_stream_on_head,
    .data = h2_stream_on_data,
    .end = h2_stream_on_end,
    .drained = h2_stream_on_drained,
    .closed = http2_stream_on_closed,
};

static struct mux *new_mux(struct h2_edge *e)
{
    static const struct mux_peer peer = {.fields = true};
    struct mux_limits limits = mux_default_limits;
    const struct mux_config config = {.role = MUX_SERVER,
                                      .profile = &public_profile,
                                      .limits = &limits,
                                      .scratch = &e->visitor.set->h2_scratch};
    limits.streams = LIMIT_H2_STREAMS;
    limits.unread = LIMIT_H2_UNREAD_BYTES;
    limits.window = limits.window_far = LIMIT_H2_WINDOW_BYTES;
    limits.heads = LIMIT_H2_HEADS_BYTES;
    limits.head_bytes = h2_limits(e)->head_bytes;
    limits.head_fields = h2_limits(e)->head_fields;
    struct mux *m = mux_new(&config, &mux_handler, e);
    if (m)
        mux_set_peer(m, &peer);
    return m;
}

static void end_evicted(void *owner)
{
    struct h2_edge *e = owner;
    if (e->count == 0)
        visit_turned_away(&e->visit, &e->visitor, ANSWERS);
    h2_edge_close(e, 0, CONN_CLOSE_NOW);
}

bool h2_edge_begin(struct conn *c, const struct visitor *visitor, const struct visit *visit)
{
    struct edge_set *set = visitor->set;
    struct h2_edge *e = calloc(1, sizeof(*e));
    if (!e)
        return false;
    e->visitor = *visitor;
    e->visit = *visit;
    e->on_limit = on_limit;
    struct mux *m = new_mux(e);
    if (!m) {
        free(e);
        return false;
    }
    e->visitor.place->owner = e;
    e->visitor.place->end = end_evicted;
    list_prepend(&set->h2_edges, &e->in_set);
    set->count++;
    conn_set_owner(c, &conn_ops, e);
    conn_set_read_max(c, LIMIT_READ_BYTES);
    http2_conn_begin(&e->h, set->loop, c, m, &http2_ops);
    conn_recheck(c);
    h2_edge_update(e);
    return true;
}

void h2_edges_close(struct edge_set *set)
{
    while (set->h2_edges.first)
        h2_edge_close(LIST_ITEM(set->h2_edges.first, struct h2_edge, in_set), 0, CONN_CLOSE_FLUSH);
}
