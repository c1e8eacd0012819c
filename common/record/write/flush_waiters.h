// SPDX-License-Identifier: MIT
// The readers that wait for a writer's replies (flush.h), in the record writer's thread. There are
// at most FLUSH_WAITERS_MAX; readers that only wait for reports make way for new ones.
#pragma once
#include <stdint.h>
#include "common/record/flush.h"

struct flush_waiter {
    int fd;
    uint64_t until;      // the `over` of flush_waiters_reported at which FLUSH_REPORTED is sent;
                         // UINT64_MAX: FLUSH_WRITTEN was not sent yet
    uint64_t begin, end; // in bytes of the spool that are indexed: at the request, and at the reply
    int percent;         // that was sent; -1: none
    uint64_t percent_ms; // when it was sent
};

struct flush_waiters {
    struct flush_waiter list[FLUSH_WAITERS_MAX];
    size_t count;
};

// Takes ownership of a reader's connection. It waits from `begin` bytes indexed until `end`. Fewer
// than FLUSH_WAITERS_MAX may be unwritten.
void flush_waiters_add(struct flush_waiters *f, int fd, uint64_t begin, uint64_t end);
// The number of readers that wait for FLUSH_WRITTEN, though no longer once so many bytes are
// indexed.
size_t flush_waiters_ready(const struct flush_waiters *f, uint64_t indexed);
// Tells the others how far that is; but each every FLUSH_PROGRESS_MS only, by the caller's clock,
// and never less than before.
void flush_waiters_progress(struct flush_waiters *f, uint64_t indexed, uint64_t now_ms);
// Sends FLUSH_WRITTEN to those that are ready. `waited`: how many exchanges have begun to wait for
// a report, ever.
void flush_waiters_written(struct flush_waiters *f, uint64_t indexed, uint64_t waited);
// The first `over` of these exchanges no longer wait. Sends FLUSH_REPORTED to the readers that
// depend on no other.
void flush_waiters_reported(struct flush_waiters *f, uint64_t over);
// Drops readers that were sent FLUSH_WRITTEN and have left: traffic needs their descriptors.
void flush_waiters_drop_left(struct flush_waiters *f);
// Closes all connections.
void flush_waiters_deinit(struct flush_waiters *f);
