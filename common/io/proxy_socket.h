// SPDX-License-Identifier: MIT
// Reads a header of the PROXY protocol off an accepted socket, and not a byte of what follows: that
// may be HTTP or TLS.
#pragma once
#include "common/base/proxy_protocol.h"
#include "loop.h"

enum proxy_socket_end {
    PROXY_SOCKET_READ,   // the header was read
    PROXY_SOCKET_CLOSED, // the peer has closed or reset the connection before a header was whole
    PROXY_SOCKET_WRONG,  // what the peer sent is no header, or none came in limits.head_ms
};

// Embedded; the caller sets `loop`, `fd` and `done`, the rest is zero.
struct proxy_socket {
    struct loop *loop;
    int fd; // non-blocking
    // The wait is over, and the reader at rest: the caller may free it and owns the socket. Not
    // called from inside proxy_socket_begin.
    void (*done)(struct proxy_socket *s, enum proxy_socket_end end);
    struct proxy_header header;
    struct timeout limit;
    uv_poll_t *poll; // NULL: does not wait
    size_t len;
    char bytes[PROXY_HEADER_MAX]; // `len` of the header, which have left the socket
};

// Reads what is there. Returns true and the end when that is enough. False: waits for the rest, and
// `done` follows.
bool proxy_socket_begin(struct proxy_socket *s, enum proxy_socket_end *end);
// Ends the wait without `done`; the socket stays open. Safe twice.
void proxy_socket_cancel(struct proxy_socket *s);
