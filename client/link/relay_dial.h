// SPDX-License-Identifier: MIT
// Connects to the relay: straight to one of its addresses, or through an HTTP proxy, which gets a
// CONNECT (RFC 9110 §9.3.6) and resolves the relay's name itself.
#pragma once
#include "common/io/conn.h"
#include "link.h"

struct relay_dial;

// Calls `done` once, after relay_dial_start has returned: with a connection on which the relay
// expects our first bytes, and which the callee owns; or with NULL and the failure. NULL when out
// of memory. `target` must outlive the dial.
struct relay_dial *relay_dial_start(struct loop *l, const struct link_target *target,
                                    void (*done)(void *ctx, struct conn *c,
                                                 const struct link_failure *failure),
                                    void *ctx);
// Frees a dial instead of calling `done`. NULL does nothing.
void relay_dial_cancel(struct relay_dial *d);
