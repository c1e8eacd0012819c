// SPDX-License-Identifier: MIT
// A line on stderr while a command takes long, for people at a terminal.
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct progress {
    uint64_t began_ns, shown_ns; // clock_ns; shown_ns 0: the line is not shown
    bool wanted;                 // stderr is a terminal
};

void progress_begin(struct progress *p);
// Shows a count of exchanges, but not in the first second.
void progress_show(struct progress *p, uint64_t exchanges);
// Shows the line, but not in the first `after_ms`, and at most five times a second.
void progress_show_line(struct progress *p, const char *line, unsigned after_ms);
// Removes the line.
void progress_end(struct progress *p);
