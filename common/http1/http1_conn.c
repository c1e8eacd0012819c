// SPDX-License-Identifier: MIT
#include "http1_conn.h"
#include <stdlib.h>
#include "proto/http/fields.h"

void http1_conn_free(struct http1_conn *h)
{
    free(h->hop_names);
    h->hop_names = NULL;
}

bool http1_conn_begin_body(struct http1_conn *h, const struct http_head *head,
                           const struct body_framing *framing)
{
    http1_body_init(&h->body, framing);
    return framing->kind != BODY_CHUNKED || fields_save_connection_names(head, &h->hop_names);
}

// Not inlined, like read_chunked: stack-clash protection probes every page of a frame that holds a
// head.
__attribute__((noinline)) static void finish_chunked(struct http1_conn *h,
                                                     struct http_head *trailers)
{
    struct http_head received;
    if (trailers->field_count > 0) {
        head_copy(&received, trailers);
        exchange_set_received(&h->endpoint, &received);
    }
    fields_strip_trailers(trailers, slice_str(h->hop_names));
    h->ops->whole(h, trailers->field_count ? trailers : NULL);
}

// `trailers`: room for the trailers of a chunked body; NULL for another body. The bytes are
// consumed first, so that an exchange that ends with them leaves the connection behind its message;
// they stay in place until the read callback returns.
static bool read_some(struct http1_conn *h, struct http_head *trailers)
{
    struct slice in = conn_in(h->conn);
    struct slice data = {0};
    const struct http1_limits limits = h->ops->limits(h);
    int n = http1_body_feed(&h->body, in.p, in.len, &limits, &data, trailers);
    if (n < 0) {
        h->ops->malformed(h, n);
        return false;
    }
    if (n > 0 && h->ops->count && !h->ops->count(h, (size_t)n))
        return false;
    conn_consume(h->conn, (size_t)n);
    if (data.len > 0)
        exchange_data(&h->endpoint, data.p, data.len);
    if (!h->endpoint.x || !http1_body_done(&h->body))
        return n > 0;
    if (trailers)
        finish_chunked(h, trailers);
    else
        h->ops->whole(h, NULL);
    return n > 0;
}

__attribute__((noinline)) static bool read_chunked(struct http1_conn *h)
{
    struct http_head trailers;
    return read_some(h, &trailers);
}

static bool read_stream(struct http1_conn *h)
{
    struct slice in = conn_in(h->conn);
    if (h->ops->count && !h->ops->count(h, in.len))
        return false;
    conn_consume(h->conn, in.len);
    exchange_data(&h->endpoint, in.p, in.len);
    return false;
}

bool http1_conn_read_body(struct http1_conn *h)
{
    const struct exchange *x = h->endpoint.x;
    if (!x || exchange_may_send(&h->endpoint) <= 0)
        return false;
    if (x->upgraded || h->body.kind == BODY_TUNNEL)
        return read_stream(h);
    if (http1_body_done(&h->body))
        return false;
    return h->body.kind == BODY_CHUNKED ? read_chunked(h) : read_some(h, NULL);
}

// The most bytes of the next read.
static uint32_t read_max(const struct http1_conn *h, int64_t credit, uint32_t beyond)
{
    const uint32_t most =
        credit < LIMIT_READ_BULK_BYTES ? (uint32_t)credit : (uint32_t)LIMIT_READ_BULK_BYTES;
    if (h->endpoint.x->upgraded || h->body.kind == BODY_TUNNEL || h->body.remaining >= most)
        return most;
    const uint32_t known = (uint32_t)h->body.remaining + beyond;
    return known < most ? known : most;
}

void http1_conn_want_body(struct http1_conn *h, uint32_t beyond)
{
    const int64_t credit = h->endpoint.x ? exchange_may_send(&h->endpoint) : 0;
    const bool read = credit >= LIMIT_CREDIT_MIN;
    conn_set_read_max(h->conn, read ? read_max(h, credit, beyond) : 0);
    conn_want_read(h->conn, read);
}

void http1_conn_sent(struct http1_conn *h)
{
    const size_t pending = conn_pending(h->conn);
    const size_t owed = h->endpoint.x ? exchange_received(&h->endpoint)->uncredited : 0;
    if (owed > pending)
        exchange_credit(&h->endpoint, owed - pending);
}

static bool write_copy(struct http1_conn *h, const void *bytes, size_t len)
{
    return h->conn ? conn_write(h->conn, bytes, len) : h->ops->keep(h, bytes, len);
}

static bool write_body(struct http1_conn *h, const char *bytes, size_t len)
{
    return h->conn ? conn_write_borrowed(h->conn, bytes, len) : h->ops->keep(h, bytes, len);
}

static bool write_chunk(struct http1_conn *h, const char *bytes, size_t len)
{
    char size[HTTP1_CHUNK_HEAD_MAX];
    return write_copy(h, size, http1_write_chunk_head(size, len)) && write_body(h, bytes, len) &&
           write_copy(h, "\r\n", 2);
}

void http1_conn_data(struct exchange_endpoint *endpoint, const char *bytes, size_t len)
{
    struct http1_conn *h = http1_conn_of(endpoint);
    if (!(h->chunked ? write_chunk(h, bytes, len) : write_body(h, bytes, len)))
        h->ops->failed(h);
}

static bool write_last_chunk(struct http1_conn *h, const struct http_head *trailers)
{
    size_t need = http1_write_last_chunk(NULL, 0, trailers);
    char *out = malloc(need);
    bool ok =
        out && http1_write_last_chunk(out, need, trailers) == need && write_copy(h, out, need);
    free(out);
    return ok;
}

void http1_conn_finish(struct exchange_endpoint *endpoint, const struct http_head *trailers)
{
    struct http1_conn *h = http1_conn_of(endpoint);
    if (endpoint->x->upgraded)
        conn_shutdown(h->conn);
    else if (h->chunked &&
             !(trailers ? write_last_chunk(h, trailers) : write_copy(h, "0\r\n\r\n", 5)))
        h->ops->failed(h);
}
