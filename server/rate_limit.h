// SPDX-License-Identifier: MIT
// A rate limit: a burst of so many events at once, then one per interval.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// Embedded; zero has counted nothing.
struct rate_limit {
    uint64_t until_ms; // when the whole burst is available again
};

// Counts one event and returns true, or returns false when the limit is exceeded. Each event uses
// up `each_ms`, of which `burst` events may be ahead of the clock.
static inline bool rate_limit_allows(struct rate_limit *r, uint64_t now_ms, uint32_t each_ms,
                                     uint64_t burst)
{
    if (r->until_ms < now_ms)
        r->until_ms = now_ms;
    if (r->until_ms + each_ms > now_ms + each_ms * burst)
        return false;
    r->until_ms += each_ms;
    return true;
}
