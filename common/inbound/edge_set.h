// SPDX-License-Identifier: MIT
// The visitors' connections that one handler serves: admits new ones, evicts idle ones.
#pragma once
#include "admission.h"
#include "common/exchange/inbound.h"
#include "common/io/listener.h"
#include "proto/http2/mux.h"
#include "proto/list.h"
#include "proxy_headers.h"
#include "trusted_proxies.h"

struct edge;

// Embedded; must outlive its edges.
struct edge_set {
    struct loop *loop;
    struct inbound_handler handler;
    const char *scheme; // of connections without TLS, unless a trusted proxy names another
    const struct exchange_observer *observer; // of all exchanges; may be NULL
    const struct trusted_proxies *trusted;    // NULL: none
    bool proxy_protocol; // connections of `trusted` begin with a header (proxy_headers.h)
    struct proxy_headers headers;
    struct exchange_ids ids; // of the exchanges
    // A domain whose names belong to different owners: responses may not set cookies for all of it
    // (proto/http/cookie.h). NULL: all names have one owner.
    const char *shared_domain;
    struct admission admission;
    struct shares proxied; // running requests through trusted proxies, by client
    size_t taken;          // connections that edge_take took out and that are still open
    uint64_t last_number;  // given to a connection (edge's `number`)
    struct list edges, h2_edges;
    size_t count;                  // of both
    struct mux_scratch h2_scratch; // of the h2_edges
};

// Serves an accepted socket, which it owns from now on. Over a cap another connection is evicted,
// or this one is answered with 429 or 503.
void edge_set_accept(struct edge_set *set, const struct listener *from, int fd,
                     const struct sockaddr_storage *peer);
// Ends all connections at once, and frees what they share.
void edge_set_close(struct edge_set *set);
