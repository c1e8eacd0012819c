// SPDX-License-Identifier: MIT
#include "proxy_socket.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

void proxy_socket_cancel(struct proxy_socket *s)
{
    timeout_stop(&s->limit);
    if (s->poll)
        uv_close((uv_handle_t *)s->poll, on_poll_closed);
    s->poll = NULL;
}

// Takes bytes that belong to the header off the socket, where they were seen.
static bool take(struct proxy_socket *s, size_t len)
{
    ssize_t taken = recv(s->fd, s->bytes + s->len, len, 0);
    s->len += len;
    return taken == (ssize_t)len;
}

// Looks at the bytes behind those of the header that were taken before, and takes those that belong
// to it. False: more are needed.
static bool read_on(struct proxy_socket *s, enum proxy_socket_end *end)
{
    const size_t before = s->len;
    ssize_t n;
    do
        n = recv(s->fd, s->bytes + before, sizeof(s->bytes) - before, MSG_PEEK);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return false;
    *end = PROXY_SOCKET_CLOSED;
    if (n <= 0)
        return true;
    int used = proxy_header_parse(s->bytes, before + (size_t)n, &s->header);
    if (used < 0) {
        *end = PROXY_SOCKET_WRONG;
        return true;
    }
    if (!take(s, used > 0 ? (size_t)used - before : (size_t)n))
        return true;
    if (used > 0)
        *end = PROXY_SOCKET_READ;
    return used > 0;
}

static void on_limit(struct timeout *t)
{
    struct proxy_socket *s = container_of(t, struct proxy_socket, limit);
    proxy_socket_cancel(s);
    s->done(s, PROXY_SOCKET_WRONG);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct proxy_socket *s = poll->data;
    enum proxy_socket_end end = PROXY_SOCKET_CLOSED;
    (void)events;
    if (status == 0 && !read_on(s, &end))
        return;
    proxy_socket_cancel(s);
    s->done(s, end);
}

static bool wait_for_more(struct proxy_socket *s)
{
    uv_poll_t *poll = malloc(sizeof(*poll)); // outlives the reader until libuv lets go of it
    if (!poll || uv_poll_init(&s->loop->uv, poll, s->fd)) {
        free(poll);
        return false;
    }
    s->poll = poll;
    poll->data = s;
    if (uv_poll_start(poll, UV_READABLE, on_ready)) {
        proxy_socket_cancel(s);
        return false;
    }
    timeout_start(s->loop, &s->limit, s->loop->limits.head_ms, on_limit);
    return true;
}

bool proxy_socket_begin(struct proxy_socket *s, enum proxy_socket_end *end)
{
    *end = PROXY_SOCKET_CLOSED;
    return read_on(s, end) || !wait_for_more(s);
}
