// SPDX-License-Identifier: MIT
// The readers that have asked a writer (flush.h), in the thread that writes: at most
// FLUSH_ASKS_MAX, beyond which those that only wait for reports have to go. Of these who has left
// is let go when the next one asks.
#pragma once
#include <stdint.h>
#include "common/record/flush.h"

struct flush_ask {
    int fd;
    uint64_t until; // exchanges that had begun to wait for a report when it was told FLUSH_WRITTEN;
                    // UINT64_MAX: it was not yet
};

struct flush_asks {
    struct flush_ask list[FLUSH_ASKS_MAX];
    size_t count;
};

// Takes a reader's connection. Fewer than FLUSH_ASKS_MAX wait to be told FLUSH_WRITTEN.
void flush_asks_add(struct flush_asks *a, int fd);
// How many wait to be told FLUSH_WRITTEN.
size_t flush_asks_unwritten(const struct flush_asks *a);
// All that was taken before is in the record; `waited` exchanges have ever waited for a report.
void flush_asks_written(struct flush_asks *a, uint64_t waited);
// Of those that waited for a report the first `over` do not any more.
void flush_asks_reported(struct flush_asks *a, uint64_t over);
// Closes all.
void flush_asks_deinit(struct flush_asks *a);
