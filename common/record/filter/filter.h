// SPDX-License-Identifier: MIT
// The language in which exchanges are asked for (docs/filters.md):
//   status>=500 method=POST path~^/api not (host=web or body~"invoice") since=10m
#pragma once
#include <stdio.h>
#include "common/record/record.h"

struct filter;

enum {
    FILTER_TEXT_MAX = 4096, // bytes of a filter
    FILTER_TERMS_MAX = 256, // comparisons in it
    FILTER_DEPTH_MAX = 64,  // parentheses and nots inside each other
};

// What is wrong with a filter: bytes [at, at + len) of its text.
struct filter_mistake {
    size_t at, len;
    char message[160];
};

// Parses. `now_ns` (since 1970) is what durations are counted back from. An empty text matches
// everything. NULL when it is no filter; `mistake` then says why.
struct filter *filter_new(struct slice text, int64_t now_ns, struct filter_mistake *mistake);
void filter_free(struct filter *f);

// Writes the mistake as people want it: the text, a caret under what is wrong, the message; lines
// end with a line feed.
void filter_explain(FILE *out, const char *program, struct slice text,
                    const struct filter_mistake *mistake);

// What every match must have, so that a query need not look at the rest. Empty or INT64_MIN/MAX:
// not bounded.
struct filter_bounds {
    int64_t since_ns, until_ns; // of began_ns, both inclusive
    struct slice id;            // the whole id, or its beginning
    bool id_ends;               // or its end
};
struct filter_bounds filter_bounds(const struct filter *f);

// An exchange, and its bodies for who asks: decoded from its content coding, whole as far as kept.
struct filter_subject {
    const struct record_exchange *x;
    struct slice (*body)(void *ctx, enum record_side side);
    void *ctx;
};
bool filter_match(const struct filter *f, const struct filter_subject *subject);
