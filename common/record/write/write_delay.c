// SPDX-License-Identifier: MIT
#include "write_delay.h"

bool write_delay_begin(struct write_delay *h, uint64_t now_ms, size_t used)
{
    h->end_ms = now_ms + WRITE_DELAY_MAX_MS;
    h->used = used;
    h->exhausted = h->exhausted || used >= WRITE_DELAY_BYTES_MAX;
    return !h->exhausted;
}

bool write_delay_continues(struct write_delay *h, uint64_t now_ms, size_t used)
{
    bool lasts = used >= h->used + WRITE_DELAY_TRAFFIC_BYTES;
    h->used = used;
    h->exhausted = used >= WRITE_DELAY_BYTES_MAX || now_ms >= h->end_ms;
    return lasts && !h->exhausted;
}

void write_delay_quiet(struct write_delay *h, uint64_t ms)
{
    if (ms >= WRITE_DELAY_RESET_MS)
        h->exhausted = false;
}
