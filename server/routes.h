// SPDX-License-Identifier: MIT
// The table of names: the agent that serves each name, and the names that are held for their owners
// after their agents have left (docs/protocol.md §5).
#pragma once
#include "common/base/shares.h"
#include "common/exchange/exchange.h"
#include "common/io/loop.h"
#include "names.h"
#include "proto/list.h"

struct agent;
struct route;

enum {
    ROUTE_BUCKETS = 4096,
    ROUTE_OWNER_DIGITS = 64, // hexadecimal, of the SHA-256 of an owner's key
    // Classes of names without an agent, by increasing protection from eviction. Class 0: left for
    // good. Then by the time for which the owner had an agent for the name: less than 1 s, 2 s, 4 s
    // and so on. The last one: for gone_ms or longer, evicted for the owner's other names only.
    ROUTE_GONE_KEPT = 9,
    ROUTE_GONE_CLASSES
};

// Embedded; the callbacks may be set after routes_init.
struct routes {
    struct loop *loop;
    uint64_t seed; // of hashes
    struct route *buckets[ROUTE_BUCKETS];
    size_t count;
    struct shares owners;                 // names by owner
    struct shares addresses;              // names by address, of those that have a share
    struct list gone[ROUTE_GONE_CLASSES]; // names without an agent, longest gone first
    // Called when a route has got or lost its agent, and before a route is freed, which then has no
    // agent and is not reserved. May be NULL.
    void (*changed)(void *ctx, const struct route *r);
    void *ctx;
    // Called before `changed` when a name stops being held for its owner; `why` is for the log. May
    // be NULL.
    void (*given_up)(void *given_up_ctx, const struct route *r, const char *why);
    void *given_up_ctx;
};

struct route {
    struct route *next;       // in its bucket
    struct route *agent_next; // of the same agent
    struct routes *table;
    struct agent *agent;                 // NULL: gone
    uint64_t bind_id;                    // of the bind message that got the name
    enum exchange_record record;         // the most that its last agent allowed
    struct timeout gone;                 // until the name is given up
    struct list_link in_gone;            // of its class
    int8_t gone_class;                   // -1: in none
    struct share *of_owner, *of_address; // that count the name; of_address may be NULL
    uint64_t agent_since_ms;             // when the agent came
    uint64_t served_ms;                  // for which the owner had agents before
    bool reserved;                       // held for the owner while there is no agent
    int64_t gone_s;                      // since 1970: when the agent left
    bool legacy_owner; // the owner's agent sent its key unchanged (docs/protocol.md §2)
    char owner[ROUTE_OWNER_DIGITS + 1];
    char name[NAME_MAX_BYTES + 1];
};

// `seed` must be random: with a known one, names could be chosen to share a bucket.
void routes_init(struct routes *t, struct loop *l, uint64_t seed);
void routes_deinit(struct routes *t);

// The route of a normalised name, or NULL.
struct route *routes_find(const struct routes *t, const char *name);

// The owner and the address that a name counts for.
struct route_holder {
    const char *owner;    // ROUTE_OWNER_DIGITS
    struct slice address; // its key (client_address_key); empty: it has no share
};

// Adds a normalised name that is not in the table, without agent. NULL when out of memory.
struct route *routes_add(struct routes *t, const char *name, const struct route_holder *holder);
// Changes the owner. False, and nothing has changed, when out of memory.
bool routes_give(struct route *r, const struct route_holder *holder);
// The owner is back, perhaps with another value of `owner` or from another address: counts the name
// for that owner, and for the address if it counted for none. Out of memory it counts as before.
void routes_update_holder(struct route *r, const struct route_holder *holder);

// Evicts one name without agent, among those of these shares (NULL: of all): one that was left for
// good; else the one with the most names of its owner or address and the shortest time of service,
// each counted in doublings; of equals the longest gone. Names of class ROUTE_GONE_KEPT are evicted
// only with `of_owner`. Compares a bounded number of each class. False when there is none.
bool routes_make_room(struct routes *t, const struct share *of_owner,
                      const struct share *of_address);
// Makes room for one more name of this holder: among its own when its owner or its address has as
// many as allowed, among all when the table is full and the name `is_new`. Returns NULL, or a
// sentence for people that says why there is no room.
const char *routes_make_room_for(struct routes *t, const struct route_holder *holder, bool is_new);

// The route's agent is set. Ends its time without one.
void routes_agent_came(struct route *r);
// The route's agent has left. The name answers 503 "gone" for gone_ms; `reserve` also holds it for
// its owner.
void routes_agent_left(struct route *r, bool reserve);
// After a restart: holds a new route whose agent left at `gone_s` (since 1970) for gone_ms from now
// on. `kept`: in class ROUTE_GONE_KEPT. Does not call `changed`.
void routes_restore_gone(struct route *r, int64_t gone_s, bool kept);

// Removes and frees a route, or all of them, after a call of `changed`.
void routes_forget(struct route *r);
void routes_forget_all(struct routes *t);
