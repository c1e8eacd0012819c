// SPDX-License-Identifier: MIT
#include "routes.h"
#include <limits.h>
#include <stdlib.h>
#include "common/base/limits.h"
#include "proto/hash.h"

enum {
    CANDIDATES_MAX = 64 // names of each class that are compared to make room
};

void routes_init(struct routes *t, struct loop *l, uint64_t seed)
{
    *t = (struct routes){.loop = l, .seed = seed, .owners.seed = seed, .addresses.seed = seed};
}

static size_t bucket_of(const struct routes *t, const char *name)
{
    return (size_t)(hash_bytes(slice_str(name), t->seed) % ROUTE_BUCKETS);
}

struct route *routes_find(const struct routes *t, const char *name)
{
    struct route *r = t->buckets[bucket_of(t, name)];
    while (r && strcmp(r->name, name) != 0)
        r = r->next;
    return r;
}

static void tell_changed(const struct route *r)
{
    if (r->table->changed)
        r->table->changed(r->table->ctx, r);
}

static void leave_gone(struct route *r)
{
    if (r->gone_class < 0)
        return;
    list_remove(&r->table->gone[r->gone_class], &r->in_gone);
    r->gone_class = -1;
}

static void enter_gone(struct route *r, int8_t class)
{
    r->gone_class = class;
    list_append(&r->table->gone[class], &r->in_gone);
}

// The class by the time for which the owner had agents for the name. An attacker that wants to
// outlast a victim's name has to serve its own name for as long.
static int8_t class_of(const struct route *r)
{
    int8_t class = 1;
    if (!r->reserved)
        return 0;
    if (r->served_ms >= r->table->loop->limits.gone_ms)
        return ROUTE_GONE_KEPT;
    for (uint64_t s = r->served_ms / 1000; s > 0 && class < ROUTE_GONE_KEPT - 1; s /= 2)
        class ++;
    return class;
}

static void route_free(struct route *r)
{
    leave_gone(r);
    shares_leave(r->of_owner);
    shares_leave(r->of_address);
    struct route **at = &r->table->buckets[bucket_of(r->table, r->name)];
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    r->table->count--;
    timeout_stop(&r->gone);
    free(r);
}

static void give_up(struct route *r, const char *why)
{
    if (r->reserved && !r->agent && r->table->given_up)
        r->table->given_up(r->table->given_up_ctx, r, why);
    routes_forget(r);
}

void routes_forget(struct route *r)
{
    r->agent = NULL;
    r->reserved = false;
    tell_changed(r);
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

bool routes_give(struct route *r, const struct route_holder *holder)
{
    struct routes *t = r->table;
    bool has_share = holder->address.len > 0;
    struct share *owner = shares_enter(&t->owners, slice_of(holder->owner, ROUTE_OWNER_DIGITS));
    struct share *address = has_share ? shares_enter(&t->addresses, holder->address) : NULL;
    if (!owner || (has_share && !address)) {
        shares_leave(owner);
        shares_leave(address);
        return false;
    }
    shares_leave(r->of_owner);
    shares_leave(r->of_address);
    r->of_owner = owner;
    r->of_address = address;
    r->served_ms = 0;
    memcpy(r->owner, holder->owner, ROUTE_OWNER_DIGITS);
    return true;
}

void routes_update_holder(struct route *r, const struct route_holder *holder)
{
    struct routes *t = r->table;
    bool same = memcmp(r->owner, holder->owner, ROUTE_OWNER_DIGITS) == 0; // no secrets
    struct share *owner =
        same ? NULL : shares_enter(&t->owners, slice_of(holder->owner, ROUTE_OWNER_DIGITS));
    if (owner) {
        shares_leave(r->of_owner);
        r->of_owner = owner;
        memcpy(r->owner, holder->owner, ROUTE_OWNER_DIGITS);
    }
    if (!r->of_address && holder->address.len > 0) // the file of names has no addresses
        r->of_address = shares_enter(&t->addresses, holder->address);
}

struct route *routes_add(struct routes *t, const char *name, const struct route_holder *holder)
{
    struct route *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->table = t;
    r->gone_class = -1;
    if (!routes_give(r, holder)) {
        free(r);
        return NULL;
    }
    memcpy(r->name, name, strlen(name) + 1);
    struct route **bucket = &t->buckets[bucket_of(t, name)];
    r->next = *bucket;
    *bucket = r;
    t->count++;
    return r;
}

static int doublings(size_t n)
{
    int count = 0;
    for (; n > 1; n /= 2)
        count++;
    return count;
}

// Ranks a name for eviction, the highest first: twice as many names of its owner or address cancel
// out twice the time of service. A name that was left for good comes before all.
static int eviction_rank(const struct route *r)
{
    size_t names = r->of_owner->count;
    if (r->of_address && r->of_address->count > names)
        names = r->of_address->count;
    return r->gone_class == 0 ? INT_MAX : doublings(names) - r->gone_class;
}

bool routes_make_room(struct routes *t, const struct share *of_owner,
                      const struct share *of_address)
{
    struct route *found = NULL;
    int end = of_owner ? ROUTE_GONE_CLASSES : ROUTE_GONE_KEPT;
    for (int class = 0; class < end; class ++) {
        int candidates = 0;
        for (struct list_link *l = t->gone[class].first; l && candidates < CANDIDATES_MAX;
             l = l->next) {
            struct route *r = LIST_ITEM(l, struct route, in_gone);
            if ((of_owner && r->of_owner != of_owner) ||
                (of_address && r->of_address != of_address))
                continue;
            candidates++;
            if (!found || eviction_rank(r) > eviction_rank(found))
                found = r;
        }
    }
    if (found)
        give_up(found, "it made room for another");
    return found != NULL;
}

const char *routes_make_room_for(struct routes *t, const struct route_holder *holder, bool is_new)
{
    const struct limits *l = &t->loop->limits;
    const struct share *owner =
        shares_find(&t->owners, slice_of(holder->owner, ROUTE_OWNER_DIGITS));
    if (owner && owner->count >= l->names_per_owner && !routes_make_room(t, owner, NULL))
        return "You have as many names as one owner may have here. Stop tunnels that are not used.";
    const struct share *address =
        holder->address.len > 0 ? shares_find(&t->addresses, holder->address) : NULL;
    if (address && address->count >= l->names_per_address && !routes_make_room(t, NULL, address))
        return "Your address has as many names as one may have here. Stop tunnels that are not "
               "used, or try again later.";
    if (is_new && t->count >= l->tunnels && !routes_make_room(t, NULL, NULL))
        return "The relay has as many names as it takes. Try again later.";
    return NULL;
}

static void on_gone_over(struct timeout *timeout)
{
    give_up(container_of(timeout, struct route, gone), "its owner did not come back");
}

static void set_gone(struct route *r, bool reserve, int64_t gone_s)
{
    r->agent = NULL;
    r->agent_next = NULL;
    r->reserved = reserve;
    r->gone_s = gone_s;
    timeout_start(r->table->loop, &r->gone, r->table->loop->limits.gone_ms, on_gone_over);
}

void routes_restore_gone(struct route *r, int64_t gone_s, bool kept)
{
    set_gone(r, true, gone_s);
    enter_gone(r, kept ? ROUTE_GONE_KEPT : ROUTE_GONE_KEPT - 1);
}

void routes_agent_came(struct route *r)
{
    uint64_t now = loop_now_ms(r->table->loop);
    if (r->agent_since_ms > 0 &&
        !timeout_runs(&r->gone)) // taken over from an agent of the same owner
        r->served_ms += now - r->agent_since_ms;
    leave_gone(r);
    timeout_stop(&r->gone);
    r->agent_since_ms = now;
    tell_changed(r);
}

void routes_agent_left(struct route *r, bool reserve)
{
    r->served_ms += loop_now_ms(r->table->loop) - r->agent_since_ms;
    set_gone(r, reserve, wall_clock_ns() / 1000000000);
    enter_gone(r, class_of(r));
    tell_changed(r);
}
