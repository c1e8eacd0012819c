// SPDX-License-Identifier: MIT
// The sending half of a connection: one write for everything that one turn of the loop queued.
#include "conn_internal.h"

bool conn_write(struct conn *c, const void *bytes, size_t len)
{
    if (c->closing || c->write_failed || len == 0)
        return true;
    if (!buf_append(&c->out, bytes, len))
        return false;
    c->queued_bytes += len;
    loop_queue(c->loop, &c->flush);
    return true;
}

char *conn_reserve(struct conn *c, size_t len)
{
    return buf_reserve(&c->out, len);
}

void conn_written(struct conn *c, size_t len)
{
    if (c->write_failed)
        return;
    buf_commit(&c->out, len);
    c->queued_bytes += len;
    loop_queue(c->loop, &c->flush);
}

static void after_sent(struct conn *c)
{
    conn_update_send_limit(c);
    if (c->shutdown_wanted)
        conn_try_shutdown(c);
    if (!c->closing)
        c->ops->sent(c);
    else if (conn_pending(c) == 0)
        conn_finish_close(c);
}

// Drops the output after a failed write. A peer that has closed may have answered before: then
// reading goes on, as fast as the owner wants it, and reports the end.
static void fail_write(struct conn *c, int error)
{
    buf_free(&c->out);
    c->write_failed = true;
    c->blocked = false;
    bool peer_closed = error == UV_EPIPE || error == UV_ECONNRESET;
    if (c->closing || c->got_eof || !peer_closed)
        conn_fail(c, error);
}

void conn_flush(struct conn *c)
{
    size_t len = buf_len(&c->out);
    if (c->closed || c->blocked || c->phase != CONN_OPEN || len == 0)
        return;
    const struct iovec part = {buf_at(&c->out), len};
    ssize_t n = c->transport->ops->writev(c->transport, &part, 1);
    if (n < 0 && n != UV_EAGAIN) {
        fail_write(c, (int)n);
        return;
    }
    c->blocked = n != (ssize_t)len;
    if (n <= 0) {
        conn_update_send_limit(c);
        return;
    }
    buf_take(&c->out, (size_t)n);
    after_sent(c);
}

// Writes what the transport has to write of its own.
static void flush_transport(struct conn *c)
{
    ssize_t n = c->transport->ops->writev(c->transport, NULL, 0);
    if (n < 0 && n != UV_EAGAIN)
        fail_write(c, (int)n);
}

void conn_on_writable(struct conn *c)
{
    c->blocked = false;
    if (buf_len(&c->out) > 0)
        conn_flush(c);
    else if (c->transport->wants_write)
        flush_transport(c);
    conn_try_shutdown(c);
}

void conn_shutdown(struct conn *c)
{
    c->shutdown_wanted = true;
    conn_flush(c);
    conn_try_shutdown(c);
    conn_queue_flush(c);
}
