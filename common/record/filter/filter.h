// SPDX-License-Identifier: MIT
// The filter language, which selects recorded exchanges (docs/filters.md):
//   status>=500 method=POST path~^/api not (host=web or body~"invoice") since=10m
#pragma once
#include <stdio.h>
#include "common/record/record.h"

struct filter;

enum {
    FILTER_TEXT_MAX = 4096, // bytes of a filter
    FILTER_TERMS_MAX = 256, // comparisons
    FILTER_DEPTH_MAX = 64,  // nested parentheses and nots
};

// A mistake in a filter: bytes [at, at + len) of its text.
struct filter_mistake {
    size_t at, len;
    char message[160];
};

// Parses a filter. Durations count back from `now_ns` (since 1970). An empty text matches
// everything. The text may be freed afterwards. NULL: `mistake` says what is wrong.
struct filter *filter_new(struct slice text, int64_t now_ns, struct filter_mistake *mistake);
void filter_free(struct filter *f);

// Prints a mistake: the text, carets below what is wrong, and "PROGRAM: MESSAGE".
void filter_explain(FILE *out, const char *program, struct slice text,
                    const struct filter_mistake *mistake);

// Necessary conditions of every match, which let a query skip the rest. Empty or INT64_MIN/MAX: no
// condition.
struct filter_bounds {
    int64_t since_ns, until_ns; // of began_ns, both inclusive
    struct slice id;            // the whole id, or its beginning
    bool id_ends;               // ids that end with `id` match too
};
struct filter_bounds filter_bounds(const struct filter *f);

// An exchange to match. `body` returns a decoded body as far as it is kept; called only when the
// filter depends on it.
struct filter_subject {
    const struct record_exchange *x;
    struct slice (*body)(void *ctx, enum record_side side);
    void *ctx;
};
bool filter_match(const struct filter *f, const struct filter_subject *subject);
