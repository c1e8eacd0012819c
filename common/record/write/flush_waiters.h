// SPDX-License-Identifier: MIT
// The readers that have asked a writer (flush.h), in the thread that writes: at most
// FLUSH_WAITERS_MAX, beyond which those that only wait for reports have to go. Of these who has
// left is let go when the next one asks.
#pragma once
#include <stdint.h>
#include "common/record/flush.h"

struct flush_waiter {
    int fd;
    uint64_t until; // exchanges that had begun to wait for a report when it was told FLUSH_WRITTEN;
                    // UINT64_MAX: it was not yet
};

struct flush_waiters {
    struct flush_waiter list[FLUSH_WAITERS_MAX];
    size_t count;
};

// Takes a reader's connection. Fewer than FLUSH_WAITERS_MAX wait to be told FLUSH_WRITTEN.
void flush_waiters_add(struct flush_waiters *a, int fd);
// How many wait to be told FLUSH_WRITTEN.
size_t flush_waiters_unwritten(const struct flush_waiters *a);
// All that was taken before is in the record; `waited` exchanges have ever waited for a report.
void flush_waiters_written(struct flush_waiters *a, uint64_t waited);
// Of those that waited for a report the first `over` do not any more.
void flush_waiters_reported(struct flush_waiters *a, uint64_t over);
// Closes all.
void flush_waiters_deinit(struct flush_waiters *a);
