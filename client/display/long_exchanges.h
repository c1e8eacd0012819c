// SPDX-License-Identifier: MIT
// Prints a line for a long exchange while it runs: when it switches protocols, when an event stream
// begins, and otherwise after LONG_EXCHANGE_MS. Its end gets a line like every exchange's.
#pragma once
#include "common/io/loop.h"
#include "console.h"

enum {
    LONG_EXCHANGE_MS = 2000
};

struct long_exchanges {
    struct exchange_observer observer;
    struct loop *loop;
    struct console *console;
};

void long_exchanges_init(struct long_exchanges *w, struct loop *l, struct console *console);
