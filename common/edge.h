// SPDX-License-Identifier: MIT
// The inbound of public HTTP/1.1: one visitor's connection, one exchange after the other (RFC 9112
// §9).
#pragma once
#include "conn.h"
#include "exchange.h"
#include "proto/http1.h"
#include "visitors.h"

struct edge;

// All connections that one handler serves, and who decides what becomes of their requests.
// Embedded; must outlive its edges.
struct edge_set {
    struct loop *loop;
    // A request has come, its hop-by-hop fields still in it. The handler answers by
    // exchange_answer, or attaches an outbound and sends it the head with
    // exchange_head(edge_end(e), …), or takes the connection away with edge_take. `x` is new and
    // has only its inbound.
    void (*request)(void *ctx, struct edge *e, struct exchange *x, struct http_head *head,
                    const struct body_framing *framing);
    void *ctx;
    const struct exchange_observer *observer; // of all exchanges; may be NULL
    struct exchange_ids ids;                  // that they get
    uint64_t numbered;                        // connections so far that have a number
    struct shares visitors;                   // every open connection, those too that only linger
    struct edge *first;
    struct edge *idle_first, *idle_last; // between two requests, the longest first
    size_t count;
};

// Serves an accepted socket, or closes it when there are too many.
void edge_accept(struct edge_set *set, int fd, const struct sockaddr_storage *peer);
// Ends all connections at once.
void edge_set_close(struct edge_set *set);

struct exchange_end *edge_end(struct edge *e);
// The visitor's address, and as text without port.
const struct client_address *edge_client(const struct edge *e);
struct slice edge_visitor(const struct edge *e);
// Takes the connection out of the edge: what was read behind the head stays in conn_in. The
// exchange is dropped without a sound. The head's slices are invalid afterwards. The connection
// still counts among the visitors until it is gone.
struct conn *edge_take(struct edge *e);
