// SPDX-License-Identifier: MIT
// A budget for what a peer says that brings nothing: pings, settings, empty frames, resets of
// streams that are over (docs/protocol.md §4.4). Work that is done together earns more, and so does
// time; when it is spent the peer floods us.
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
    FLOOD_BUDGET_PER_SECOND = 100,
    FLOOD_BUDGET_PER_HEAD = 16,    // earned by a head that we send
    FLOOD_BUDGET_PER_FRAME = 2,    // by a frame of a body, or a message
    FLOOD_BUDGET_PER_RESET = 1000, // by a stream whose end the peer may not know of yet
};

struct flood_budget {
    int64_t left, cap;
};

static inline void flood_budget_init(struct flood_budget *c, uint32_t cap)
{
    c->left = c->cap = cap;
}

// False: there is no more to spend.
static inline bool flood_budget_spend(struct flood_budget *c, uint32_t cost)
{
    c->left -= cost;
    return c->left >= 0;
}

static inline void flood_budget_earn(struct flood_budget *c, uint32_t gain)
{
    c->left += gain;
}

// Time refills up to the cap; what was earned beyond it stays.
static inline void flood_budget_tick(struct flood_budget *c, uint64_t elapsed_ms)
{
    int64_t more = (int64_t)(elapsed_ms < 3600000 ? elapsed_ms : 3600000);
    more = more * FLOOD_BUDGET_PER_SECOND / 1000;
    if (c->left + more <= c->cap)
        c->left += more;
    else if (c->left < c->cap)
        c->left = c->cap;
}
