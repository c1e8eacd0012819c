// SPDX-License-Identifier: MIT
#include "spool_format.h"
#include <stddef.h>
#include "proto/hash.h"

// The head's own fields, as the seed, are part of the hash.
uint64_t spool_batch_hash(const struct spool_batch_head *head, const void *entries)
{
    const struct slice own = slice_of((const char *)head, offsetof(struct spool_batch_head, hash));
    return hash_bytes(slice_of(entries, head->len), hash_bytes(own, 0));
}
