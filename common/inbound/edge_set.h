// SPDX-License-Identifier: MIT
// The visitors' connections that one handler serves: admits new ones, evicts idle ones.
#pragma once
#include "admission.h"
#include "common/exchange/exchange.h"
#include "common/io/listener.h"
#include "proto/list.h"
#include "trusted_proxies.h"

struct edge;

// Embedded; must outlive its edges.
struct edge_set {
    struct loop *loop;
    // Handles a request, whose hop-by-hop fields are still in `head`, in one of three ways: answers
    // by exchange_answer; attaches an outbound and passes the head on by
    // exchange_head(edge_endpoint(e), …); or takes the connection by edge_take. `x` has no outbound
    // yet.
    void (*request)(void *ctx, struct edge *e, struct exchange *x, struct http_head *head,
                    const struct body_framing *framing);
    void *ctx;
    // Whether a request brings an agent: it reaches `request` even when its sender has no place.
    // NULL: never.
    bool (*brings_agent)(void *ctx, const struct http_head *head);
    // Tells of a connection that we end while it has no exchange: with `answer` when the bytes are
    // no request, with ANSWERS when the connection is evicted. May be NULL.
    void (*turned_away)(void *ctx, const struct client_address *client, enum answer answer);
    const struct exchange_observer *observer; // of all exchanges; may be NULL
    const struct trusted_proxies *trusted;    // NULL: none
    struct exchange_ids ids;                  // of the exchanges
    // A domain whose names belong to different owners: responses may not set cookies for all of it
    // (proto/http/cookie.h). NULL: all names have one owner.
    const char *shared_domain;
    struct admission admission;
    struct shares proxied; // running requests through trusted proxies, by client
    size_t taken;          // connections that edge_take took out and that are still open
    uint64_t last_number;  // given to a connection (edge's `number`)
    struct list edges;
    size_t count;
};

// Serves an accepted socket, which it owns from now on. Over a cap another connection is evicted,
// or this one is answered with 429 or 503.
void edge_set_accept(struct edge_set *set, const struct listener *from, int fd,
                     const struct sockaddr_storage *peer);
// Ends all connections at once.
void edge_set_close(struct edge_set *set);
