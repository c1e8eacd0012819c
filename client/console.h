// SPDX-License-Identifier: MIT
// What `adit http` prints: the URL, and one line per exchange. Nobody waits for who reads it
// (common/writer.h).
#pragma once
#include "common/exchange.h"
#include "common/writer.h"

struct console {
    struct writer *out;
    struct exchange_observer observer;
    int64_t second; // that `clock` shows
    char clock[16];
};

// False when out of memory.
bool console_init(struct console *c);
void console_deinit(struct console *c);
void console_line(struct console *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
