// SPDX-License-Identifier: MIT
// Prints a line when the service cannot be reached, with the reason, and another one when it can be
// reached again. Probes the service at the start, and after an exchange could not connect, until it
// is reached: a service that answers is never probed.
#pragma once
#include "common/io/dial.h"
#include "console.h"

enum {
    SERVICE_PROBE_FIRST_MS = 250, // between two probes; doubles each time, up to
    SERVICE_PROBE_MAX_MS = 2000
};

enum service_state {
    SERVICE_UNKNOWN,  // waits for the first probe
    SERVICE_UP,       // waits for an exchange that cannot connect
    SERVICE_DOUBTFUL, // an exchange could not connect: waits for a probe to confirm that
    SERVICE_DOWN      // printed: waits for a probe that connects, or an exchange that is answered
};

struct service_watch {
    struct exchange_observer observer;
    struct loop *loop;
    struct console *console;
    struct dial_target target;
    unsigned proxy_version;     // that the service expects a PROXY header of; 0: none. The owner's
    struct dial *dial;          // of the probe that runs, or NULL
    struct timeout probe_timer; // until the next probe
    uint32_t wait_ms;           // before the next probe
    char name[DIAL_NAME_MAX];   // for messages
    bool was_up;                // ever
    enum service_state state;
};

void service_watch_init(struct service_watch *w, struct loop *l, struct console *console,
                        const struct dial_target *target);
// Probes for the first time.
void service_watch_start(struct service_watch *w);
// Stops probing.
void service_watch_deinit(struct service_watch *w);
