// SPDX-License-Identifier: MIT
// Lines for people at terminals: columns, sizes, durations, local times, colours.
#pragma once
#include <stdio.h>
#include "bits.h"
#include "common/output.h"

enum {
    TEXT_NUMBER_MAX = 48, // of a number with its unit
    TEXT_TIME_MAX = 40,
};

// "64 B", "4.0 KiB"; "12.3 ms", "1.23 s", and "-" for what did not happen (below 0); times as
// "2026-01-31 12:00:01", which is as wide when there is none.
const char *text_size(uint64_t bytes, char out[static TEXT_NUMBER_MAX]);
const char *text_duration(int64_t ns, char out[static TEXT_NUMBER_MAX]);
const char *text_local_time(int64_t ns, char out[static TEXT_TIME_MAX]);

// The "s" behind a noun of which there are so many.
static inline const char *text_plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

// Columns that write_safe of it takes on a terminal.
size_t text_columns(struct slice s);
// write_safe of as much as fits into this many columns, "…" at its end when something is left out.
// Returns the columns taken.
size_t text_cut(FILE *out, struct slice s, size_t columns);

// How wide the terminal is; 0 when it is none.
size_t text_terminal(FILE *out);
// Whether to use colours: on a terminal, unless NO_COLOR is set.
bool text_has_colours(FILE *out);

// The sequence that begins a colour, or (TEXT_PLAIN) ends it; empty without `colours`.
const char *text_colour(bool colours, enum text_colour colour);
