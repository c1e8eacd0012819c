// SPDX-License-Identifier: MIT
// The position automaton: built by filter_regex_parse.c, run by filter_regex.c.
#pragma once
#include "filter_regex.h"

enum {
    REGEX_WORDS = REGEX_POSITIONS / 64
};

struct regex_set {
    uint64_t words[REGEX_WORDS];
};

// The kind of a position: a byte is consumed, anchors are tested between two bytes.
enum regex_kind {
    REGEX_BYTE,
    REGEX_LINE_BEGIN,
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
    uint64_t bytes[4];       // for REGEX_BYTE: the set of bytes
    struct regex_set follow; // positions that may come next
};

// A compiled expression. A match begins with a position of `first` and ends with one of `last`.
struct regex_program {
    struct regex_position positions[REGEX_POSITIONS];
    size_t count;
    bool nullable; // the empty text matches
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

// Builds the automaton. False: more than REGEX_POSITIONS.
bool regex_parse(struct regex_program *p, struct slice source, bool without_case);
