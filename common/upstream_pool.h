// SPDX-License-Identifier: MIT
// The idle connections of an upstream: at most LIMIT_POOL_SIZE, each for at most
// LIMIT_POOL_IDLE_MS, the last used first.
#pragma once
#include "upstream.h"

// Takes a connection, or returns NULL. One that is to carry a request that cannot be repeated must
// have been used within LIMIT_POOL_FRESH_MS: a service closes idle connections when it likes, and
// such a request must not be lost to that.
struct conn *upstream_pool_get(struct upstream *u, bool repeatable);
// Gives a connection that is between two requests.
void upstream_pool_put(struct upstream *u, struct conn *c);
