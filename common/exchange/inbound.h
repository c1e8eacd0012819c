// SPDX-License-Identifier: MIT
// Inbounds ask: visitors' connections of any protocol. They and those who serve their requests know
// this of each other.
#pragma once
#include "exchange.h"

// Serves the requests of inbounds.
struct inbound_handler {
    // Handles a request, whose hop-by-hop fields are still in `head`, in one of three ways: answers
    // by exchange_answer or exchange_respond; sends it on by outbound_forward; or takes the
    // connection by exchange_take. `x` has no outbound yet, and its facts tell the client.
    void (*request)(void *ctx, struct exchange *x, struct http_head *head,
                    const struct body_framing *framing);
    // Whether a request brings an agent: it reaches `request` even when its sender has no place.
    // NULL: never.
    bool (*brings_agent)(void *ctx, const struct http_head *head);
    // Tells of a connection that its inbound ends while it has no exchange: with `answer` when the
    // bytes are no request, with ANSWERS when the connection is evicted. May be NULL.
    void (*turned_away)(void *ctx, const struct client_address *client, enum answer answer);
    void *ctx;
};
