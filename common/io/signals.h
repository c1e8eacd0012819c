// SPDX-License-Identifier: MIT
// What signals do. SIGINT, SIGTERM and SIGHUP end a program cleanly, and the relay hears SIGHUP as
// "look at your files again"; SIGUSR1 asks how things are. SIGINT and SIGHUP that were ignored when
// the program started (nohup, a shell's `adit … &` in a script) stay ignored. SIGPIPE and SIGUSR2
// mean nothing. SIGQUIT is the system's: it ends a program at once, with a core where that is on.
#pragma once
#include <signal.h>
#include "loop.h"

enum {
    SIGNALS = 4
};

// Embedded; zero watches nothing.
struct signals {
    uv_signal_t handles[SIGNALS];
    void (*heard)(void *ctx, int number);
    void *ctx;
};

// Before anything else: SIGPIPE, SIGUSR2 and a SIGUSR1 that nobody watches for end nobody.
void signals_ignore(void);
void signals_watch(struct signals *s, struct loop *l, void (*heard)(void *ctx, int number),
                   void *ctx);
// The last before loop_deinit: what is said again while a program ends changes nothing. A closed
// terminal says SIGHUP twice, once by the kernel and once by the shell. Safe when nothing is
// watched.
void signals_close(struct signals *s);

// For commands that have no loop all the time. What ends a program waits from here on.
struct signals_blocked {
    int fd; // readable when one waits
    sigset_t before;
};

bool signals_block(struct signals_blocked *h); // false: as errno says
bool signals_pending(const struct signals_blocked *h);
// What has come meanwhile is forgotten.
void signals_unblock(struct signals_blocked *h);
