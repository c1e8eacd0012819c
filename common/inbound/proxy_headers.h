// SPDX-License-Identifier: MIT
// Connections of trusted proxies that have yet to name their client by a header of the PROXY
// protocol: at most LIMIT_PROXY_HEADERS, each for limits.head_ms, and counted by admission.
#pragma once
#include "admission.h"
#include "common/exchange/answer.h"
#include "common/io/listener.h"
#include "common/io/proxy_socket.h"

// A connection whose header was read.
struct proxied_socket {
    const struct listener *from;
    int fd; // the taker's
    struct client_address proxy;
    struct proxy_header header;
};

struct proxy_headers_ops {
    void (*named)(void *ctx, const struct proxied_socket *socket);
    // Tells of a connection that was ended: ANSWER_BAD_REQUEST when no header came, ANSWERS when
    // its place was needed.
    void (*turned_away)(void *ctx, const struct client_address *proxy, enum answer why);
};

// Embedded; zero but for `loop`, `admission`, `ops` and `ctx` is empty.
struct proxy_headers {
    struct loop *loop;
    struct admission *admission;
    const struct proxy_headers_ops *ops;
    void *ctx;
    struct list waiting; // the oldest first
    size_t count;
    uint64_t logged_ms; // when a proxy without a header was last logged; 0: never
};

// Reads the header of an accepted socket, which it owns from now on, then calls `named`. Over the
// limit the connection that has waited longest is closed.
void proxy_headers_await(struct proxy_headers *p, const struct listener *from, int fd,
                         const struct client_address *proxy);
// Closes all that wait.
void proxy_headers_close(struct proxy_headers *p);
