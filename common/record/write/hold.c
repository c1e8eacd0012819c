// SPDX-License-Identifier: MIT
#include "hold.h"

bool hold_begin(struct hold *h, uint64_t now_ms, size_t used)
{
    h->end_ms = now_ms + HOLD_MS;
    h->used = used;
    h->spent = h->spent || used >= HOLD_MOST;
    return !h->spent;
}

bool hold_goes_on(struct hold *h, uint64_t now_ms, size_t used)
{
    bool lasts = used >= h->used + HOLD_LEAST;
    h->used = used;
    h->spent = used >= HOLD_MOST || now_ms >= h->end_ms;
    return lasts && !h->spent;
}

void hold_quiet(struct hold *h, uint64_t ms)
{
    if (ms >= HOLD_AGAIN_MS)
        h->spent = false;
}
