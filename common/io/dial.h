// SPDX-License-Identifier: MIT
// Connecting to a service, a relay or a proxy: its addresses in a staggered race (RFC 8305 §5),
// within a limit of time.
#pragma once
#include "common/base/address.h"
#include "common/base/destination.h"
#include "conn.h"

struct dial;

// Where to. The name localhost, and those below it, are 127.0.0.1 and ::1 without asking a resolver
// (RFC 6761 §6.3).
struct dial_target {
    char host[DESTINATION_HOST_MAX]; // a name or an address, IPv6 without brackets
    uint16_t port;
    uint32_t limit_ms;                // for all addresses together; 0: the loop's limits.connect_ms
    bool prefer_v6;                   // of localhost: ::1 answered last
    char failed_at[ADDRESS_TEXT_MAX]; // what the error that `done` got is of; empty: no address
};

// Calls `done` once with a connection whose owner and ops must then be set by conn_set_owner, or
// with NULL and a libuv error: UV_ETIMEDOUT when time ran out; else, of what the addresses met,
// what says most: that we ran out of something, then that one was refused, then what a router or a
// rule said. Never calls it before it returns. NULL when out of memory. `target` must outlive it.
struct dial *dial_start(struct loop *l, struct dial_target *target,
                        void (*done)(void *ctx, struct conn *c, int error), void *ctx);
// `done` will not be called.
void dial_cancel(struct dial *d);
