// SPDX-License-Identifier: MIT
// The idle connections of an upstream: at most LIMIT_POOL_SIZE, each for at most its idle_ms, the
// last used first.
//
// An origin may close an idle connection at any moment, even while a request is on its way (RFC
// 9112 §9.3.1). A repeatable request is then sent again. Any other request would fail, and we
// cannot see whether the origin is about to close: such a request reuses a connection only if the
// origin has shown that it keeps them open, and only well before the age at which it was seen to
// close them. We learn of both kinds of request separately, since an origin may close sooner behind
// one of them.
//
// An origin that ignores a request's body parses it as the next request, and answers that. So a
// connection behind a request with a body is never shared. It is kept for the same visitor's
// connection, since a visitor can deceive only itself by that, or closed if the visitor's
// connection is unknown or may carry requests of several people. A kept connection is never shared
// again.
#pragma once
#include "upstream.h"

// The properties of a request that decide on connection reuse.
struct upstream_use {
    bool repeatable;    // idempotent, without a body and without an offer to upgrade
    bool limits_reuse;  // exchange_limits_reuse
    uint64_t tunnel_id; // with inbound_id: the visitor's connection, as in struct exchange_facts
    uint64_t inbound_id;
};

// The past of a pooled connection.
struct upstream_history {
    bool repeatable;  // of the last request
    uint32_t idle_ms; // since its response
};

// Whether the connection may carry another request behind this one.
bool upstream_pool_keeps(const struct upstream *u, const struct upstream_use *use);
// Takes a connection for a request, which the caller owns, and tells its history. NULL: none fits.
struct conn *upstream_pool_get(struct upstream *u, const struct upstream_use *use,
                               struct upstream_history *history);
// Gives back a connection on which the request `use` was answered. If it may carry no other
// request, the origin was told to close: we wait LIMIT_POOL_CLOSING_MS for that, since the side
// that closes first holds its port in TIME_WAIT.
void upstream_pool_put(struct upstream *u, struct conn *c, const struct upstream_use *use);
// Closes all idle connections.
void upstream_pool_close(struct upstream *u);

// The next four teach the pool. The origin answered on a pooled connection, or closed it.
void upstream_pool_answered(struct upstream *u, const struct upstream_history *history);
void upstream_pool_lost(struct upstream *u, const struct upstream_history *history);
// The origin answered on a new connection. If an idle one is open meanwhile, the origin serves
// several at a time.
void upstream_pool_answered_new(struct upstream *u);
// A response on a new connection declares that the origin `keeps` it open, or has a Keep-Alive
// field.
void upstream_pool_declared(struct upstream *u, bool repeatable, bool keeps,
                            struct slice keep_alive);
