// SPDX-License-Identifier: MIT
#include "upstream_pool.h"
#include <stdlib.h>
#include "common/base/limits.h"

enum {
    TRUST_PART = 4, // reuse within this part of the age at which the origin closes
    DECLARED_MOST_S = 1000000,
    PATIENCE_MOST = 1 << 20
};

struct upstream_idle {
    struct upstream *upstream;
    struct upstream_list *list; // that contains this
    struct list_link in_list;
    struct upstream_idle *bucket_next; // in the hash of `kept`
    struct conn *conn;
    struct timeout limit;
    uint64_t since_ms;
    struct upstream_use use; // of the request that was answered
};

// The idle connection of a link; NULL for NULL.
static struct upstream_idle *item_of(struct list_link *link)
{
    return link ? LIST_ITEM(link, struct upstream_idle, in_list) : NULL;
}

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
    struct upstream_idle **bucket = bucket_of(i->upstream, i->use.inbound_id);
    list_prepend(&list->idle, &i->in_list);
    list->count++;
    if (!is_kept(i))
        return;
    i->bucket_next = *bucket;
    *bucket = i;
}

static void leave_bucket(const struct upstream_idle *i)
{
    struct upstream_idle **at = bucket_of(i->upstream, i->use.inbound_id);
    while (*at != i)
        at = &(*at)->bucket_next;
    *at = i->bucket_next;
}

static void idle_remove(struct upstream_idle *i)
{
    struct upstream_list *list = i->list;
    timeout_stop(&i->limit);
    list_remove(&list->idle, &i->in_list);
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

// Capped: a loop that was held up measures ages that say nothing of the origin.
static uint32_t age_of(const struct upstream_idle *i)
{
    uint64_t age = loop_now_ms(i->upstream->loop) - i->since_ms;
    return age < i->upstream->idle_ms ? (uint32_t)age : i->upstream->idle_ms;
}

static struct upstream_trust *trust_of(const struct upstream_idle *i)
{
    return &i->upstream->trust[i->use.repeatable];
}

// The origin closed a connection at this age.
static void saw_close(struct upstream_trust *t, uint32_t age_ms)
{
    t->refused = 0;
    if (age_ms < t->closes_ms)
        t->closes_ms = age_ms;
}

// A connection was open at this age. Earlier closes are forgotten slowly: a restarted origin closed
// all connections at any age, and one that closes early may do so only now and then.
static void saw_alive(struct upstream_trust *t, uint32_t age_ms)
{
    if (age_ms >= LIMIT_POOL_PROOF_MS)
        t->proven = true;
    if (t->closes_ms != UINT32_MAX && age_ms > t->closes_ms)
        t->closes_ms += (age_ms - t->closes_ms) / TRUST_PART;
}

// Counts an open connection that is not trusted. Under a steady load no connection would grow old
// enough to prove anything, and ports would run out: after `patience` of these the next is tried.
static void decline(struct upstream_trust *t, uint32_t age_ms)
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

void upstream_pool_answered(struct upstream *u, const struct upstream_history *history)
{
    u->trust[history->repeatable].proven = true;
    saw_alive(&u->trust[history->repeatable], history->idle_ms);
}

void upstream_pool_answered_new(struct upstream *u)
{
    u->serves_several = u->serves_several || u->shared.count + u->kept.count > 0;
}

void upstream_pool_lost(struct upstream *u, const struct upstream_history *history)
{
    struct upstream_trust *t = &u->trust[history->repeatable];
    saw_close(t, history->idle_ms);
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

// A connection that was told to close says nothing of the others.
static void learn_close(const struct upstream_idle *i)
{
    if (i->list != &i->upstream->closing)
        saw_close(trust_of(i), age_of(i));
}

// Any event ends an idle connection: an origin sends nothing between two requests.
static void on_event(struct conn *c)
{
    struct upstream_idle *i = conn_owner(c);
    learn_close(i);
    idle_close(i);
}

static void ignore_sent(struct conn *c)
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

static const struct conn_ops idle_ops = {on_event, ignore_sent, on_event, on_failed, NULL};

static void on_limit(struct timeout *t)
{
    struct upstream_idle *i = container_of(t, struct upstream_idle, limit);
    if (i->list != &i->upstream->closing)
        saw_alive(trust_of(i), age_of(i));
    idle_close(i);
}

bool upstream_pool_keeps(const struct upstream *u, const struct upstream_use *use)
{
    return u->idle_ms > 0 && (!use->limits_reuse || use->inbound_id != 0);
}

// The connection kept for this request's visitor, else a shared one.
static struct upstream_idle *find_idle(struct upstream *u, const struct upstream_use *use)
{
    struct upstream_idle *i =
        use->limits_reuse && use->inbound_id ? *bucket_of(u, use->inbound_id) : NULL;
    while (i && (i->use.inbound_id != use->inbound_id || i->use.tunnel_id != use->tunnel_id))
        i = i->bucket_next;
    return i ? i : item_of(u->shared.idle.first);
}

// Before a new connection is dialled, closes one that is kept for another visitor: an origin that
// serves one connection at a time would leave the new one waiting. At once if the kept one is not
// trusted yet, else after LIMIT_POOL_CLOSING_MS, in which the origin may show that it serves
// several.
static void make_way(struct upstream *u)
{
    struct upstream_idle *i = item_of(u->kept.idle.last);
    uint64_t soon_ms = loop_now_ms(u->loop) + LIMIT_POOL_CLOSING_MS;
    if (i && !may_carry(&u->trust[0], 0))
        idle_close(i);
    else if (i && !u->serves_several && i->limit.at_ms > soon_ms)
        timeout_start(u->loop, &i->limit, LIMIT_POOL_CLOSING_MS, on_limit);
}

// Closes a connection that is not trusted with an unrepeatable request, for the reason of make_way.
struct conn *upstream_pool_get(struct upstream *u, const struct upstream_use *use,
                               struct upstream_history *history)
{
    struct upstream_idle *i = find_idle(u, use);
    if (!i) {
        make_way(u);
        return NULL;
    }
    struct conn *c = i->conn;
    *history = (struct upstream_history){.repeatable = i->use.repeatable, .idle_ms = age_of(i)};
    idle_remove(i);
    struct upstream_trust *t = &u->trust[history->repeatable];
    if (use->repeatable)
        return c;
    bool quiet = conn_is_quiet(c);
    if (quiet && may_carry(t, history->idle_ms))
        return c;
    if (quiet)
        decline(t, history->idle_ms);
    else
        saw_close(t, history->idle_ms);
    conn_close(c, CONN_CLOSE_NOW);
    return NULL;
}

// Whether there is room for one more. A kept connection makes room, since shared ones serve more
// visitors.
static bool has_room(struct upstream *u)
{
    if (u->shared.count + u->kept.count + u->closing.count < LIMIT_POOL_SIZE)
        return true;
    if (!u->kept.idle.last)
        return false;
    idle_close(item_of(u->kept.idle.last));
    return true;
}

// A connection behind a body mostly gets unrepeatable requests, which take none that has been idle
// for long. Until the origin is proven the connection is kept for longer, to learn from it.
static uint32_t kept_ms(const struct upstream *u, const struct upstream_use *use)
{
    bool short_lived = use->limits_reuse && u->trust[use->repeatable].proven;
    return short_lived && u->idle_ms > LIMIT_POOL_FRESH_MS ? LIMIT_POOL_FRESH_MS : u->idle_ms;
}

// A connection with bytes behind the response is closed: the next request would take them for its
// response.
static void keep(struct upstream *u, struct conn *c, struct upstream_list *list,
                 const struct upstream_use *use)
{
    bool sound = conn_in(c).len == 0 && has_room(u);
    struct upstream_idle *i = sound ? malloc(sizeof(*i)) : NULL;
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
    timeout_start(u->loop, &i->limit, list == &u->closing ? LIMIT_POOL_CLOSING_MS : kept_ms(u, use),
                  on_limit);
}

void upstream_pool_put(struct upstream *u, struct conn *c, const struct upstream_use *use)
{
    if (!upstream_pool_keeps(u, use))
        keep(u, c, &u->closing, use);
    else
        keep(u, c, use->limits_reuse ? &u->kept : &u->shared, use);
}

static void close_all(struct upstream_list *list)
{
    for (struct list_link *link = list->idle.first, *next = NULL; link; link = next) {
        next = link->next;
        idle_close(item_of(link));
    }
}

void upstream_pool_close(struct upstream *u)
{
    close_all(&u->shared);
    close_all(&u->kept);
    close_all(&u->closing);
}
