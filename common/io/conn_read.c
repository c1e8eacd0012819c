// SPDX-License-Identifier: MIT
// Reading, and the end of a connection, which still reads: EOF, a failure, or a lingering close
// (RFC 9112 §9.6), which discards input for a while after our FIN. Unread input would turn the FIN
// into a RST, which can destroy our last bytes before the peer reads them.
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include "common/base/limits.h"
#include "conn_internal.h"

int conn_fd(const struct conn *c)
{
    uv_os_fd_t fd = -1;
    int error = uv_fileno((const uv_handle_t *)&c->tcp, &fd);
    return error ? error : fd;
}

static void free_conn(uv_handle_t *handle)
{
    struct conn *c = handle->data;
    if (c->on_closed)
        c->on_closed(c->on_closed_arg);
    buf_free(&c->in);
    buf_free(&c->out);
    if (c->write) {
        buf_free(&c->write->bytes);
        free(c->write);
    }
    free(c);
}

void conn_close_socket(struct conn *c)
{
    if (c->closed)
        return;
    c->closed = true;
    timeout_stop(&c->timer);
    loop_unqueue(c->loop, &c->flush);
    if (c->close_mode == CONN_CLOSE_RESET && !uv_tcp_close_reset(&c->tcp, free_conn))
        return;
    if (!uv_is_closing((uv_handle_t *)&c->tcp))
        uv_close((uv_handle_t *)&c->tcp, free_conn);
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

static void on_shutdown(uv_shutdown_t *req, int status)
{
    (void)status;
    free(req);
}

void conn_try_shutdown(struct conn *c)
{
    if (!c->shutdown_wanted || c->closed || conn_pending(c) > 0)
        return;
    c->shutdown_wanted = false;
    uv_shutdown_t *req = malloc(sizeof(*req));
    if (req && uv_shutdown(req, (uv_stream_t *)&c->tcp, on_shutdown))
        free(req);
}

static void discard_input(struct conn *c)
{
    c->ops = NULL;
    buf_free(&c->in);
    c->read_max = LIMIT_READ_BYTES;
    c->want_read = true;
    conn_update_reading(c);
}

void conn_finish_close(struct conn *c)
{
    if (c->closed)
        return;
    if (c->close_mode != CONN_CLOSE_FLUSH || c->got_eof) {
        conn_close_socket(c);
        return;
    }
    if (c->linger_until_ms > 0)
        return;
    c->linger_until_ms = loop_now_ms(c->loop) + LIMIT_LINGER_MAX_MS;
    c->shutdown_wanted = true;
    conn_try_shutdown(c);
    linger(c);
    discard_input(c);
}

void conn_fail(struct conn *c, int error)
{
    const struct conn_ops *ops = c->ops;
    bool tell = !c->closing;
    c->closing = true;
    c->close_mode = CONN_CLOSE_RESET; // the peer may have got less than was sent
    if (tell)
        ops->failed(c, error);
    conn_finish_close(c);
}

// Stops draining a peer that exceeds the linger limit: reading its bytes costs time.
static void discard(struct conn *c, size_t len)
{
    c->discarded_bytes += len;
    if (c->discarded_bytes > LIMIT_LINGER_BYTES) {
        c->want_read = false;
        conn_update_reading(c);
    }
    linger(c);
}

void conn_recheck(struct conn *c)
{
    c->recheck = true;
    loop_queue(c->loop, &c->flush);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct conn *c = handle->data;
    (void)suggested;
    size_t max = c->read_max < LIMIT_READ_BYTES ? c->read_max : LIMIT_READ_BYTES;
    *buf = uv_buf_init(c->loop->read_buffer, (unsigned)max);
}

// Offers bytes in place, in the loop's read buffer, and copies only those that are not consumed.
static void offer(struct conn *c, const char *bytes, size_t len)
{
    if (buf_len(&c->in) > 0) {
        if (!buf_append(&c->in, bytes, len)) {
            conn_fail(c, UV_ENOMEM);
            return;
        }
        c->ops->readable(c);
        return;
    }
    c->view = slice_of(bytes, len);
    c->in_view = true;
    c->ops->readable(c);
    c->in_view = false;
    if (c->view.len > 0 && !c->closing && !buf_append(&c->in, c->view.p, c->view.len))
        conn_fail(c, UV_ENOMEM);
    c->view.len = 0;
}

// The error behind libuv's UV_EOF, or 0. libuv reports EOF too for a RST that follows data at once,
// or that a write has met before. Such a RST, taken for a FIN, would make a truncated body
// complete.
static int error_behind_eof(const struct conn *c)
{
    int error = 0;
    socklen_t len = sizeof(error);
    if (c->write_error)
        return c->write_error;
    return getsockopt(conn_fd(c), SOL_SOCKET, SO_ERROR, &error, &len) ? -errno : -error;
}

static void on_eof(struct conn *c)
{
    c->got_eof = true;
    c->reading = false;
    (void)uv_read_stop((uv_stream_t *)&c->tcp);
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

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct conn *c = stream->data;
    if (n > 0) {
        if (c->closing)
            discard(c, (size_t)n);
        else
            offer(c, buf->base, (size_t)n);
        return;
    }
    if (n == 0)
        return;
    int error = n == UV_EOF ? error_behind_eof(c) : (int)n;
    if (error)
        conn_fail(c, error);
    else
        on_eof(c);
}

void conn_update_reading(struct conn *c)
{
    bool read = c->want_read && !c->got_eof && !c->closed;
    if (read == c->reading)
        return;
    c->reading = read;
    if (read)
        (void)uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
    else
        (void)uv_read_stop((uv_stream_t *)&c->tcp);
}

void conn_want_read(struct conn *c, bool want)
{
    if (c->closing)
        return;
    c->want_read = want;
    conn_update_reading(c);
}

struct slice conn_in(const struct conn *c)
{
    return c->in_view ? c->view : slice_of(c->in.bytes ? buf_at(&c->in) : NULL, buf_len(&c->in));
}

void conn_consume(struct conn *c, size_t len)
{
    if (!c->in_view) {
        buf_take(&c->in, len);
        return;
    }
    c->view.p += len;
    c->view.len -= len;
}
