// SPDX-License-Identifier: MIT
// Signals. SIGINT, SIGTERM and SIGHUP end a program cleanly; the relay takes SIGHUP as a request to
// reload its files. SIGUSR1 asks a program for its status. SIGPIPE and SIGUSR2 are ignored. SIGINT
// and SIGHUP that were ignored when the program started (nohup, `adit … &` in a script) stay
// ignored. SIGQUIT keeps its default: end at once, perhaps with a core dump.
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

// Called first in main: ignores SIGPIPE, SIGUSR2 and, until signals_watch, SIGUSR1.
void signals_ignore(void);
// Calls `heard` on the loop for each of SIGINT, SIGTERM, SIGHUP and SIGUSR1 from now on.
void signals_watch(struct signals *s, struct loop *l, void (*heard)(void *ctx, int number),
                   void *ctx);
// Called last before loop_deinit: from now on the watched signals are ignored, since a program that
// is ending may get them again. A closing terminal sends SIGHUP twice, from the kernel and from the
// shell. Safe when nothing is watched.
void signals_close(struct signals *s);

// For commands that do not always run a loop: SIGINT, SIGTERM and SIGHUP stay pending from
// signals_block on.
struct signals_blocked {
    int fd; // readable when a signal is pending
    sigset_t before;
};

// False on failure; errno says why.
bool signals_block(struct signals_blocked *b);
bool signals_pending(const struct signals_blocked *b);
// Drops pending signals and restores the mask.
void signals_unblock(struct signals_blocked *b);
