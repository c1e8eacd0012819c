// SPDX-License-Identifier: MIT
// A listening TCP socket that survives shortages. libuv's own listener stops for good when accept
// fails, and at the limit of open files it closes all waiting connections; here they wait in the
// backlog until there is room again.
#pragma once
#include <netinet/in.h>
#include "conn.h"

// Embedded; the caller sets `accepted`, `ctx` and `tls`, the rest is zero.
struct listener {
    struct loop *loop; // NULL: not open
    uv_poll_t poll;
    struct timeout pause;
    int fd;
    // Takes over a new connection: non-blocking, close-on-exec.
    void (*accepted)(const struct listener *l, int fd, const struct sockaddr_storage *peer);
    void *ctx;
    const struct tls_server *tls; // of its connections; NULL: TCP alone. Must outlive them
    uint64_t logged_ms;           // when a shortage was last logged; 0: never
};

// Listens on `addr`. Returns 0 and the bound address in `actual`, or a libuv error.
int listener_open(struct listener *l, struct loop *loop, const struct sockaddr_storage *addr,
                  struct sockaddr_storage *actual);
// Makes the connection of a socket that the listener has accepted, by conn_accept or
// conn_accept_tls.
struct conn *listener_conn(const struct listener *l, int fd, const struct conn_ops *ops,
                           void *owner);
void listener_close(struct listener *l); // safe on one that is not open
