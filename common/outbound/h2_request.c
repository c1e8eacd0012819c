// SPDX-License-Identifier: MIT
// A request to an HTTP/2 origin and its response.
#include <stdio.h>
#include <stdlib.h>
#include "h2_upstream_internal.h"
#include "upstream_strip.h"

static struct h2_request *request_of(struct exchange_endpoint *endpoint)
{
    return container_of(endpoint, struct h2_request, h.endpoint);
}

// The request will not be sent again.
static void forget(struct h2_request *r)
{
    free(r->head);
    free(r->trailers);
    r->head = r->trailers = NULL;
    buf_free(&r->body);
}

static void refuse_for(struct h2_request *r, enum answer answer, enum exchange_outcome why,
                       const char *detail)
{
    timeout_stop(&r->limit);
    http2_stream_release(&r->h, MUX_RESET_CANCEL);
    if (r->h.endpoint.x && *detail)
        exchange_set_detail(&r->h.endpoint, detail);
    exchange_refuse(&r->h.endpoint, answer, why);
    http2_stream_discard(&r->h);
}

static void refuse(struct h2_request *r, enum answer answer, const char *detail)
{
    refuse_for(r, answer, EXCHANGE_UPSTREAM_GONE, detail);
}

static void on_answer_limit(struct timeout *t)
{
    refuse(container_of(t, struct h2_request, limit), ANSWER_UPSTREAM_TIMEOUT, "");
}

// From the end of the request to the response head. No limit unless one was configured: the origin
// may be stopped at a breakpoint.
static void update_limit(struct h2_request *r)
{
    const struct exchange *x = r->h.endpoint.x;
    const uint32_t ms = r->upstream->loop->limits.answer_ms;
    if (!r->h.stream || !x)
        return;
    if (ms == 0 || x->responded || !exchange_has_request(x))
        timeout_stop(&r->limit);
    else if (!timeout_runs(&r->limit))
        timeout_start(r->upstream->loop, &r->limit, ms, on_answer_limit);
}

// Not inlined: stack-clash protection probes every page of a frame that holds a head.
__attribute__((noinline)) static struct mux_stream *open_stream(struct h2_request *r)
{
    struct http_head head;
    head_copy_read(r->head, &head);
    return mux_open(r->trunk->h.mux, &head, !framing_has_body(&r->framing), &r->h);
}

__attribute__((noinline)) static int finish_stream(const struct h2_request *r)
{
    struct http_head trailers;
    if (!r->trailers)
        return mux_finish(r->h.stream, NULL);
    head_copy_read(r->trailers, &trailers);
    return mux_finish(r->h.stream, &trailers);
}

static void begin_request(struct h2_request *r)
{
    struct h2_trunk *k = r->trunk;
    const size_t len = buf_len(&r->body);
    r->reused = k->answered;
    r->tries++;
    r->h.mux = k->h.mux;
    r->h.wake_ctx = &k->h;
    r->h.stream = open_stream(r);
    if (!r->h.stream) {
        refuse(r, ANSWER_BUSY, "");
        return;
    }
    r->h.endpoint.x->facts.sent_on_ns = uv_hrtime();
    int error = len > 0 ? mux_data(r->h.stream, buf_at(&r->body), len) : 0;
    if (!error && r->finished)
        error = finish_stream(r);
    if (error) {
        refuse_for(r, ANSWER_BUSY, EXCHANGE_MEMORY, "");
        return;
    }
    if (len > H2_UPSTREAM_REPEAT_BYTES)
        forget(r);
    http2_stream_wake(&r->h);
    update_limit(r);
}

static void endpoint_head(struct exchange_endpoint *endpoint, const struct http_head *head,
                          const struct body_framing *framing)
{
    struct h2_request *r = request_of(endpoint);
    r->framing = *framing;
    r->idempotent = method_is_idempotent(head->method) && !framing_has_body(framing);
    r->head = h2_head_make(r->upstream, head);
    if (r->head)
        h2_trunk_place(r, NULL);
    else
        refuse(r, ANSWER_BUSY, "");
}

// The bytes kept of a request are bounded: by its credit until it is sent, then more closely.
static bool keep(struct h2_request *r, const char *bytes, size_t len)
{
    if (!r->h.stream)
        return buf_append(&r->body, bytes, len);
    if (r->head &&
        (buf_len(&r->body) + len > H2_UPSTREAM_REPEAT_BYTES || !buf_append(&r->body, bytes, len)))
        forget(r);
    return true;
}

static void endpoint_data(struct exchange_endpoint *endpoint, const char *bytes, size_t len)
{
    struct h2_request *r = request_of(endpoint);
    if (!keep(r, bytes, len)) {
        refuse_for(r, ANSWER_BUSY, EXCHANGE_MEMORY, "");
        return;
    }
    if (r->h.stream)
        http2_stream_data(endpoint, bytes, len);
    update_limit(r);
}

static void endpoint_finish(struct exchange_endpoint *endpoint, const struct http_head *trailers)
{
    struct h2_request *r = request_of(endpoint);
    r->finished = true;
    if (trailers && r->head) {
        r->trailers = head_copy_new(trailers);
        if (!r->trailers && !r->h.stream) {
            refuse_for(r, ANSWER_BUSY, EXCHANGE_MEMORY, "");
            return;
        }
        if (!r->trailers)
            forget(r);
    }
    if (r->h.stream)
        http2_stream_finish(endpoint, trailers);
    update_limit(r);
}

static void endpoint_closed(struct exchange_endpoint *endpoint, const struct exchange *x,
                            enum exchange_outcome why)
{
    struct h2_request *r = request_of(endpoint);
    const bool goes_on = why == EXCHANGE_COMPLETE && x->direction[INBOUND].ended;
    http2_stream_release(&r->h, goes_on ? 0 : MUX_RESET_CANCEL);
    http2_stream_discard(&r->h);
}

static const char *reset_name(uint32_t reset)
{
    if (reset == MUX_RESET_UNWANTED)
        reset = 0;
    static const char *const names[] = {"NO_ERROR",
                                        "PROTOCOL_ERROR",
                                        "INTERNAL_ERROR",
                                        "FLOW_CONTROL_ERROR",
                                        "SETTINGS_TIMEOUT",
                                        "STREAM_CLOSED",
                                        "FRAME_SIZE_ERROR",
                                        "REFUSED_STREAM",
                                        "CANCEL",
                                        "COMPRESSION_ERROR",
                                        "CONNECT_ERROR",
                                        "ENHANCE_YOUR_CALM",
                                        "INADEQUATE_SECURITY",
                                        "HTTP_1_1_REQUIRED"};
    return reset < sizeof(names) / sizeof(names[0]) ? names[reset] : "an unknown error";
}

// The connection is gone before the response was whole.
static void refuse_lost(struct h2_request *r)
{
    const struct h2_trunk *k = r->trunk;
    if (!mux_is_greeted(k->h.mux))
        refuse_for(r, ANSWER_UPSTREAM_INVALID, EXCHANGE_PROTOCOL,
                   "it does not speak HTTP/2: leave --upstream-protocol out");
    else if (k->error == MUX_E_PROTOCOL || k->error == MUX_E_FLOOD)
        refuse_for(r, ANSWER_UPSTREAM_INVALID, EXCHANGE_PROTOCOL,
                   k->error == MUX_E_FLOOD ? "a flood of HTTP/2 frames that carry no response"
                                           : "it breaks the rules of HTTP/2");
    else
        refuse(r, ANSWER_UPSTREAM_CLOSED, "");
}

static void refuse_reset(struct h2_request *r, uint32_t reset)
{
    char detail[ANSWER_DETAIL_MAX];
    if (reset == MUX_RESET_ILLEGAL) {
        refuse_for(r, ANSWER_UPSTREAM_INVALID, EXCHANGE_PROTOCOL,
                   "a head or trailers that contradict themselves or HTTP/2");
        return;
    }
    (void)snprintf(detail, sizeof(detail), "it reset the stream with %s", reset_name(reset));
    refuse(r, ANSWER_UPSTREAM_CLOSED, detail);
}

// Whether the origin has provably not processed the request (RFC 9113 §8.7), or the request may
// have met a connection that the origin was closing and may be repeated (RFC 9110 §9.2.2).
static bool may_repeat(const struct h2_request *r, uint32_t reset)
{
    const struct exchange *x = r->h.endpoint.x;
    if (!r->head || r->tries == H2_UPSTREAM_TRIES || x->responded || x->interim > 0)
        return false;
    return reset == MUX_RESET_REFUSED ||
           (reset == MUX_RESET_LOST && r->idempotent && r->reused && !r->trunk->error);
}

static void lost(struct http2_stream *h, uint32_t reset)
{
    struct h2_request *r = container_of(h, struct h2_request, h);
    timeout_stop(&r->limit);
    if (h->endpoint.x && h->endpoint.x->sent[OUTBOUND]) {
        exchange_detach(&h->endpoint); // the response is whole
        http2_stream_discard(h);
    } else if (!h->endpoint.x) {
        http2_stream_discard(h);
    } else if (may_repeat(r, reset)) {
        const struct h2_trunk *from = r->trunk;
        h2_trunk_leave(r);
        h2_trunk_place(r, from);
    } else if (reset == MUX_RESET_LOST) {
        refuse_lost(r);
    } else {
        refuse_reset(r, reset);
    }
}

static void discarded(struct http2_stream *h)
{
    struct h2_request *r = container_of(h, struct h2_request, h);
    timeout_stop(&r->limit);
    h2_trunk_leave(r);
}

static void free_request(struct http2_stream *h)
{
    struct h2_request *r = container_of(h, struct h2_request, h);
    forget(r);
    free(r);
}

static const struct http2_stream_kind kind = {
    .ops =
        {
            .head = endpoint_head,
            .data = endpoint_data,
            .finish = endpoint_finish,
            .credit = http2_stream_credit,
            .closed = endpoint_closed,
            .strip = upstream_strip,
        },
    .lost = lost,
    .discarded = discarded,
    .free = free_request,
    .room_max = LIMIT_CREDIT_MAX - LIMIT_CREDIT_BYTES,
};

struct h2_request *h2_request_new(struct h2_upstream *u)
{
    struct h2_request *r = malloc(sizeof(*r)); // faster than calloc: uses the thread cache
    if (!r)
        return NULL;
    *r = (struct h2_request){
        .h = {.loop = u->loop, .kind = &kind, .endpoint.ops = &kind.ops, .wake = http2_conn_wake},
        .upstream = u,
    };
    return r;
}

static void on_head(void *ctx, struct mux_stream *s, struct http_head *head,
                    const struct body_framing *framing, bool end)
{
    char detail[ANSWER_DETAIL_MAX];
    struct h2_request *r = mux_user(s);
    const struct exchange *x = r ? r->h.endpoint.x : NULL;
    if (!x)
        return;
    r->trunk->answered = true;
    if (mux_stream_head_is_cut(s)) {
        const struct limits *l = &r->upstream->loop->limits;
        (void)snprintf(detail, sizeof(detail),
                       "a head of more than %u bytes or %u fields (--limit response-head-bytes, "
                       "response-head-fields)",
                       l->response_head_bytes, l->response_head_fields);
        refuse(r, ANSWER_UPSTREAM_TOO_LARGE, detail);
        return;
    }
    if (status_is_interim(head->status) && !exchange_takes_interim(x, head)) {
        (void)snprintf(detail, sizeof(detail),
                       "more than %d interim responses, or %d KiB of their fields", LIMIT_INTERIM,
                       LIMIT_INTERIM_BYTES / 1024);
        refuse(r, ANSWER_UPSTREAM_INVALID, detail);
        return;
    }
    if (!status_is_interim(head->status)) {
        timeout_stop(&r->limit);
        forget(r);
    }
    http2_stream_on_head(ctx, s, head, framing, end);
}

const struct h2_request_ops h2_request_ops = {
    .begin = begin_request,
    .refuse = refuse,
    .handler =
        {
            .head = on_head,
            .data = http2_stream_on_data,
            .end = http2_stream_on_end,
            .drained = http2_stream_on_drained,
            .closed = http2_stream_on_closed,
        },
};
