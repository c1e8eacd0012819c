// SPDX-License-Identifier: MIT
// Prints the URL, a line per exchange that has ended, and one more for each that lasts. Nobody
// waits for who reads it (common/base/writer.h).
#pragma once
#include "common/base/writer.h"
#include "exchange_line.h"

enum {
    ZONE_MAX = 16
};

struct console {
    struct writer *out;
    struct exchange_observer observer; // prints the lines of those that end
    struct line_place place;
    bool terminal;
    int64_t second; // that `clock` shows
    char clock[40];
};

// False when out of memory.
bool console_init(struct console *c);
void console_deinit(struct console *c);
// Looks again how wide the terminal is. It does so by itself once a second, when lines come.
void console_resized(struct console *c);
// The zone of the times on a terminal, like "UTC+01:00"; empty where each time has its own.
void console_zone(const struct console *c, char out[static ZONE_MAX]);
void console_line(struct console *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Makes the line of an exchange that has ended, safe, without its line feed.
void console_exchange(struct console *c, const struct exchange *x, enum exchange_outcome why,
                      struct line *l);
// Prints the line of one that goes on; `status`: 0 when there is none yet.
void console_running(struct console *c, const struct exchange *x, unsigned status);
// Prints lines that stay together; each ends with a line feed and is safe to show: our own colours
// pass at a terminal (console_colours). They are printed whole or not at all.
void console_block(struct console *c, struct slice lines);
// Whether lines have colours.
bool console_colours(const struct console *c);
