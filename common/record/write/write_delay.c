// SPDX-License-Identifier: MIT
#include "write_delay.h"

bool write_delay_begin(struct write_delay *h, uint64_t now_ms, size_t used)
{
    h->end_ms = now_ms + WRITE_DELAY_MS;
    h->used = used;
    h->spent = h->spent || used >= WRITE_DELAY_MOST;
    return !h->spent;
}

bool write_delay_goes_on(struct write_delay *h, uint64_t now_ms, size_t used)
{
    bool lasts = used >= h->used + WRITE_DELAY_LEAST;
    h->used = used;
    h->spent = used >= WRITE_DELAY_MOST || now_ms >= h->end_ms;
    return lasts && !h->spent;
}

void write_delay_quiet(struct write_delay *h, uint64_t ms)
{
    if (ms >= WRITE_DELAY_AGAIN_MS)
        h->spent = false;
}
