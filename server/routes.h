// SPDX-License-Identifier: MIT
// Which agent answers for which name, and which names' agents have just gone (docs/protocol.md §5).
#pragma once
#include "common/loop.h"
#include "names.h"

struct agent;
struct route;

enum {
    ROUTE_BUCKETS = 4096,
    ROUTE_OWNER_DIGITS = 64 // of the SHA-256 of an owner's key, hexadecimal
};

struct routes {
    struct loop *loop;
    struct route *buckets[ROUTE_BUCKETS];
    size_t count;
    // Told of every route that gets an agent, loses it, or is about to be forgotten: then it is
    // neither reserved nor has it an agent. NULL: nobody is.
    void (*changed)(void *ctx, const struct route *r);
    void *ctx;
};

struct route {
    struct route *next;       // in its bucket
    struct route *agent_next; // of the same agent
    struct routes *table;
    struct agent *agent; // NULL: gone
    uint64_t bind_id;    // by which the agent knows it
    char bind_text[24];  // the same
    struct timeout gone;
    bool reserved;  // for its owner, while its agent is gone
    int64_t gone_s; // since 1970, when its agent left
    char owner[ROUTE_OWNER_DIGITS + 1];
    char name[NAME_MAX_BYTES + 1];
};

void routes_init(struct routes *t, struct loop *l);
void routes_deinit(struct routes *t);

// The route of a normalised name, or NULL.
struct route *routes_find(const struct routes *t, const char *name);

// A new route of a normalised name that has none, without agent. NULL when out of memory.
struct route *routes_add(struct routes *t, const char *name);

// The agent of this route has left. Its name answers "gone" for a while; `reserve` keeps it for its
// owner meanwhile.
void routes_leave(struct route *r, bool reserve);
// The same for one whose agent left at that time, in seconds since 1970, and who has told already.
void routes_hold(struct route *r, int64_t gone_s);
// It has got its agent.
void routes_taken(struct route *r);
void routes_forget(struct route *r);
void routes_forget_all(struct routes *t);
