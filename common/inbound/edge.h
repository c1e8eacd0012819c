// SPDX-License-Identifier: MIT
// The inbound of public HTTP/1.1: one visitor's connection, one exchange after the other (RFC 9112
// §9).
#pragma once
#include "admission.h"
#include "common/exchange/exchange.h"
#include "common/io/conn.h"
#include "proto/http/http1.h"
#include "trusted_proxies.h"

struct edge;

// All connections that one handler serves, and who decides what becomes of their requests.
// Embedded; must outlive its edges.
struct edge_set {
    struct loop *loop;
    // A request has come, its hop-by-hop fields still in it. The handler answers by
    // exchange_answer, or attaches an outbound and sends it the head with
    // exchange_head(edge_endpoint(e), …), or takes the connection away with edge_take. `x` is new
    // and has only its inbound.
    void (*request)(void *ctx, struct edge *e, struct exchange *x, struct http_head *head,
                    const struct body_framing *framing);
    void *ctx;
    // Whether a request brings an agent: it goes to `request` although there is no room for its
    // sender. NULL: none does.
    bool (*brings_agent)(void *ctx, const struct http_head *head);
    // Told of a connection that ends for a reason of ours and has no exchange to tell of it: what
    // came is no request (then `answer` is ours to it), or its place was needed (ANSWERS). NULL:
    // nobody is.
    void (*turned_away)(void *ctx, const struct client_address *client, enum answer answer);
    const struct exchange_observer *observer; // of all exchanges; may be NULL
    const struct trusted_proxies *trusted;    // who are believed for whom they ask; NULL: nobody
    struct exchange_ids ids;                  // that they get
    // Of which every name is another's: no service may set cookies for it (proto/http/cookie.h).
    // NULL: all responses are of one.
    const char *shared_domain;
    struct admission admission;
    struct shares proxied; // requests through trusted proxies that run, by client
    size_t taken;          // connections that edge_take took out, until they are gone
    uint64_t numbered;     // connections so far that have a number
    struct edge *first;
    size_t count;
};

// Serves an accepted socket. When there are too many, another one ends for it, or it hears that.
void edge_accept(struct edge_set *set, int fd, const struct sockaddr_storage *peer);
// Ends all connections at once.
void edge_set_close(struct edge_set *set);

struct exchange_endpoint *edge_endpoint(struct edge *e);
// Whose address the request comes from that is being handled, and as text without port: that of the
// connection's peer, or what a trusted proxy says of this request.
const struct client_address *edge_client(const struct edge *e);
struct slice edge_visitor(const struct edge *e);
// The scheme that the visitor used, as a trusted proxy says; `otherwise` where none says one.
const char *edge_scheme(const struct edge *e, const char *otherwise);
// Takes the connection out of the edge: what was read behind the head stays in conn_in. The
// exchange is dropped without a sound. The head's slices are invalid afterwards. The connection
// counts among the visitors no more, but in `taken` until it is gone.
struct conn *edge_take(struct edge *e);
