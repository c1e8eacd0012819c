// SPDX-License-Identifier: MIT
// Connecting to an upstream: its addresses in a staggered race (RFC 8305 §5), within
// the loop's
// limits.connect_ms.
#pragma once
#include "conn.h"

struct dial;

// Where to: a port of this machine (127.0.0.1, then ::1), or a host and port.
struct dial_target {
    char host[256]; // empty: this machine
    uint16_t port;
    bool prefer_v6; // of this machine: ::1 answered last
};

// Parses "PORT" or "HOST:PORT" ("[v6]:PORT"). False when it is neither.
bool dial_parse(const char *text, struct dial_target *target);

// Calls `done` once with a connection whose owner and ops must then be set by conn_set_owner, or
// with NULL and a libuv error: UV_ETIMEDOUT when time ran out; else, of what the addresses met,
// what says most: that we ran out of something, then that one was refused. Never calls it before it
// returns.
// NULL when out of memory. `target` must outlive it.
struct dial *dial_start(struct loop *l, struct dial_target *target,
                        void (*done)(void *ctx, struct conn *c, int error), void *ctx);
// `done` will not be called.
void dial_cancel(struct dial *d);
