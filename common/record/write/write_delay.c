// SPDX-License-Identifier: MIT
#include "write_delay.h"

bool write_delay_begin(struct write_delay *d, uint64_t now_ms, size_t used)
{
    d->end_ms = now_ms + WRITE_DELAY_MAX_MS;
    d->used = used;
    d->exhausted = d->exhausted || used >= WRITE_DELAY_BYTES_MAX;
    return !d->exhausted;
}

bool write_delay_continues(struct write_delay *d, uint64_t now_ms, size_t used)
{
    bool lasts = used >= d->used + WRITE_DELAY_TRAFFIC_BYTES;
    d->used = used;
    d->exhausted = used >= WRITE_DELAY_BYTES_MAX || now_ms >= d->end_ms;
    return lasts && !d->exhausted;
}

void write_delay_quiet(struct write_delay *d, uint64_t ms)
{
    if (ms >= WRITE_DELAY_RESET_MS)
        d->exhausted = false;
}
