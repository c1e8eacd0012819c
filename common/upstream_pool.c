// SPDX-License-Identifier: MIT
#include "upstream_pool.h"
#include <stdio.h>
#include <stdlib.h>
#include "limits.h"

struct upstream_idle {
    struct upstream *upstream;
    struct upstream_idle *prev, *next;
    struct conn *conn;
    struct timeout limit;
    uint64_t since_ms;
};

static void idle_remove(struct upstream_idle *i)
{
    struct upstream *u = i->upstream;
    timeout_stop(&i->limit);
    if (i->prev)
        i->prev->next = i->next;
    else
        u->idle = i->next;
    if (i->next)
        i->next->prev = i->prev;
    u->idle_count--;
    free(i);
}

// Anything that happens on an idle connection is its end: a service has nothing to say between two
// requests.
static void on_anything(struct conn *c)
{
    struct upstream_idle *i = c->owner;
    idle_remove(i);
    conn_close(c, CONN_END_NOW);
}

static void on_sent(struct conn *c)
{
    (void)c;
}

static void on_failed(struct conn *c, int error)
{
    (void)error;
    idle_remove(c->owner);
}

static const struct conn_ops idle_ops = {on_anything, on_sent, on_anything, on_failed, NULL};

static void on_limit(struct timeout *t)
{
    struct upstream_idle *i = container_of(t, struct upstream_idle, limit);
    struct conn *c = i->conn;
    idle_remove(i);
    conn_close(c, CONN_END_NOW);
}

// A request that can't be repeated gets a connection that was used a moment ago, and of which the
// kernel knows nothing bad, or a new one.
static bool is_fresh(const struct upstream_idle *i)
{
    return loop_now_ms(i->upstream->loop) - i->since_ms <= LIMIT_POOL_FRESH_MS &&
           conn_is_quiet(i->conn);
}

struct conn *upstream_pool_get(struct upstream *u, bool repeatable)
{
    struct upstream_idle *i = u->idle;
    if (!i || (!repeatable && !is_fresh(i)))
        return NULL;
    struct conn *c = i->conn;
    idle_remove(i);
    return c;
}

void upstream_pool_put(struct upstream *u, struct conn *c)
{
    // Bytes behind a response belong to nobody: the next request must not take them for its answer.
    bool sound = conn_in(c).len == 0 && u->idle_count < LIMIT_POOL_SIZE;
    struct upstream_idle *i = sound ? malloc(sizeof(*i)) : NULL; // as in upstream_attach
    if (!i) {
        conn_close(c, CONN_END_NOW);
        return;
    }
    *i = (struct upstream_idle){
        .upstream = u,
        .conn = c,
        .since_ms = loop_now_ms(u->loop),
        .next = u->idle,
    };
    if (u->idle)
        u->idle->prev = i;
    u->idle = i;
    u->idle_count++;
    conn_set_owner(c, &idle_ops, i);
    c->read_max = LIMIT_READ_BYTES;
    conn_want_read(c, true);
    timeout_start(u->loop, &i->limit, LIMIT_POOL_IDLE_MS, on_limit);
}

void upstream_init(struct upstream *u, struct loop *l, const struct dial_target *target)
{
    *u = (struct upstream){.loop = l, .target = *target};
    const char *host = target->host;
    bool v6 = strchr(host, ':') != NULL;
    (void)snprintf(u->name, sizeof(u->name), v6 ? "[%s]:%u" : "%s:%u", host, target->port);
    memcpy(u->host, u->name, sizeof(u->host));
}

void upstream_deinit(struct upstream *u)
{
    for (struct upstream_idle *i = u->idle, *next = NULL; i; i = next) {
        struct conn *c = i->conn;
        next = i->next;
        idle_remove(i);
        conn_close(c, CONN_END_NOW);
    }
}
