// SPDX-License-Identifier: MIT
// Outbounds answer exchanges: a service, an agent behind its tunnel. Those who route requests see
// this alone.
#pragma once
#include "exchange.h"
#include "proto/list.h"

struct filter_chain;
struct outbound;

struct outbound_ops {
    // Makes an endpoint for one exchange, sets the facts that it knows, and attaches it by
    // exchange_attach; the request's head follows at once. False: `*why` is how to answer.
    bool (*attach)(struct outbound *o, struct exchange *x, enum answer *why);
};

// Embedded in what answers; outlives the endpoints that it makes.
struct outbound {
    const struct outbound_ops *ops;
    struct list held; // exchanges whose requests wait in a filter (filter_hold)
};

// Sends the request of an exchange, whose hop-by-hop fields are still in `head`, through the
// filters (NULL: none) to this outbound.
void outbound_forward(struct outbound *o, const struct filter_chain *filters, struct exchange *x,
                      struct http_head *head, const struct body_framing *framing);
// To be called before the outbound ends: answers the requests that wait for it.
void outbound_end(struct outbound *o, enum answer answer);
