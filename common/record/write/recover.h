// SPDX-License-Identifier: MIT
// Indexes the spools of programs that have ended without doing so: were killed, or had no time.
#pragma once
#include <stdbool.h>

struct record_recovery {
    bool waits;    // for another process that recovers, as long as it gets on
    bool as_owner; // root indexes with the rights of the spools' owner, which all threads
                   // of the process have meanwhile
    bool (*stops)(void *ctx);                      // asked between two batches; NULL: never
    void (*progress)(void *ctx, unsigned percent); // told after each batch; NULL: nobody
    void (*broken)(void *ctx); // told of each spool that lacked events, or had damaged ones;
                               // NULL: nobody
    void *ctx;
};

enum {
    RECOVER_POLL_MS = 20,        // between two attempts, while another process recovers
    RECOVER_STANDSTILL_MS = 5000 // one that does not get on for this long is not waited for
};

// Brings everything that dead programs left in the spools of this state directory into its record.
// Changes nothing if there is no such spool. Returns SQLITE_OK, SQLITE_INTERRUPT (it was stopped),
// SQLITE_BUSY (another process does so already), SQLITE_MISMATCH (a spool is another version's), or
// another SQLite error; what could not be indexed stays.
int record_recover(const char *dir, const struct record_recovery *r);
