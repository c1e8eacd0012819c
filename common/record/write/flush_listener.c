// SPDX-License-Identifier: MIT
#include "flush_listener.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common/base/secret.h"
#include "common/record/flush.h"

// A socket; freed by its handle's close callback.
struct flush_socket {
    uv_poll_t poll;
    struct flush_listener *listener; // NULL: being closed
    int fd;
};

struct flush_listener {
    struct loop *loop;
    const char *dir;
    void (*asked)(void *ctx, int fd);
    void *ctx;
    struct flush_socket *socket; // NULL: no socket
    struct timeout pause;
    struct flush_name prefix; // of the socket's directory
};

static void on_ready(uv_poll_t *poll, int status, int events);

static void on_pause_over(struct timeout *t)
{
    struct flush_listener *f = container_of(t, struct flush_listener, pause);
    if (f->socket)
        (void)uv_poll_start(&f->socket->poll, UV_READABLE, on_ready);
}

// Any user can connect to an abstract socket.
static void accept_reader(struct flush_listener *f, int fd)
{
    pid_t pid = 0;
    if (flush_peer_may_ask(fd, &pid))
        f->asked(f->ctx, fd);
    else
        (void)close(fd);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    const struct flush_socket *d = poll->data;
    struct flush_listener *f = d->listener;
    (void)status;
    (void)events;
    for (int n = 0; f && n < FLUSH_BACKLOG; n++) {
        int fd = accept4(d->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            accept_reader(f, fd);
            continue;
        }
        if (errno == EAGAIN)
            return;
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        (void)uv_poll_stop(poll); // out of file descriptors: readers wait in the backlog
        timeout_start(f->loop, &f->pause, LIMIT_ACCEPT_PAUSE_MS, on_pause_over);
        return;
    }
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void close_socket(struct flush_listener *f)
{
    struct flush_socket *d = f->socket;
    f->socket = NULL;
    timeout_stop(&f->pause);
    if (!d)
        return;
    d->listener = NULL;
    uv_close((uv_handle_t *)&d->poll, on_closed);
    (void)close(d->fd);
}

// Listens on a random name with the directory's prefix. -1: see errno.
static int make_socket(struct flush_listener *f)
{
    uint64_t number = 0;
    struct flush_name name = {0};
    if (!flush_name_prefix(f->dir, &name) || !secret_random(&number, sizeof(number)))
        return -1;
    f->prefix = name;
    const size_t used = name.len - offsetof(struct sockaddr_un, sun_path);
    name.len += (socklen_t)snprintf(name.addr.sun_path + used, sizeof(name.addr.sun_path) - used,
                                    "%016llx", (unsigned long long)number);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && !bind(fd, (const struct sockaddr *)&name.addr, name.len) &&
        !listen(fd, FLUSH_BACKLOG))
        return fd;
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

static void open_socket(struct flush_listener *f)
{
    struct flush_socket *d = calloc(1, sizeof(*d));
    if (!d)
        return;
    d->fd = make_socket(f);
    if (d->fd < 0 || uv_poll_init(&f->loop->uv, &d->poll, d->fd)) {
        if (d->fd >= 0)
            (void)close(d->fd);
        free(d);
        return;
    }
    d->listener = f;
    d->poll.data = d;
    uv_unref((uv_handle_t *)&d->poll);
    f->socket = d;
    (void)uv_poll_start(&d->poll, UV_READABLE, on_ready);
}

struct flush_listener *flush_listener_new(struct loop *l, const char *dir,
                                          void (*asked)(void *ctx, int fd), void *ctx)
{
    struct flush_listener *f = calloc(1, sizeof(*f));
    if (!f)
        return NULL;
    f->loop = l;
    f->dir = dir;
    f->asked = asked;
    f->ctx = ctx;
    open_socket(f);
    return f;
}

void flush_listener_renew(struct flush_listener *f)
{
    struct flush_name name;
    if (!flush_name_prefix(f->dir, &name) ||
        (f->socket && strcmp(name.addr.sun_path + 1, f->prefix.addr.sun_path + 1) == 0))
        return;
    close_socket(f);
    open_socket(f);
}

void flush_listener_free(struct flush_listener *f)
{
    if (!f)
        return;
    close_socket(f);
    free(f);
}
