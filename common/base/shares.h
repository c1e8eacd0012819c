// SPDX-License-Identifier: MIT
// How many of something each address, or each owner, has: by a key of a few bytes. What is bounded
// for all together is shared out by it.
#pragma once
#include <stdint.h>
#include "proto/bytes.h"

enum {
    SHARE_KEY_MAX = 64
};

struct shares;

// What one key has. Lives as long as its count is above 0.
struct share {
    struct share *next; // in its bucket
    struct shares *table;
    size_t count;
    size_t weight; // for whoever weighs the keys against each other, meanwhile
    uint8_t key_len;
    unsigned char key[SHARE_KEY_MAX];
};

// Embedded; zero is empty, and so it is again, without memory, when all have left.
struct shares {
    struct share **buckets;
    size_t bucket_count; // a power of two, or 0
    size_t keys;         // that have something
    size_t count;        // of all together
    uint64_t seed;       // of the hash; any, where keys come from strangers a random one
};

// What this key has, or NULL: nothing.
struct share *shares_find(const struct shares *t, struct slice key);
// The same as a number.
size_t shares_count(const struct shares *t, struct slice key);
// Counts one more. To be given back by shares_leave. NULL when out of memory, or when the key is
// longer than SHARE_KEY_MAX.
struct share *shares_enter(struct shares *t, struct slice key);
// One less; NULL is fine. The last one of a key frees it.
void shares_leave(struct share *s);
