// SPDX-License-Identifier: MIT
// The outbound to an HTTP/1.1 origin, over TCP, TLS or a Unix socket: one request at a time on a
// connection, and a bounded pool of idle connections.
#pragma once
#include "common/exchange/outbound.h"
#include "common/io/dial.h"
#include "proto/list.h"

struct upstream_idle;

// The origin's treatment of idle connections, as far as we have seen it (upstream_pool.h).
struct upstream_trust {
    bool proven;        // the origin answered on a reused connection, kept one, or said it does
    uint32_t closes_ms; // the idle age at which it closes, about; UINT32_MAX: not seen
    uint32_t refused;   // open connections in a row that were not trusted
    uint32_t patience;  // the number of these after which one is tried
};

enum {
    UPSTREAM_KEPT_BUCKETS = 64
};

// Idle connections, the last used first.
struct upstream_list {
    struct list idle;
    size_t count;
};

// An origin and its pool. Embedded; must outlive its exchanges.
struct upstream {
    struct outbound outbound;
    struct loop *loop;
    struct dial_target target;
    char name[DIAL_NAME_MAX];      // for people and the record: dial_target_name
    char authority[AUTHORITY_MAX]; // for Host: HOST:PORT, without https' own port
    // Of the PROXY protocol's header at the start of each connection, which then serves one
    // visitor; 0: none.
    unsigned proxy_version;
    uint32_t idle_ms;             // how long a connection is kept for reuse; 0: none is
    struct upstream_list shared;  // for any request
    struct upstream_list kept;    // each for one visitor's connection
    struct upstream_list closing; // not reusable: the origin is about to close them
    struct upstream_idle *kept_by_inbound[UPSTREAM_KEPT_BUCKETS]; // hash of `kept`, by inbound_id
    struct upstream_trust trust[2]; // by upstream_use.repeatable of the request before
    bool serves_several;            // the origin has served several connections at a time
};

void upstream_init(struct upstream *u, struct loop *l, const struct dial_target *target);
// Writes the Host by which the origin knows itself: "localhost" for a Unix socket.
void upstream_authority(const struct dial_target *target, char out[static AUTHORITY_MAX]);
// Closes the idle connections.
void upstream_deinit(struct upstream *u);
