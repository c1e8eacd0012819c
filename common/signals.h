// SPDX-License-Identifier: MIT
// The signals that a program hears on its loop: SIGINT and SIGTERM end it, SIGUSR1 asks it to say
// how things are.
#pragma once
#include "loop.h"

enum {
    SIGNALS = 3
};

// Embedded; zero watches nothing.
struct signals {
    uv_signal_t handles[SIGNALS];
    void (*heard)(void *ctx, int number);
    void *ctx;
};

// Before anything else: SIGPIPE and a SIGUSR1 that nobody watches for yet end nobody.
void signals_ignore(void);
void signals_watch(struct signals *s, struct loop *l, void (*heard)(void *ctx, int number),
                   void *ctx);
void signals_close(struct signals *s); // safe when nothing is watched
