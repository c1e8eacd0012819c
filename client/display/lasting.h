// SPDX-License-Identifier: MIT
// Tells of an exchange that lasts that it has begun: a line when it switches protocols, when an
// event stream begins, and else when it is not over within CONSOLE_LASTS_MS. The line of its end is
// the one of every exchange.
#pragma once
#include "common/io/loop.h"
#include "console.h"

enum {
    CONSOLE_LASTS_MS = 2000
};

struct lasting {
    struct exchange_observer observer;
    struct loop *loop;
    struct console *console;
};

void lasting_init(struct lasting *w, struct loop *l, struct console *console);
