// SPDX-License-Identifier: MIT
// What may be done so often: a number at once, and then one in each so many ms.
#pragma once
#include <stdbool.h>
#include <stdint.h>

// Embedded; zero has done nothing yet.
struct rate_limit {
    uint64_t until_ms; // by when one in each so many ms would have made up for what was done
};

// Counts one more, or is false: it is too soon.
static inline bool rate_limit_allows(struct rate_limit *r, uint64_t now_ms, uint32_t each_ms,
                                     uint64_t at_once)
{
    if (r->until_ms < now_ms)
        r->until_ms = now_ms;
    if (r->until_ms + each_ms > now_ms + each_ms * at_once)
        return false;
    r->until_ms += each_ms;
    return true;
}
