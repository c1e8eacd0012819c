// SPDX-License-Identifier: MIT
// Connections over TLS.
#include <assert.h>
#include <unistd.h>
#include "conn_internal.h"
#include "transport_tls.h"

struct conn *conn_accept_tls(struct loop *l, int fd, const struct tls_server *server,
                             const struct conn_ops *ops, void *owner)
{
    struct transport *t = transport_tls_server(fd, server);
    if (!t)
        (void)close(fd);
    return t ? conn_adopt(l, t, ops, owner) : NULL;
}

bool conn_start_tls(struct conn *c, struct tls_client *client, const char *name)
{
    assert(c->phase == CONN_OPEN && !c->closing && c->queued_bytes == 0 && buf_len(&c->in) == 0);
    struct transport *t = transport_tls_client(conn_fd(c), client, name);
    if (!t)
        return false;
    transport_tcp_free(c->transport);
    c->transport = t;
    c->phase = CONN_HANDSHAKE;
    conn_queue_flush(c);
    return true;
}
