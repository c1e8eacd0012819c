// SPDX-License-Identifier: MIT
#include "hash.h"
#include <xxhash.h>

uint64_t hash_bytes(struct slice bytes, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes.p, bytes.len, seed);
}
