// SPDX-License-Identifier: MIT
// What the commands print: the URL, and one line per exchange. Nobody waits for who reads it
// (common/writer.h).
#pragma once
#include "common/exchange.h"
#include "common/writer.h"
#include "line.h"

struct console {
    struct writer *out;
    struct exchange_observer observer; // prints the lines
    int64_t second;                    // that `clock` shows
    char clock[16];
};

// False when out of memory.
bool console_init(struct console *c);
void console_deinit(struct console *c);
void console_line(struct console *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Makes the line of an exchange that has ended, safe, without its line feed.
void console_exchange(struct console *c, const struct exchange *x, enum exchange_why why,
                      struct line *l);
// Prints lines that stay together; each ends with a line feed and is safe to show. They are printed
// whole or not at all.
void console_block(struct console *c, struct slice lines);
