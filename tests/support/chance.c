// SPDX-License-Identifier: MIT
#include "chance.h"
#include <endian.h>
#include <string.h>

enum {
    WORD = sizeof(uint64_t)
};

struct chance chance_of_seed(uint64_t seed)
{
    return (struct chance){.state = seed};
}

struct chance chance_of_bytes(const uint8_t *bytes, size_t len)
{
    return (struct chance){.bytes = bytes, .len = len};
}

bool chance_is_over(const struct chance *c)
{
    return c->bytes && c->at >= c->len;
}

// splitmix64
static uint64_t next(struct chance *c)
{
    uint64_t z = c->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

// Uses few bytes for a small range, so that an input of a fuzzer makes many choices.
static uint64_t take(struct chance *c, uint64_t n)
{
    uint64_t value = 0;
    for (uint64_t reach = 1; reach < n; reach <<= 8)
        value = value << 8 | (c->at < c->len ? c->bytes[c->at++] : 0);
    return value;
}

uint32_t chance_below(struct chance *c, uint64_t n)
{
    return (uint32_t)((c->bytes ? take(c, n) : next(c) >> 16) % n);
}

void pattern_write(uint8_t *out, size_t len, uint64_t key, uint64_t offset)
{
    size_t i = 0;
    for (; i < len && (offset + i) % WORD > 0; i++)
        out[i] = pattern_byte(key, offset + i);
    for (; i + WORD <= len; i += WORD) {
        uint64_t word = htole64(pattern_word(key, (offset + i) / WORD));
        memcpy(out + i, &word, WORD);
    }
    for (; i < len; i++)
        out[i] = pattern_byte(key, offset + i);
}

bool pattern_is(const void *bytes, size_t len, uint64_t key, uint64_t offset)
{
    const uint8_t *at = bytes;
    size_t i = 0;
    for (; i < len && (offset + i) % WORD > 0; i++)
        if (at[i] != pattern_byte(key, offset + i))
            return false;
    for (; i + WORD <= len; i += WORD) {
        uint64_t word;
        memcpy(&word, at + i, WORD);
        if (word != htole64(pattern_word(key, (offset + i) / WORD)))
            return false;
    }
    for (; i < len; i++)
        if (at[i] != pattern_byte(key, offset + i))
            return false;
    return true;
}
