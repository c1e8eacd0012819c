// SPDX-License-Identifier: MIT
// Lines for people at terminals: columns, sizes, durations, local times, colours.
#pragma once
#include <stdio.h>
#include "common/base/output.h"
#include "write.h"

enum {
    TEXT_NUMBER_MAX = 48, // of a number with its unit
    TEXT_TIME_MAX = 40,
};

// "64 B", "4.0 KiB"; "12.3 ms", "1.23 s", and "-" for what did not happen (below 0); times as
// "2026-01-31 12:00:01", which is as wide when there is none.
const char *text_size(uint64_t bytes, char out[static TEXT_NUMBER_MAX]);
const char *text_duration(int64_t ns, char out[static TEXT_NUMBER_MAX]);
const char *text_local_time(int64_t ns, char out[static TEXT_TIME_MAX]);

// "2026-11-25T18:00:00.123Z" of nanoseconds since 1970 (RFC 3339).
const char *text_utc_time(int64_t ns, char out[static TEXT_TIME_MAX]);

// What a time needs before it, for people who know what day it is.
enum text_date {
    TEXT_DATE_NONE, // it is of today: "12:00:01"
    TEXT_DATE_DAY,  // of this year: "01-31 12:00:01"
    TEXT_DATE_YEAR  // "2025-01-31 12:00:01"
};
enum text_date text_date_of(int64_t ns, int64_t now_ns);
// The time of day, behind what `needs` says of the date, in a column that has room for `column`.
const char *text_clock(int64_t ns, enum text_date needs, enum text_date column,
                       char out[static TEXT_TIME_MAX]);
// Columns of the latter.
size_t text_clock_columns(enum text_date column);
// For files: with the date and the offset of the zone, "2026-01-31T12:00:01+01:00", 25 columns also
// where there is no such time.
const char *text_stamp(int64_t ns, char out[static TEXT_TIME_MAX]);
// The name of the local zone at that time: "CET", or "+0545".
const char *text_zone(int64_t ns, char out[static TEXT_TIME_MAX]);

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

// The colour of an HTTP status; TEXT_PLAIN: it has none.
enum text_colour text_status_colour(unsigned status);
// The sequence that begins a colour, or (TEXT_PLAIN) ends it; empty without `colours`.
const char *text_colour(bool colours, enum text_colour colour);
