// SPDX-License-Identifier: MIT
// Reads from the visitor: request heads, bodies, the bytes of an upgraded stream, end of file.
#include "edge_internal.h"
#include "h2_edge.h"
#include "proto/http/fields.h"

static struct http1_limits head_limits(const struct edge *e)
{
    return (struct http1_limits){edge_limits(e)->head_bytes, edge_limits(e)->head_fields};
}

static bool expects_continue(const struct http_head *head)
{
    const struct field *f = head_find(head, SLICE("expect"));
    return f && head->minor_version > 0 && slice_ieq(f->value, SLICE("100-continue"));
}

static void begin_exchange(struct edge *e, const struct http_head *head,
                           const struct body_framing *framing)
{
    e->state = EDGE_EXCHANGE;
    e->keep_alive = http1_keeps_alive(head);
    e->version_10 = head->minor_version == 0;
    e->h.chunked = e->until_close = e->too_large = false;
    e->drained = 0;
    e->awaits_continue = framing_has_body(framing) && expects_continue(head);
    admission_set_busy(e->visitor.place);
    edge_start_clock(e, CLOCK_NONE);
}

// The request's body is whole. An offer to upgrade keeps the direction open until the response
// decides.
static void request_whole(struct http1_conn *h, const struct http_head *trailers)
{
    if (!exchange_is_undecided(h->endpoint.x))
        exchange_finish(&h->endpoint, trailers);
}

// Whether the request is served; if not, `*answer` says why. Sets `*framing` either way.
static bool admit(struct edge *e, const struct http_head *head, struct body_framing *framing,
                  enum answer *answer)
{
    int error = http1_request_framing(head, framing);
    if (error) {
        *framing = (struct body_framing){BODY_NONE, 0};
        *answer = answer_of_http1(error);
        return false;
    }
    return visit_has_place(&e->visit, &e->visitor, head, answer);
}

// Begins the exchange of a request. False when out of memory.
static bool open_exchange(struct edge *e, struct http_head *head,
                          const struct body_framing *framing)
{
    if (framing->kind == BODY_CHUNKED)
        head->upgrade.len = 0; // the boundary of chunked body and upgraded stream would be lost
    head->upgrade = fields_upgrade_offer(head->upgrade);
    struct exchange *x = visit_begin(&e->visit, &e->visitor, &e->h.endpoint, head);
    if (!x)
        return false;
    if (head->minor_version == 0)
        head_remove(head, SLICE("expect")); // RFC 9110 §10.1.1; the next hop sees HTTP/1.1
    begin_exchange(e, head, framing);
    if (!http1_conn_begin_body(&e->h, head, framing)) {
        exchange_discard(x);
        return false;
    }
    e->keep_alive = e->keep_alive && e->visitor.place->verdict == ADMIT_SERVED;
    return true;
}

// Handles a request whose head is complete.
static void handle_request(struct edge *e, struct http_head *head)
{
    const struct inbound_handler *handler = &e->visitor.set->handler;
    struct body_framing framing;
    enum answer refusal = ANSWER_BAD_REQUEST;
    if (e->visitor.from_proxy)
        visit_read_claims(&e->visit, &e->visitor, head);
    bool admitted = admit(e, head, &framing, &refusal);
    if (!open_exchange(e, head, &framing)) {
        edge_close(e, CONN_CLOSE_NOW);
        return;
    }
    if (admitted) {
        handler->request(handler->ctx, e->h.endpoint.x, head, &framing);
    } else {
        e->keep_alive = false;
        exchange_answer(e->h.endpoint.x, refusal);
    }
    if (e->h.endpoint.x && http1_body_done(&e->h.body))
        request_whole(&e->h, NULL);
}

// Handles a complete head. False when more bytes are needed, or the edge is closed.
static bool read_head(struct edge *e)
{
    struct slice in = conn_in(e->h.conn);
    struct http_head head;
    const struct http1_limits limits = head_limits(e);
    int n = http1_parse_request(in.p, in.len, &e->h.scanned, &limits, &head);
    if (n < 0) {
        edge_refuse_head(e, answer_of_http1(n));
        return false;
    }
    if (n == 0) {
        if (e->state == EDGE_IDLE) {
            e->state = EDGE_HEAD;
            edge_start_clock(e, CLOCK_HEAD);
        }
        return false;
    }
    e->h.scanned = 0;
    conn_consume(e->h.conn, (size_t)n); // the head's bytes stay in place
    handle_request(e, &head);
    return true;
}

// Counts body bytes against the limits of time, size and draining. False when the edge is closed.
static bool count_body(struct edge *e, size_t wire_bytes)
{
    const struct limits *l = edge_limits(e);
    const struct exchange *x = e->h.endpoint.x;
    e->awaits_continue = false;
    e->portion += wire_bytes;
    if (e->clock == CLOCK_BODY && e->portion >= (uint64_t)l->rate * l->body_ms / 1000)
        edge_start_clock(e, CLOCK_BODY);
    if (!exchange_is_unwanted(x))
        return true;
    e->drained += wire_bytes;
    if (edge_may_drain(e))
        return true;
    edge_end_early(e);
    return false;
}

static bool count(struct http1_conn *h, size_t wire_bytes)
{
    struct edge *e = edge_of(&h->endpoint);
    if (!h->endpoint.x->upgraded)
        return count_body(e, wire_bytes);
    if (e->clock == CLOCK_HALF_CLOSED)
        edge_start_clock(e, CLOCK_HALF_CLOSED);
    return true;
}

static void malformed(struct http1_conn *h, int error)
{
    edge_abort(edge_of(&h->endpoint), EXCHANGE_PROTOCOL, answer_of_http1(error));
}

static void failed(struct http1_conn *h)
{
    edge_cut(edge_of(&h->endpoint), EXCHANGE_MEMORY);
}

static struct http1_limits limits_of(const struct http1_conn *h)
{
    return head_limits(container_of(h, struct edge, h));
}

const struct http1_conn_ops edge_http1_ops = {
    .count = count,
    .whole = request_whole,
    .malformed = malformed,
    .failed = failed,
    .limits = limits_of,
};

// Whether the connection is handed to an h2_edge, which it is from its first bytes on or never. A
// part of the preface that may still become one is awaited as a head is.
static bool becomes_h2(struct edge *e)
{
    if (!e->is_new)
        return false;
    switch (h2_edge_recognises(e->h.conn)) {
    case H2_NO: e->is_new = false; return false;
    case H2_PERHAPS:
        if (e->state == EDGE_IDLE) {
            e->state = EDGE_HEAD;
            edge_start_clock(e, CLOCK_HEAD);
        }
        return true;
    case H2_YES: break;
    }
    struct conn *c = e->h.conn;
    struct visitor visitor = e->visitor;
    if (!h2_edge_begin(c, &visitor, &e->visit)) {
        edge_close(e, CONN_CLOSE_NOW);
        return true;
    }
    e->visitor.place = NULL;
    e->h.conn = NULL;
    edge_close(e, CONN_CLOSE_NOW);
    return true;
}

static void on_readable(struct conn *c)
{
    struct edge *e = conn_owner(c);
    bool more = !becomes_h2(e);
    while (more && e->state != EDGE_CLOSED && conn_in(e->h.conn).len > 0 &&
           !edge_leaves_answers_unread(e)) {
        switch (e->state) {
        case EDGE_IDLE:
        case EDGE_HEAD: more = read_head(e); break;
        case EDGE_EXCHANGE: more = http1_conn_read_body(&e->h); break;
        case EDGE_CLOSED: more = false; break;
        }
    }
    edge_update(e);
}

static void on_sent(struct conn *c)
{
    struct edge *e = conn_owner(c);
    if (e->state == EDGE_EXCHANGE) {
        http1_conn_sent(&e->h);
        return;
    }
    if (e->clock == CLOCK_KEEPALIVE)
        edge_start_clock(e, CLOCK_KEEPALIVE); // runs from the last byte of our response
    conn_recheck(c);
    edge_update(e);
}

static void on_eof(struct conn *c)
{
    struct edge *e = conn_owner(c);
    if (e->state == EDGE_EXCHANGE && e->h.endpoint.x->upgraded) {
        exchange_finish(&e->h.endpoint, NULL);
        edge_update(e);
    } else if (e->state == EDGE_EXCHANGE) {
        edge_abort(e, EXCHANGE_VISITOR_GONE, ANSWER_BAD_REQUEST);
    } else {
        edge_close(e, CONN_CLOSE_FLUSH);
    }
}

static void on_failed(struct conn *c, int error)
{
    struct edge *e = conn_owner(c);
    (void)error;
    e->h.conn = NULL;
    exchange_abort(&e->h.endpoint, EXCHANGE_VISITOR_GONE);
    edge_close(e, CONN_CLOSE_NOW);
}

// The handshake of TLS is done.
static void on_connected(struct conn *c)
{
    edge_start_clock(conn_owner(c), CLOCK_FIRST);
}

const struct conn_ops edge_conn_ops = {on_readable, on_sent, on_eof, on_failed, on_connected};
