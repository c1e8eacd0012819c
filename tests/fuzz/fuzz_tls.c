// SPDX-License-Identifier: MIT
// What a peer sends to a server or a client of TLS from the first byte on: the first byte of the
// input says to which, and in pieces of what size. A handshake fails or waits, and stays failed;
// nothing of it stays in OpenSSL's queue of errors.
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "tests/support/check.h"
#include "tests/support/tls_pair.h"

// Made once: keys and certificates take time.
static struct tls_pair *contexts(void)
{
    static struct tls_pair pair;
    if (!pair.server) {
        struct tls_files files;
        tls_files_make(&files);
        tls_pair_contexts(&pair, &files, "h2,http/1.1", "h2,http/1.1");
        tls_files_remove(&files);
    }
    return &pair;
}

static int feed(struct transport *t, int wire, const uint8_t *data, size_t len)
{
    char answer[4096];
    CHECK(send(wire, data, len, MSG_NOSIGNAL) == (ssize_t)len);
    int n = t->ops->handshake(t);
    CHECK(ERR_peek_error() == 0);
    while (recv(wire, answer, sizeof(answer), 0) > 0) {
    }
    return n;
}

static void check_end(struct transport *t, int error)
{
    char byte;
    if (error == 0) // hardly: random numbers would have to meet
        return;
    CHECK(error == UV_EPROTO || error == UV_ECONNABORTED || error == UV_EOF);
    CHECK(*t->ops->detail(t));
    CHECK(t->ops->handshake(t) == error);
    CHECK(t->ops->read(t, &byte, 1) == error);
    CHECK(t->ops->writev(t, NULL, 0) == error);
    CHECK(t->ops->alpn(t).len <= 8 && t->ops->peer_name(t).len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tls_pair pair = *contexts();
    struct tls_peer *peer;
    if (size < 1)
        return 0;
    size_t piece = data[0] >> 1 ? data[0] >> 1 : SIZE_MAX;
    size = size < 60000 ? size : 60000; // the wire holds it
    tls_pair_open(&pair, "localhost");
    peer = &pair.peer[data[0] & 1 ? TLS_CLIENT : TLS_SERVER];
    int error = peer->t->ops->handshake(peer->t);
    for (size_t at = 1; at < size && error == UV_EAGAIN;
         at += piece < size - at ? piece : size - at)
        error = feed(peer->t, peer->wire, data + at, piece < size - at ? piece : size - at);
    CHECK(shutdown(peer->wire, SHUT_WR) == 0);
    if (error == UV_EAGAIN)
        error = peer->t->ops->handshake(peer->t);
    check_end(peer->t, error);
    tls_pair_close(&pair);
    return 0;
}
