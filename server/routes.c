// SPDX-License-Identifier: MIT
#include "routes.h"
#include <stdlib.h>
#include "common/limits.h"

void routes_init(struct routes *t, struct loop *l)
{
    *t = (struct routes){.loop = l};
}

static size_t bucket_of(const char *name)
{
    uint64_t h = 1469598103934665603u; // FNV-1a: the names are few and the chains are bounded by
                                       // the limit of tunnels
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 1099511628211u;
    return (size_t)(h % ROUTE_BUCKETS);
}

struct route *routes_find(const struct routes *t, const char *name)
{
    struct route *r = t->buckets[bucket_of(name)];
    while (r && strcmp(r->name, name) != 0)
        r = r->next;
    return r;
}

static void tell(const struct route *r)
{
    if (r->table->changed)
        r->table->changed(r->table->ctx, r);
}

static void route_free(struct route *r)
{
    struct route **at = &r->table->buckets[bucket_of(r->name)];
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    r->table->count--;
    timeout_stop(&r->gone);
    free(r);
}

void routes_forget(struct route *r)
{
    r->agent = NULL;
    r->reserved = false;
    tell(r);
    route_free(r);
}

void routes_forget_all(struct routes *t)
{
    for (size_t i = 0; i < ROUTE_BUCKETS; i++)
        while (t->buckets[i])
            routes_forget(t->buckets[i]);
}

void routes_deinit(struct routes *t)
{
    for (size_t i = 0; i < ROUTE_BUCKETS; i++)
        while (t->buckets[i])
            route_free(t->buckets[i]);
}

struct route *routes_add(struct routes *t, const char *name)
{
    struct route *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    memcpy(r->name, name, strlen(name) + 1);
    struct route **bucket = &t->buckets[bucket_of(name)];
    r->table = t;
    r->next = *bucket;
    *bucket = r;
    t->count++;
    return r;
}

static void on_forgotten(struct timeout *timeout)
{
    routes_forget(container_of(timeout, struct route, gone));
}

static void begin_to_wait(struct route *r, bool reserve, int64_t gone_s)
{
    r->agent = NULL;
    r->agent_next = NULL;
    r->reserved = reserve;
    r->gone_s = gone_s;
    timeout_start(r->table->loop, &r->gone, r->table->loop->limits.gone_ms, on_forgotten);
}

void routes_hold(struct route *r, int64_t gone_s)
{
    begin_to_wait(r, true, gone_s);
}

void routes_taken(struct route *r)
{
    timeout_stop(&r->gone);
    tell(r);
}

void routes_leave(struct route *r, bool reserve)
{
    begin_to_wait(r, reserve, wall_clock_ns() / 1000000000);
    tell(r);
}
