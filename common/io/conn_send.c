// SPDX-License-Identifier: MIT
// The sending half of a connection: one write for everything that one turn of the loop queued.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include "common/base/limits.h"
#include "conn_internal.h"

enum {
    BORROW_MIN = 4 * 1024 // less is copied, and leaves with all output of the turn
};

static void queue_copied(struct conn *c, size_t len)
{
    if (c->borrowed)
        conn_note_copied(c, len);
    c->queued_bytes += len;
    loop_queue(c->loop, &c->flush);
}

bool conn_write(struct conn *c, const void *bytes, size_t len)
{
    if (c->closing || c->write_failed || len == 0)
        return true;
    if (!buf_append(&c->out, bytes, len))
        return false;
    queue_copied(c, len);
    return true;
}

static void on_settle(struct loop_task *task)
{
    conn_flush(container_of(task, struct conn_borrowed, settle)->conn);
}

bool conn_write_borrowed(struct conn *c, const void *bytes, size_t len)
{
    bool leaves = c->phase == CONN_OPEN && !c->blocked && !c->closing && !c->write_failed;
    if (len < BORROW_MIN || !leaves || !loop_lends(c->loop, bytes, len) ||
        !conn_borrow(c, bytes, len, on_settle))
        return conn_write(c, bytes, len);
    c->queued_bytes += len;
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
    queue_copied(c, len);
}

void conn_keep(struct conn *c)
{
    c->keeps = true;
}

void conn_trim(struct conn *c)
{
    buf_trim(&c->out);
}

static void after_sent(struct conn *c)
{
    conn_update_send_limit(c);
    if (c->shutdown_wanted)
        conn_try_shutdown(c);
    if (!c->closing)
        c->ops->sent(c);
    if (conn_pending(c) > 0)
        return;
    if (c->closing)
        conn_finish_close(c);
    else if (c->cut)
        conn_fail(c, UV_EOF);
}

// Drops the output after a failed write. A peer that has closed may have answered before: then
// reading goes on, as fast as the owner wants it, and reports the end.
static void fail_write(struct conn *c, int error)
{
    c->queued_bytes -= conn_pending(c);
    conn_drop_borrowed(c);
    buf_free(&c->out);
    c->write_failed = true;
    c->blocked = false;
    bool peer_closed = error == UV_EPIPE || error == UV_ECONNRESET;
    if (c->closing || c->got_eof || !peer_closed)
        conn_fail(c, c->cut ? UV_EOF : error);
    else
        conn_queue_flush(c); // the write may have met the end, and then no event tells of it
}

static ssize_t write_parts(struct conn *c)
{
    struct iovec parts[CONN_PARTS_MAX];
    const struct conn_borrowed *b = c->borrowed;
    const char *copied = buf_slice(&c->out).p;
    for (int i = 0; i < b->count; i++) {
        const char *bytes = b->parts[i].borrowed;
        parts[i] = (struct iovec){(void *)(uintptr_t)(bytes ? bytes : copied), b->parts[i].len};
        copied += bytes ? 0 : b->parts[i].len;
    }
    return c->transport->ops->writev(c->transport, parts, b->count);
}

static ssize_t write_out(struct conn *c)
{
    const struct iovec part = {buf_at(&c->out), buf_len(&c->out)};
    return c->transport->ops->writev(c->transport, &part, 1);
}

// Removes what has left. False when out of memory for what is left.
static bool take_sent(struct conn *c, size_t n)
{
    if (c->borrowed)
        return conn_settle_borrowed(c, n);
    if (c->keeps)
        buf_take_keeping(&c->out, n);
    else
        buf_take(&c->out, n);
    return true;
}

void conn_flush(struct conn *c)
{
    size_t len = conn_pending(c);
    if (c->closed || c->blocked || c->phase != CONN_OPEN || len == 0)
        return;
    bool had_input = c->transport->has_input;
    ssize_t n = c->borrowed ? write_parts(c) : write_out(c);
    if (n < 0 && n != UV_EAGAIN) {
        fail_write(c, (int)n);
        return;
    }
    c->blocked = n != (ssize_t)len;
    c->blocked_ms = (uint32_t)loop_now_ms(c->loop);
    if (!take_sent(c, n > 0 ? (size_t)n : 0)) {
        conn_fail(c, UV_ENOMEM);
        return;
    }
    if (c->blocked || (c->transport->has_input && !had_input))
        conn_queue_flush(c); // to watch the socket, or to read what no event tells of
    if (n > 0)
        after_sent(c);
    else
        conn_update_send_limit(c);
}

// Writes what the transport has to write of its own.
static void flush_transport(struct conn *c)
{
    ssize_t n = c->transport->ops->writev(c->transport, NULL, 0);
    if (n < 0 && n != UV_EAGAIN)
        fail_write(c, (int)n);
}

// A peer that takes bytes quickly gets more of them at once: that saves both ends turns. If it
// stops then, the kernel keeps them until the send limit ends the connection.
static void adapt_unsent(struct conn *c)
{
    bool quick = (uint32_t)loop_now_ms(c->loop) - c->blocked_ms <= LIMIT_QUICK_MS;
    if (quick == c->unsent_more)
        return;
    c->unsent_more = quick;
    int most = quick ? LIMIT_NOTSENT_QUICK_BYTES : LIMIT_NOTSENT_BYTES;
    (void)setsockopt(c->transport->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &most, sizeof(most));
}

void conn_on_writable(struct conn *c)
{
    if (c->blocked)
        adapt_unsent(c);
    c->blocked = false;
    if (buf_len(&c->out) > 0)
        conn_flush(c);
    else if (c->transport->wants_write)
        flush_transport(c);
    conn_try_shutdown(c);
    if (c->closing && c->got_eof && conn_pending(c) == 0)
        conn_finish_close(c);
}

void conn_shutdown(struct conn *c)
{
    c->shutdown_wanted = true;
    conn_flush(c);
    conn_try_shutdown(c);
    conn_queue_flush(c);
}
