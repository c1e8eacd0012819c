// SPDX-License-Identifier: MIT
// The source of choices in a test: a seed, or the bytes of a fuzzer.
#pragma once
#include "proto/bytes.h"

struct chance {
    uint64_t state;
    const uint8_t *bytes; // NULL: choices come from the seed
    size_t len, at;
};

struct chance chance_of_seed(uint64_t seed);
struct chance chance_of_bytes(const uint8_t *bytes, size_t len);

// Whether the bytes are used up; all further choices are 0. Never with a seed.
bool chance_is_over(const struct chance *c);

// A number below `n`, which is 1 to 2³².
uint32_t chance_below(struct chance *c, uint64_t n);

static inline bool chance_one_in(struct chance *c, uint32_t n)
{
    return chance_below(c, n) == n - 1;
}

// Eight bytes of the body with this `key`, the first one lowest: those from 8 * `place` on.
static inline uint64_t pattern_word(uint64_t key, uint64_t place)
{
    uint64_t x = (place + key * 0x9e3779b97f4a7c15u + 1) * 0xff51afd7ed558ccdu;
    return x ^ x >> 33;
}

// The byte at `offset` of the body: bodies are generated and verified by it.
static inline uint8_t pattern_byte(uint64_t key, uint64_t offset)
{
    return (uint8_t)(pattern_word(key, offset / 8) >> (offset % 8 * 8));
}

void pattern_write(uint8_t *out, size_t len, uint64_t key, uint64_t offset);
bool pattern_is(const void *bytes, size_t len, uint64_t key, uint64_t offset);
