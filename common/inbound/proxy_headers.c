// SPDX-License-Identifier: MIT
#include "proxy_headers.h"
#include <stdlib.h>
#include <unistd.h>
#include "common/base/log.h"

enum {
    LOG_EVERY_MS = 60 * 1000
};

struct proxy_wait {
    struct proxy_headers *headers;
    struct list_link in_waiting;
    struct admission_place *place;
    struct loop_task free_task;
    struct proxy_socket reader;
    struct proxied_socket socket;
};

static void on_free(struct loop_task *task)
{
    struct proxy_wait *w = container_of(task, struct proxy_wait, free_task);
    admission_leave(w->place);
    free(w);
}

static void leave(struct proxy_wait *w)
{
    proxy_socket_cancel(&w->reader);
    list_remove(&w->headers->waiting, &w->in_waiting);
    w->headers->count--;
}

static void close_socket(struct proxy_wait *w)
{
    leave(w);
    (void)close(w->socket.fd);
    loop_queue(w->headers->loop, &w->free_task);
}

// At once, so that admission does not choose the place to be evicted in the same turn.
static void leave_place(struct proxy_wait *w)
{
    admission_leave(w->place);
    w->place = NULL;
}

static void tell_turned_away(const struct proxy_wait *w, enum answer why)
{
    const struct proxy_headers *p = w->headers;
    if (p->ops->turned_away)
        p->ops->turned_away(p->ctx, &w->socket.proxy, why);
}

static void end(struct proxy_wait *w, enum answer why)
{
    leave_place(w);
    close_socket(w);
    tell_turned_away(w, why);
}

// A health check that closes at once is no mistake, and is not told.
static void hang_up(struct proxy_wait *w)
{
    leave_place(w);
    close_socket(w);
}

static void log_missing(struct proxy_headers *p, const struct client_address *proxy)
{
    char address[INET6_ADDRSTRLEN];
    uint64_t now = loop_now_ms(p->loop);
    if (p->logged_ms != 0 && now - p->logged_ms < LOG_EVERY_MS)
        return;
    p->logged_ms = now;
    client_address_text(proxy, address);
    log_warn("proxy: connections of %s are closed: they do not begin with a PROXY protocol header. "
             "Let it send one, or leave --proxy-protocol out",
             address);
}

// The connection leaves its place first: from here on it counts as its client's.
static void pass_on(struct proxy_wait *w)
{
    struct proxy_headers *p = w->headers;
    leave(w);
    leave_place(w);
    w->socket.header = w->reader.header;
    p->ops->named(p->ctx, &w->socket);
    loop_queue(p->loop, &w->free_task);
}

static void settle(struct proxy_wait *w, enum proxy_socket_end how)
{
    switch (how) {
    case PROXY_SOCKET_READ: pass_on(w); return;
    case PROXY_SOCKET_CLOSED: hang_up(w); return;
    case PROXY_SOCKET_WRONG:
        log_missing(w->headers, &w->socket.proxy);
        end(w, ANSWER_BAD_REQUEST);
        return;
    }
}

static void on_done(struct proxy_socket *s, enum proxy_socket_end how)
{
    settle(container_of(s, struct proxy_wait, reader), how);
}

// Closes the connection of a place that admission has taken off its lists, and goes on with.
static void evict(void *owner)
{
    close_socket(owner);
    tell_turned_away(owner, ANSWERS);
}

void proxy_headers_await(struct proxy_headers *p, const struct listener *from, int fd,
                         const struct client_address *proxy)
{
    enum proxy_socket_end how;
    struct proxy_wait *w = calloc(1, sizeof(*w));
    struct admission_place *place =
        w ? admission_enter(p->admission, &p->loop->limits, NULL) : NULL;
    if (!place) {
        free(w);
        (void)close(fd);
        return;
    }
    if (p->count >= LIMIT_PROXY_HEADERS)
        end(LIST_ITEM(p->waiting.first, struct proxy_wait, in_waiting), ANSWERS);
    place->owner = w;
    place->end = evict;
    w->headers = p;
    w->place = place;
    w->free_task.run = on_free;
    w->socket = (struct proxied_socket){.from = from, .fd = fd, .proxy = *proxy};
    w->reader.loop = p->loop;
    w->reader.fd = fd;
    w->reader.done = on_done;
    list_append(&p->waiting, &w->in_waiting);
    p->count++;
    if (proxy_socket_begin(&w->reader, &how))
        settle(w, how);
}

void proxy_headers_close(struct proxy_headers *p)
{
    while (p->waiting.first)
        hang_up(LIST_ITEM(p->waiting.first, struct proxy_wait, in_waiting));
}
