// SPDX-License-Identifier: MIT
// Guesses of the relay's token: how often each address was wrong of late, in a table of a fixed
// size. An address that was wrong too often is slowed down: its attempts are refused unseen, but
// for one every few seconds.
#pragma once
#include "common/base/client_address.h"

enum {
    GUESSES_BURST = 10,        // wrong tokens of an address, and
    GUESSES_EVERY_MS = 3000,   // after which time one more
    GUESSES_ADDRESSES = 4096,  // that are known at once
    GUESSES_LOG_BURST = 100,   // lines about them, and
    GUESSES_LOG_EVERY_MS = 100 // after which time one more
};

struct guess;

// Embedded; zero but for the seed is empty.
struct guesses {
    struct guess *table;  // NULL until the first guess
    uint64_t seed;        // of the hash: random
    uint64_t log_full_ms; // until when lines have been used up
    uint64_t unsaid;      // guesses without a line since the last one
};

// Whether an attempt of this address is to be refused without a look at it. One that may stand for
// anybody never is.
bool guesses_are_slowed(const struct guesses *g, const struct client_address *a, uint64_t now_ms);
// An attempt of this address was wrong. It is logged with `why`: "refused ADDRESS: why".
void guesses_count(struct guesses *g, const struct client_address *a, uint64_t now_ms,
                   const char *why);
void guesses_deinit(struct guesses *g);
