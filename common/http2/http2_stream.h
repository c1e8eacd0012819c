// SPDX-License-Identifier: MIT
// A stream of a mux as an endpoint of an exchange, on either side of it. The tunnel's streams and
// the visitors' requests embed it, and do what differs: private fields, translation, time limits,
// the answer to a reset.
#pragma once
#include "common/exchange/exchange.h"
#include "common/io/loop.h"
#include "proto/http2/mux.h"

struct http2_stream;

struct http2_stream_kind {
    struct exchange_ops ops;
    // The mux stream is over with the code of mux_handler.closed: ends the exchange, if there still
    // is one, and discards the endpoint.
    void (*lost)(struct http2_stream *e, uint32_t reset);
    // The endpoint is discarded: it no longer counts anywhere. NULL: it never did.
    void (*discarded)(struct http2_stream *e);
    // Frees the object that embeds the endpoint.
    void (*free)(struct http2_stream *e);
    // Bytes of the peer's window that its sender may fill, besides LIMIT_CREDIT_BYTES.
    int32_t room_max;
};

// Embedded as the first member: it is the mux_user of its stream.
struct http2_stream {
    struct exchange_endpoint endpoint;
    const struct http2_stream_kind *kind;
    struct loop *loop;
    struct mux *mux;
    struct mux_stream *stream; // NULL before it is opened and after it has ended
    struct loop_task free_task;
    // Called when the mux has something to send. If it has borrowed bytes, they are settled by a
    // settle task of the loop (mux_settle_data).
    void (*wake)(void *ctx);
    void *wake_ctx;
};

static inline struct http2_stream *http2_stream_of(struct exchange_endpoint *endpoint)
{
    return container_of(endpoint, struct http2_stream, endpoint);
}

static inline void http2_stream_wake(const struct http2_stream *e)
{
    e->wake(e->wake_ctx);
}

// Makes the endpoint the user of a stream that the peer has begun.
void http2_stream_begin(struct http2_stream *e, struct mux_stream *s);
// Frees the endpoint, which must be detached, before the loop sleeps.
void http2_stream_discard(struct http2_stream *e);
// Lets the mux stream go on (`code` 0), or resets it; its events are ignored from now on.
void http2_stream_release(struct http2_stream *e, enum mux_reset code);
// Resets the stream, aborts the exchange and discards the endpoint.
void http2_stream_abort(struct http2_stream *e, enum exchange_outcome why);
// Sends a response head, with a Date if it has none. Returns 0 or a mux_error.
int http2_stream_respond(struct http2_stream *e, const struct http_head *head,
                         const struct body_framing *framing);

// For exchange_ops.
void http2_stream_data(struct exchange_endpoint *endpoint, const char *bytes, size_t len);
void http2_stream_finish(struct exchange_endpoint *endpoint, const struct http_head *trailers);
// Server only. The mux tells the peer once the response has been sent.
void http2_stream_unwanted(struct exchange_endpoint *endpoint);
void http2_stream_credit(struct exchange_endpoint *endpoint, size_t len);

// For struct mux_handler; `ctx` is not used. on_head is a client's, for responses.
void http2_stream_on_head(void *ctx, struct mux_stream *s, struct http_head *head,
                          const struct body_framing *framing, bool end);
void http2_stream_on_data(void *ctx, struct mux_stream *s, const char *bytes, size_t len);
void http2_stream_on_end(void *ctx, struct mux_stream *s, struct http_head *trailers);
void http2_stream_on_drained(void *ctx, struct mux_stream *s, size_t len);
void http2_stream_on_closed(void *ctx, struct mux_stream *s, uint32_t reset);
