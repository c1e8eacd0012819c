// SPDX-License-Identifier: MIT
// The outbound to an HTTP/2 origin (RFC 9113), by prior knowledge over TCP or a Unix socket, or by
// ALPN over TLS: many requests at a time on few connections. A request that the origin has provably
// not processed is sent again on another connection.
#pragma once
#include "common/exchange/outbound.h"
#include "common/io/dial.h"
#include "proto/http2/mux.h"

enum {
    H2_UPSTREAM_CONNECTIONS = 16,          // to one origin
    H2_UPSTREAM_STREAMS = 100,             // on one of them, or fewer if the origin says so
    H2_UPSTREAM_WAITING = 1024,            // requests that wait for a place in a connection
    H2_UPSTREAM_TRIES = 3,                 // of one request
    H2_UPSTREAM_REPEAT_BYTES = 16 * 1024,  // of a body that is kept to be sent again
    H2_UPSTREAM_WINDOW_BYTES = 256 * 1024, // of a stream
    // Received and not passed on, of a connection: all windows together, so that readers who stall
    // do not hold back others.
    H2_UPSTREAM_UNREAD_BYTES = (H2_UPSTREAM_STREAMS + 1) * H2_UPSTREAM_WINDOW_BYTES,
};

struct h2_request_ops;

// An origin and its connections. Embedded; must outlive its exchanges.
struct h2_upstream {
    struct outbound outbound;
    struct loop *loop;
    struct dial_target target;
    char name[DIAL_NAME_MAX];      // for people and the record: dial_target_name
    char authority[AUTHORITY_MAX]; // for :authority: HOST:PORT, without https' own port
    uint32_t idle_ms;              // how long a connection without requests is kept
    struct mux_scratch scratch;
    struct list trunks; // connections, the oldest first
    size_t trunk_count;
    struct list waiting; // requests, the oldest first
    size_t waiting_count;
    const struct h2_request_ops *requests;
};

void h2_upstream_init(struct h2_upstream *u, struct loop *l, const struct dial_target *target);
// Closes the connections.
void h2_upstream_deinit(struct h2_upstream *u);
