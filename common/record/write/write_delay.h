// SPDX-License-Identifier: MIT
// When the idle hand of the record writer holds back: much traffic that is short is written after
// it, not beside it, and costs it next to nothing. Traffic that lasts is written while it lasts.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WRITE_DELAY_MAX_MS = 1200, // that it waits for the traffic to be over
    WRITE_DELAY_POLL_MS = 20,  // between two looks at whether it is
    WRITE_DELAY_TRAFFIC_BYTES =
        64 * 1024, // bytes of events that come from one look to the next, if it is not
    WRITE_DELAY_BYTES_MAX = 18 << 20, // bytes of events that may wait
    WRITE_DELAY_RESET_MS = 100,       // without an event, after which it may wait once more
};

struct write_delay {
    uint64_t end_ms;
    size_t used;
    bool exhausted; // the traffic lasts: what comes is written
};

// Events of `used` bytes wait. False: they are to be written at once.
bool write_delay_begin(struct write_delay *h, uint64_t now_ms, size_t used);
// WRITE_DELAY_POLL_MS later: whether to wait for another look.
bool write_delay_continues(struct write_delay *h, uint64_t now_ms, size_t used);
// Nothing came for so long.
void write_delay_quiet(struct write_delay *h, uint64_t ms);
