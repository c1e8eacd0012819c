// SPDX-License-Identifier: MIT
// Names and their owners, kept over a restart of the relay (docs/protocol.md §5): a file of lines
// that grows by what changes and is replaced as a whole when it has grown too long. Threads of
// libuv's pool write it, at most NAME_STORE_DELAY_MS after a change, and the loop waits for none.
// It is not synced: what has been written outlives the process, however that ends, and after a
// power failure the agents are back before anybody could miss the names.
#pragma once
#include "common/base/state.h"
#include "proto/buf.h"
#include "routes.h"

enum {
    NAME_STORE_DELAY_MS = 250,
    NAME_STORE_RETRY_MS = 5000,  // after what could not be written
    NAME_STORE_ALIVE_MS = 60000, // between two times in the file when nothing else changes
    NAME_STORE_OUTAGE_S =
        3600, // that a relay may be away before agents that were there count as gone
    NAME_STORE_NAMES = 65536, // of which a file is read, when fewer tunnels may be
    NAME_STORE_SLACK = 1024   // lines that the file may have besides two for each name
};

// Embedded; zero is closed.
struct name_store {
    struct routes *routes; // NULL: nothing is kept
    uv_timer_t delay;
    uv_work_t work;
    struct buf changes; // lines that are not in the file
    struct buf writing; // what the thread has
    size_t lines;       // in the file and in both of these
    bool changed;       // there is something to write
    bool soon;          // it is written within NAME_STORE_RETRY_MS
    bool whole;         // and it replaces the file
    bool writes_whole;  // this one does
    bool busy;          // the thread writes
    bool failing;       // the last write did, and that was told
    int error;          // of the thread: 0 or errno
    int lock;           // a file, or -1
    int64_t stamp_ns;   // when the file was written last, as it says itself, and the lock
    struct stat left;   // the file as we have left it
    char dir[STATE_PATH_MAX];
};

// Takes back the names that the file in this directory has: their routes are held for their owners
// as if their agents had left now, but for those that left longer ago than that lasts, or were
// there in a file that is older than NAME_STORE_OUTAGE_S. What is wrong with the file is told, and
// it is put aside. Then keeps it up to date.
void name_store_open(struct name_store *s, struct routes *routes, const char *dir);
// Writes what is left and stops keeping: what happens to routes from here on is not in the file.
void name_store_close(struct name_store *s);
