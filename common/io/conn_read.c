// SPDX-License-Identifier: MIT
// Reading, and the end of a connection, which still reads: EOF, a failure, or a lingering close
// (RFC 9112 §9.6), which discards input for a while after our FIN. Unread input would turn the FIN
// into a RST, which can destroy our last bytes before the peer reads them; and a peer may read only
// once it has sent all.
#include <assert.h>
#include <stdlib.h>
#include "common/base/limits.h"
#include "conn_internal.h"

enum {
    READ_MOST = 1024 * 1024 // bytes for one event: other connections wait
};

static void free_conn(uv_handle_t *handle)
{
    struct conn *c = handle->data;
    if (c->on_closed)
        c->on_closed(c->on_closed_arg);
    buf_free(&c->in);
    buf_free(&c->out);
    free(c);
}

// The poll handle is closed first: the next socket may get the same descriptor.
void conn_close_socket(struct conn *c)
{
    if (c->closed)
        return;
    c->closed = true;
    timeout_stop(&c->timer);
    loop_unqueue(c->loop, &c->flush);
    list_remove(&c->loop->conns, &c->in_loop);
    conn_drop_borrowed(c);
    uv_close((uv_handle_t *)&c->poll, free_conn);
    c->transport->ops->close(c->transport, c->close_mode == CONN_CLOSE_RESET);
    c->transport = NULL;
}

static void on_linger_over(struct timeout *t)
{
    conn_close_socket(container_of(t, struct conn, timer));
}

// (Re)starts the wait for the peer's next byte or FIN, up to linger_until_ms.
static void linger(struct conn *c)
{
    uint64_t now = loop_now_ms(c->loop);
    if (c->linger_until_ms == 0 || conn_pending(c) > 0)
        return; // our FIN is not sent yet
    if (now + LIMIT_LINGER_MS <= c->linger_until_ms)
        timeout_start(c->loop, &c->timer, LIMIT_LINGER_MS, on_linger_over);
}

void conn_try_shutdown(struct conn *c)
{
    if (!c->shutdown_wanted || c->closed || c->phase != CONN_OPEN || conn_pending(c) > 0)
        return;
    bool again = c->transport->ops->shutdown(c->transport) == UV_EAGAIN;
    c->shutdown_wanted = again;
    c->blocked = again;
}

static void discard_input(struct conn *c)
{
    c->ops = NULL;
    if (!c->offering)
        buf_free(&c->in);
    c->read_max = LIMIT_READ_BYTES;
    c->want_read = true;
    conn_queue_flush(c);
}

// Waits for the peer's end.
static void begin_linger(struct conn *c)
{
    c->linger_until_ms = loop_now_ms(c->loop) + LIMIT_LINGER_MAX_MS;
    linger(c);
    discard_input(c);
}

// Sends the end of our direction, and waits for the socket to take it.
static void send_end(struct conn *c)
{
    c->end_sent = true;
    c->shutdown_wanted = true;
    conn_try_shutdown(c);
}

void conn_finish_close(struct conn *c)
{
    if (c->closed)
        return;
    bool await = c->close_mode == CONN_CLOSE_AWAIT;
    bool lingers = await || c->close_mode == CONN_CLOSE_FLUSH;
    bool over = c->got_eof && c->transport->ops->close_ends;
    if (lingers && !over && !c->end_sent && (c->got_eof || !await))
        send_end(c);
    if (lingers && !over && c->linger_until_ms == 0)
        begin_linger(c);
    if (!lingers || over || (c->got_eof && !c->shutdown_wanted))
        conn_close_socket(c);
}

void conn_fail(struct conn *c, int error)
{
    const struct conn_ops *ops = c->ops;
    bool tell = !c->closing;
    c->closing = true;
    // The peer may have got less than was sent. But a RST could destroy the reason of a handshake
    // that failed, and all that was sent to a peer that has cut its own stream short.
    bool quietly = c->phase == CONN_HANDSHAKE || error == UV_EOF;
    c->close_mode = quietly ? CONN_CLOSE_NOW : CONN_CLOSE_RESET;
    if (tell)
        ops->failed(c, error);
    conn_finish_close(c);
}

// Stops draining a peer that exceeds the linger limit: reading its bytes costs time.
static void discard(struct conn *c, size_t len)
{
    c->discarded_bytes += (uint32_t)len;
    if (c->discarded_bytes > LIMIT_LINGER_BYTES)
        c->want_read = false;
    linger(c);
}

void conn_recheck(struct conn *c)
{
    c->recheck = true;
    conn_queue_flush(c);
}

// Bytes consumed meanwhile stay in place, since connections may have borrowed them.
void conn_offer_input(struct conn *c)
{
    c->offering = true;
    loop_begin_read(c->loop, conn_in(c));
    c->ops->readable(c);
    loop_end_read(c->loop);
    c->offering = false;
    if (c->closing)
        buf_free(&c->in);
    else
        buf_take(&c->in, 0);
}

// Offers bytes in place, in the loop's read buffer, and copies only those that are not consumed.
static void offer(struct conn *c, const char *bytes, size_t len)
{
    if (buf_len(&c->in) > 0) {
        if (buf_append(&c->in, bytes, len))
            conn_offer_input(c);
        else
            conn_fail(c, UV_ENOMEM);
        return;
    }
    c->view = slice_of(bytes, len);
    c->in_view = true;
    conn_offer_input(c);
    c->in_view = false;
    if (c->view.len > 0 && !c->closing && !buf_append(&c->in, c->view.p, c->view.len))
        conn_fail(c, UV_ENOMEM);
    c->view.len = 0;
}

static void on_eof(struct conn *c)
{
    c->got_eof = true;
    if (c->closing) {
        if (conn_pending(c) == 0)
            conn_finish_close(c);
    } else if (buf_len(&c->in) > 0) {
        conn_recheck(c);
    } else {
        c->told_eof = true;
        c->ops->eof(c);
    }
}

// A FIN that may have cut the input short. A peer that only ends its direction so still gets what
// is pending.
static void on_cut(struct conn *c)
{
    if (c->closing) {
        on_eof(c);
    } else if (conn_pending(c) == 0) {
        conn_fail(c, UV_EOF);
    } else {
        c->got_eof = c->told_eof = c->cut = true;
        conn_queue_flush(c); // begins the send limit
    }
}

// The most bytes of the next read. What is read behind unconsumed input is copied, so not many.
static size_t read_max(const struct conn *c)
{
    bool behind = buf_len(&c->in) > 0;
    return behind && c->read_max > LIMIT_READ_BYTES ? LIMIT_READ_BYTES : c->read_max;
}

// Reads once. Returns the bytes read if more are likely to wait, since the read was as long as it
// could be; otherwise 0.
static size_t read_once(struct conn *c)
{
    struct transport *t = c->transport;
    size_t max = read_max(c);
    if (max == 0)
        return 0;
    assert(max <= LIMIT_READ_BULK_BYTES);
    ssize_t n = t->ops->read(t, c->loop->read_buffer, max);
    if (n == UV_EAGAIN)
        return 0;
    if (n == UV_EOF)
        on_cut(c);
    else if (n < 0)
        conn_fail(c, (int)n);
    else if (n == 0)
        on_eof(c);
    else if (c->closing)
        discard(c, (size_t)n);
    else
        offer(c, c->loop->read_buffer, (size_t)n);
    t = c->transport; // NULL once the connection is closed
    return n > 0 && t && ((size_t)n == max || t->has_input) ? (size_t)n : 0;
}

void conn_read_input(struct conn *c)
{
    size_t total = 0;
    while (total < READ_MOST && conn_reads(c)) {
        size_t n = read_once(c);
        if (n == 0)
            return;
        total += n;
    }
    if (conn_reads(c) && c->transport->has_input)
        conn_queue_flush(c); // no event tells of it: the socket may have none
}

void conn_want_read(struct conn *c, bool want)
{
    if (c->closing)
        return;
    c->want_read = want;
    if (want && (!(c->watched & UV_READABLE) || c->transport->has_input))
        conn_queue_flush(c);
}

struct slice conn_in(const struct conn *c)
{
    return c->in_view ? c->view : slice_of(c->in.bytes ? buf_at(&c->in) : NULL, buf_len(&c->in));
}

void conn_consume(struct conn *c, size_t len)
{
    if (c->in_view) {
        c->view.p += len;
        c->view.len -= len;
    } else if (c->offering) {
        c->in.start += len;
    } else {
        buf_take(&c->in, len);
    }
}
