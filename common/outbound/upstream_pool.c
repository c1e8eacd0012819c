// SPDX-License-Identifier: MIT
#include "upstream_pool.h"
#include <stdio.h>
#include <stdlib.h>
#include "common/base/limits.h"
#include "proto/http/authority.h"

enum {
    TRUST_PART = 4, // of the age at which a service closes, that is well before it
    DECLARED_MOST_S = 1000000,
    PATIENCE_MOST = 1 << 20
};

struct upstream_idle {
    struct upstream *upstream;
    struct upstream_list *list; // that it is in
    struct upstream_idle *prev, *next;
    struct upstream_idle *bucket_next; // of those that are kept
    struct conn *conn;
    struct timeout limit;
    uint64_t since_ms;
    struct upstream_use use; // of the request that was answered
};

static bool is_kept(const struct upstream_idle *i)
{
    return i->list == &i->upstream->kept;
}

static struct upstream_idle **bucket_of(struct upstream *u, uint64_t inbound)
{
    return &u->kept_by_inbound[inbound % UPSTREAM_KEPT_BUCKETS];
}

static void idle_insert(struct upstream_idle *i)
{
    struct upstream_list *list = i->list;
    struct upstream_idle **bucket = bucket_of(i->upstream, i->use.inbound);
    i->next = list->first;
    if (list->first)
        list->first->prev = i;
    else
        list->last = i;
    list->first = i;
    list->count++;
    if (!is_kept(i))
        return;
    i->bucket_next = *bucket;
    *bucket = i;
}

static void leave_bucket(const struct upstream_idle *i)
{
    struct upstream_idle **at = bucket_of(i->upstream, i->use.inbound);
    while (*at != i)
        at = &(*at)->bucket_next;
    *at = i->bucket_next;
}

static void idle_remove(struct upstream_idle *i)
{
    struct upstream_list *list = i->list;
    timeout_stop(&i->limit);
    if (i->prev)
        i->prev->next = i->next;
    else
        list->first = i->next;
    if (i->next)
        i->next->prev = i->prev;
    else
        list->last = i->prev;
    list->count--;
    if (is_kept(i))
        leave_bucket(i);
    free(i);
}

static void idle_close(struct upstream_idle *i)
{
    struct conn *c = i->conn;
    idle_remove(i);
    conn_close(c, CONN_CLOSE_NOW);
}

// No more than it was to reach: a loop that was held up for long says nothing of the service.
static uint32_t age_of(const struct upstream_idle *i)
{
    uint64_t age = loop_now_ms(i->upstream->loop) - i->since_ms;
    return age < i->upstream->idle_ms ? (uint32_t)age : i->upstream->idle_ms;
}

static struct upstream_trust *trust_of(const struct upstream_idle *i)
{
    return &i->upstream->trust[i->use.repeatable];
}

// The service has closed a connection at this age.
static void saw_close(struct upstream_trust *t, uint32_t age_ms)
{
    t->refused = 0;
    if (age_ms < t->closes_ms)
        t->closes_ms = age_ms;
}

// A connection has reached this age. What was learned is forgotten slowly: a service that was
// restarted has closed all at any age, and one that closes early may do so now and then.
static void saw_alive(struct upstream_trust *t, uint32_t age_ms)
{
    if (age_ms >= LIMIT_POOL_PROOF_MS)
        t->proven = true;
    if (t->closes_ms != UINT32_MAX && age_ms > t->closes_ms)
        t->closes_ms += (age_ms - t->closes_ms) / TRUST_PART;
}

// One that stands is not taken. Who is asked on and on would have no time to show anything, and run
// out of ports: once in a long while it is tried.
static void refuse(struct upstream_trust *t, uint32_t age_ms)
{
    saw_alive(t, age_ms);
    if (++t->refused < t->patience)
        return;
    t->refused = 0;
    t->proven = true;
    t->closes_ms = UINT32_MAX;
}

static bool may_carry(const struct upstream_trust *t, uint32_t age_ms)
{
    return t->proven && t->closes_ms >= LIMIT_POOL_PROOF_MS && age_ms <= LIMIT_POOL_FRESH_MS &&
           age_ms <= t->closes_ms / TRUST_PART;
}

void upstream_pool_answered(struct upstream *u, const struct upstream_past *past)
{
    u->trust[past->repeatable].proven = true;
    saw_alive(&u->trust[past->repeatable], past->idle_ms);
}

void upstream_pool_answered_anew(struct upstream *u)
{
    u->serves_several = u->serves_several || u->shared.count + u->kept.count > 0;
}

void upstream_pool_lost(struct upstream *u, const struct upstream_past *past)
{
    struct upstream_trust *t = &u->trust[past->repeatable];
    saw_close(t, past->idle_ms);
    t->patience = t->patience < PATIENCE_MOST ? t->patience * 2 : PATIENCE_MOST;
}

void upstream_pool_declared(struct upstream *u, bool repeatable, bool keeps,
                            struct slice keep_alive)
{
    const struct slice name = SLICE("timeout=");
    struct slice parameter;
    uint64_t s = 0;
    struct upstream_trust *t = &u->trust[repeatable];
    t->proven = t->proven || keeps;
    while (slice_next_element(&keep_alive, &parameter)) {
        if (parameter.len <= name.len || !slice_ieq(slice_of(parameter.p, name.len), name) ||
            !slice_to_u64(slice_of(parameter.p + name.len, parameter.len - name.len), &s))
            continue;
        t->proven = true;
        saw_close(t, s < DECLARED_MOST_S ? (uint32_t)s * 1000 : UINT32_MAX);
    }
}

// One that was told to close says nothing of the others.
static void learn_close(const struct upstream_idle *i)
{
    if (i->list != &i->upstream->parting)
        saw_close(trust_of(i), age_of(i));
}

// Anything that happens on an idle connection is its end: a service has nothing to say between two
// requests.
static void on_anything(struct conn *c)
{
    struct upstream_idle *i = conn_owner(c);
    learn_close(i);
    idle_close(i);
}

static void on_sent(struct conn *c)
{
    (void)c;
}

static void on_failed(struct conn *c, int error)
{
    struct upstream_idle *i = conn_owner(c);
    (void)error;
    learn_close(i);
    idle_remove(i);
}

static const struct conn_ops idle_ops = {on_anything, on_sent, on_anything, on_failed, NULL};

static void on_limit(struct timeout *t)
{
    struct upstream_idle *i = container_of(t, struct upstream_idle, limit);
    if (i->list != &i->upstream->parting)
        saw_alive(trust_of(i), age_of(i));
    idle_close(i);
}

bool upstream_pool_keeps(const struct upstream *u, const struct upstream_use *use)
{
    return u->idle_ms > 0 && (!use->alone || use->inbound != 0);
}

// The one that is kept for this request's visitor, else one that is shared.
static struct upstream_idle *find(struct upstream *u, const struct upstream_use *use)
{
    struct upstream_idle *i = use->alone && use->inbound ? *bucket_of(u, use->inbound) : NULL;
    while (i && (i->use.inbound != use->inbound || i->use.link != use->link))
        i = i->bucket_next;
    return i ? i : u->shared.first;
}

// A new connection will be made. One that is kept for somebody else makes way: a service that
// serves one connection at a time would let the new one wait behind it. At once where it is of no
// use yet, else soon, so that a service that serves several has the time to show it.
static void make_way(struct upstream *u)
{
    struct upstream_idle *i = u->kept.last;
    uint64_t soon_ms = loop_now_ms(u->loop) + LIMIT_POOL_PARTING_MS;
    if (i && !may_carry(&u->trust[0], 0))
        idle_close(i);
    else if (i && !u->serves_several && i->limit.at_ms > soon_ms)
        timeout_start(u->loop, &i->limit, LIMIT_POOL_PARTING_MS, on_limit);
}

// One that is not good enough for a request that cannot be repeated is closed, for the same reason.
struct conn *upstream_pool_get(struct upstream *u, const struct upstream_use *use,
                               struct upstream_past *past)
{
    struct upstream_idle *i = find(u, use);
    if (!i) {
        make_way(u);
        return NULL;
    }
    struct conn *c = i->conn;
    *past = (struct upstream_past){.repeatable = i->use.repeatable, .idle_ms = age_of(i)};
    idle_remove(i);
    struct upstream_trust *t = &u->trust[past->repeatable];
    if (use->repeatable)
        return c;
    bool quiet = conn_is_quiet(c);
    if (quiet && may_carry(t, past->idle_ms))
        return c;
    if (quiet)
        refuse(t, past->idle_ms);
    else
        saw_close(t, past->idle_ms);
    conn_close(c, CONN_CLOSE_NOW);
    return NULL;
}

// Whether there is room for one more. Those that are shared are of use to more people.
static bool has_room(struct upstream *u)
{
    if (u->shared.count + u->kept.count + u->parting.count < LIMIT_POOL_SIZE)
        return true;
    if (!u->kept.last)
        return false;
    idle_close(u->kept.last);
    return true;
}

// Behind a body only requests come that cannot be repeated, which take none that has been idle for
// long: it is kept for longer only as long as it shows what the service does.
static uint32_t kept_ms(const struct upstream *u, const struct upstream_use *use)
{
    bool short_lived = use->alone && u->trust[use->repeatable].proven;
    return short_lived && u->idle_ms > LIMIT_POOL_FRESH_MS ? LIMIT_POOL_FRESH_MS : u->idle_ms;
}

// Bytes behind a response belong to nobody: the next request must not take them for its answer.
static void hold(struct upstream *u, struct conn *c, struct upstream_list *list,
                 const struct upstream_use *use)
{
    bool sound = conn_in(c).len == 0 && has_room(u);
    struct upstream_idle *i = sound ? malloc(sizeof(*i)) : NULL; // as in upstream_attach
    if (!i) {
        conn_close(c, CONN_CLOSE_NOW);
        return;
    }
    *i = (struct upstream_idle){
        .upstream = u, .list = list, .conn = c, .use = *use, .since_ms = loop_now_ms(u->loop)};
    idle_insert(i);
    conn_set_owner(c, &idle_ops, i);
    conn_set_read_max(c, LIMIT_READ_BYTES);
    conn_want_read(c, true);
    timeout_start(u->loop, &i->limit, list == &u->parting ? LIMIT_POOL_PARTING_MS : kept_ms(u, use),
                  on_limit);
}

void upstream_pool_put(struct upstream *u, struct conn *c, const struct upstream_use *use)
{
    if (!upstream_pool_keeps(u, use))
        hold(u, c, &u->parting, use);
    else
        hold(u, c, use->alone ? &u->kept : &u->shared, use);
}

void upstream_init(struct upstream *u, struct loop *l, const struct dial_target *target)
{
    const struct upstream_trust unknown = {.closes_ms = UINT32_MAX,
                                           .patience = LIMIT_POOL_PATIENCE};
    *u = (struct upstream){
        .loop = l, .target = *target, .idle_ms = LIMIT_POOL_IDLE_MS, .trust = {unknown, unknown}};
    (void)authority_text(target->host, target->port, u->name);
    memcpy(u->host, u->name, sizeof(u->host));
}

static void close_all(struct upstream_list *list)
{
    for (struct upstream_idle *i = list->first, *next = NULL; i; i = next) {
        next = i->next;
        idle_close(i);
    }
}

void upstream_deinit(struct upstream *u)
{
    close_all(&u->shared);
    close_all(&u->kept);
    close_all(&u->parting);
}
