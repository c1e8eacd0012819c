// SPDX-License-Identifier: MIT
// All that a command shows on standard output: what to do next, a line for each exchange, or all of
// it with --print-bodies, one more for each that lasts, whether there is a service, and the table
// of paths.
#pragma once
#include "exchange_dump.h"
#include "long_exchanges.h"
#include "path_stats.h"
#include "service_watch.h"

struct display {
    struct console console;
    struct exchange_dump dump;
    struct long_exchanges long_exchanges;
    struct path_stats path_stats;
    struct service_watch service;
    uv_signal_t resized;                      // the terminal
    const struct exchange_observer *observer; // the first of its own: an observer of somebody else
                                              // stands before it, with this as its `next`
};

// `loop` must outlive it; `target` is the service. False when out of memory.
bool display_init(struct display *d, struct loop *loop, const struct dial_target *target,
                  bool print_bodies);
// To be said once, behind the line with the URL: prints the commands that show what passes, with
// --data `data` if that is not NULL, unless nothing is `recorded`, and at a terminal the zone of
// the times; and looks for the service.
void display_begin(struct display *d, bool recorded, const char *data);
// Looks no more. To be said before the loop's connections are closed.
void display_stop(struct display *d);
// The loop has to run once behind it, as loop_deinit makes it.
void display_deinit(struct display *d);
// Prints the table of paths.
void display_table(struct display *d);
