// SPDX-License-Identifier: MIT
// All that a command shows of its exchanges on standard output: a line each, or all of them with
// --print-bodies, one more for each that lasts, and the table of paths.
#pragma once
#include "bodies.h"
#include "lasting.h"
#include "tally.h"

struct display {
    struct console console;
    struct bodies bodies;
    struct lasting lasting;
    struct tally tally;
    uv_signal_t resized;                      // the terminal
    const struct exchange_observer *observer; // the first of its own: an observer of somebody else
                                              // stands before it, with this as its `next`
};

// `loop` must outlive it. False when out of memory.
bool display_init(struct display *d, struct loop *loop, bool print_bodies);
// The loop has to run once behind it, as loop_deinit makes it.
void display_deinit(struct display *d);
// Prints the table of paths.
void display_table(struct display *d);
