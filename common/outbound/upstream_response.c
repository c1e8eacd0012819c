// SPDX-License-Identifier: MIT
// Reads the response of the origin: the events of its connection.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "upstream_internal.h"

static struct http1_limits head_limits(const struct upstream_request *r)
{
    const struct limits *l = &r->upstream->loop->limits;
    return (struct http1_limits){l->response_head_bytes, l->response_head_fields};
}

// Refuses a malformed head, with a detail for people.
__attribute__((format(printf, 3, 4))) static void refuse_head(struct upstream_request *r,
                                                              enum answer answer,
                                                              const char *format, ...)
{
    char detail[EXCHANGE_DETAIL_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    exchange_bad_head(&r->h.endpoint, conn_in(r->h.conn), detail);
    upstream_request_refuse(r, answer);
}

// Refuses a head for a parser's error.
static void refuse_malformed_head(struct upstream_request *r, int error)
{
    struct slice in = conn_in(r->h.conn);
    const struct http1_limits limits = head_limits(r);
    struct http1_fault fault;
    if (error == HTTP1_E_HEAD_TOO_LARGE)
        refuse_head(r, ANSWER_UPSTREAM_TOO_LARGE,
                    "a head of more than %zu bytes (--limit response-head-bytes)",
                    limits.head_bytes);
    else if (error == HTTP1_E_TOO_MANY_FIELDS)
        refuse_head(r, ANSWER_UPSTREAM_TOO_LARGE,
                    "more than %zu fields (--limit response-head-fields)", limits.fields);
    else if (http1_explain_response(in, &limits, &fault))
        refuse_head(r, ANSWER_UPSTREAM_INVALID, "%s at byte %zu", fault.phrase, fault.at);
    else
        refuse_head(r, ANSWER_UPSTREAM_INVALID, "%s", http1_strerror(error));
}

// A 101 may switch only to a protocol that the request offered (RFC 9110 §7.8).
static bool was_offered(const struct upstream_request *r, struct slice upgrade)
{
    const char *offer = r->h.endpoint.x->offer;
    return offer && slice_list_is_within(upgrade, slice_str(offer));
}

static bool begin_body(struct upstream_request *r, struct http_head *head,
                       struct body_framing *framing)
{
    struct slice method = r->h.endpoint.x->asks_head ? SLICE("HEAD") : SLICE("GET");
    int error = http1_response_framing(head, method, framing);
    bool switches = head->status == 101;
    if (error) {
        refuse_malformed_head(r, error);
        return false;
    }
    if (switches && (head->upgrade.len > 255 || !was_offered(r, head->upgrade))) {
        refuse_head(r, ANSWER_UPSTREAM_INVALID,
                    "a 101 that switches to a protocol that was not offered");
        return false;
    }
    http1_unfold(head);
    r->keep_alive = http1_keeps_alive(head) && framing->kind != BODY_UNTIL_CLOSE && !switches;
    if (!http1_conn_begin_body(&r->h, head, framing)) {
        upstream_request_refuse(r, ANSWER_BUSY);
        return false;
    }
    r->state = REQUEST_BODY;
    r->h.chunked = r->h.chunked && !switches;
    return true;
}

static void finish(struct upstream_request *r, const struct http_head *trailers)
{
    if (r->h.body.kind == BODY_TUNNEL) { // the other direction may go on
        exchange_finish(&r->h.endpoint, NULL);
        return;
    }
    r->state = REQUEST_DONE;
    exchange_finish(&r->h.endpoint, trailers);
    if (r->h.endpoint.x && !r->keep_alive) {
        exchange_detach(&r->h.endpoint);
        upstream_request_close(r, false);
    }
}

// Learns from the response how the origin treats idle connections. A Connection field without
// "close" shows that the origin keeps them on purpose.
static void learn(struct upstream_request *r, const struct http_head *head)
{
    if (r->pooled)
        upstream_pool_answered(r->upstream, &r->history);
    else
        upstream_pool_answered_new(r->upstream);
    if (r->pooled || !r->keep_alive)
        return;
    const struct field *f = head_find(head, SLICE("keep-alive"));
    upstream_pool_declared(r->upstream, r->use.repeatable,
                           head_find(head, SLICE("connection")) != NULL, f ? f->value : SLICE(""));
}

static bool read_head(struct upstream_request *r)
{
    struct slice in = conn_in(r->h.conn);
    struct http_head head;
    struct body_framing framing = {BODY_NONE, 0};
    const struct http1_limits limits = head_limits(r);
    int n = http1_read_response(in.p, in.len, &r->h.scanned, &limits, &head);
    if (!r->response_bytes)
        r->h.endpoint.x->facts.heard_ns = uv_hrtime();
    r->response_bytes = true;
    // The origin may parse the rest of the request as another one: its answer would be stray.
    r->early = r->early || !exchange_has_request(r->h.endpoint.x) || conn_pending(r->h.conn) > 0;
    if (n == 0)
        return false;
    if (n < 0) {
        refuse_malformed_head(r, n);
        return false;
    }
    bool interim = status_is_interim(head.status);
    if (interim && !exchange_takes_interim(r->h.endpoint.x, &head)) {
        refuse_head(r, ANSWER_UPSTREAM_INVALID,
                    "more than %d interim responses, or %d KiB of their fields", LIMIT_INTERIM,
                    LIMIT_INTERIM_BYTES / 1024);
        return false;
    }
    if (interim) {
        http1_unfold(&head);
        r->early = false;
    } else if (!begin_body(r, &head, &framing)) {
        return false;
    }
    r->h.scanned = 0;
    conn_consume(r->h.conn, (size_t)n); // the head's bytes stay in place
    if (!interim)
        learn(r, &head);
    exchange_head(&r->h.endpoint, &head, &framing);
    if (r->state == REQUEST_BODY && http1_body_done(&r->h.body))
        finish(r, NULL);
    return r->state != REQUEST_CLOSED;
}

static void abort_body(struct upstream_request *r, int error)
{
    char detail[EXCHANGE_DETAIL_MAX];
    uint64_t bytes = r->h.endpoint.x->direction[OUTBOUND].bytes;
    const char *what =
        r->h.body.state == HTTP1_BODY_TRAILERS ? "malformed trailers" : "a malformed chunk";
    if (error == HTTP1_E_HEAD_TOO_LARGE)
        what = "trailers over --limit response-head-bytes";
    else if (error == HTTP1_E_TOO_MANY_FIELDS)
        what = "more trailers than --limit response-head-fields";
    (void)snprintf(detail, sizeof(detail), "%s after %llu bytes of the body", what,
                   (unsigned long long)bytes);
    exchange_set_detail(&r->h.endpoint, detail);
    upstream_request_fail(r, ANSWER_UPSTREAM_INVALID, EXCHANGE_PROTOCOL);
}

static void whole(struct http1_conn *h, const struct http_head *trailers)
{
    finish(upstream_request_of(&h->endpoint), trailers);
}

static void malformed(struct http1_conn *h, int error)
{
    abort_body(upstream_request_of(&h->endpoint), error);
}

static void failed(struct http1_conn *h)
{
    upstream_request_fail(upstream_request_of(&h->endpoint), ANSWER_BUSY, EXCHANGE_MEMORY);
}

static bool keep(struct http1_conn *h, const void *bytes, size_t len)
{
    return buf_append(&upstream_request_of(&h->endpoint)->waiting, bytes, len);
}

static struct http1_limits limits_of(const struct http1_conn *h)
{
    return head_limits(container_of(h, struct upstream_request, h));
}

const struct http1_conn_ops upstream_http1_ops = {
    .whole = whole,
    .malformed = malformed,
    .failed = failed,
    .keep = keep,
    .limits = limits_of,
};

// Bytes on a pooled connection before any of the request has left are no response to it.
static bool is_stray(const struct upstream_request *r)
{
    return r->state == REQUEST_HEAD && r->pooled && conn_wire_sent(r->h.conn) == r->sent_before;
}

static void on_readable(struct conn *c)
{
    struct upstream_request *r = conn_owner(c);
    bool more = true;
    if (is_stray(r)) {
        upstream_request_lost(r);
        return;
    }
    while (more && r->h.conn && conn_in(r->h.conn).len > 0) {
        switch (r->state) {
        case REQUEST_HEAD: more = read_head(r); break;
        case REQUEST_BODY: more = http1_conn_read_body(&r->h); break;
        case REQUEST_DONE:
            r->keep_alive = false;
            conn_consume(r->h.conn, conn_in(r->h.conn).len);
            break;
        case REQUEST_CONNECTING:
        case REQUEST_CLOSED: more = false; break;
        }
    }
    upstream_request_update(r);
}

static void on_sent(struct conn *c)
{
    struct upstream_request *r = conn_owner(c);
    http1_conn_sent(&r->h);
}

static void on_eof(struct conn *c)
{
    struct upstream_request *r = conn_owner(c);
    if (r->state == REQUEST_BODY && http1_body_may_end_by_close(&r->h.body))
        finish(r, NULL);
    else
        upstream_request_lost(r);
}

static void on_failed(struct conn *c, int error)
{
    struct upstream_request *r = conn_owner(c);
    (void)error;
    r->h.conn = NULL;
    upstream_request_lost(r);
}

const struct conn_ops upstream_response_ops = {on_readable, on_sent, on_eof, on_failed, NULL};
