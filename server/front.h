// SPDX-License-Identifier: MIT
// Sends a request by its Host and path to the relay's own pages, the tunnel endpoint, or the agent
// that has the name (docs/protocol.md §1 and §6).
#pragma once
#include "common/exchange/filter.h"
#include "common/exchange/inbound.h"
#include "token_failures.h"

struct agents;
struct edge_set;
struct plain;
struct recorder;
struct relay_log;
struct routes;

// Embedded; the relay sets all but the failures before the first request.
struct front {
    struct loop *loop;
    const struct edge_set *edges; // for their counts
    struct routes *routes;
    struct agents *agents;
    struct relay_log *log;
    const struct recorder *recorder;    // NULL: nothing is recorded
    const char *domain;                 // lower case
    const char *token;                  // empty: anyone may open a tunnel; may change
    const struct plain *plain;          // serves requests without TLS; NULL: the front does
    const struct filter_chain *filters; // of what goes to agents
    struct token_failures failures;
};

// Serves the requests of inbounds.
struct inbound_handler front_handler(struct front *f);
