// SPDX-License-Identifier: MIT
#include "tls_pair.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>
#include "check.h"

void tls_pair_contexts(struct tls_pair *p, const struct tls_files *f, const char *client_alpn,
                       const char *server_alpn)
{
    const struct tls_client_options client = {.ca_file = f->path[TLS_CA], .alpn = client_alpn};
    const struct tls_pair_files pair = {f->path[TLS_CHAIN], f->path[TLS_KEY]};
    const struct tls_server_options server = {.pairs = &pair, .pair_count = 1, .alpn = server_alpn};
    char why[TLS_WHY_MAX];
    *p = (struct tls_pair){.piece = SIZE_MAX};
    p->client = tls_client_new(&client, why);
    p->server = tls_server_new(&server, 0, why);
    CHECK(p->client && p->server);
}

void tls_pair_free_contexts(struct tls_pair *p)
{
    tls_client_free(p->client);
    tls_server_free(p->server);
}

static int open_peer(struct tls_peer *peer)
{
    int fds[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    *peer = (struct tls_peer){.wire = fds[1], .cut_at = SIZE_MAX, .handshake = UV_EAGAIN};
    return fds[0];
}

void tls_pair_open(struct tls_pair *p, const char *name)
{
    int client = open_peer(&p->peer[TLS_CLIENT]);
    int server = open_peer(&p->peer[TLS_SERVER]);
    p->peer[TLS_SERVER].t = transport_tls_server(server, p->server);
    CHECK(p->peer[TLS_SERVER].t);
    if (!name) {
        CHECK(close(client) == 0);
        return;
    }
    p->peer[TLS_CLIENT].t = transport_tls_client(client, p->client, name);
    CHECK(p->peer[TLS_CLIENT].t);
}

static void cut(struct tls_peer *peer)
{
    if (peer->wire >= 0)
        CHECK(close(peer->wire) == 0);
    peer->wire = -1;
}

void tls_pair_close(struct tls_pair *p)
{
    for (int side = TLS_CLIENT; side <= TLS_SERVER; side++) {
        struct tls_peer *peer = &p->peer[side];
        cut(peer);
        if (peer->t)
            peer->t->ops->close(peer->t, false);
        peer->t = NULL;
    }
}

// Moves bytes that `to` is sure to take: what does not fit stays in the sender's socket.
static size_t move(struct tls_pair *p, struct tls_peer *from, struct tls_peer *to)
{
    char bytes[4096];
    size_t most = p->piece < sizeof(bytes) ? p->piece : sizeof(bytes);
    size_t left = from->cut_at - from->sent;
    most = most < left ? most : left;
    if (from->wire < 0 || to->wire < 0 || from->held)
        return 0;
    ssize_t n = recv(from->wire, bytes, most, MSG_PEEK);
    n = n > 0 ? send(to->wire, bytes, (size_t)n, MSG_NOSIGNAL) : 0;
    if (n > 0)
        CHECK(recv(from->wire, bytes, (size_t)n, 0) == n);
    size_t moved = n > 0 ? (size_t)n : 0;
    from->sent += moved;
    if (from->sent == from->cut_at)
        cut(to);
    return moved;
}

size_t tls_pair_move(struct tls_pair *p)
{
    return move(p, &p->peer[TLS_CLIENT], &p->peer[TLS_SERVER]) +
           move(p, &p->peer[TLS_SERVER], &p->peer[TLS_CLIENT]);
}

void tls_pair_settle(struct tls_pair *p)
{
    while (tls_pair_move(p) > 0) {
    }
}

void tls_pair_handshake(struct tls_pair *p)
{
    size_t moved = 1;
    for (int rest = 3; rest > 0; rest = moved > 0 ? 3 : rest - 1) {
        bool waits = false;
        for (int side = TLS_CLIENT; side <= TLS_SERVER; side++) {
            struct tls_peer *peer = &p->peer[side];
            if (peer->t && peer->handshake == UV_EAGAIN)
                peer->handshake = peer->t->ops->handshake(peer->t);
            waits = waits || (peer->t && peer->handshake == UV_EAGAIN);
        }
        if (!waits)
            return;
        moved = tls_pair_move(p);
    }
}

void tls_pair_connect(struct tls_pair *p, const char *name)
{
    tls_pair_open(p, name);
    tls_pair_handshake(p);
    CHECK(p->peer[TLS_CLIENT].handshake == 0 && p->peer[TLS_SERVER].handshake == 0);
}

void tls_pair_carry(struct tls_pair *p, enum tls_side from, const void *bytes, size_t len)
{
    struct transport *a = p->peer[from].t;
    struct transport *b = p->peer[!from].t;
    char *got = malloc(len + 1);
    size_t sent = 0;
    size_t received = 0;
    CHECK(got);
    while (received < len) {
        const struct iovec part = {(char *)(uintptr_t)bytes + sent, len - sent};
        ssize_t n = a->ops->writev(a, &part, sent < len);
        CHECK(n >= 0 || n == UV_EAGAIN);
        sent += n > 0 ? (size_t)n : 0;
        (void)tls_pair_move(p);
        n = b->ops->read(b, got + received, len + 1 - received);
        CHECK(n > 0 || n == UV_EAGAIN);
        received += n > 0 ? (size_t)n : 0;
    }
    CHECK(sent == len && received == len && memcmp(got, bytes, len) == 0);
    free(got);
}
