// SPDX-License-Identifier: MIT
// Options that are comparisons of a filter (docs/filters.md), spelt as other programs spell them:
// --status 500 is status=500. All of them must hold, and so must the filter given in words.
#pragma once
#include <getopt.h>
#include <stdbool.h>
#include "common/record/filter/filter.h"

// The comparisons so far, as the text of a filter. Zeros are none.
struct filter_flags {
    char text[FILTER_TEXT_MAX + 1];
    size_t len;
    bool too_long; // something was left out of `text`
};

// An entry of zeros ends them. Their values are control characters.
extern const struct option filter_flags_options[];
extern const char filter_flags_help[];

// Adds the comparison of one option. False: the option is none of these.
bool filter_flags_take(struct filter_flags *flags, int option, const char *value);
