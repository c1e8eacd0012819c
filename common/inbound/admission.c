// SPDX-License-Identifier: MIT
#include "admission.h"
#include <stdlib.h>
#include <sys/resource.h>

enum {
    EVICT_TRIES = 16,   // idle connections that are asked, which bounds the time
    TUNNELS_PART = 3,   // when files are few, a third of them is for agents
    HANDSHAKES_PART = 4 // and a quarter of that third for agents without a name yet
};

static void leave_list(struct admission_place *p)
{
    if (!p->list)
        return;
    list_remove(p->list, &p->in_list);
    if (p->list == &p->admission->spare)
        p->admission->spares--;
    p->list = NULL;
}

static void enter_list(struct admission_place *p, struct list *list)
{
    p->list = list;
    list_append(list, &p->in_list);
    if (list == &p->admission->spare)
        p->admission->spares++;
}

static struct admission_place *first_of(const struct list *list)
{
    return list->first ? LIST_ITEM(list->first, struct admission_place, in_list) : NULL;
}

static void stop_counting(struct admission_place *p)
{
    leave_list(p);
    shares_leave(p->share);
    p->share = NULL;
}

static bool evict(struct admission_place *p)
{
    if (!p || !p->admission->evict(p))
        return false;
    stop_counting(p);
    return true;
}

static bool evict_idle(struct admission *a)
{
    struct list_link *link = a->idle.first;
    for (int tries = 0; link && tries < EVICT_TRIES; tries++, link = link->next)
        if (evict(LIST_ITEM(link, struct admission_place, in_list)))
            return true;
    return false;
}

// Linear: the list has at most LIMIT_VISITORS_SPARE places.
static struct admission_place *oldest_spare_of(const struct admission *a, const struct share *share)
{
    for (struct list_link *link = a->spare.first; link; link = link->next) {
        struct admission_place *p = LIST_ITEM(link, struct admission_place, in_list);
        if (p->share == share)
            return p;
    }
    return NULL;
}

uint32_t admission_cap(const struct limits *l, const struct client_address *address)
{
    if (l->visitors_per_address > 0)
        return l->visitors_per_address;
    return address->exempt ? UINT32_MAX - LIMIT_ADDRESS_SPARE : LIMIT_VISITORS_PER_ADDRESS;
}

// Decides on a new connection of the address `key`, and evicts another where that makes room.
static enum admission_verdict make_room(struct admission *a, const struct limits *l,
                                        struct slice key, uint32_t cap)
{
    enum admission_verdict verdict = ADMIT_SERVED;
    const struct share *share = key.len > 0 ? shares_find(&a->shares, key) : NULL;
    if (share && share->count >= cap)
        verdict = ADMIT_TOO_MANY;
    else if (a->shares.count - a->spares >= l->visitors && !evict_idle(a))
        verdict = ADMIT_FULL;
    if (verdict == ADMIT_TOO_MANY && share->count >= cap + LIMIT_ADDRESS_SPARE)
        (void)evict(oldest_spare_of(a, share));
    else if (verdict != ADMIT_SERVED && a->spares >= LIMIT_VISITORS_SPARE)
        (void)evict(first_of(&a->spare));
    return verdict;
}

struct admission_place *admission_enter(struct admission *a, const struct limits *limits,
                                        const struct client_address *address)
{
    unsigned char bytes[CLIENT_KEY_BYTES];
    struct slice key = address ? client_address_key(address, bytes) : (struct slice){0};
    struct admission_place *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->admission = a;
    p->verdict = make_room(a, limits, key, address ? admission_cap(limits, address) : 0);
    p->share = shares_enter(&a->shares, key);
    if (!p->share) {
        free(p);
        return NULL;
    }
    enter_list(p, p->verdict == ADMIT_SERVED ? &a->idle : &a->spare);
    return p;
}

void admission_retry(struct admission_place *p, const struct limits *limits)
{
    struct admission *a = p->admission;
    if (p->verdict != ADMIT_FULL || !p->share)
        return;
    if (a->shares.count - a->spares >= limits->visitors && !evict_idle(a))
        return;
    leave_list(p);
    p->verdict = ADMIT_SERVED;
    enter_list(p, &a->idle);
}

void admission_leave(struct admission_place *p)
{
    if (!p)
        return;
    stop_counting(p);
    free(p);
}

void admission_set_idle(struct admission_place *p)
{
    if (p->verdict != ADMIT_SERVED || !p->share)
        return;
    leave_list(p);
    enter_list(p, &p->admission->idle);
}

void admission_set_busy(struct admission_place *p)
{
    if (p->verdict == ADMIT_SERVED)
        leave_list(p);
}

void admission_fit_files(struct limits *l, unsigned files, bool tunnels)
{
    struct rlimit allowed;
    l->tunnel_files = l->tunnels + l->handshakes;
    if (getrlimit(RLIMIT_NOFILE, &allowed) || allowed.rlim_cur == RLIM_INFINITY)
        return;
    rlim_t spare = LIMIT_FILES_SPARE + LIMIT_VISITORS_SPARE;
    rlim_t most = allowed.rlim_cur > 2 * spare ? allowed.rlim_cur - spare : allowed.rlim_cur / 2;
    if (tunnels) {
        rlim_t part = most / TUNNELS_PART;
        if (l->handshakes > part / HANDSHAKES_PART)
            l->handshakes = (uint32_t)(part / HANDSHAKES_PART);
        if (l->tunnel_files > part)
            l->tunnel_files = (uint32_t)part;
        most -= l->tunnel_files;
    }
    most /= files;
    if (l->visitors > most)
        l->visitors = (uint32_t)most;
}
