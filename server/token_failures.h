// SPDX-License-Identifier: MIT
// Failed attempts at the relay's token, counted for each client address in a table of fixed size.
// Above a burst, attempts of that address are refused without a look at the token, except for one
// every few seconds.
#pragma once
#include "common/base/client_address.h"

enum {
    TOKEN_FAILURES_BURST = 10,        // failed attempts of an address at once, and
    TOKEN_FAILURES_EVERY_MS = 3000,   // until one more is allowed
    TOKEN_FAILURES_ADDRESSES = 4096,  // addresses in the table
    TOKEN_FAILURES_LOG_BURST = 100,   // log lines at once, for all addresses together, and
    TOKEN_FAILURES_LOG_EVERY_MS = 100 // until one more is allowed
};

struct token_failure;

// Embedded; zero but for the seed is empty.
struct token_failures {
    struct token_failure *table; // NULL until the first failure
    uint64_t seed;               // of the hash; must be random
    uint64_t log_full_ms;        // when the log's burst is available again in full
    uint64_t unlogged;           // failures since the last line that had none
};

// Whether an attempt of this address must be refused without a look at its token. Always false for
// an address that may stand for anybody, since one client could then lock out all others.
bool token_failures_exceeded(const struct token_failures *t, const struct client_address *a,
                             uint64_t now_ms);
// Counts a failed attempt of this address and logs "refused ADDRESS: why", which fail2ban reads
// (docs/operations.md). Out of memory it only logs.
void token_failures_add(struct token_failures *t, const struct client_address *a, uint64_t now_ms,
                        const char *why);
void token_failures_deinit(struct token_failures *t);
