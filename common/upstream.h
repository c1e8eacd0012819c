// SPDX-License-Identifier: MIT
// The outbound to a local HTTP/1.1 service: one request at a time on a connection, and a bounded
// pool of idle ones.
#pragma once
#include "dial.h"
#include "exchange.h"

enum upstream_host {
    UPSTREAM_HOST_PRESERVE,
    UPSTREAM_HOST_REPLACE
};

struct upstream_idle;

// A service and its pool. Embedded; must outlive its exchanges.
struct upstream {
    struct loop *loop;
    struct dial_target target;
    enum upstream_host host_mode;
    char host[280]; // sent as Host when it is replaced
    char name[280]; // HOST:PORT, for people
    struct upstream_idle *idle;
    size_t idle_count;
};

void upstream_init(struct upstream *u, struct loop *l, const struct dial_target *target);
// Closes the idle connections.
void upstream_deinit(struct upstream *u);

// Makes an outbound for one exchange and attaches it. False when out of memory. It frees itself
// when the exchange is over.
bool upstream_attach(struct upstream *u, struct exchange *x);
