// SPDX-License-Identifier: MIT
#include "visitors.h"
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

struct visitor_address {
    struct visitor_address *next;
    struct visitors *visitors;
    struct in6_addr key;
    uint32_t count;
};

static struct in6_addr mapped(const struct sockaddr_storage *peer)
{
    struct in6_addr a = {0};
    if (peer->ss_family == AF_INET6)
        return ((const struct sockaddr_in6 *)peer)->sin6_addr;
    a.s6_addr[10] = a.s6_addr[11] = 0xff;
    memcpy(a.s6_addr + 12, &((const struct sockaddr_in *)peer)->sin_addr, 4);
    return a;
}

static bool is_loopback(const struct in6_addr *a)
{
    return IN6_IS_ADDR_LOOPBACK(a) || (IN6_IS_ADDR_V4MAPPED(a) && a->s6_addr[12] == 127);
}

void visitor_text(const struct sockaddr_storage *peer, char out[static INET6_ADDRSTRLEN])
{
    struct in6_addr a = mapped(peer);
    const char *text = IN6_IS_ADDR_V4MAPPED(&a)
                           ? inet_ntop(AF_INET, a.s6_addr + 12, out, INET6_ADDRSTRLEN)
                           : inet_ntop(AF_INET6, &a, out, INET6_ADDRSTRLEN);
    if (!text)
        out[0] = 0;
}

// FNV-1a: whoever finds colliding addresses makes his own lookups slow, a few thousand compares at
// most.
static size_t bucket_of(const struct in6_addr *key)
{
    uint64_t h = 1469598103934665603U;
    for (size_t i = 0; i < sizeof(key->s6_addr); i++)
        h = (h ^ key->s6_addr[i]) * 1099511628211U;
    return (size_t)(h % VISITOR_BUCKETS);
}

static struct visitor_address *find(const struct visitors *v, const struct in6_addr *key)
{
    struct visitor_address *a = v->buckets[bucket_of(key)];
    while (a && memcmp(&a->key, key, sizeof(*key)) != 0)
        a = a->next;
    return a;
}

static struct visitor_address *add(struct visitors *v, const struct in6_addr *key)
{
    struct visitor_address *a = malloc(sizeof(*a));
    if (!a)
        return NULL;
    struct visitor_address **bucket = &v->buckets[bucket_of(key)];
    *a = (struct visitor_address){.next = *bucket, .visitors = v, .key = *key};
    *bucket = a;
    return a;
}

static enum visitor_welcome welcome(uint32_t total, uint32_t of_address, const struct limits *l,
                                    bool loopback)
{
    uint32_t cap = l->visitors_per_address;
    if (cap == 0)
        cap = loopback ? UINT32_MAX - LIMIT_ADDRESS_SPARE : LIMIT_VISITORS_PER_ADDRESS;
    if (total >= l->visitors + LIMIT_VISITORS_SPARE || of_address >= cap + LIMIT_ADDRESS_SPARE)
        return VISITOR_UNHEARD;
    if (of_address >= cap)
        return VISITOR_TOO_MANY;
    return total >= l->visitors ? VISITOR_FULL : VISITOR_SERVED;
}

enum visitor_welcome visitors_enter(struct visitors *v, const struct limits *limits,
                                    const struct sockaddr_storage *peer,
                                    struct visitor_address **address)
{
    struct in6_addr key = mapped(peer);
    bool loopback = is_loopback(&key);
    if (!IN6_IS_ADDR_V4MAPPED(&key))
        memset(key.s6_addr + 8, 0, 8);
    struct visitor_address *a = find(v, &key);
    enum visitor_welcome w = welcome(v->count, a ? a->count : 0, limits, loopback);
    *address = NULL;
    if (w != VISITOR_UNHEARD && !a)
        a = add(v, &key);
    if (w == VISITOR_UNHEARD || !a)
        return VISITOR_UNHEARD;
    a->count++;
    v->count++;
    *address = a;
    return w;
}

void visitors_leave(struct visitor_address *a)
{
    if (!a)
        return;
    a->visitors->count--;
    if (--a->count > 0)
        return;
    struct visitor_address **at = &a->visitors->buckets[bucket_of(&a->key)];
    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    free(a);
}

void visitors_bound(struct limits *l, unsigned files)
{
    struct rlimit allowed;
    if (getrlimit(RLIMIT_NOFILE, &allowed) || allowed.rlim_cur == RLIM_INFINITY)
        return;
    rlim_t spare = LIMIT_FILES_SPARE + LIMIT_VISITORS_SPARE;
    rlim_t most = allowed.rlim_cur > 2 * spare ? allowed.rlim_cur - spare : allowed.rlim_cur / 2;
    most /= files;
    if (l->visitors > most)
        l->visitors = (uint32_t)most;
}
