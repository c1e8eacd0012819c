// SPDX-License-Identifier: MIT
// libwebsockets has no function that takes a connected socket, and its own way of connecting loses
// the descriptor's watcher when connect() fails at once, and most reasons of a failure. So we let
// it connect to a Unix socket whose queue is full: a nonblocking connect() to it stays pending,
// however the network is, and its descriptor can be replaced by our connected one meanwhile.
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "link_internal.h"

void link_pending_close(const struct link_pending *p)
{
    if (p->listener >= 0)
        (void)close(p->listener);
    if (p->filler >= 0)
        (void)close(p->filler);
}

int link_pending_open(struct link_pending *p)
{
    enum {
        TYPE = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK
    };
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct sockaddr *addr = (struct sockaddr *)&name;
    socklen_t len = sizeof(name);
    p->listener = socket(AF_UNIX, TYPE, 0);
    p->filler = socket(AF_UNIX, TYPE, 0);
    // Binding to no name yields a free abstract one; a backlog of 0 has room for one connection.
    if (p->listener < 0 || p->filler < 0 || bind(p->listener, addr, sizeof(name.sun_family)) ||
        getsockname(p->listener, addr, &len) || listen(p->listener, 0) ||
        connect(p->filler, addr, len))
        return errno;
    int name_len = (int)(len - offsetof(struct sockaddr_un, sun_path)) - 1;
    (void)snprintf(p->address, sizeof(p->address), "+@%.*s", name_len, name.sun_path + 1);
    return 0;
}
