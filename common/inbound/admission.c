// SPDX-License-Identifier: MIT
#include "admission.h"
#include <stdlib.h>
#include <sys/resource.h>

enum {
    IDLE_LOOKS = 16,
    TUNNELS_PART = 3,   // of few files a third is for agents
    HANDSHAKES_PART = 4 // and a quarter of that for those that have no name yet
};

static void leave_list(struct admission_place *p)
{
    struct admission_list *list = p->list;
    if (!list)
        return;
    if (p->prev)
        p->prev->next = p->next;
    else
        list->first = p->next;
    if (p->next)
        p->next->prev = p->prev;
    else
        list->last = p->prev;
    if (list == &p->admission->spare)
        p->admission->spares--;
    p->list = NULL;
}

static void enter_list(struct admission_place *p, struct admission_list *list)
{
    p->list = list;
    p->next = NULL;
    p->prev = list->last;
    if (list->last)
        list->last->next = p;
    else
        list->first = p;
    list->last = p;
    if (list == &p->admission->spare)
        p->admission->spares++;
}

static void stop_counting(struct admission_place *p)
{
    leave_list(p);
    shares_leave(p->share);
    p->share = NULL;
}

static bool let_go(struct admission_place *p)
{
    if (!p || !p->admission->let_go(p))
        return false;
    stop_counting(p);
    return true;
}

// Among the first few, one that may be.
static bool let_idle_go(struct admission *v)
{
    struct admission_place *p = v->idle.first;
    for (int looks = 0; p && looks < IDLE_LOOKS; looks++, p = p->next)
        if (let_go(p))
            return true;
    return false;
}

// There are never more than LIMIT_VISITORS_SPARE.
static struct admission_place *oldest_spare_of(const struct admission *v, const struct share *share)
{
    struct admission_place *p = v->spare.first;
    while (p && p->share != share)
        p = p->next;
    return p;
}

uint32_t admission_cap(const struct limits *l, const struct client_address *address)
{
    if (l->visitors_per_address > 0)
        return l->visitors_per_address;
    return address->exempt ? UINT32_MAX - LIMIT_ADDRESS_SPARE : LIMIT_VISITORS_PER_ADDRESS;
}

static enum admission_answer make_room(struct admission *v, const struct limits *l,
                                       struct slice key, uint32_t cap)
{
    enum admission_answer welcome = ADMIT_SERVED;
    const struct share *share = key.len > 0 ? shares_find(&v->shares, key) : NULL;
    if (share && share->count >= cap)
        welcome = ADMIT_TOO_MANY;
    else if (v->shares.count - v->spares >= l->visitors && !let_idle_go(v))
        welcome = ADMIT_FULL;
    if (welcome == ADMIT_TOO_MANY && share->count >= cap + LIMIT_ADDRESS_SPARE)
        (void)let_go(oldest_spare_of(v, share));
    else if (welcome != ADMIT_SERVED && v->spares >= LIMIT_VISITORS_SPARE)
        (void)let_go(v->spare.first);
    return welcome;
}

struct admission_place *admission_enter(struct admission *v, const struct limits *limits,
                                        const struct client_address *address)
{
    unsigned char bytes[CLIENT_KEY_BYTES];
    struct slice key = address ? client_address_key(address, bytes) : (struct slice){0};
    struct admission_place *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->admission = v;
    p->welcome = make_room(v, limits, key, address ? admission_cap(limits, address) : 0);
    p->share = shares_enter(&v->shares, key);
    if (!p->share) {
        free(p);
        return NULL;
    }
    enter_list(p, p->welcome == ADMIT_SERVED ? &v->idle : &v->spare);
    return p;
}

void admission_try_again(struct admission_place *p, const struct limits *limits)
{
    struct admission *v = p->admission;
    if (p->welcome != ADMIT_FULL || !p->share)
        return;
    if (v->shares.count - v->spares >= limits->visitors && !let_idle_go(v))
        return;
    leave_list(p);
    p->welcome = ADMIT_SERVED;
    enter_list(p, &v->idle);
}

void admission_leave(struct admission_place *p)
{
    if (!p)
        return;
    stop_counting(p);
    free(p);
}

void admission_idle(struct admission_place *p)
{
    if (p->welcome != ADMIT_SERVED || !p->share)
        return;
    leave_list(p);
    enter_list(p, &p->admission->idle);
}

void admission_busy(struct admission_place *p)
{
    if (p->welcome == ADMIT_SERVED)
        leave_list(p);
}

void admission_bound(struct limits *l, unsigned files, bool tunnels)
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
