// SPDX-License-Identifier: MIT
// A budget for messages that carry no exchange: pings, settings, empty frames, resets of closed
// streams (docs/protocol.md §4.5). Exchanges and time refill the budget. A peer that overdraws the
// budget floods us.
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
    FLOOD_BUDGET_PER_SECOND = 100,
    FLOOD_BUDGET_PER_HEAD = 16,    // earned by each head that we send
    FLOOD_BUDGET_PER_FRAME = 2,    // by each DATA frame or link message that we send
    FLOOD_BUDGET_PER_RESET = 1000, // by each stream whose end the peer may not know yet
};

struct flood_budget {
    int64_t left, cap;
};

static inline void flood_budget_init(struct flood_budget *b, uint32_t cap)
{
    b->left = b->cap = cap;
}

// False: the budget is overdrawn.
static inline bool flood_budget_spend(struct flood_budget *b, uint32_t cost)
{
    b->left -= cost;
    return b->left >= 0;
}

static inline void flood_budget_earn(struct flood_budget *b, uint32_t gain)
{
    b->left += gain;
}

// Time refills the budget up to its cap; a budget that was earned beyond the cap stays.
static inline void flood_budget_tick(struct flood_budget *b, uint64_t elapsed_ms)
{
    int64_t more = (int64_t)(elapsed_ms < 3600000 ? elapsed_ms : 3600000);
    more = more * FLOOD_BUDGET_PER_SECOND / 1000;
    if (b->left + more <= b->cap)
        b->left += more;
    else if (b->left < b->cap)
        b->left = b->cap;
}
