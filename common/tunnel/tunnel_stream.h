// SPDX-License-Identifier: MIT
// A stream of the mux as the endpoint of an exchange: the relay's outbound and the agent's inbound
// (docs/architecture.md). Its events are those of http2_stream.
#pragma once
#include "common/base/client_address.h"
#include "common/base/shares.h"
#include "common/http2/http2_stream.h"

struct tunnel_stream {
    struct http2_stream h; // first: the mux_user of the stream
    struct share *share;   // relay: the client's share of the mux; NULL: the client is unknown
};

// Relay: makes an outbound that opens a stream when it gets the request head. It frees itself after
// `closed`; if it is never attached to an exchange, the caller must tunnel_stream_discard it. NULL
// when out of memory.
struct tunnel_stream *tunnel_stream_outbound(struct loop *l, struct mux *m, void (*wake)(void *ctx),
                                             void *wake_ctx);

// Agent: makes an inbound for a stream whose request head has just been received. The caller begins
// the exchange. The inbound frees itself. NULL when out of memory.
struct tunnel_stream *tunnel_stream_inbound(struct loop *l, struct mux_stream *s,
                                            void (*wake)(void *ctx), void *wake_ctx);

// Relay: counts the stream among those of its client until the stream ends. False: the client
// already has `most`, and the stream is not counted. Out of memory it is not counted either.
bool tunnel_stream_count(struct tunnel_stream *e, struct shares *clients,
                         const struct client_address *client, size_t most);

// Relay: resets the stream; the visitor gets `answer` if it has no response head yet.
void tunnel_stream_refuse(struct tunnel_stream *e, enum answer answer, enum exchange_outcome why);

// Frees the stream's endpoint, which must be detached, before the loop sleeps.
void tunnel_stream_discard(struct tunnel_stream *e);
