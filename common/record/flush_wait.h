// SPDX-License-Identifier: MIT
// A reader's side of a flush request: asks every writer, and waits as long as they get on.
#pragma once
#include "flush.h"

enum {
    FLUSH_SHOW_MS = 250 // between two calls of `show`
};

struct flush_wait {
    bool reports;           // wait for FLUSH_REPORTED, too; a missing one is no failure
    unsigned silent_ms;     // a writer that sends nothing for this long is stuck,
    unsigned standstill_ms; // and one whose percentage does not grow for this long
    // Called every FLUSH_SHOW_MS with the least percentage of all writers; -1: one of them has not
    // sent any. 100: all have written, and reports are waited for. NULL: not called.
    void (*show)(void *ctx, int percent);
    void *ctx;
};

// Asks all writers of the record in `dir` and waits until each has written or is stuck. Since a
// percentage grows a hundred times at most, the wait has an end.
// False: a writer has not confirmed; `*pid` is its process, or 0 if unknown.
bool flush_wait(const char *dir, const struct flush_wait *how, pid_t *pid);
