// SPDX-License-Identifier: MIT
// Keeps names and their owners over a restart of the relay (docs/protocol.md §5). Changes are
// appended to a file, which is replaced as a whole when it has grown too long. Threads of libuv's
// pool write, at most NAME_STORE_DELAY_MS after a change; the loop never waits for them. The file
// is not synced: it survives the process, however that ends, and after a power failure the agents
// are back before anyone could take their names.
#pragma once
#include "common/base/state.h"
#include "proto/buf.h"
#include "routes.h"

enum {
    NAME_STORE_DELAY_MS = 250,
    NAME_STORE_RETRY_MS = 5000,  // after a write that failed
    NAME_STORE_ALIVE_MS = 60000, // between updates of the file's time while no name changes
    NAME_STORE_OUTAGE_S = 3600,  // names that had agents in an older file are not held any more
    NAME_STORE_NAMES = 65536,    // that a file may have even if fewer tunnels are allowed now
    NAME_STORE_SLACK = 1024      // lines that the file may have beyond two for each name
};

// Embedded; zero is closed.
struct name_store {
    struct routes *routes; // NULL: nothing is kept
    uv_timer_t timer;      // until the next write
    uv_work_t work;
    struct buf changes;    // lines that are not in the file
    struct buf writing;    // lines that the thread writes
    size_t lines;          // in the file and in both of these
    bool changed;          // there is something to write
    bool soon;             // the timer runs for less than NAME_STORE_ALIVE_MS
    bool replace;          // the next write replaces the file
    bool replacing;        // the write under way does
    bool busy;             // the thread is writing
    bool failing;          // the last write failed, and that was logged
    int error;             // of the thread: 0 or errno
    int lock;              // a descriptor, or -1
    int64_t stamp_ns;      // time of the last write, as both the file and the lock say it
    struct stat last_stat; // of the file, after the last write
    char dir[STATE_PATH_MAX];
};

// Restores the names in this directory's file, then keeps the file up to date. Each route is held
// for its owner for gone_ms, counted from the time when its agent left, or from now if the agent
// was connected; names whose time is over are dropped, as are all that had an agent in a file older
// than NAME_STORE_OUTAGE_S. A damaged file is logged and renamed. Where another relay uses the
// directory, nothing is kept.
void name_store_open(struct name_store *s, struct routes *routes, const char *dir);
// Writes what is pending and stops: later changes of routes are not kept.
void name_store_close(struct name_store *s);
