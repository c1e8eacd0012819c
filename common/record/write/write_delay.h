// SPDX-License-Identifier: MIT
// Delays the idle thread of the record writer: a short burst of traffic is written after it instead
// of beside it, and so costs it almost nothing. Traffic that lasts longer is written as it comes.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WRITE_DELAY_MAX_MS = 1200,             // the longest delay
    WRITE_DELAY_POLL_MS = 20,              // between two checks
    WRITE_DELAY_TRAFFIC_BYTES = 64 * 1024, // of events per check: traffic continues
    WRITE_DELAY_BYTES_MAX = 18 << 20,      // of events that may wait: half of the queue
    WRITE_DELAY_RESET_MS = 100,            // without events, after which a delay may begin again
};

struct write_delay {
    uint64_t end_ms;
    size_t used;
    bool exhausted; // a limit was reached: no delay until the next pause
};

// Begins a delay while events of `used` bytes wait. False: write now.
bool write_delay_begin(struct write_delay *d, uint64_t now_ms, size_t used);
// Call each WRITE_DELAY_POLL_MS. False: the traffic is over or a limit is reached; write now.
bool write_delay_continues(struct write_delay *d, uint64_t now_ms, size_t used);
// Call when no event has come for `ms`.
void write_delay_quiet(struct write_delay *d, uint64_t ms);
