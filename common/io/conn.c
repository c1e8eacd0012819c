// SPDX-License-Identifier: MIT
// A connection's life, its receiving half and what the kernel knows of it.
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/base/limits.h"
#include "conn_internal.h"

enum {
    KEEPALIVE_IDLE_S = 60, // with the two below: a peer that answers no probe fails in two minutes
    KEEPALIVE_EVERY_S = 10,
    KEEPALIVE_PROBES = 6,
};

// Tells the owner of EOF once all input has been offered. At EOF, input that the owner leaves
// although it wants more is a truncated message and will never be whole.
static void recheck_input(struct conn *c)
{
    c->recheck = false;
    if (buf_len(&c->in) > 0)
        c->ops->readable(c);
    bool used_up = buf_len(&c->in) == 0 || c->want_read;
    if (c->got_eof && !c->closing && used_up && !c->told_eof) {
        c->told_eof = true;
        c->ops->eof(c);
    }
}

static void on_flush(struct loop_task *task)
{
    struct conn *c = container_of(task, struct conn, flush);
    conn_flush(c);
    if (!c->closing && c->recheck)
        recheck_input(c);
}

static struct conn *conn_new(struct loop *l, const struct conn_ops *ops, void *owner)
{
    struct conn *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->loop = l;
    c->ops = ops;
    c->owner = owner;
    c->flush.run = on_flush;
    c->read_max = LIMIT_READ_BYTES;
    (void)uv_tcp_init(&l->uv, &c->tcp);
    c->tcp.data = c;
    return c;
}

int conn_fd(const struct conn *c)
{
    uv_os_fd_t fd = -1;
    int error = uv_fileno((const uv_handle_t *)&c->tcp, &fd);
    return error ? error : fd;
}

static void set_options(struct conn *c)
{
    const struct option {
        int level, name, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {IPPROTO_TCP, TCP_NOTSENT_LOWAT, LIMIT_NOTSENT_BYTES},
        {IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_EVERY_S},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
    };
    int fd = conn_fd(c);
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        (void)setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
}

struct conn *conn_accept(struct loop *l, int fd, const struct conn_ops *ops, void *owner)
{
    struct conn *c = conn_new(l, ops, owner);
    if (!c || uv_tcp_open(&c->tcp, fd)) {
        (void)close(fd);
        conn_close(c, CONN_CLOSE_NOW);
        return NULL;
    }
    set_options(c);
    return c;
}

void conn_on_closed(struct conn *c, void (*on_closed)(void *arg), void *arg)
{
    c->on_closed = on_closed;
    c->on_closed_arg = arg;
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

static void on_connect(uv_connect_t *req, int status)
{
    struct conn *c = req->data;
    free(req);
    if (c->closing)
        return;
    if (status < 0) {
        conn_fail(c, status);
        return;
    }
    set_options(c);
    c->ops->connected(c);
}

struct conn *conn_connect(struct loop *l, const struct sockaddr *addr, const struct conn_ops *ops,
                          void *owner, int *error)
{
    struct conn *c = conn_new(l, ops, owner);
    uv_connect_t *req = malloc(sizeof(*req));
    *error = UV_ENOMEM;
    if (c && req) {
        req->data = c;
        *error = uv_tcp_connect(req, &c->tcp, addr, on_connect);
        if (!*error)
            return c;
    }
    free(req);
    if (c)
        conn_close(c, CONN_CLOSE_NOW);
    return NULL;
}

void conn_set_owner(struct conn *c, const struct conn_ops *ops, void *owner)
{
    c->ops = ops;
    c->owner = owner;
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
// and for one that a write has met before; taken for FIN, it would make a truncated body complete.
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
            conn_discard(c, (size_t)n);
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

void conn_recheck(struct conn *c)
{
    c->recheck = true;
    loop_queue(c->loop, &c->flush);
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

bool conn_peer_left(const struct conn *c, bool reset_only)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    if (getsockopt(conn_fd(c), IPPROTO_TCP, TCP_INFO, &info, &len) || info.tcpi_state == TCP_CLOSE)
        return true;
    return !reset_only && (info.tcpi_state == TCP_CLOSE_WAIT || info.tcpi_state == TCP_LAST_ACK ||
                           info.tcpi_state == TCP_CLOSING);
}

bool conn_is_quiet(const struct conn *c)
{
    char byte;
    return recv(conn_fd(c), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}
