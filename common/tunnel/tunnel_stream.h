// SPDX-License-Identifier: MIT
// An end of an exchange that is a stream of the mux: the relay's outbound and the agent's inbound
// are the same thing (docs/architecture.md).
#pragma once
#include "common/base/client_address.h"
#include "common/base/shares.h"
#include "common/exchange/exchange.h"
#include "common/io/loop.h"
#include "proto/tunnel/mux.h"

struct tunnel_stream {
    struct exchange_endpoint endpoint;
    struct loop *loop;
    struct mux *mux;
    struct mux_stream *stream; // NULL before it is opened and when it is over
    struct loop_task free_task;
    void (*wake)(void *ctx); // the mux has something to send
    void *wake_ctx;
    struct share *share; // relay: what its client has of the mux; NULL: it may be anybody
    size_t credit;       // bytes of the other end that the stream takes at once
    uint64_t drained;    // by the stream since that last grew
    bool finished;       // our direction has ended
    bool head_request;   // relay: the method is HEAD
    char *offer;         // relay: the Upgrade of its request; NULL: none
};

// Relay: an outbound that opens a stream when the request head comes. NULL when out of memory. The
// end frees itself after `closed`; one that is never attached to an exchange is given back by
// tunnel_stream_discard.
struct tunnel_stream *tunnel_stream_outbound(struct loop *l, struct mux *m, void (*wake)(void *ctx),
                                             void *wake_ctx);

// What was its wake_ctx, of an outbound that tunnel_stream_outbound has made.
void *tunnel_stream_owner(struct exchange_endpoint *outbound);

// Agent: makes an inbound of a stream whose request head has just come. The caller then makes the
// exchange. The end frees itself.
struct tunnel_stream *tunnel_stream_inbound(struct loop *l, struct mux_stream *s,
                                            void (*wake)(void *ctx), void *wake_ctx);

// Relay: counts it as one of this client's until it ends. False: those are `most` already, and it
// does not count.
bool tunnel_stream_count(struct tunnel_stream *e, struct shares *clients,
                         const struct client_address *client, size_t most);

// The framing of a message that came through the mux.
// Returns false when the head and its end contradict each other.
bool tunnel_stream_framing(const struct http_head *head, bool end, struct body_framing *framing);

// Relay: resets the stream; the visitor gets `answer` if no response has begun.
void tunnel_stream_refuse(struct tunnel_stream *e, enum answer answer, enum exchange_why why);

void tunnel_stream_discard(struct tunnel_stream *e);

// For a struct mux_handler, whatever its ctx: `mux_user` of the stream is the end.
void tunnel_stream_on_head(void *ctx, struct mux_stream *s, struct http_head *head,
                           bool end); // relay: a response
void tunnel_stream_on_data(void *ctx, struct mux_stream *s, const char *bytes, size_t len);
void tunnel_stream_on_end(void *ctx, struct mux_stream *s, struct http_head *trailers);
void tunnel_stream_on_drained(void *ctx, struct mux_stream *s, size_t len);
void tunnel_stream_on_closed(void *ctx, struct mux_stream *s, uint32_t reset);
