// SPDX-License-Identifier: MIT
// The waits between attempts to connect (docs/protocol.md §2): at random below a bound, which
// doubles once the waits add up to the first one. A relay that was away for less has its agents
// back within the first bound, and a thousand agents do not return at once.
#pragma once
#include <stdint.h>

enum {
    RETRY_FIRST_MS = 500, // bound of the first retry when no link came up
    RETRY_LOST_MS = 1500, // when one was up
    RETRY_MIN_MS = 100,   // when the relay asks for a shorter bound
    RETRY_MAX_MS = 32000
};

// Embedded; zero has not waited since the agent was bound.
struct retry {
    uint32_t first_ms;  // bound of the first retry since the agent was bound
    uint32_t bound_ms;  // bound of the last retry; 0: none since then
    uint32_t waited_ms; // of all retries since then, up to first_ms
};

// Sets the bound of the next wait, which it returns: `first_ms` the first time, never 0.
uint32_t retry_bound(struct retry *r, uint32_t first_ms);
// The next wait, below the bound that was set, by a random number; `after_ms`, the least that the
// relay asks for, comes on top.
uint32_t retry_wait(struct retry *r, uint32_t after_ms, uint32_t random);
// The bound of the first retry when the relay has left and asked to be back within this time (0:
// it has not), kept within limits.
uint32_t retry_first_within(uint32_t within_ms);
