// SPDX-License-Identifier: MIT
#include "visitors.h"
#include <sys/resource.h>

static enum visitor_welcome welcome(size_t total, size_t of_address, const struct limits *l,
                                    bool anybody)
{
    uint32_t cap = l->visitors_per_address;
    if (cap == 0)
        cap = anybody ? UINT32_MAX - LIMIT_ADDRESS_SPARE : LIMIT_VISITORS_PER_ADDRESS;
    if (total >= l->visitors + LIMIT_VISITORS_SPARE || of_address >= cap + LIMIT_ADDRESS_SPARE)
        return VISITOR_UNHEARD;
    if (of_address >= cap)
        return VISITOR_TOO_MANY;
    return total >= l->visitors ? VISITOR_FULL : VISITOR_SERVED;
}

enum visitor_welcome visitors_enter(struct shares *visitors, const struct limits *limits,
                                    const struct client_address *address, struct share **share)
{
    unsigned char bytes[CLIENT_KEY_BYTES];
    struct slice key = client_address_key(address, bytes);
    enum visitor_welcome w =
        welcome(visitors->count, shares_count(visitors, key), limits, address->anybody);
    *share = w == VISITOR_UNHEARD ? NULL : shares_enter(visitors, key);
    return *share ? w : VISITOR_UNHEARD;
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
