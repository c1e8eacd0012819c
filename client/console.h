// SPDX-License-Identifier: MIT
// What `adit http` prints: the URL, and one line per exchange. Written out once per turn of the
// loop.
#pragma once
#include "common/exchange.h"
#include "common/loop.h"

struct console {
    struct loop *loop;
    struct loop_task flush;
    struct exchange_observer observer;
    int64_t second; // that `clock` shows
    char clock[16];
};

void console_init(struct console *c, struct loop *l);
void console_line(struct console *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
