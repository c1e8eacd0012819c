// SPDX-License-Identifier: MIT
// Flush requests that are repeated and never waited for: a reader that follows a record.
#pragma once
#include "flush.h"

// Zero-initialised. The requests that were not answered yet.
struct flush_asks {
    struct {
        int fd;
        uint32_t inode; // of the writer's socket
    } list[FLUSH_WRITERS_MAX];
    size_t count;
};

// Asks all writers of the record in `dir`, but those that have yet to answer. Never blocks.
void flush_asks_repeat(struct flush_asks *a, const char *dir);
// Ends the requests that are answered: a writer hurries while a reader waits for reports, too.
void flush_asks_close_answered(struct flush_asks *a);
// Closes the connections.
void flush_asks_deinit(struct flush_asks *a);
