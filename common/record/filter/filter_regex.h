// SPDX-License-Identifier: MIT
// POSIX extended regular expressions over bytes, matched in one pass over the text: a simulated NFA
// whose state is a set of at most REGEX_POSITIONS positions. Sets and their transitions are cached
// in bounded memory (a lazy DFA), so that hostile text costs linear time.
#pragma once
#include "proto/bytes.h"

struct filter_regex;

enum {
    REGEX_POSITIONS = 256,            // bytes, classes, dots and anchors, repetitions expanded
    REGEX_STATES = 512,               // cached sets
    REGEX_CACHE_MIN_BYTES = 16 << 10, // a cache that fills within fewer bytes is given up
};

// Compiles an expression that regcomp accepts and that has no back-references. NULL: out of memory,
// or more than REGEX_POSITIONS.
struct filter_regex *filter_regex_new(struct slice source, bool without_case);
void filter_regex_free(struct filter_regex *r);
// Whether there is a match anywhere in the text.
bool filter_regex_found(struct filter_regex *r, struct slice text);
