// SPDX-License-Identifier: MIT
// Whatever answers exchanges: a service, an agent behind its tunnel. Those who route requests see
// this alone.
#pragma once
#include "exchange.h"

struct outbound;

struct outbound_ops {
    // Makes an endpoint for one exchange and attaches it by exchange_attach. False: `*why` is how
    // to answer.
    bool (*attach)(struct outbound *o, struct exchange *x, enum answer *why);
};

// Embedded in what answers; outlives the endpoints that it makes.
struct outbound {
    const struct outbound_ops *ops;
};

// Sends the request of an exchange without outbound to this one, or answers it. `head` is without
// hop-by-hop fields (forward.h).
void outbound_forward(struct outbound *o, struct exchange *x, const struct http_head *head,
                      const struct body_framing *framing);
