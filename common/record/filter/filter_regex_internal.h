// SPDX-License-Identifier: MIT
// What the parts of the expressions share: reading one (filter_regex_parse.c), looking for it
// (filter_regex.c).
#pragma once
#include "filter_regex.h"

enum {
    REGEX_WORDS = REGEX_POSITIONS / 64
};

struct regex_set {
    uint64_t words[REGEX_WORDS];
};

// What stands at a position.
enum regex_kind {
    REGEX_BYTE,       // a byte of a set
    REGEX_LINE_BEGIN, // these are between two bytes
    REGEX_LINE_END,
    REGEX_TEXT_BEGIN,
    REGEX_TEXT_END,
    REGEX_WORD_BEGIN,
    REGEX_WORD_END,
    REGEX_WORD_EDGE,
    REGEX_NO_WORD_EDGE,
};

struct regex_position {
    enum regex_kind kind;
    uint64_t bytes[4];       // of REGEX_BYTE: which
    struct regex_set follow; // what may come next
};

// What an expression is: positions, those that a match begins and ends with.
struct regex_program {
    struct regex_position positions[REGEX_POSITIONS];
    size_t count;
    bool nullable; // nothing is a match too
    struct regex_set first, last;
};

static inline void regex_put(struct regex_set *s, size_t at)
{
    s->words[at / 64] |= 1ULL << at % 64;
}

static inline void regex_join(struct regex_set *s, const struct regex_set *more)
{
    for (size_t i = 0; i < REGEX_WORDS; i++)
        s->words[i] |= more->words[i];
}

static inline bool regex_has_byte(const uint64_t bytes[4], unsigned char c)
{
    return bytes[c / 64] >> c % 64 & 1;
}

static inline bool regex_is_word(unsigned char c)
{
    return (c >= '0' && c <= '9') || (ascii_lower((char)c) >= 'a' && ascii_lower((char)c) <= 'z') ||
           c == '_';
}

// False: more than REGEX_POSITIONS.
bool regex_parse(struct regex_program *p, struct slice source, bool without_case);
