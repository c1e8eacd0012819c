// SPDX-License-Identifier: MIT
// Standard output of a command that runs: a line for each exchange, and lines and blocks beside
// them. A slow reader never blocks the loop: lines are dropped and counted
// (common/base/line_writer.h).
#pragma once
#include "common/base/line_writer.h"
#include "exchange_line.h"

enum {
    ZONE_MAX = 16
};

struct console {
    struct line_writer *out;
    struct exchange_observer observer; // prints the line of each exchange that ends
    struct line_format format;
    bool terminal;
    int64_t second; // of which `clock` is the text
    char clock[40];
};

// False when out of memory.
bool console_init(struct console *c);
void console_deinit(struct console *c);
// Asks for the terminal's width again. Printing a line does so too, once a second.
void console_resized(struct console *c);
// The time zone of the lines on a terminal, like "UTC+01:00"; empty elsewhere, where each time has
// its own.
void console_zone(const struct console *c, char out[static ZONE_MAX]);
// Prints one line, made safe as line_buf_disarm does.
void console_line(struct console *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Makes the line of an exchange that has ended, safe and without a line feed.
void console_exchange(struct console *c, const struct exchange *x, enum exchange_outcome why,
                      struct line_buf *l);
// Prints the line of an exchange that runs; `status`: 0 when there is none yet.
void console_running(struct console *c, const struct exchange *x, unsigned status);
// Prints safe lines, each with its line feed, as one piece: all of them or none. Our own colours
// pass where format.colours is set.
void console_block(struct console *c, struct slice lines);
