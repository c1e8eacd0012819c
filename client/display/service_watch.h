// SPDX-License-Identifier: MIT
// Says when nothing is there to forward to, why, and when something is again. It looks once at the
// start, and else only while nothing is there: never while the service answers.
#pragma once
#include "common/io/dial.h"
#include "console.h"
#include "proto/http/authority.h"

enum {
    SERVICE_LOOK_FIRST_MS = 250, // until it looks again; each time twice as long, up to
    SERVICE_LOOK_MOST_MS = 2000
};

enum service_state {
    SERVICE_UNKNOWN,  // waits for the first look
    SERVICE_UP,       // waits for an exchange that finds nothing there
    SERVICE_DOUBTFUL, // an exchange found nothing there: waits for a look at it
    SERVICE_DOWN      // was told: waits for a look that finds it, or an exchange that it answers
};

struct service_watch {
    struct exchange_observer observer; // hears how exchanges end
    struct loop *loop;
    struct console *console;
    struct dial_target target;
    struct dial *dial;        // NULL: none
    struct timeout again;     // until the next look
    uint32_t wait_ms;         // that comes behind it
    char name[AUTHORITY_MAX]; // HOST:PORT, for people
    bool was_up;              // ever
    enum service_state state;
};

void service_watch_init(struct service_watch *w, struct loop *l, struct console *console,
                        const struct dial_target *target);
// Looks for the first time.
void service_watch_start(struct service_watch *w);
void service_watch_deinit(struct service_watch *w);
