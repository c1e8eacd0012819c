// SPDX-License-Identifier: MIT
// Counts per key (an address, an owner), so that a bounded resource is shared out fairly.
#pragma once
#include <stdint.h>
#include "proto/bytes.h"

enum {
    SHARE_KEY_MAX = 64
};

struct shares;

// The count of one key. Freed when it drops to 0.
struct share {
    struct share *next; // in its bucket
    struct shares *table;
    size_t count;
    size_t weight; // scratch for callers that compare keys
    uint8_t key_len;
    unsigned char key[SHARE_KEY_MAX];
};

// Embedded; zero-initialised is empty. Holds no memory when empty.
struct shares {
    struct share **buckets;
    size_t bucket_count; // a power of two, or 0
    size_t keys;         // with a count above 0
    size_t count;        // sum over all keys
    uint64_t seed;       // of the hash; random where strangers choose keys
};

// Returns the share of a key, or NULL when its count is 0.
struct share *shares_find(const struct shares *t, struct slice key);
// Returns the count of a key.
size_t shares_count(const struct shares *t, struct slice key);
// Adds 1 to a key's count; to be undone by shares_leave. NULL: out of memory, or the key is longer
// than SHARE_KEY_MAX.
struct share *shares_enter(struct shares *t, struct slice key);
// Subtracts 1, and frees the share at 0. NULL is fine.
void shares_leave(struct share *s);
