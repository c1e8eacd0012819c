// SPDX-License-Identifier: MIT
// A listening TCP socket that survives every shortage. libuv's own stops for ever when an accepted
// connection cannot be taken, and at the limit of open files drops all that wait; here they wait in
// the backlog until there is room again.
#pragma once
#include <netinet/in.h>
#include "loop.h"

struct listener {
    struct loop *loop;
    uv_poll_t poll;
    struct timeout pause;
    int fd;
    // A connection, non-blocking and closed on exec, now the callee's.
    void (*accepted)(void *ctx, int fd, const struct sockaddr_storage *peer);
    void *ctx;
    uint64_t complained_ms; // when a shortage was last logged
};

// Listens on `addr`. Returns 0 and the address in `actual`, or a libuv error.
int listener_open(struct listener *l, struct loop *loop, const struct sockaddr_storage *addr,
                  struct sockaddr_storage *actual);
void listener_close(struct listener *l); // safe on one that is not open
