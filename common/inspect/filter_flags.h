// SPDX-License-Identifier: MIT
// Options that are comparisons of a filter (docs/filters.md), for fingers that know other programs:
// --status 500 is status=500. All of them must hold, and the filter that is given in words as well.
#pragma once
#include <getopt.h>
#include <stdbool.h>
#include "common/record/filter/filter.h"

// What they make; all zero is none.
struct filter_flags {
    char text[FILTER_TEXT_MAX + 1];
    size_t len;
    bool too_long; // more was said than a filter can hold
};

// They end with an entry of zeros. Their values are control characters.
extern const struct option filter_flags_options[];
extern const char filter_flags_help[];

// Takes the value of one. False: the option is not one of these.
bool filter_flags_take(struct filter_flags *flags, int option, const char *value);
