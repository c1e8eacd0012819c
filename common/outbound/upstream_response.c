// SPDX-License-Identifier: MIT
// Reads the response of the origin: the events of its connection.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "common/exchange/host_rewrite.h"
#include "proto/http/fields.h"
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
    exchange_bad_head(&r->endpoint, conn_in(r->conn), detail);
    upstream_request_refuse(r, answer);
}

// Refuses a head for a parser's error.
static void refuse_malformed_head(struct upstream_request *r, int error)
{
    struct slice in = conn_in(r->conn);
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
    return r->offer && slice_list_is_within(upgrade, slice_str(r->offer));
}

static bool begin_body(struct upstream_request *r, struct http_head *head,
                       struct body_framing *framing)
{
    struct slice method = r->head_request ? SLICE("HEAD") : SLICE("GET");
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
    r->state = switches ? REQUEST_UPGRADED : REQUEST_BODY;
    http1_body_init(&r->body, framing);
    return true;
}

static void finish(struct upstream_request *r, const struct http_head *trailers)
{
    if (r->state == REQUEST_UPGRADED) { // the other direction may go on
        exchange_finish(&r->endpoint, NULL);
        return;
    }
    r->state = REQUEST_DONE;
    exchange_finish(&r->endpoint, trailers);
    if (r->endpoint.x && !r->keep_alive) {
        exchange_detach(&r->endpoint);
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

// Strips adit-* fields from the origin's response, except adit-error on a 508: there the origin is
// the relay, which has found a loop.
static void strip_fields(struct http_head *head)
{
    const struct field *error = head_find(head, SLICE("adit-error"));
    bool loop = head->status == 508 && error && slice_eq(error->value, SLICE("ADIT-LOOP"));
    fields_strip_hop_by_hop(head);
    if (loop)
        (void)head_add(head, SLICE("Adit-Error"), SLICE("ADIT-LOOP"));
}

// Passes a response head on. False when that has ended the request.
static bool send_head(struct upstream_request *r, struct http_head *head,
                      const struct body_framing *framing)
{
    struct http_head received;
    char *values = NULL;
    if (r->public_origin &&
        !host_rewrite_response(head, r->public_origin, slice_str(r->upstream->host), &values)) {
        upstream_request_refuse(r, ANSWER_BUSY);
        return false;
    }
    head_copy(&received, head);
    exchange_set_received(&r->endpoint, &received);
    strip_fields(head);
    exchange_head(&r->endpoint, head, framing);
    free(values);
    return r->state != REQUEST_CLOSED;
}

static bool read_head(struct upstream_request *r)
{
    struct slice in = conn_in(r->conn);
    struct http_head head;
    struct body_framing framing = {BODY_NONE, 0};
    const struct http1_limits limits = head_limits(r);
    int n = http1_read_response(in.p, in.len, &r->scanned, &limits, &head);
    if (!r->response_bytes && r->endpoint.x)
        r->endpoint.x->info.heard_ns = uv_hrtime();
    r->response_bytes = true;
    // The origin may parse the rest of the request as another one: its answer would be stray.
    r->early = r->early || !upstream_request_is_whole(r) || conn_pending(r->conn) > 0;
    if (n == 0)
        return false;
    if (n < 0) {
        refuse_malformed_head(r, n);
        return false;
    }
    bool interim = status_is_interim(head.status);
    if (interim && !exchange_takes_interim(r->endpoint.x, &head)) {
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
    r->scanned = 0;
    if (framing.kind == BODY_CHUNKED && !fields_save_connection_names(&head, &r->hop_names)) {
        upstream_request_refuse(r, ANSWER_BUSY);
        return false;
    }
    if (!interim)
        learn(r, &head);
    if (!send_head(r, &head, &framing))
        return false;
    conn_consume(r->conn, (size_t)n);
    if (r->state == REQUEST_BODY && http1_body_done(&r->body))
        finish(r, NULL);
    return true;
}

static void abort_body(struct upstream_request *r, int error)
{
    char detail[EXCHANGE_DETAIL_MAX];
    uint64_t bytes = r->endpoint.x->direction[OUTBOUND].bytes;
    const char *what =
        r->body.state == HTTP1_BODY_TRAILERS ? "malformed trailers" : "a malformed chunk";
    if (error == HTTP1_E_HEAD_TOO_LARGE)
        what = "trailers over --limit response-head-bytes";
    else if (error == HTTP1_E_TOO_MANY_FIELDS)
        what = "more trailers than --limit response-head-fields";
    (void)snprintf(detail, sizeof(detail), "%s after %llu bytes of the body", what,
                   (unsigned long long)bytes);
    exchange_set_detail(&r->endpoint, detail);
    upstream_request_abort(r, EXCHANGE_PROTOCOL);
}

// Not inlined: stack-clash protection probes every page of a frame that holds a head (32 KiB).
__attribute__((noinline)) static void finish_chunked(struct upstream_request *r,
                                                     struct http_head *trailers)
{
    struct http_head received;
    head_copy(&received, trailers);
    exchange_set_received(&r->endpoint, &received);
    fields_strip_trailers(trailers, slice_str(r->hop_names));
    finish(r, trailers->field_count ? trailers : NULL);
}

// `trailers`: room for the trailers of a chunked body; NULL for another body.
static bool take_body(struct upstream_request *r, struct http_head *trailers)
{
    struct slice in = conn_in(r->conn);
    struct slice data = {0};
    const struct http1_limits limits = head_limits(r);
    int n = http1_body_feed(&r->body, in.p, in.len, &limits, &data, trailers);
    if (n < 0) {
        abort_body(r, n);
        return false;
    }
    r->credit -= (ptrdiff_t)data.len;
    if (data.len > 0)
        exchange_data(&r->endpoint, data.p, data.len);
    if (r->state == REQUEST_CLOSED)
        return false;
    if (http1_body_done(&r->body)) {
        r->unconsumed = (size_t)n;
        if (trailers)
            finish_chunked(r, trailers);
        else
            finish(r, NULL);
        r->unconsumed = 0;
    }
    if (r->conn)
        conn_consume(r->conn, (size_t)n);
    return n > 0;
}

__attribute__((noinline)) static bool take_chunked_body(struct upstream_request *r)
{
    struct http_head trailers;
    return take_body(r, &trailers);
}

static bool read_body(struct upstream_request *r)
{
    if (r->credit <= 0)
        return false;
    return r->body.kind == BODY_CHUNKED ? take_chunked_body(r) : take_body(r, NULL);
}

static bool read_upgraded(struct upstream_request *r)
{
    struct slice in = conn_in(r->conn);
    if (r->credit <= 0)
        return false;
    r->credit -= (ptrdiff_t)in.len;
    exchange_data(&r->endpoint, in.p, in.len);
    if (r->conn)
        conn_consume(r->conn, in.len);
    return false;
}

// Bytes on a pooled connection before any of the request has left are no response to it.
static bool is_stray(const struct upstream_request *r)
{
    return r->state == REQUEST_HEAD && r->pooled && conn_wire_sent(r->conn) == r->sent_before;
}

static void on_readable(struct conn *c)
{
    struct upstream_request *r = conn_owner(c);
    bool more = true;
    if (is_stray(r)) {
        upstream_request_lost(r);
        return;
    }
    while (more && r->conn && conn_in(r->conn).len > 0) {
        switch (r->state) {
        case REQUEST_HEAD: more = read_head(r); break;
        case REQUEST_BODY: more = read_body(r); break;
        case REQUEST_UPGRADED: more = read_upgraded(r); break;
        case REQUEST_DONE:
            r->keep_alive = false;
            conn_consume(r->conn, conn_in(r->conn).len);
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
    size_t pending = conn_pending(c);
    if (r->uncredited <= pending)
        return;
    size_t credit = r->uncredited - pending;
    r->uncredited = pending;
    exchange_credit(&r->endpoint, credit);
}

static void on_eof(struct conn *c)
{
    struct upstream_request *r = conn_owner(c);
    if (r->state == REQUEST_UPGRADED ||
        (r->state == REQUEST_BODY && http1_body_may_end_by_close(&r->body)))
        finish(r, NULL);
    else
        upstream_request_lost(r);
}

static void on_failed(struct conn *c, int error)
{
    struct upstream_request *r = conn_owner(c);
    (void)error;
    r->conn = NULL;
    upstream_request_lost(r);
}

const struct conn_ops upstream_response_ops = {on_readable, on_sent, on_eof, on_failed, NULL};
