// SPDX-License-Identifier: MIT
// Reads from the visitor: request heads, bodies, the bytes of an upgraded stream, end of file.
#include "edge_internal.h"
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
    e->upgrade_offered = head->upgrade.len > 0;
    e->response_ended = e->unwanted = e->upgraded = false;
    e->request_done = e->response_begun = e->chunked = e->until_close = false;
    e->credit = LIMIT_CREDIT_BYTES;
    e->uncredited = e->drained = 0;
    e->body_bytes = 0;
    bool has_body = framing->kind == BODY_CHUNKED || framing->length > 0;
    e->awaits_continue = has_body && expects_continue(head);
    http1_body_init(&e->body, framing);
    admission_set_busy(e->place);
    edge_start_clock(e, CLOCK_NONE);
}

// The request's body is whole. An offer to upgrade keeps the direction open until the response
// decides.
static void request_done(struct edge *e, const struct http_head *trailers)
{
    e->request_done = true;
    if (!e->upgrade_offered && e->endpoint.x)
        exchange_finish(&e->endpoint, trailers);
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
    if (verdict == ADMIT_SERVED || (set->brings_agent && set->brings_agent(set->ctx, head)))
        return true;
    *answer = verdict == ADMIT_FULL ? ANSWER_RELAY_FULL : ANSWER_TOO_MANY;
    return false;
}

// Whether the request is served; if not, `*answer` says why. Sets `*framing` either way.
static bool admit(struct edge *e, const struct http_head *head, struct body_framing *framing,
                  enum answer *answer)
{
    uint64_t most = edge_limits(e)->body_bytes;
    int error = http1_request_framing(head, framing);
    if (error) {
        *framing = (struct body_framing){BODY_NONE, 0};
        *answer = answer_of_http1(error);
        return false;
    }
    if (!has_place(e, head, answer))
        return false;
    if (most > 0 && framing->kind == BODY_LENGTH && framing->length > most) {
        *answer = ANSWER_BODY_TOO_LARGE;
        return false;
    }
    return true;
}

// Whether the request passed a proxy, trusted or not, so that the connection may carry requests of
// several people: by Via, CDN-Loop or a field with which proxies describe the client.
static bool is_forwarded(const struct http_head *head)
{
    for (size_t i = 0; i < head->field_count; i++) {
        const struct slice name = head->fields[i].name;
        if (field_use_of(name).kind == FIELD_CLAIM || slice_ieq(name, SLICE("via")) ||
            slice_ieq(name, SLICE("cdn-loop")))
            return true;
    }
    return false;
}

// Begins the exchange of a request. False when out of memory.
static bool open_exchange(struct edge *e, struct http_head *head,
                          const struct body_framing *framing)
{
    if (framing->kind == BODY_CHUNKED)
        head->upgrade.len = 0; // the boundary of chunked body and upgraded stream would be lost
    head->upgrade = fields_upgrade_offer(head->upgrade);
    struct exchange *x = exchange_new(&e->endpoint, head, e->set->observer);
    if (!x)
        return false;
    if (head->minor_version == 0)
        head_remove(head, SLICE("expect")); // RFC 9110 §10.1.1; the next hop sees HTTP/1.1
    x->info.visitor = e->visitor;
    exchange_id_next(&e->set->ids, (uint64_t)x->info.begun_wall_ns / 1000000, x->info.id);
    begin_exchange(e, head, framing);
    if (framing->kind == BODY_CHUNKED && !fields_save_connection_names(head, &e->hop_names)) {
        exchange_discard(x);
        return false;
    }
    if (e->number && is_forwarded(head))
        e->number = 0;
    x->info.inbound_id = e->number;
    e->keep_alive = e->keep_alive && e->place->verdict == ADMIT_SERVED;
    return true;
}

// Handles a request whose head, `len` bytes, is complete.
static void handle_request(struct edge *e, struct http_head *head, size_t len)
{
    struct body_framing framing;
    enum answer refusal = ANSWER_BAD_REQUEST;
    if (e->from_proxy)
        read_proxy_claims(e, head);
    bool admitted = admit(e, head, &framing, &refusal);
    e->head_len = len;
    if (!open_exchange(e, head, &framing)) {
        edge_close(e, CONN_CLOSE_NOW);
        return;
    }
    if (admitted) {
        e->set->request(e->set->ctx, e, e->endpoint.x, head, &framing);
    } else {
        e->keep_alive = false;
        exchange_answer(e->endpoint.x, refusal);
    }
    if (e->state == EDGE_CLOSED)
        return;
    conn_consume(e->conn, len);
    if (e->endpoint.x && http1_body_done(&e->body))
        request_done(e, NULL);
}

// Handles a complete head. False when more bytes are needed, or the edge is closed.
static bool read_head(struct edge *e)
{
    struct slice in = conn_in(e->conn);
    struct http_head head;
    const struct http1_limits limits = head_limits(e);
    int n = http1_parse_request(in.p, in.len, &e->scanned, &limits, &head);
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
    e->scanned = 0;
    handle_request(e, &head, (size_t)n);
    return true;
}

static bool read_upgraded(struct edge *e)
{
    struct slice in = conn_in(e->conn);
    if (e->credit <= 0 || !e->endpoint.x)
        return false;
    e->credit -= (ptrdiff_t)in.len;
    if (e->clock == CLOCK_HALF_CLOSED)
        edge_start_clock(e, CLOCK_HALF_CLOSED);
    exchange_data(&e->endpoint, in.p, in.len);
    if (e->conn)
        conn_consume(e->conn, in.len);
    return false;
}

// Counts body bytes against the limits of time, size and draining. False when the edge is closed.
static bool count_body(struct edge *e, size_t wire_bytes, size_t body_bytes)
{
    const struct limits *l = edge_limits(e);
    e->awaits_continue = false;
    e->portion += wire_bytes;
    e->body_bytes += body_bytes;
    if (e->clock == CLOCK_BODY && e->portion >= (uint64_t)l->rate * l->body_ms / 1000)
        edge_start_clock(e, CLOCK_BODY);
    if (l->body_bytes > 0 && e->body_bytes > l->body_bytes) {
        edge_abort(e, EXCHANGE_REFUSED, ANSWER_BODY_TOO_LARGE);
        return false;
    }
    if (!e->unwanted)
        return true;
    e->drained += wire_bytes;
    if (edge_may_drain(e))
        return true;
    edge_end_early(e);
    return false;
}

// Not inlined, like take_chunked_body: stack-clash protection probes every page of a frame that
// holds a head.
__attribute__((noinline)) static void finish_chunked_body(struct edge *e,
                                                          struct http_head *trailers)
{
    struct http_head received;
    head_copy(&received, trailers);
    exchange_set_received(&e->endpoint, &received);
    fields_strip_trailers(trailers, slice_str(e->hop_names));
    request_done(e, trailers->field_count ? trailers : NULL);
}

static void finish_body(struct edge *e, struct http_head *trailers)
{
    if (!e->endpoint.x)
        return;
    if (trailers)
        finish_chunked_body(e, trailers);
    else
        request_done(e, NULL);
}

// `trailers`: room for the trailers of a chunked body; NULL for another body.
static bool take_body(struct edge *e, struct http_head *trailers)
{
    struct slice in = conn_in(e->conn);
    struct slice data = {0};
    const struct http1_limits limits = head_limits(e);
    int n = http1_body_feed(&e->body, in.p, in.len, &limits, &data, trailers);
    if (n < 0) {
        edge_abort(e, EXCHANGE_PROTOCOL, answer_of_http1(n));
        return false;
    }
    if (n > 0 && !count_body(e, (size_t)n, data.len))
        return false;
    if (data.len > 0) {
        e->credit -= (ptrdiff_t)data.len;
        exchange_data(&e->endpoint, data.p, data.len);
    }
    if (e->state != EDGE_CLOSED && http1_body_done(&e->body))
        finish_body(e, trailers);
    if (e->state != EDGE_CLOSED)
        conn_consume(e->conn, (size_t)n);
    return n > 0;
}

__attribute__((noinline)) static bool take_chunked_body(struct edge *e)
{
    struct http_head trailers;
    return take_body(e, &trailers);
}

static bool read_body(struct edge *e)
{
    if (e->upgraded)
        return read_upgraded(e);
    if (e->request_done || e->credit <= 0 || !e->endpoint.x)
        return false;
    return e->body.kind == BODY_CHUNKED ? take_chunked_body(e) : take_body(e, NULL);
}

static void on_readable(struct conn *c)
{
    struct edge *e = conn_owner(c);
    bool more = true;
    while (more && e->state != EDGE_CLOSED && conn_in(e->conn).len > 0 &&
           !edge_leaves_answers_unread(e)) {
        switch (e->state) {
        case EDGE_IDLE:
        case EDGE_HEAD: more = read_head(e); break;
        case EDGE_EXCHANGE: more = read_body(e); break;
        case EDGE_CLOSED: more = false; break;
        }
    }
    edge_update(e);
}

static void on_sent(struct conn *c)
{
    struct edge *e = conn_owner(c);
    size_t pending = conn_pending(c);
    if (e->state != EDGE_EXCHANGE) {
        if (e->clock == CLOCK_KEEPALIVE)
            edge_start_clock(e, CLOCK_KEEPALIVE); // runs from the last byte of our response
        conn_recheck(c);
        edge_update(e);
        return;
    }
    if (e->uncredited <= pending)
        return;
    size_t credit = e->uncredited - pending;
    e->uncredited = pending;
    exchange_credit(&e->endpoint, credit);
}

static void on_eof(struct conn *c)
{
    struct edge *e = conn_owner(c);
    if (e->state == EDGE_EXCHANGE && e->upgraded) {
        exchange_finish(&e->endpoint, NULL);
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
    e->conn = NULL;
    exchange_abort(&e->endpoint, EXCHANGE_VISITOR_GONE);
    edge_close(e, CONN_CLOSE_NOW);
}

const struct conn_ops edge_conn_ops = {on_readable, on_sent, on_eof, on_failed, NULL};
