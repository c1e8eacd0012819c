// SPDX-License-Identifier: MIT
// Regular expressions (POSIX extended, over bytes), looked for in one pass over a text whatever
// stands in it: all that a match could have come to is a set of at most REGEX_POSITIONS, and each
// byte makes another one of it. Sets that come again are remembered, in bounded memory.
#pragma once
#include "proto/bytes.h"

struct filter_regex;

enum {
    REGEX_POSITIONS = 256, // of bytes, classes, . and anchors, with what is repeated as often
    REGEX_STATES = 512,    // sets that are remembered
    REGEX_CACHE_MIN_BYTES =
        16 << 10, // sets that last no longer than so many bytes are not worth it
};

// `source` is one that regcomp takes, without references back. NULL: out of memory, or more than
// REGEX_POSITIONS.
struct filter_regex *filter_regex_new(struct slice source, bool without_case);
void filter_regex_free(struct filter_regex *r);
// Whether there is a match anywhere in the text.
bool filter_regex_found(struct filter_regex *r, struct slice text);
