// SPDX-License-Identifier: MIT
// A visitor's request over HTTP/2 and its response.
#include <stdio.h>
#include <stdlib.h>
#include "h2_edge_internal.h"

static struct h2_stream *stream_of(struct exchange_endpoint *endpoint)
{
    return container_of(endpoint, struct h2_stream, h.endpoint);
}

static bool is_extended(const struct h2_stream *s)
{
    return s->key[0];
}

static void set_endless(struct h2_stream *s, bool endless)
{
    if (s->endless == endless)
        return;
    s->endless = endless;
    s->edge->endless += endless ? 1 : SIZE_MAX;
    h2_edge_update(s->edge);
}

struct response {
    struct h2_stream *s;
    const struct body_framing *framing;
    int error;
};

static bool respond(void *ctx, const struct http_head *head)
{
    struct response *r = ctx;
    r->error = http2_stream_respond(&r->s->h, head, r->framing);
    return !r->error;
}

// Answers in place of a response that HTTP/2 cannot carry, or must not.
static void answer_instead(struct h2_stream *s, enum answer answer, const char *detail)
{
    struct exchange *x = s->h.endpoint.x;
    exchange_set_detail(&s->h.endpoint, detail);
    exchange_answer_instead(x, answer, EXCHANGE_PROTOCOL);
}

// Not inlined: few responses switch protocols, and stack-clash protection probes every page of a
// frame that holds a head.
__attribute__((noinline)) static bool write_switched(struct response *r,
                                                     const struct http_head *head)
{
    struct http_head plain;
    head_copy(&plain, head);
    head_remove(&plain, SLICE("sec-websocket-accept"));
    return visit_write_response(r->s->edge->visitor.set, &plain, respond, r);
}

// The response to an extended CONNECT decides whether the request's direction goes on.
static void settle_upgrade(struct h2_stream *s)
{
    const struct exchange *x = s->h.endpoint.x;
    if (!x->offers || (x->upgraded && !s->ended))
        return;
    exchange_finish(&s->h.endpoint, NULL);
}

static void endpoint_head(struct exchange_endpoint *endpoint, const struct http_head *head,
                          const struct body_framing *framing)
{
    struct h2_stream *s = stream_of(endpoint);
    struct response r = {s, framing, 0};
    const bool interim = status_is_interim(head->status);
    const bool switches = head->status == 101;
    if (switches && !(is_extended(s) && h2_websocket_accepts(head, s->key))) {
        answer_instead(s, ANSWER_UPSTREAM_INVALID, "a 101 without the right Sec-WebSocket-Accept");
        return;
    }
    // Over HTTP/2 any 2xx accepts a WebSocket (RFC 8441 §5), whatever the service meant.
    if (!switches && is_extended(s) && head->status / 100 == 2) {
        answer_instead(s, ANSWER_UPSTREAM_INVALID, "a response of 2xx to the offer of a WebSocket");
        return;
    }
    const bool ok = switches ? write_switched(&r, head)
                             : visit_write_response(s->edge->visitor.set, head, respond, &r);
    if (!ok && r.error == MUX_E_HEAD && interim)
        return; // interim responses may be left out (RFC 9110 §15.2)
    if (!ok && r.error == MUX_E_HEAD && !endpoint->x->facts.refused) {
        answer_instead(s, ANSWER_UPSTREAM_TOO_LARGE, "a head that is too large for HTTP/2");
        return;
    }
    if (!ok) {
        http2_stream_abort(&s->h, EXCHANGE_MEMORY);
        return;
    }
    if (head->status == 100)
        s->awaits_continue = false;
    if (interim)
        return;
    endpoint->x->endless = endpoint->x->upgraded || exchange_is_event_stream(head);
    set_endless(s, endpoint->x->endless);
    settle_upgrade(s);
}

// A whole response leaves as the visitor takes it; the stream is counted until then. A part of one
// shows as such by the reset.
static void endpoint_closed(struct exchange_endpoint *endpoint, const struct exchange *x,
                            enum exchange_outcome why)
{
    struct h2_stream *s = stream_of(endpoint);
    set_endless(s, false);
    if (why == EXCHANGE_COMPLETE && x->direction[OUTBOUND].ended && s->h.stream) {
        mux_stop_request(s->h.stream); // the rest of the request, if any, is unwanted
        http2_stream_wake(&s->h);
        return;
    }
    // A service that sends 1xx responses without end is no fault of the visitor's.
    const bool of_visitor = why == EXCHANGE_PROTOCOL && !x->responded && x->interim < LIMIT_INTERIM;
    http2_stream_release(&s->h, of_visitor ? MUX_RESET_PROTOCOL : MUX_RESET_INTERNAL);
    http2_stream_discard(&s->h);
}

static void lost(struct http2_stream *h, uint32_t reset)
{
    (void)reset;
    exchange_abort(&h->endpoint, EXCHANGE_VISITOR_GONE);
    http2_stream_discard(h);
}

static void discarded(struct http2_stream *h)
{
    struct h2_stream *s = container_of(h, struct h2_stream, h);
    struct h2_edge *e = s->edge;
    visit_end(&s->visit);
    list_remove(&e->streams, &s->in_edge);
    e->count--;
    e->endless -= s->endless;
    s->endless = false;
    h2_edge_update(e);
}

static void free_stream(struct http2_stream *h)
{
    free(container_of(h, struct h2_stream, h));
}

static const struct http2_stream_kind kind = {
    .ops =
        {
            .head = endpoint_head,
            .data = http2_stream_data,
            .finish = http2_stream_finish,
            .unwanted = http2_stream_unwanted,
            .credit = http2_stream_credit,
            .closed = endpoint_closed,
        },
    .lost = lost,
    .discarded = discarded,
    .free = free_stream,
    .room_max = LIMIT_H2_ROOM_BYTES,
};

static struct h2_stream *stream_new(struct h2_edge *e, struct mux_stream *mux_stream,
                                    const struct http_head *head)
{
    struct h2_stream *s = malloc(sizeof(*s)); // faster than calloc: uses the thread cache
    if (!s)
        return NULL;
    *s = (struct h2_stream){
        .h = {.loop = e->h.loop,
              .kind = &kind,
              .endpoint.ops = &kind.ops,
              .mux = e->h.mux,
              .wake = http2_conn_wake,
              .wake_ctx = &e->h},
        .edge = e,
    };
    if (e->visitor.from_proxy)
        visit_read_claims(&s->visit, &e->visitor, head);
    else
        s->visit = e->visit;
    http2_stream_begin(&s->h, mux_stream);
    list_append(&e->streams, &s->in_edge);
    e->count++;
    e->used = true;
    h2_edge_update(e);
    return s;
}

static bool expects_continue(const struct http_head *head)
{
    const struct field *f = head_find(head, SLICE("expect"));
    return f && slice_ieq(f->value, SLICE("100-continue"));
}

// Whether the request is served; if not, `*answer` says why. Translates an extended CONNECT.
static bool admit(struct h2_stream *s, struct http_head *head, enum answer *answer)
{
    if (mux_stream_head_is_cut(s->h.stream)) {
        *answer = ANSWER_HEAD_TOO_LARGE;
        return false;
    }
    if (slice_eq(head->method, SLICE("CONNECT"))) {
        *answer = ANSWER_NOT_IMPLEMENTED;
        if (!slice_ieq(head->upgrade, SLICE("websocket")))
            return false;
        *answer = ANSWER_HEAD_TOO_LARGE;
        if (!h2_websocket_request(head, s->key))
            return false;
    }
    return visit_has_place(&s->visit, &s->edge->visitor, head, answer);
}

static void serve(struct h2_stream *s, struct http_head *head, const struct body_framing *framing,
                  bool end)
{
    struct h2_edge *e = s->edge;
    const struct inbound_handler *handler = &e->visitor.set->handler;
    enum answer refusal = ANSWER_BAD_REQUEST;
    const bool admitted = admit(s, head, &refusal);
    if (!is_extended(s))
        head->upgrade = (struct slice){0};
    head->http2 = true;
    if (!visit_begin(&s->visit, &e->visitor, &s->h.endpoint, head)) {
        http2_stream_release(&s->h, MUX_RESET_REFUSED);
        http2_stream_discard(&s->h);
        return;
    }
    s->awaits_continue = framing_has_body(framing) && expects_continue(head);
    if (admitted)
        handler->request(handler->ctx, s->h.endpoint.x, head, framing);
    else
        exchange_answer(s->h.endpoint.x, refusal);
    if (e->visitor.place && e->visitor.place->verdict != ADMIT_SERVED)
        mux_drain(e->h.mux);
    s->ended = end;
    if (end && s->h.endpoint.x && !exchange_is_undecided(s->h.endpoint.x))
        exchange_finish(&s->h.endpoint, NULL);
}

void h2_stream_on_head(void *ctx, struct mux_stream *mux_stream, struct http_head *head,
                       const struct body_framing *framing, bool end)
{
    struct h2_stream *s = stream_new(ctx, mux_stream, head);
    if (s)
        serve(s, head, framing, end);
    else
        mux_reset(mux_stream, MUX_RESET_REFUSED);
}

void h2_stream_on_data(void *ctx, struct mux_stream *mux_stream, const char *bytes, size_t len)
{
    struct h2_stream *s = mux_user(mux_stream);
    struct exchange *x = s ? s->h.endpoint.x : NULL;
    if (!x) { // nobody takes it: other streams' bodies must not wait for that
        mux_credit(mux_stream, len);
        return;
    }
    s->awaits_continue = false;
    s->body_bytes += len;
    if (!exchange_is_undecided(x)) {
        http2_stream_on_data(ctx, mux_stream, bytes, len);
        return;
    }
    // A WebSocket begins once it is accepted (RFC 8441 §5).
    http2_stream_release(&s->h, MUX_RESET_PROTOCOL);
    exchange_abort(&s->h.endpoint, EXCHANGE_PROTOCOL);
    http2_stream_discard(&s->h);
}

void h2_stream_on_end(void *ctx, struct mux_stream *mux_stream, struct http_head *trailers)
{
    struct h2_stream *s = mux_user(mux_stream);
    if (!s)
        return;
    s->ended = true;
    if (s->h.endpoint.x && !exchange_is_undecided(s->h.endpoint.x))
        http2_stream_on_end(ctx, mux_stream, trailers);
}

void h2_stream_on_drained(void *ctx, struct mux_stream *mux_stream, size_t len)
{
    struct h2_stream *s = mux_user(mux_stream);
    if (s) {
        s->sent_bytes += len;
        s->edge->sent_bytes += len;
    }
    http2_stream_on_drained(ctx, mux_stream, len);
}

// Whether a portion that is waited for has come in time. `*since` and `*bytes` are of the portion.
static bool is_in_time(uint64_t *since, size_t *bytes, uint32_t ms, const struct h2_edge *e,
                       uint64_t now_ms)
{
    if (*since && now_ms - *since < ms)
        return true;
    const bool in_time = !*since || *bytes >= (uint64_t)h2_limits(e)->rate * ms / 1000;
    *since = now_ms;
    *bytes = 0;
    return in_time;
}

// The exchange waits for the visitor as edge.c's does, while all that came has been passed on.
static bool waits_for_body(const struct h2_stream *s)
{
    const struct exchange *x = s->h.endpoint.x;
    if (!x || x->upgraded || s->ended || !framing_has_body(&x->direction[INBOUND].framing) ||
        mux_stream_unread(s->h.stream) > 0)
        return false;
    return x->responded ? x->direction[OUTBOUND].ended : !s->awaits_continue;
}

// Ends a stream whose visitor is too slow, with an answer if there is no response yet.
static void cut(struct h2_stream *s, bool answers)
{
    struct exchange *x = s->h.endpoint.x;
    if (x && answers && !x->responded) {
        exchange_stop(x, ANSWER_REQUEST_TIMEOUT, EXCHANGE_TIMEOUT);
        return;
    }
    http2_stream_release(&s->h, MUX_RESET_CANCEL);
    exchange_abort(&s->h.endpoint, answers ? EXCHANGE_TIMEOUT : EXCHANGE_VISITOR_GONE);
    http2_stream_discard(&s->h);
}

bool h2_edge_is_taken(struct h2_edge *e, uint64_t now_ms)
{
    if (mux_is_held(e->h.mux))
        return is_in_time(&e->send_since_ms, &e->sent_bytes, h2_limits(e)->send_ms, e, now_ms);
    e->send_since_ms = 0;
    return true;
}

// A response waits for the visitor if the window of its stream holds it back, or that of the
// connection while the visitor takes too little of any. Others wait for their turn, which the
// visitor's priorities may put off for long.
void h2_stream_check(struct h2_stream *s, uint64_t now_ms, bool taken)
{
    const struct h2_edge *e = s->edge;
    if (!s->h.stream)
        return;
    const bool body = waits_for_body(s);
    if (s->h.endpoint.x)
        s->h.endpoint.x->awaits_visitor = body;
    if (!body)
        s->body_since_ms = 0;
    else if (!is_in_time(&s->body_since_ms, &s->body_bytes, h2_limits(e)->body_ms, e, now_ms)) {
        cut(s, true);
        return;
    }
    const bool waits = !s->endless && mux_stream_unsent(s->h.stream) > 0;
    const bool held = waits && mux_stream_is_held(s->h.stream);
    if (!held)
        s->send_since_ms = 0;
    if ((waits && !taken) ||
        (held && !is_in_time(&s->send_since_ms, &s->sent_bytes, h2_limits(e)->send_ms, e, now_ms)))
        cut(s, false);
}
