// SPDX-License-Identifier: MIT
#include "conn.h"
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/base/limits.h"

enum {
    KEEPALIVE_IDLE_S = 60, // a peer that answers no probe is gone after two minutes
    KEEPALIVE_EVERY_S = 10,
    KEEPALIVE_PROBES = 6,
};

// Bytes that libuv is sending: they neither grow nor move until it calls back.
struct conn_write {
    uv_write_t req;
    struct buf bytes;
};

static void flush(struct conn *c);
static void finish_close(struct conn *c);

static void on_task(struct loop_task *task)
{
    struct conn *c = container_of(task, struct conn, flush);
    flush(c);
    if (c->closing || !c->recheck)
        return;
    c->recheck = false;
    if (buf_len(&c->in) > 0)
        c->ops->readable(c);
    // What its owner left there although it wants more will never be whole.
    bool used_up = buf_len(&c->in) == 0 || c->want_read;
    if (c->got_eof && !c->closing && used_up && !c->ended) {
        c->ended = true;
        c->ops->eof(c);
    }
}

static struct conn *conn_new(struct loop *l, const struct conn_ops *ops, void *owner)
{
    struct conn *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->loop = l;
    c->ops = ops;
    c->owner = owner;
    c->flush.run = on_task;
    c->read_max = LIMIT_READ_BYTES;
    (void)uv_tcp_init(&l->uv, &c->tcp);
    c->tcp.data = c;
    return c;
}

static int fd_of(const struct conn *c)
{
    uv_os_fd_t fd;
    return uv_fileno((const uv_handle_t *)&c->tcp, &fd) ? -1 : fd;
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
    int fd = fd_of(c);
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

void conn_on_closed(struct conn *c, void (*gone)(void *arg), void *arg)
{
    c->gone = gone;
    c->gone_arg = arg;
}

static void broken(struct conn *c, int error)
{
    const struct conn_ops *ops = c->ops;
    bool tell = !c->closing;
    c->closing = true;
    c->end = CONN_CLOSE_RESET; // what was sent may not be whole
    if (tell)
        ops->failed(c, error);
    finish_close(c);
}

static void on_connect(uv_connect_t *req, int status)
{
    struct conn *c = req->data;
    free(req);
    if (c->closing)
        return;
    if (status < 0) {
        broken(c, status);
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

// Offers the bytes in the loop's buffer, and keeps what is left over.
static void offer(struct conn *c, const char *bytes, size_t len)
{
    if (buf_len(&c->in) > 0) {
        if (!buf_append(&c->in, bytes, len)) {
            broken(c, UV_ENOMEM);
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
        broken(c, UV_ENOMEM);
    c->view.len = 0;
}

static void discard(struct conn *c, size_t len);

// A reset that comes right behind data is an end for libuv, and so is one that a write has met
// before. Who takes it for a FIN takes a body cut short for a whole one.
static int hidden_error(const struct conn *c)
{
    int error = 0;
    socklen_t len = sizeof(error);
    if (c->send_error)
        return c->send_error;
    return getsockopt(fd_of(c), SOL_SOCKET, SO_ERROR, &error, &len) ? -errno : -error;
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
    int error = n == UV_EOF ? hidden_error(c) : (int)n;
    if (error) {
        broken(c, error);
        return;
    }
    c->got_eof = true;
    c->reading = false;
    (void)uv_read_stop(stream);
    if (c->closing) {
        if (conn_pending(c) == 0)
            finish_close(c);
    } else if (buf_len(&c->in) > 0) {
        conn_recheck(c);
    } else {
        c->ended = true;
        c->ops->eof(c);
    }
}

static void update_reading(struct conn *c)
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
    update_reading(c);
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

bool conn_write(struct conn *c, const void *bytes, size_t len)
{
    if (c->closing || c->mute || len == 0)
        return true;
    if (!buf_append(&c->out, bytes, len))
        return false;
    c->queued += len;
    loop_queue(c->loop, &c->flush);
    return true;
}

char *conn_reserve(struct conn *c, size_t len)
{
    return buf_reserve(&c->out, len);
}

void conn_written(struct conn *c, size_t len)
{
    if (c->mute)
        return;
    buf_commit(&c->out, len);
    c->queued += len;
    loop_queue(c->loop, &c->flush);
}

size_t conn_pending(const struct conn *c)
{
    return buf_len(&c->out) + (c->write ? buf_len(&c->write->bytes) : 0);
}

uint64_t conn_sent(const struct conn *c)
{
    return c->queued - buf_len(&c->out) - c->tcp.write_queue_size;
}

// Bytes that the peer has acknowledged.
static uint64_t acked(const struct conn *c)
{
    int in_flight = 0;
    return ioctl(fd_of(c), SIOCOUTQ, &in_flight) ? 0 : conn_sent(c) - (uint64_t)in_flight;
}

bool conn_peer_left(const struct conn *c, bool reset_only)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    if (getsockopt(fd_of(c), IPPROTO_TCP, TCP_INFO, &info, &len) || info.tcpi_state == TCP_CLOSE)
        return true;
    return !reset_only && (info.tcpi_state == TCP_CLOSE_WAIT || info.tcpi_state == TCP_LAST_ACK ||
                           info.tcpi_state == TCP_CLOSING);
}

bool conn_is_quiet(const struct conn *c)
{
    char byte;
    return recv(fd_of(c), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static void on_send_limit(struct timeout *t);

// While bytes wait to leave, the peer must take a portion of them in send_ms, or has failed. It is
// looked at twice in that time: the kernel takes bytes in large gulps, so a slow peer's progress
// shows only in its acknowledgements.
static void update_send_limit(struct conn *c)
{
    uint32_t ms = c->closing ? c->loop->limits.send_ms : c->send_ms;
    bool waits = ms > 0 && !c->closed && conn_pending(c) > 0;
    if (!waits) {
        if (c->limit.fire == on_send_limit)
            timeout_stop(&c->limit);
        return;
    }
    if (timeout_runs(&c->limit))
        return;
    c->limit_queued = conn_sent(c);
    c->limit_acked = 0;
    timeout_start(c->loop, &c->limit, ms / 2, on_send_limit);
}

static void on_send_limit(struct timeout *t)
{
    struct conn *c = container_of(t, struct conn, limit);
    uint32_t ms = c->closing ? c->loop->limits.send_ms : c->send_ms;
    if (ms == 0)
        return;
    uint64_t half = (uint64_t)c->loop->limits.rate * ms / 2000;
    uint64_t now = acked(c) + 1;
    bool kernel_took = conn_sent(c) - c->limit_queued > half;
    bool peer_took = c->limit_acked > 0 && now - c->limit_acked > half;
    if (c->limit_acked > 0 && !kernel_took && !peer_took) {
        broken(c, UV_ETIMEDOUT);
        return;
    }
    c->limit_acked = kernel_took ? 0 : now;
    c->limit_queued = conn_sent(c);
    timeout_start(c->loop, t, ms / 2, on_send_limit);
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
    (void)status;
    free(req);
}

static void try_shutdown(struct conn *c)
{
    if (!c->shut_wanted || c->closed || conn_pending(c) > 0)
        return;
    c->shut_wanted = false;
    uv_shutdown_t *req = malloc(sizeof(*req));
    if (req && uv_shutdown(req, (uv_stream_t *)&c->tcp, on_shutdown))
        free(req);
}

static void after_sent(struct conn *c)
{
    update_send_limit(c);
    try_shutdown(c);
    if (!c->closing)
        c->ops->sent(c);
    else if (conn_pending(c) == 0)
        finish_close(c);
}

// A write failed. The peer may have answered before it left, and that answer can still be read, at
// whatever pace its own reader has: reading then tells the end.
static void write_broken(struct conn *c, int error)
{
    buf_free(&c->out);
    c->mute = true;
    c->send_error = error;
    bool left = error == UV_EPIPE || error == UV_ECONNRESET;
    if (c->closing || c->got_eof || !left)
        broken(c, error);
}

static void on_written(uv_write_t *req, int status)
{
    struct conn_write *w = container_of(req, struct conn_write, req);
    struct conn *c = req->data;
    buf_free(&w->bytes);
    free(w);
    c->write = NULL;
    if (c->closed)
        return;
    if (status < 0) {
        write_broken(c, status);
        return;
    }
    if (buf_len(&c->out) > 0)
        loop_queue(c->loop, &c->flush);
    after_sent(c);
}

static void write_later(struct conn *c)
{
    struct conn_write *w = malloc(sizeof(*w));
    if (!w) {
        broken(c, UV_ENOMEM);
        return;
    }
    w->bytes = c->out;
    w->req.data = c;
    c->out = (struct buf){0};
    c->write = w;
    uv_buf_t b = uv_buf_init(buf_at(&w->bytes), (unsigned)buf_len(&w->bytes));
    int error = uv_write(&w->req, (uv_stream_t *)&c->tcp, &b, 1, on_written);
    update_send_limit(c);
    if (!error)
        return;
    c->write = NULL;
    buf_free(&w->bytes);
    free(w);
    write_broken(c, error);
}

static void flush(struct conn *c)
{
    if (c->closed || c->write || buf_len(&c->out) == 0)
        return;
    uv_buf_t b = uv_buf_init(buf_at(&c->out), (unsigned)buf_len(&c->out));
    int n = uv_try_write((uv_stream_t *)&c->tcp, &b, 1);
    if (n < 0 && n != UV_EAGAIN) {
        write_broken(c, n);
        return;
    }
    if (n > 0)
        buf_take(&c->out, (size_t)n);
    if (buf_len(&c->out) > 0)
        write_later(c);
    if (n > 0 && !c->closed)
        after_sent(c);
}

void conn_shutdown(struct conn *c)
{
    c->shut_wanted = true;
    flush(c);
    try_shutdown(c);
}

static void on_closed(uv_handle_t *handle)
{
    struct conn *c = handle->data;
    if (c->gone)
        c->gone(c->gone_arg);
    buf_free(&c->in);
    buf_free(&c->out);
    if (c->write) {
        buf_free(&c->write->bytes);
        free(c->write);
    }
    free(c);
}

static void really_close(struct conn *c)
{
    if (c->closed)
        return;
    c->closed = true;
    timeout_stop(&c->limit);
    loop_unqueue(c->loop, &c->flush);
    if (c->end == CONN_CLOSE_RESET && !uv_tcp_close_reset(&c->tcp, on_closed))
        return;
    if (!uv_is_closing((uv_handle_t *)&c->tcp))
        uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void on_linger_over(struct timeout *t)
{
    really_close(container_of(t, struct conn, limit));
}

// Waits for the peer to end its direction too, and longer while it still talks.
static void linger(struct conn *c)
{
    uint64_t now = loop_now_ms(c->loop);
    if (c->linger_until_ms == 0 || conn_pending(c) > 0)
        return; // not yet
    if (now + LIMIT_LINGER_MS <= c->linger_until_ms)
        timeout_start(c->loop, &c->limit, LIMIT_LINGER_MS, on_linger_over);
}

// Who sends on and on is not read any more: what it sends costs us time.
static void discard(struct conn *c, size_t len)
{
    c->discarded += len;
    if (c->discarded > LIMIT_LINGER_BYTES) {
        c->want_read = false;
        update_reading(c);
    }
    linger(c);
}

// What still arrives after the end is of no interest, but unread bytes would turn our FIN into an
// RST that can destroy our answer.
static void discard_input(struct conn *c)
{
    c->ops = NULL;
    buf_free(&c->in);
    c->read_max = LIMIT_READ_BYTES;
    c->want_read = true;
    update_reading(c);
}

static void finish_close(struct conn *c)
{
    if (c->closed)
        return;
    bool lingers = c->end == CONN_CLOSE_FLUSH && !c->got_eof;
    if (!lingers) {
        really_close(c);
        return;
    }
    if (c->ended)
        return;
    c->ended = true;
    conn_shutdown(c);
    c->linger_until_ms = loop_now_ms(c->loop) + LIMIT_LINGER_MAX_MS;
    linger(c);
    discard_input(c);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (handle->type != UV_TCP || uv_is_closing(handle))
        return;
    struct conn *c = handle->data;
    c->closing = true;
    c->end = CONN_CLOSE_NOW;
    really_close(c);
}

void conn_close_all(struct loop *l)
{
    uv_walk(&l->uv, close_handle, NULL);
}

void conn_close(struct conn *c, enum conn_close_mode end)
{
    if (!c || c->closing)
        return;
    c->closing = true;
    c->end = (uint8_t)end;
    c->owner = NULL;
    c->view.len = 0;
    c->want_read = false;
    if (end == CONN_CLOSE_NOW) {
        really_close(c);
        return;
    }
    flush(c);
    update_send_limit(c);
    if (!c->closed && conn_pending(c) == 0)
        finish_close(c);
}

void conn_drop(struct conn *c)
{
    if (!c->closing) {
        conn_close(c, CONN_CLOSE_NOW);
        return;
    }
    c->end = CONN_CLOSE_NOW;
    really_close(c);
}
