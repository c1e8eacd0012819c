// SPDX-License-Identifier: MIT
#include "listener.h"
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>
#include "common/base/limits.h"
#include "common/base/log.h"

enum {
    BACKLOG = 4096,
    ACCEPTS_PER_TURN = 64,
    LOG_EVERY_MS = 60 * 1000
};

static void on_ready(uv_poll_t *poll, int status, int events);

static void on_pause_over(struct timeout *t)
{
    struct listener *l = container_of(t, struct listener, pause);
    (void)uv_poll_start(&l->poll, UV_READABLE, on_ready);
}

// Leaves new connections in the backlog for LIMIT_ACCEPT_PAUSE_MS.
static void pause_accepting(struct listener *l, int error)
{
    uint64_t now = loop_now_ms(l->loop);
    if (l->logged_ms == 0 || now - l->logged_ms >= LOG_EVERY_MS) {
        log_warn("listener: connections have to wait: %s", uv_strerror(-error));
        l->logged_ms = now;
    }
    (void)uv_poll_stop(&l->poll);
    timeout_start(l->loop, &l->pause, LIMIT_ACCEPT_PAUSE_MS, on_pause_over);
}

// Whether accept failed for the one connection that was next, so that another may succeed
// (accept(2), "Error handling").
static bool is_connection_error(int error)
{
    static const int errors[] = {EINTR,        ECONNABORTED, EPROTO,    ENOPROTOOPT,
                                 EHOSTDOWN,    ENONET,       EPERM,     ENETDOWN,
                                 EHOSTUNREACH, ENETUNREACH,  ETIMEDOUT, ECONNRESET};
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (error == errors[i])
            return true;
    return false;
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct listener *l = poll->data;
    (void)status;
    (void)events;
    for (int n = 0; n < ACCEPTS_PER_TURN; n++) {
        struct sockaddr_storage peer = {0};
        socklen_t len = sizeof(peer);
        int fd = accept4(l->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            l->accepted(l, fd, &peer);
            continue;
        }
        if (errno == EAGAIN)
            return;
        if (!is_connection_error(errno)) {
            pause_accepting(l, errno);
            return;
        }
    }
}

static socklen_t size_of(const struct sockaddr_storage *addr)
{
    return addr->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

// All addresses are those of IPv4 too, whatever the system's default is (net.ipv6.bindv6only).
static int take_v4_too(int fd, const struct sockaddr_storage *addr)
{
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)addr;
    int off = 0;
    if (addr->ss_family != AF_INET6 || !IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr))
        return 0;
    return setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
}

static int open_socket(struct listener *l, const struct sockaddr_storage *addr)
{
    int on = 1;
    l->fd = socket(addr->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0)
        return -errno;
    if (setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) || take_v4_too(l->fd, addr) ||
        bind(l->fd, (const struct sockaddr *)addr, size_of(addr)) || listen(l->fd, BACKLOG))
        return -errno;
    return 0;
}

int listener_open(struct listener *l, struct loop *loop, const struct sockaddr_storage *addr,
                  struct sockaddr_storage *actual)
{
    socklen_t len = sizeof(*actual);
    l->loop = loop;
    int error = open_socket(l, addr);
    if (!error && getsockname(l->fd, (struct sockaddr *)actual, &len))
        error = -errno;
    if (!error)
        error = uv_poll_init(&loop->uv, &l->poll, l->fd);
    if (error) {
        if (l->fd >= 0)
            (void)close(l->fd);
        l->loop = NULL;
        return error;
    }
    l->poll.data = l;
    return uv_poll_start(&l->poll, UV_READABLE, on_ready);
}

struct conn *listener_conn(const struct listener *l, int fd, const struct conn_ops *ops,
                           void *owner)
{
    return l->tls ? conn_accept_tls(l->loop, fd, l->tls, ops, owner)
                  : conn_accept(l->loop, fd, ops, owner);
}

void listener_close(struct listener *l)
{
    if (!l->loop)
        return;
    timeout_stop(&l->pause);
    uv_close((uv_handle_t *)&l->poll, NULL);
    (void)close(l->fd);
    l->loop = NULL;
}
