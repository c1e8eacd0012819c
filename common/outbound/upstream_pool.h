// SPDX-License-Identifier: MIT
// The idle connections of an upstream: at most LIMIT_POOL_SIZE, each for at most its idle_ms, the
// last used first.
//
// A service closes idle connections when it likes. A request that can be repeated meets that and is
// sent again; one that cannot must not meet it, and a look at the connection does not say what the
// service is about to do. So such a request takes one only from a service that has shown that it
// goes on with its connections, and only well before the age at which it was seen to close them.
// What it does may depend on what it was asked for: that is learned for both kinds of request.
//
// A service that does not read a body reads it as the next request, and answers that. So a
// connection behind a request with a body is shared with nobody: it is kept for the visitor's
// connection that the request came on, whose owner can deceive only himself, and closed when that
// is not known or may carry several people's requests. Once kept it is never shared again.
#pragma once
#include "upstream.h"

// What a request is to the connections of a pool.
struct upstream_use {
    bool repeatable;        // it can be sent again
    bool alone;             // exchange_limits_reuse: its connection is not shared behind it
    uint64_t link, inbound; // whose it is, as in struct exchange
};

// What a connection has behind it when it is taken.
struct upstream_past {
    bool repeatable;  // the last request on it
    uint32_t idle_ms; // since that was answered
};

// Whether the connection may carry another request behind this one.
bool upstream_pool_keeps(const struct upstream *u, const struct upstream_use *use);
// Takes a connection for a request, or returns NULL.
struct conn *upstream_pool_get(struct upstream *u, const struct upstream_use *use,
                               struct upstream_past *past);
// Gives a connection that is between two requests. `use`: the one that was answered. If it may
// carry no other the service was told so: it closes first, so that our port is free again at once
// (TIME_WAIT is its own), or we do after LIMIT_POOL_PARTING_MS.
void upstream_pool_put(struct upstream *u, struct conn *c, const struct upstream_use *use);

// What became of a connection that was taken: the service has answered on it, or has closed it.
void upstream_pool_answered(struct upstream *u, const struct upstream_past *past);
void upstream_pool_lost(struct upstream *u, const struct upstream_past *past);
// It has answered on a connection that is new. If it has an idle one at the same time, it serves
// several at a time.
void upstream_pool_answered_anew(struct upstream *u);
// What a service says of it behind such a request: whether it keeps the connection, and the value
// of its Keep-Alive field.
void upstream_pool_declared(struct upstream *u, bool repeatable, bool keeps,
                            struct slice keep_alive);
