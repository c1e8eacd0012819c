// SPDX-License-Identifier: MIT
// Common to the visitors' inbounds, whatever HTTP they speak: whose request it is, whether there is
// a place for it, the facts of its exchange, the cookies of its response.
#pragma once
#include "edge_set.h"

// A visitor's connection. Embedded.
struct visitor {
    struct edge_set *set;
    struct admission_place *place; // NULL: given up
    struct client_address peer;
    bool from_proxy;  // the peer is a trusted proxy
    struct conn *tls; // the connection, if it is over TLS
    bool says_tls;    // a balancer says that it has ended the visitor's TLS
    uint64_t number;  // exchange_facts.inbound_id; 0: may carry several people's requests
};

// A request. Embedded; must last until its exchange is routed.
struct visit {
    struct client_address client;
    char text[INET6_ADDRSTRLEN]; // `client` as text
    const char *scheme;          // said by a trusted proxy; NULL: not said
    struct share *proxied;       // of the client of a request through a trusted proxy
};

// Takes client and scheme of the request from a trusted proxy's fields; without such a proxy the
// client is the peer.
void visit_read_claims(struct visit *r, const struct visitor *v, const struct http_head *head);
// Whether there is a place for the request, which then counts until visit_end; if not, `*answer`
// says why. An agent needs none.
bool visit_has_place(struct visit *r, struct visitor *v, const struct http_head *head,
                     enum answer *answer);
// Begins the exchange. NULL: out of memory.
struct exchange *visit_begin(struct visit *r, struct visitor *v, struct exchange_endpoint *inbound,
                             const struct http_head *head);
// Stops counting the request among those of its client.
void visit_end(struct visit *r);

// Gives a response head to `write`, with cookies for all of a shared domain confined to this name.
// Returns its result; false also when out of memory.
bool visit_write_response(const struct edge_set *set, const struct http_head *head,
                          bool (*write)(void *ctx, const struct http_head *head), void *ctx);

// Tells the handler of a connection that ends without an exchange (inbound_handler.turned_away).
void visit_turned_away(const struct visit *r, const struct visitor *v, enum answer answer);
