// SPDX-License-Identifier: MIT
// Caps the visitors' connections, in total and per address, and chooses the one to evict when a
// new one finds no place.
#pragma once
#include "common/base/client_address.h"
#include "common/base/limits.h"
#include "common/base/shares.h"
#include "proto/list.h"

struct conn;
struct admission_place;

// The verdict on a new connection. One above a cap gets a spare place, so that its request can be
// answered with 429 or 503, or be served if it brings an agent.
enum admission_verdict {
    ADMIT_SERVED,
    ADMIT_TOO_MANY, // over the cap of its address: 429
    ADMIT_FULL,     // over the total: 503
};

// Embedded; zero but for `evict` is empty.
struct admission {
    struct shares shares; // every open connection, lingering ones included
    struct list idle;     // served and without a running exchange, longest idle first
    struct list spare;    // above a cap, oldest first
    size_t spares;        // length of that
    // Ends a connection at once. False: the connection may not end now; one on a spare place always
    // may.
    bool (*evict)(struct admission_place *p);
};

// The place of one connection.
struct admission_place {
    struct admission *admission;
    struct list *list; // that contains the place, or NULL
    struct list_link in_list;
    struct share *share; // NULL: evicted, no longer counted
    enum admission_verdict verdict;
    // Set by the place's owner.
    void *owner; // NULL: the connection lingers
    void (*end)(void *owner);
    struct conn *conn; // NULL: the socket is none yet
};

// Makes a place for a new connection, idle to begin with. When the total is reached, evicts the
// longest-idle connection; when the spare places are taken too, the oldest of these; when an
// address has used up its own spare places, the oldest of its own. `address` NULL: counts in total
// only. Returns NULL when out of memory.
struct admission_place *admission_enter(struct admission *a, const struct limits *limits,
                                        const struct client_address *address);
// Tries again to serve a connection that found the total reached: its request is complete now, and
// a place may have become free or evictable.
void admission_retry(struct admission_place *p, const struct limits *limits);
// Frees the place of a connection that is gone, or is counted elsewhere from now on. NULL is fine.
void admission_leave(struct admission_place *p);
// No exchange runs on the connection from now on: it becomes the last in line to be evicted.
void admission_set_idle(struct admission_place *p);
// An exchange runs: the connection is not evicted.
void admission_set_busy(struct admission_place *p);

// The most connections, or requests through a trusted proxy, of one address at once.
uint32_t admission_cap(const struct limits *l, const struct client_address *address);

// Fits the limits to the files that the process may open (RLIMIT_NOFILE), `files` per visitor:
// lowers the limit of visitors, and with `tunnels` sets that of agents' connections, so that enough
// files are left for everything else.
void admission_fit_files(struct limits *l, unsigned files, bool tunnels);
