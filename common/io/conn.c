// SPDX-License-Identifier: MIT
// Makes a connection, serves its events and its turn of the loop, and asks the kernel for its
// state.
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "common/base/limits.h"
#include "conn_internal.h"

enum {
    KEEPALIVE_IDLE_S = 60, // with the two below: a peer that answers no probe fails in two minutes
    KEEPALIVE_EVERY_S = 10,
    KEEPALIVE_PROBES = 6,
};

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

// Tells the owner of EOF once all input has been offered. At EOF, input that the owner leaves
// although it wants more is a truncated message and will never be whole.
static void recheck_input(struct conn *c)
{
    c->recheck = false;
    if (buf_len(&c->in) > 0)
        conn_offer_input(c);
    bool used_up = buf_len(&c->in) == 0 || c->want_read;
    if (c->got_eof && !c->closing && used_up && !c->told_eof) {
        c->told_eof = true;
        c->ops->eof(c);
    }
}

static int wanted_events(const struct conn *c)
{
    if (c->phase == CONN_CONNECTING)
        return UV_WRITABLE;
    bool waits = conn_waits_for_input(c); // even if the owner does not read
    bool writes = (c->blocked && !waits) || c->transport->wants_write;
    bool reads = c->phase == CONN_HANDSHAKE ? !writes : conn_reads(c) || waits;
    return (reads ? UV_READABLE : 0) | (writes ? UV_WRITABLE : 0);
}

static void on_event(uv_poll_t *poll, int status, int events);

// The one place that decides what libuv watches for: what is wanted, less `unwanted`. A change
// costs two system calls, so an event that is wanted no more stays watched until it happens.
static void watch(struct conn *c, int unwanted)
{
    int events = (c->watched & ~unwanted) | wanted_events(c);
    if (events == c->watched)
        return;
    c->watched = (uint8_t)events;
    (void)uv_poll_start(&c->poll, events, on_event);
}

static void on_handshake_limit(struct timeout *t)
{
    conn_fail(container_of(t, struct conn, timer), UV_ETIMEDOUT);
}

static void go_on_with_handshake(struct conn *c)
{
    int error = c->transport->ops->handshake(c->transport);
    if (error == UV_EAGAIN) {
        if (!timeout_runs(&c->timer))
            timeout_start(c->loop, &c->timer, c->loop->limits.tls_handshake_ms, on_handshake_limit);
        return;
    }
    if (error) {
        conn_fail(c, error);
        return;
    }
    timeout_stop(&c->timer);
    c->phase = CONN_OPEN;
    conn_queue_flush(c);
    if (c->ops->connected)
        c->ops->connected(c);
}

static void go_on_connecting(struct conn *c)
{
    int error = transport_socket_error(c->transport);
    if (error) {
        conn_fail(c, error);
        return;
    }
    set_options(c);
    c->phase = CONN_HANDSHAKE;
    go_on_with_handshake(c);
}

static void on_wanted(struct conn *c, int events)
{
    if (c->phase == CONN_CONNECTING) {
        go_on_connecting(c);
    } else if (c->phase == CONN_HANDSHAKE) {
        go_on_with_handshake(c);
    } else {
        bool writes = events & UV_WRITABLE || conn_waits_for_input(c);
        if (events & UV_READABLE)
            conn_read_input(c);
        if (!c->closed && writes)
            conn_on_writable(c);
    }
}

// An error of the socket, which libuv reports as UV_EBADF and then watches no more, is told by the
// operation that meets it.
static void on_event(uv_poll_t *poll, int status, int events)
{
    struct conn *c = poll->data;
    int wanted = wanted_events(c);
    if (status < 0) {
        c->watched = 0;
        events = wanted;
    }
    if (events & wanted)
        on_wanted(c, events & wanted);
    if (!c->closed)
        watch(c, events & ~wanted);
}

static void on_flush(struct loop_task *task)
{
    struct conn *c = container_of(task, struct conn, flush);
    if (c->phase == CONN_HANDSHAKE)
        go_on_with_handshake(c);
    conn_flush(c);
    if (c->cut)
        conn_update_send_limit(c);
    if (!c->closing && c->recheck)
        recheck_input(c);
    if (conn_reads(c) && c->transport->has_input)
        conn_read_input(c);
    if (!c->closed)
        watch(c, 0);
}

// NULL when that fails; the transport is closed then.
static struct conn *conn_new(struct loop *l, struct transport *t, const struct conn_ops *ops,
                             void *owner)
{
    struct conn *c = calloc(1, sizeof(*c));
    if (!c || uv_poll_init(&l->uv, &c->poll, t->fd)) {
        t->ops->close(t, false);
        free(c);
        return NULL;
    }
    c->transport = t;
    c->loop = l;
    c->ops = ops;
    c->owner = owner;
    c->flush.run = on_flush;
    c->read_max = LIMIT_READ_BYTES;
    c->poll.data = c;
    list_append(&l->conns, &c->in_loop);
    return c;
}

// A connection over TCP, which takes over the socket even when it fails.
static struct conn *conn_over_tcp(struct loop *l, int fd, const struct conn_ops *ops, void *owner)
{
    struct transport *t = transport_tcp(fd);
    if (!t)
        (void)close(fd);
    return t ? conn_new(l, t, ops, owner) : NULL;
}

struct conn *conn_accept(struct loop *l, int fd, const struct conn_ops *ops, void *owner)
{
    struct conn *c = conn_over_tcp(l, fd, ops, owner);
    if (!c)
        return NULL;
    c->phase = CONN_OPEN;
    set_options(c);
    return c;
}

struct conn *conn_adopt(struct loop *l, struct transport *t, const struct conn_ops *ops,
                        void *owner)
{
    struct conn *c = conn_new(l, t, ops, owner);
    if (!c)
        return NULL;
    c->phase = CONN_HANDSHAKE;
    set_options(c);
    conn_queue_flush(c);
    return c;
}

void conn_on_closed(struct conn *c, void (*on_closed)(void *arg), void *arg)
{
    c->on_closed = on_closed;
    c->on_closed_arg = arg;
}

// A socket that connects, or a libuv error.
static int connecting_socket(const struct sockaddr *addr)
{
    socklen_t len = sizeof(struct sockaddr_in6);
    if (addr->sa_family == AF_INET)
        len = sizeof(struct sockaddr_in);
    else if (addr->sa_family == AF_UNIX)
        len = sizeof(struct sockaddr_un);
    int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, addr, len) && errno != EINPROGRESS && errno != EINTR) {
        int error = -errno;
        (void)close(fd);
        return error;
    }
    return fd;
}

struct conn *conn_connect(struct loop *l, const struct sockaddr *addr, const struct conn_ops *ops,
                          void *owner, int *error)
{
    int fd = connecting_socket(addr);
    struct conn *c = fd < 0 ? NULL : conn_over_tcp(l, fd, ops, owner);
    *error = fd < 0 ? fd : UV_ENOMEM;
    if (!c)
        return NULL;
    *error = 0;
    c->phase = CONN_CONNECTING;
    watch(c, 0);
    return c;
}

void conn_set_owner(struct conn *c, const struct conn_ops *ops, void *owner)
{
    c->ops = ops;
    c->owner = owner;
}

bool conn_peer_left(const struct conn *c, bool reset_only)
{
    return !c->transport || transport_peer_left(c->transport, reset_only);
}

bool conn_is_quiet(const struct conn *c)
{
    char byte;
    return c->transport && !c->transport->has_input &&
           recv(c->transport->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

int conn_fd(const struct conn *c)
{
    return c->transport ? c->transport->fd : UV_EBADF;
}
