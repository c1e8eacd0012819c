// SPDX-License-Identifier: MIT
// Connects to a service, a relay or a proxy by name or address: a staggered race of its addresses
// (Happy Eyeballs, RFC 8305 §5) with one timeout for all. A service may also be a Unix socket.
#pragma once
#include "common/base/address.h"
#include "common/base/destination.h"
#include "conn.h"
#include "proto/http/authority.h"

struct dial;

enum {
    DIAL_REASON_MAX = 128,
    DIAL_FIRST_MAX = 128,
    DIAL_PATH_MAX = 108, // of sockaddr_un, with the final zero
    DIAL_NAME_MAX = AUTHORITY_MAX + 8
};

// localhost and names below it are 127.0.0.1 and ::1 without a resolver (RFC 6761 §6.3).
struct dial_target {
    char host[DESTINATION_HOST_MAX]; // a name or an address, IPv6 without brackets
    uint16_t port;
    char path[DIAL_PATH_MAX];         // of a Unix socket, instead of host and port; empty: none
    struct tls_client *tls;           // NULL: TCP alone; else TLS with `host`, on the first address
                                      // that connects. Must outlive the connection
    uint32_t limit_ms;                // for all of this together; 0: limits.connect_ms
    bool prefer_v6;                   // localhost: ::1 answered the last dial; set by dial
    char failed_at[ADDRESS_TEXT_MAX]; // after an error: its address, or empty if it has none
    char tls_failure[DIAL_REASON_MAX]; // after an error of TLS: its reason; else empty
};

// Calls `done` once, not before this returns: with a connection whose owner must then be set by
// conn_set_owner, or with NULL and a libuv error. That is UV_ETIMEDOUT when time ran out, else the
// most telling error of all addresses: our own shortage first, then ECONNRESET and ECONNREFUSED,
// then errors of a router or a firewall rule. NULL when out of memory. `target` must outlive the
// dial.
struct dial *dial_start(struct loop *l, struct dial_target *target,
                        void (*done)(void *ctx, struct conn *c, int error), void *ctx);
// Sends a copy of these bytes, DIAL_FIRST_MAX at most, on the connection before anything else, TLS
// included. Legal until dial_start's caller returns to the loop.
void dial_send_first(struct dial *d, const char *bytes, size_t len);
// Gives up; `done` is not called. NULL is fine.
void dial_cancel(struct dial *d);

// Writes the place of a target for people: "HOST:PORT", "https://HOST:PORT" or "unix:PATH".
void dial_target_name(const struct dial_target *target, char out[static DIAL_NAME_MAX]);
