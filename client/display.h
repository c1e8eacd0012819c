// SPDX-License-Identifier: MIT
// All that a command shows of its exchanges on standard output: a line each, or all of them with
// --print-bodies, and the table of paths.
#pragma once
#include "bodies.h"
#include "tally.h"

struct display {
    struct console console;
    struct bodies bodies;
    struct tally tally;
    const struct exchange_observer *observer; // the first of its own: an observer of somebody else
                                              // stands before it, with this as its `next`
};

// False when out of memory.
bool display_init(struct display *d, bool print_bodies);
void display_deinit(struct display *d);
// Prints the table of paths.
void display_table(struct display *d);
