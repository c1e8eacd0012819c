// SPDX-License-Identifier: MIT
// Makes a connection, serves its turn of the loop, and asks the kernel for its state.
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
