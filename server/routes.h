// SPDX-License-Identifier: MIT
// Which agent answers for which name, and which names' agents have just gone (docs/protocol.md §5).
#pragma once
#include "common/base/shares.h"
#include "common/io/loop.h"
#include "names.h"
#include "proto/list.h"

struct agent;
struct route;

enum {
    ROUTE_BUCKETS = 4096,
    ROUTE_OWNER_DIGITS = 64, // of the SHA-256 of an owner's key, hexadecimal
    // Names whose agents are gone are in classes: those that were left for good; those that had
    // agents for less than a second, less than two, four, and so on; those that had for longer; and
    // last those that are kept: they make room for their owner alone.
    ROUTE_GONE_KEPT = 9,
    ROUTE_GONE_CLASSES
};

struct routes {
    struct loop *loop;
    uint64_t seed; // of the hash, that nobody may choose names that share a bucket
    struct route *buckets[ROUTE_BUCKETS];
    size_t count;
    struct shares owners;                 // names of each owner
    struct shares addresses;              // and of each address that has a share
    struct list gone[ROUTE_GONE_CLASSES]; // names whose agents are gone, longest first
    // Told of every route that gets an agent, loses it, or is about to be forgotten: then it is
    // neither reserved nor has it an agent. NULL: nobody is.
    void (*changed)(void *ctx, const struct route *r);
    void *ctx;
    // Told of a name that was held for its owner and is so no more, before `changed`: a word says
    // why. NULL: nobody is.
    void (*given_up)(const struct route *r, const char *why);
};

struct route {
    struct route *next;       // in its bucket
    struct route *agent_next; // of the same agent
    struct routes *table;
    struct agent *agent; // NULL: gone
    uint64_t bind_id;    // by which the agent knows it
    char bind_text[24];  // the same
    struct timeout gone;
    struct list_link in_gone;            // in its class
    int8_t gone_class;                   // -1: it is in none
    struct share *of_owner, *of_address; // that it counts for; NULL: for no address
    uint64_t taken_ms;                   // by the agent that it has
    uint64_t held_ms;                    // how long its owner had an agent for it before
    bool reserved;                       // for its owner, while its agent is gone
    int64_t gone_s;                      // since 1970, when its agent left
    bool legacy_owner; // its owner was known by a key that was sent as it was (docs/protocol.md §2)
    char owner[ROUTE_OWNER_DIGITS + 1];
    char name[NAME_MAX_BYTES + 1];
};

// `seed` is random.
void routes_init(struct routes *t, struct loop *l, uint64_t seed);
void routes_deinit(struct routes *t);

// The route of a normalised name, or NULL.
struct route *routes_find(const struct routes *t, const char *name);

// Whom a name counts for.
struct route_holder {
    const char *owner;    // ROUTE_OWNER_DIGITS
    struct slice address; // its key (client_address_key); empty: it has no share
};

// A new route of a normalised name that has none, without agent. NULL when out of memory.
struct route *routes_add(struct routes *t, const char *name, const struct route_holder *holder);
// Another owner gets this name. False when out of memory: nothing has changed then.
bool routes_give(struct route *r, const struct route_holder *holder);

// Its owner is back: a name that counted for another key of the same owner counts for this one from
// now on; and for this address, if it counted for none. Out of memory it counts as before.
void routes_update_holder(struct route *r, const struct route_holder *holder);

// Forgets the name that is missed least, and counts for these shares if they are not NULL: one
// whose agent is gone and had it for less than gone_ms. One that was left for good, else one of
// those that were had for the shortest time by whoever has the most names, each in doubling steps;
// of these the one that is gone for longest. Within the share of an owner it may be one that was
// had for longer, too. Of each class the longest gone are compared. False: there is none.
bool routes_make_room(struct routes *t, const struct share *of_owner,
                      const struct share *of_address);
// The same for one more name of this holder: where its owner or its address has as many as it may
// have, one of its own makes room; where all have and the name is new, anybody's. Returns NULL, or
// why there is none, a sentence for people.
const char *routes_make_room_for(struct routes *t, const struct route_holder *holder, bool is_new);

// The agent of this route has left. Its name answers "gone" for a while; `reserve` keeps it for its
// owner meanwhile.
void routes_agent_left(struct route *r, bool reserve);
// The same for one whose agent left at that time, in seconds since 1970, and who has told already.
// `kept`: it makes room for its owner alone.
void routes_restore_gone(struct route *r, int64_t gone_s, bool kept);
// It has got its agent.
void routes_agent_came(struct route *r);
void routes_forget(struct route *r);
void routes_forget_all(struct routes *t);
