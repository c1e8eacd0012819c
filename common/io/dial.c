// SPDX-License-Identifier: MIT
#include "dial.h"
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "common/base/limits.h"

enum {
    ADDRESSES_MAX = 8,
    STAGGER_MS = 250, // Connection Attempt Delay (RFC 8305 §5)
    BACKLOG_MS = 20   // before a Unix socket whose backlog is full is tried again
};

struct attempt {
    struct dial *dial;
    struct conn *conn; // NULL: not started, or failed
    struct sockaddr_storage addr;
};

struct dial {
    struct loop *loop;
    struct dial_target *target;
    void (*done)(void *ctx, struct conn *c, int error);
    void *ctx;
    struct loop_task task;
    struct timeout limit, stagger;
    uv_getaddrinfo_t resolve;
    bool resolving;
    bool in_tls; // one attempt is left, and is connected
    bool over;   // freed once the resolver, which cannot be cancelled, has answered
    struct attempt attempts[ADDRESSES_MAX];
    int count, next, running;
    int error;                    // the most telling one so far
    const struct attempt *source; // of `error`; NULL: no address
    const char *tls_failure;      // why the handshake failed; NULL: it has not
    size_t first_len;
    char first[DIAL_FIRST_MAX]; // dial_send_first
};

static void dial_free(struct dial *d)
{
    timeout_stop(&d->limit);
    timeout_stop(&d->stagger);
    loop_unqueue(d->loop, &d->task);
    for (int i = 0; i < d->count; i++)
        conn_close(d->attempts[i].conn, CONN_CLOSE_NOW);
    d->over = true;
    if (!d->resolving)
        free(d);
}

static void finish(struct dial *d, struct conn *c, int error)
{
    void (*done)(void *ctx, struct conn *conn, int status) = d->done;
    void *ctx = d->ctx;
    d->target->failed_at[0] = 0;
    if (error && d->source && d->source->addr.ss_family != AF_UNIX)
        address_text(&d->source->addr, d->target->failed_at);
    (void)snprintf(d->target->tls_failure, sizeof(d->target->tls_failure), "%s",
                   d->tls_failure ? d->tls_failure : "");
    dial_free(d);
    done(ctx, c, error);
}

static bool is_shortage(int error)
{
    return error == UV_EMFILE || error == UV_ENFILE || error == UV_ENOMEM || error == UV_ENOBUFS ||
           error == UV_EAGAIN;
}

// Ranks errors by how much they tell of the service. Our own shortage comes first, since then
// nothing is known of the service. A reset comes from a service that is there, a refusal from its
// machine, EPERM and EACCES from a firewall rule; an address without a route is most often of a
// family that this machine does not have.
static int error_rank(int error)
{
    static const int ranked[] = {UV_EAFNOSUPPORT, UV_EADDRNOTAVAIL, UV_ENETUNREACH, UV_ENETDOWN,
                                 UV_EHOSTUNREACH, UV_ETIMEDOUT,     UV_EACCES,      UV_EPERM,
                                 UV_ECONNREFUSED, UV_ECONNRESET};
    enum {
        KNOWN = sizeof(ranked) / sizeof(ranked[0])
    };
    if (is_shortage(error))
        return KNOWN + 2;
    for (int i = 0; i < KNOWN; i++)
        if (ranked[i] == error)
            return i + 2;
    return error ? 1 : 0;
}

static void note_error(struct dial *d, const struct attempt *a, int error)
{
    if (error_rank(error) <= error_rank(d->error))
        return;
    d->error = error;
    d->source = a;
}

static void try_next(struct dial *d);

static void on_stagger(struct timeout *t)
{
    try_next(container_of(t, struct dial, stagger));
}

static void attempt_failed(struct attempt *a, int error)
{
    a->conn = NULL;
    a->dial->running--;
    note_error(a->dial, a, error);
    try_next(a->dial);
}

// Goes on with the first address that has connected: its TLS decides.
static void start_tls(struct dial *d, struct attempt *winner)
{
    d->in_tls = true;
    d->next = d->count;
    timeout_stop(&d->stagger);
    for (int i = 0; i < d->count; i++) {
        if (&d->attempts[i] == winner)
            continue;
        conn_close(d->attempts[i].conn, CONN_CLOSE_NOW);
        d->attempts[i].conn = NULL;
    }
    d->source = winner;
    if (!conn_start_tls(winner->conn, d->target->tls, d->target->host))
        finish(d, NULL, UV_ENOMEM);
}

// A socket that has just connected takes these few bytes at once. Returns 0 or a libuv error.
static int send_first(const struct dial *d, const struct conn *c)
{
    if (d->first_len == 0)
        return 0;
    ssize_t sent = send(conn_fd(c), d->first, d->first_len, MSG_NOSIGNAL);
    if (sent < 0)
        return -errno;
    return (size_t)sent == d->first_len ? 0 : UV_ENOBUFS;
}

static void on_connected(struct conn *c)
{
    struct attempt *a = conn_owner(c);
    struct dial *d = a->dial;
    int error = d->in_tls ? 0 : send_first(d, c);
    if (error) {
        conn_close(c, CONN_CLOSE_NOW);
        attempt_failed(a, error);
        return;
    }
    if (d->target->tls && !d->in_tls) {
        start_tls(d, a);
        return;
    }
    a->conn = NULL; // spares it when dial_free closes the others
    if (destination_is_localhost(d->target->host))
        d->target->prefer_v6 = a->addr.ss_family == AF_INET6;
    finish(d, c, 0);
}

static void on_failed(struct conn *c, int error)
{
    struct attempt *a = conn_owner(c);
    struct dial *d = a->dial;
    if (d->in_tls) {
        const char *detail = conn_error_detail(c);
        d->tls_failure = *detail ? detail : "the TLS handshake failed";
        a->conn = NULL;
        finish(d, NULL, error);
        return;
    }
    attempt_failed(a, error);
}

static const struct conn_ops dial_ops = {.failed = on_failed, .connected = on_connected};

// A Unix socket whose backlog is full refuses at once, where TCP would wait: waits instead.
static bool retry_later(struct dial *d, int error)
{
    if (error != UV_EAGAIN || !d->target->path[0])
        return false;
    d->next--;
    timeout_start(d->loop, &d->stagger, BACKLOG_MS, on_stagger);
    return true;
}

// Starts the next attempt. Earlier ones go on, and the first to connect wins.
static void try_next(struct dial *d)
{
    int error = 0;
    timeout_stop(&d->stagger);
    while (d->next < d->count && !is_shortage(error)) {
        struct attempt *a = &d->attempts[d->next++];
        a->conn = conn_connect(d->loop, (struct sockaddr *)&a->addr, &dial_ops, a, &error);
        if (a->conn) {
            d->running++;
            timeout_start(d->loop, &d->stagger, STAGGER_MS, on_stagger);
            return;
        }
        if (retry_later(d, error))
            return;
        note_error(d, a, error);
    }
    if (d->running == 0)
        finish(d, NULL, d->error ? d->error : UV_EAI_NONAME);
}

// Blames the first address that is still connecting or, without one, the resolver.
static void on_limit(struct timeout *t)
{
    struct dial *d = container_of(t, struct dial, limit);
    d->source = NULL;
    if (d->in_tls)
        d->tls_failure = "the TLS handshake takes too long";
    for (int i = 0; i < d->count && !d->source; i++)
        if (d->attempts[i].conn)
            d->source = &d->attempts[i];
    finish(d, NULL, UV_ETIMEDOUT);
}

static void add_address(struct dial *d, const struct sockaddr *addr, size_t len)
{
    if (d->count == ADDRESSES_MAX || len > sizeof(d->attempts[0].addr))
        return;
    struct attempt *a = &d->attempts[d->count++];
    a->dial = d;
    memcpy(&a->addr, addr, len);
}

// Makes the address families alternate while both last (RFC 8305 §4): when one family has no
// connectivity, the second attempt is of the other.
static void interleave(struct dial *d)
{
    for (int i = 1; i < d->count; i++) {
        int other = i;
        while (other < d->count &&
               d->attempts[other].addr.ss_family == d->attempts[i - 1].addr.ss_family)
            other++;
        if (other == d->count)
            return;
        struct attempt moved = d->attempts[other];
        memmove(&d->attempts[i + 1], &d->attempts[i], (size_t)(other - i) * sizeof(moved));
        d->attempts[i] = moved;
    }
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
    interleave(d);
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

static void add_unix(struct dial *d)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    memcpy(at.sun_path, d->target->path, strnlen(d->target->path, sizeof(at.sun_path) - 1));
    add_address(d, (struct sockaddr *)&at, sizeof(at));
}

static void on_task(struct loop_task *task)
{
    struct dial *d = container_of(task, struct dial, task);
    if (d->target->path[0]) {
        add_unix(d);
    } else if (destination_is_localhost(d->target->host)) {
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
    timeout_start(l, &d->limit, target->limit_ms ? target->limit_ms : l->limits.connect_ms,
                  on_limit);
    return d;
}

void dial_send_first(struct dial *d, const char *bytes, size_t len)
{
    assert(len <= sizeof(d->first));
    memcpy(d->first, bytes, len);
    d->first_len = len;
}

void dial_cancel(struct dial *d)
{
    if (d)
        dial_free(d);
}

void dial_target_name(const struct dial_target *target, char out[static DIAL_NAME_MAX])
{
    char at[AUTHORITY_MAX];
    (void)authority_text(target->host, target->port, at);
    if (target->path[0])
        (void)snprintf(out, DIAL_NAME_MAX, "unix:%s", target->path);
    else
        (void)snprintf(out, DIAL_NAME_MAX, "%s%s", target->tls ? "https://" : "", at);
}
