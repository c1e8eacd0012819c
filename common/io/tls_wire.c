// SPDX-License-Identifier: MIT
// The socket as OpenSSL sees it: a BIO.
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <uv.h>
#include "loop.h"
#include "tls_internal.h"

enum {
    // Of ciphertext that waits. A batch of records is far below; a peer that asks for answers (key
    // updates) and does not read them gets here.
    OUT_MAX = 256 * 1024
};

static bool is_again(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK;
}

// Returns the error behind the end of the stream: UV_EOF for a FIN. The kernel reports an end too
// for a RST that follows data at once, or that a write has met before.
static int end_of_stream(const struct tls_wire *w)
{
    int error = 0;
    socklen_t len = sizeof(error);
    if (w->write_error)
        return w->write_error;
    if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &len))
        error = errno;
    return error ? -error : UV_EOF;
}

static int wire_read(BIO *bio, char *to, int cap)
{
    struct tls_wire *w = BIO_get_data(bio);
    size_t most = w->budget < (size_t)cap ? w->budget : (size_t)cap;
    ssize_t n;
    BIO_clear_retry_flags(bio);
    if (w->stopped)
        return -1;
    if (most == 0) {
        BIO_set_retry_read(bio); // the socket stays readable
        return -1;
    }
    do
        n = recv(w->fd, to, most, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        if (!w->heard)
            w->first_byte = (uint8_t)to[0];
        w->heard = true;
        w->budget -= (size_t)n;
    } else if (n == 0) {
        w->read_error = end_of_stream(w);
    } else if (is_again(errno)) {
        BIO_set_retry_read(bio);
    } else {
        w->read_error = -errno;
    }
    return (int)n;
}

static bool make_room(struct tls_wire *w, size_t len)
{
    size_t used = tls_wire_pending(w);
    if (w->out_cap - w->out_end >= len)
        return true;
    if (used + len > OUT_MAX)
        return false;
    // By doubling, so that many small records are not copied for each.
    size_t cap = 2 * used < OUT_MAX ? 2 * used : OUT_MAX;
    cap = cap > used + len ? cap : used + len;
    uint8_t *out = malloc(cap);
    if (!out)
        return false;
    if (used > 0)
        memcpy(out, w->out + w->out_at, used);
    free(w->out);
    w->out = out;
    w->out_cap = cap;
    w->out_at = 0;
    w->out_end = used;
    return true;
}

void tls_wire_expect(struct tls_wire *w, size_t len)
{
    (void)make_room(w, len);
}

static void drop_output(struct tls_wire *w)
{
    free(w->out);
    w->out = NULL;
    w->out_at = w->out_end = w->out_cap = 0;
}

// Sends what waits and `len` bytes behind it. Returns the number of those bytes that left.
static size_t send_with(struct tls_wire *w, const char *bytes, size_t len)
{
    size_t waiting = tls_wire_pending(w);
    struct iovec parts[2] = {
        {.iov_base = w->out + w->out_at, .iov_len = waiting},
        {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len},
    };
    struct msghdr message = {.msg_iov = waiting > 0 ? parts : parts + 1,
                             .msg_iovlen = waiting > 0 ? 2 : 1};
    ssize_t n;
    do
        n = sendmsg(w->fd, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0 && !is_again(errno)) {
        w->write_error = -errno;
        drop_output(w);
        return 0;
    }
    size_t sent = n > 0 ? (size_t)n : 0;
    container_of(w, struct transport_tls, wire)->base.wire_sent += sent;
    size_t of_waiting = sent < waiting ? sent : waiting;
    w->out_at += of_waiting;
    if (tls_wire_pending(w) == 0)
        drop_output(w);
    return sent - of_waiting;
}

static int wire_write(BIO *bio, const char *bytes, int len)
{
    struct tls_wire *w = BIO_get_data(bio);
    size_t sent = 0;
    BIO_clear_retry_flags(bio);
    if (w->write_error)
        return len; // reading goes on: the peer may have answered before it closed
    if (w->uncorked)
        sent = send_with(w, bytes, (size_t)len);
    size_t rest = (size_t)len - sent;
    if (w->write_error || rest == 0)
        return len;
    if (!make_room(w, rest)) {
        w->write_error = UV_ENOBUFS;
        drop_output(w);
        return len;
    }
    memcpy(w->out + w->out_end, bytes + sent, rest);
    w->out_end += rest;
    return len;
}

// A FIN is no error to the BIO (BIO_CTRL_EOF): OpenSSL would end the connection for both
// directions.
static long wire_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP;
}

bool tls_wire_init(struct tls_wire *w, SSL *ssl, int fd)
{
    w->fd = fd;
    w->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "adit");
    if (!w->method || !BIO_meth_set_read(w->method, wire_read) ||
        !BIO_meth_set_write(w->method, wire_write) || !BIO_meth_set_ctrl(w->method, wire_control))
        return false;
    BIO *bio = BIO_new(w->method);
    if (!bio)
        return false;
    BIO_set_data(bio, w);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    return true;
}

void tls_wire_deinit(struct tls_wire *w)
{
    BIO_meth_free(w->method);
    drop_output(w);
}

int tls_wire_flush(struct tls_wire *w)
{
    if (!w->write_error && tls_wire_pending(w) > 0)
        (void)send_with(w, NULL, 0);
    if (w->write_error)
        return w->write_error;
    return tls_wire_pending(w) > 0 ? UV_EAGAIN : 0;
}
