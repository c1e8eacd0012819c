// SPDX-License-Identifier: MIT
#include "retry.h"

uint32_t retry_bound(struct retry *r, uint32_t first_ms)
{
    if (r->bound_ms == 0)
        *r = (struct retry){.first_ms = first_ms, .bound_ms = first_ms};
    else if (r->waited_ms >= r->first_ms)
        r->bound_ms *= 2;
    if (r->bound_ms > RETRY_MAX_MS)
        r->bound_ms = RETRY_MAX_MS;
    return r->bound_ms;
}

uint32_t retry_wait(struct retry *r, uint32_t after_ms, uint32_t random)
{
    uint32_t chosen = after_ms + random % r->bound_ms;
    if (r->waited_ms < r->first_ms)
        r->waited_ms += chosen;
    return chosen;
}

uint32_t retry_first_within(uint32_t within_ms)
{
    if (within_ms == 0 || within_ms > RETRY_MAX_MS)
        return RETRY_LOST_MS;
    return within_ms < RETRY_MIN_MS ? RETRY_MIN_MS : within_ms;
}
