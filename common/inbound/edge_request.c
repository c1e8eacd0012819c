// SPDX-License-Identifier: MIT
// Reads from the visitor: request heads, bodies, the bytes of an upgraded stream, end of file.
#include "edge_internal.h"
#include "proto/http/authority.h"
#include "proto/http/field_names.h"
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
    admission_set_busy(e->place);
    edge_start_clock(e, CLOCK_NONE);
}

// The request's body is whole. An offer to upgrade keeps the direction open until the response
// decides.
static void request_whole(struct http1_conn *h, const struct http_head *trailers)
{
    if (!exchange_is_undecided(h->endpoint.x))
        exchange_finish(&h->endpoint, trailers);
}

// Takes client and scheme of the request from a trusted proxy's fields.
static void read_proxy_claims(struct edge *e, const struct http_head *head)
{
    struct proxied_request request = {.client = e->peer};
    trusted_proxies_read(e->set->trusted, head, &request);
    e->scheme = request.scheme;
    e->client = request.client;
    client_address_text(&e->client, e->visitor);
}

// Counts the request among those of its client. False: the client has too many.
static bool count_proxied(struct edge *e)
{
    unsigned char bytes[CLIENT_KEY_BYTES];
    struct shares *table = &e->set->proxied;
    if (e->client.exempt)
        return true;
    struct slice key = client_address_key(&e->client, bytes);
    if (shares_count(table, key) >= admission_cap(edge_limits(e), &e->client))
        return false;
    e->proxied = shares_enter(table, key);
    return e->proxied;
}

// Whether there is a place for the request. An agent needs none.
static bool has_place(struct edge *e, const struct http_head *head, enum answer *answer)
{
    const struct edge_set *set = e->set;
    admission_retry(e->place, edge_limits(e));
    enum admission_verdict verdict = e->place->verdict;
    if (verdict == ADMIT_SERVED && e->from_proxy && !count_proxied(e))
        verdict = ADMIT_TOO_MANY;
    const struct inbound_handler *handler = &set->handler;
    if (verdict == ADMIT_SERVED ||
        (handler->brings_agent && handler->brings_agent(handler->ctx, head)))
        return true;
    *answer = verdict == ADMIT_FULL ? ANSWER_RELAY_FULL : ANSWER_TOO_MANY;
    return false;
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
    return has_place(e, head, answer);
}

// Whether the request passed a proxy, trusted or not, so that the connection may carry requests of
// several people: by Via, CDN-Loop or a field with which proxies describe the client.
static bool is_forwarded(const struct http_head *head)
{
    for (size_t i = 0; i < head->field_count; i++) {
        const struct slice name = head->fields[i].name;
        if (field_is_claim(name) || slice_ieq(name, SLICE("via")) ||
            slice_ieq(name, SLICE("cdn-loop")))
            return true;
    }
    return false;
}

// Whether the certificate that the visitor was shown is for the host of the request.
static bool is_covered(const struct edge *e, const struct http_head *head)
{
    struct authority a;
    if (head->authority.len == 0 || authority_split(head->authority, &a))
        return true; // there is no host that it could be for
    if (a.host.len > 1 && a.host.p[a.host.len - 1] == '.')
        a.host.len--;
    return conn_covers(e->h.conn, a.host);
}

// Begins the exchange of a request. False when out of memory.
static bool open_exchange(struct edge *e, struct http_head *head,
                          const struct body_framing *framing)
{
    if (framing->kind == BODY_CHUNKED)
        head->upgrade.len = 0; // the boundary of chunked body and upgraded stream would be lost
    head->upgrade = fields_upgrade_offer(head->upgrade);
    struct exchange *x = exchange_new(&e->h.endpoint, head, e->set->observer);
    if (!x)
        return false;
    if (head->minor_version == 0)
        head_remove(head, SLICE("expect")); // RFC 9110 §10.1.1; the next hop sees HTTP/1.1
    x->facts.client = e->client;
    x->facts.visitor = e->visitor;
    x->facts.scheme = e->scheme ? e->scheme : e->tls ? "https" : e->set->scheme;
    x->facts.uncovered = e->tls && !is_covered(e, head);
    exchange_id_next(&e->set->ids, (uint64_t)x->facts.begun_wall_ns / 1000000, x->facts.id);
    begin_exchange(e, head, framing);
    if (!http1_conn_begin_body(&e->h, head, framing)) {
        exchange_discard(x);
        return false;
    }
    if (e->number && is_forwarded(head))
        e->number = 0;
    x->facts.inbound_id = e->number;
    e->keep_alive = e->keep_alive && e->place->verdict == ADMIT_SERVED;
    return true;
}

// Handles a request whose head is complete.
static void handle_request(struct edge *e, struct http_head *head)
{
    const struct inbound_handler *handler = &e->set->handler;
    struct body_framing framing;
    enum answer refusal = ANSWER_BAD_REQUEST;
    if (e->from_proxy)
        read_proxy_claims(e, head);
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

static void on_readable(struct conn *c)
{
    struct edge *e = conn_owner(c);
    bool more = true;
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
