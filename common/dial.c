// SPDX-License-Identifier: MIT
#include "dial.h"
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include "limits.h"
#include "proto/bytes.h"

enum {
    ADDRESSES_MAX = 8
};

struct dial {
    struct loop *loop;
    struct dial_target *target;
    void (*done)(void *ctx, struct conn *c, int error);
    void *ctx;
    struct loop_task task;
    struct timeout limit;
    uv_getaddrinfo_t resolve;
    bool resolving, over;
    struct conn *conn;
    struct sockaddr_storage addrs[ADDRESSES_MAX];
    int count, next;
    int error; // of the last address
};

bool dial_parse(const char *text, struct dial_target *target)
{
    const char *colon = strrchr(text, ':');
    const char *digits = colon ? colon + 1 : text;
    size_t host_len = colon ? (size_t)(colon - text) : 0;
    uint64_t port = 0;
    *target = (struct dial_target){0};
    if (!slice_to_u64(slice_str(digits), &port) || port == 0 || port > 65535)
        return false;
    target->port = (uint16_t)port;
    if (!colon)
        return true;
    if (host_len >= 2 && text[0] == '[' && text[host_len - 1] == ']') {
        text++;
        host_len -= 2;
    } else if (memchr(text, ':', host_len)) {
        return false;
    }
    if (host_len == 0 || host_len >= sizeof(target->host))
        return false;
    memcpy(target->host, text, host_len);
    return true;
}

static void dial_free(struct dial *d)
{
    timeout_stop(&d->limit);
    loop_unqueue(d->loop, &d->task);
    d->over = true;
    if (!d->resolving)
        free(d);
}

static void give(struct dial *d, struct conn *c, int error)
{
    void (*done)(void *ctx, struct conn *conn, int status) = d->done;
    void *ctx = d->ctx;
    dial_free(d);
    done(ctx, c, error);
}

static void try_next(struct dial *d);

static void on_connected(struct conn *c)
{
    struct dial *d = c->owner;
    d->conn = NULL;
    if (d->target->host[0] == 0)
        d->target->prefer_v6 = d->addrs[d->next - 1].ss_family == AF_INET6;
    give(d, c, 0);
}

static void on_failed(struct conn *c, int error)
{
    struct dial *d = c->owner;
    d->conn = NULL;
    // Of several failures the refusal says most.
    if (d->error != UV_ECONNREFUSED)
        d->error = error;
    try_next(d);
}

static const struct conn_ops dial_ops = {.failed = on_failed, .connected = on_connected};

static void try_next(struct dial *d)
{
    while (d->next < d->count) {
        const struct sockaddr *addr = (const struct sockaddr *)&d->addrs[d->next++];
        d->conn = conn_connect(d->loop, addr, &dial_ops, d);
        if (d->conn)
            return;
        d->error = UV_EADDRNOTAVAIL;
    }
    give(d, NULL, d->error ? d->error : UV_EAI_NONAME);
}

static void on_limit(struct timeout *t)
{
    struct dial *d = container_of(t, struct dial, limit);
    conn_close(d->conn, CONN_END_NOW);
    give(d, NULL, UV_ETIMEDOUT);
}

static void add_address(struct dial *d, const struct sockaddr *addr, size_t len)
{
    if (d->count < ADDRESSES_MAX && len <= sizeof(d->addrs[0]))
        memcpy(&d->addrs[d->count++], addr, len);
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
    struct dial *d = container_of(req, struct dial, resolve);
    d->resolving = false;
    if (d->over) {
        uv_freeaddrinfo(list);
        free(d);
        return;
    }
    if (status)
        d->error = status;
    for (struct addrinfo *a = list; a; a = a->ai_next)
        add_address(d, a->ai_addr, a->ai_addrlen);
    uv_freeaddrinfo(list);
    try_next(d);
}

static void add_loopbacks(struct dial *d)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    (void)uv_ip4_addr("127.0.0.1", d->target->port, &v4);
    (void)uv_ip6_addr("::1", d->target->port, &v6);
    if (d->target->prefer_v6)
        add_address(d, (struct sockaddr *)&v6, sizeof(v6));
    add_address(d, (struct sockaddr *)&v4, sizeof(v4));
    if (!d->target->prefer_v6)
        add_address(d, (struct sockaddr *)&v6, sizeof(v6));
}

static bool add_literal(struct dial *d)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (!uv_ip4_addr(d->target->host, d->target->port, &v4)) {
        add_address(d, (struct sockaddr *)&v4, sizeof(v4));
        return true;
    }
    if (uv_ip6_addr(d->target->host, d->target->port, &v6))
        return false;
    add_address(d, (struct sockaddr *)&v6, sizeof(v6));
    return true;
}

static void on_task(struct loop_task *task)
{
    struct dial *d = container_of(task, struct dial, task);
    if (d->target->host[0] == 0) {
        add_loopbacks(d);
    } else if (!add_literal(d)) {
        char service[8];
        const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
        (void)snprintf(service, sizeof(service), "%u", d->target->port);
        d->error = uv_getaddrinfo(&d->loop->uv, &d->resolve, on_resolved, d->target->host, service,
                                  &hints);
        d->resolving = d->error == 0;
        if (d->resolving)
            return;
    }
    try_next(d);
}

struct dial *dial_start(struct loop *l, struct dial_target *target,
                        void (*done)(void *ctx, struct conn *c, int error), void *ctx)
{
    struct dial *d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    d->loop = l;
    d->target = target;
    d->done = done;
    d->ctx = ctx;
    d->task.run = on_task;
    loop_queue(l, &d->task);
    timeout_start(l, &d->limit, l->limits.connect_ms, on_limit);
    return d;
}

void dial_cancel(struct dial *d)
{
    if (!d)
        return;
    conn_close(d->conn, CONN_END_NOW);
    dial_free(d);
}
