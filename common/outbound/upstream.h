// SPDX-License-Identifier: MIT
// The outbound to a local HTTP/1.1 service: one request at a time on a connection, and a bounded
// pool of idle ones.
#pragma once
#include "common/exchange/exchange.h"
#include "common/io/dial.h"
#include "proto/http/authority.h"

enum upstream_host {
    UPSTREAM_HOST_PRESERVE,
    UPSTREAM_HOST_REPLACE
};

struct upstream_idle;

// What is known of how a service treats idle connections.
struct upstream_trust {
    bool proven;        // it has answered on one, or kept one, or said that it keeps them
    uint32_t closes_ms; // after so long it closes them, about; UINT32_MAX: it was not seen to
    uint32_t refused;   // how many in a row were not trusted, although they stood
    uint32_t patience;  // of them before one is tried
};

enum {
    UPSTREAM_KEPT_BUCKETS = 64
};

// Idle connections, the last used first.
struct upstream_list {
    struct upstream_idle *first, *last;
    size_t count;
};

// A service and its pool. Embedded; must outlive its exchanges.
struct upstream {
    struct loop *loop;
    struct dial_target target;
    enum upstream_host host_mode;
    char host[AUTHORITY_MAX]; // sent as Host when it is replaced (common/exchange/host_rewrite.h)
    char name[AUTHORITY_MAX]; // HOST:PORT, for people
    uint32_t idle_ms;         // for which a connection is kept to be used again; 0: none is
    struct upstream_list shared;  // for whoever asks
    struct upstream_list kept;    // each for one visitor's connection, found by its number
    struct upstream_list parting; // of no more use: the service is about to close them
    struct upstream_idle *kept_by_inbound[UPSTREAM_KEPT_BUCKETS];
    struct upstream_trust trust[2]; // behind a request that can be repeated [1], and another
    bool serves_several;            // connections at a time, as it has shown
};

void upstream_init(struct upstream *u, struct loop *l, const struct dial_target *target);
// Closes the idle connections.
void upstream_deinit(struct upstream *u);

// Makes an outbound for one exchange and attaches it. False when out of memory. It frees itself
// when the exchange is over.
bool upstream_attach(struct upstream *u, struct exchange *x);
