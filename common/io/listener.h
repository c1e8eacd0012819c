// SPDX-License-Identifier: MIT
// A listening TCP socket that survives shortages. libuv's own listener stops for good when accept
// fails, and at the limit of open files it closes all waiting connections; here they wait in the
// backlog until there is room again.
#pragma once
#include <netinet/in.h>
#include "loop.h"

// Embedded; the caller sets `accepted` and `ctx`, the rest is zero.
struct listener {
    struct loop *loop; // NULL: not open
    uv_poll_t poll;
    struct timeout pause;
    int fd;
    // Takes over a new connection: non-blocking, close-on-exec.
    void (*accepted)(void *ctx, int fd, const struct sockaddr_storage *peer);
    void *ctx;
    uint64_t logged_ms; // when a shortage was last logged; 0: never
};

// Listens on `addr`. Returns 0 and the bound address in `actual`, or a libuv error.
int listener_open(struct listener *l, struct loop *loop, const struct sockaddr_storage *addr,
                  struct sockaddr_storage *actual);
void listener_close(struct listener *l); // safe on one that is not open
