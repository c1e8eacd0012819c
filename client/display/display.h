// SPDX-License-Identifier: MIT
// All that a command shows of its exchanges on standard output: a hint at the start, a line for
// each exchange (or all of it, with --print-bodies), lines of long exchanges, and the table of
// paths. A program has one.
#pragma once
#include "common/worker/worker.h"
#include "exchange_dump.h"
#include "long_exchanges.h"
#include "path_stats.h"

struct display {
    struct console console;
    struct exchange_dump dump;
    struct long_exchanges long_exchanges;
    struct path_stats path_stats;
    uv_signal_t resized; // SIGWINCH
};

// Adds the display's observers to the worker, which must outlive it. False when out of memory.
bool display_init(struct display *d, struct worker *w, bool print_bodies);
// Call once, after the line with the URL. Prints the commands that show the record, with
// --data `data` if that is not NULL, unless nothing is `recorded`; at a terminal also the zone of
// the times.
void display_begin(struct display *d, bool recorded, const char *data);
// The loop must run once more afterwards; loop_deinit does that.
void display_deinit(struct display *d);
// Prints the table of paths.
void display_table(struct display *d);
