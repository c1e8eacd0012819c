// SPDX-License-Identifier: MIT
// The places of connections: how many there may be, in total and of each visitor's address, and
// whose gives way to another.
#pragma once
#include "common/base/client_address.h"
#include "common/base/limits.h"
#include "common/base/shares.h"

struct conn;
struct edge;
struct admission_place;

// What becomes of a new connection. Those above a cap have spare places: they hear why they are not
// served, unless they bring an agent.
enum admission_answer {
    ADMIT_SERVED,
    ADMIT_TOO_MANY, // of this address: 429
    ADMIT_FULL,     // in all: 503
};

// Connections in an order, the oldest first.
struct admission_list {
    struct admission_place *first, *last;
};

// Embedded; zero but for `let_go` is empty.
struct admission {
    struct shares shares;        // every open connection, those too that only linger
    struct admission_list idle;  // for which nothing runs
    struct admission_list spare; // above a cap
    size_t spares;               // how many these are
    // Ends a connection at once, to make room. False: it may not end now; one with a spare place
    // always may.
    bool (*let_go)(struct admission_place *p);
};

// One connection among the visitors.
struct admission_place {
    struct admission *admission;
    struct admission_list *list; // in which it is, or NULL
    struct admission_place *prev, *next;
    struct share *share; // NULL: it was let go, and counts no more
    enum admission_answer welcome;
    // Of whoever made it.
    struct edge *edge;
    struct conn *conn;
};

// A place for a new connection, idle to begin with. When all are taken, the connection that has
// been idle for longest is let go; when the spare ones are taken too, the oldest of these, and of
// an address that has its share the oldest of its own. `address` NULL: it counts in total only.
// Returns NULL when out of memory.
struct admission_place *admission_enter(struct admission *v, const struct limits *limits,
                                        const struct client_address *address);
// One that found all places taken has its request together: it is served after all when one has
// become free meanwhile, or may be let go now.
void admission_try_again(struct admission_place *p, const struct limits *limits);
// The connection is gone, or counts elsewhere from now on. Frees the place; NULL is fine.
void admission_leave(struct admission_place *p);
// Nothing runs for it from now on: it is the last in line to be let go.
void admission_idle(struct admission_place *p);
// Something does.
void admission_busy(struct admission_place *p);

// How many connections, or requests through a trusted proxy, an address may have at once.
uint32_t admission_cap(const struct limits *l, const struct client_address *address);

// Shares out the files that the process may open: visitors, of whom each takes `files`, and, where
// agents come (`tunnels`), these, may not use up those that everything else needs. Lowers the limit
// of visitors to that, and sets that of tunnels' connections.
void admission_bound(struct limits *l, unsigned files, bool tunnels);
