// SPDX-License-Identifier: MIT
// Tells of an exchange that lasts that it has begun: a line when it switches protocols, when an
// event stream begins, and else when it is not over within LONG_EXCHANGE_MS. The line of its end is
// the one of every exchange.
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
