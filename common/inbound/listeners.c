// SPDX-License-Identifier: MIT
#include "listeners.h"

static void on_accepted(const struct listener *l, int fd, const struct sockaddr_storage *peer)
{
    edge_set_accept(l->ctx, l, fd, peer);
}

int listeners_add(struct listeners *l, const struct sockaddr_storage *addr,
                  struct sockaddr_storage *actual)
{
    if (l->count == LIMIT_LISTENERS)
        return UV_ENOBUFS;
    struct listener *one = &l->at[l->count];
    *one = (struct listener){.accepted = on_accepted, .ctx = l->edges, .tls = l->tls};
    int error = listener_open(one, l->edges->loop, addr, actual);
    if (!error)
        l->count++;
    return error;
}

void listeners_close_last(struct listeners *l)
{
    listener_close(&l->at[l->count - 1]);
}

void listeners_close(struct listeners *l)
{
    for (size_t i = 0; i < l->count; i++)
        listener_close(&l->at[i]);
}
