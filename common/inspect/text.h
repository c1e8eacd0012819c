// SPDX-License-Identifier: MIT
// Text for people at terminals: sizes, durations, times, widths in columns, colours.
#pragma once
#include <stdio.h>
#include "common/base/output.h"
#include "write.h"

enum {
    TEXT_NUMBER_MAX = 48, // a number with its unit
    TEXT_TIME_MAX = 40,
};

// Each puts a text into `out` and returns it. Times are ns since 1970, durations are in ns; both
// are negative when unknown.

// "64 B", "4.0 KiB".
const char *text_size(uint64_t bytes, char out[static TEXT_NUMBER_MAX]);
// "12.3 ms", "1.23 s"; "-" when negative.
const char *text_duration(int64_t ns, char out[static TEXT_NUMBER_MAX]);
// "2026-01-31 12:00:01" in the local zone; "-" in as many columns when negative.
const char *text_local_time(int64_t ns, char out[static TEXT_TIME_MAX]);
// "2026-11-25T18:00:00.123Z" (RFC 3339).
const char *text_utc_time(int64_t ns, char out[static TEXT_TIME_MAX]);
// "2026-01-31T12:00:01+01:00" for files, always 25 columns.
const char *text_stamp(int64_t ns, char out[static TEXT_TIME_MAX]);
// The name of the local zone at that time: "CET", or "+0545".
const char *text_zone(int64_t ns, char out[static TEXT_TIME_MAX]);

// How much of the date a time needs.
enum text_date {
    TEXT_DATE_NONE, // of today: "12:00:01"
    TEXT_DATE_DAY,  // of this year: "01-31 12:00:01"
    TEXT_DATE_YEAR  // "2025-01-31 12:00:01"
};
enum text_date text_date_of(int64_t ns, int64_t now_ns);
// The time with as much of the date as `needs` says, right-aligned in a column for `column`.
const char *text_clock(int64_t ns, enum text_date needs, enum text_date column,
                       char out[static TEXT_TIME_MAX]);
// Columns that text_clock takes.
size_t text_clock_columns(enum text_date column);

// The "s" of a plural.
static inline const char *text_plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

// Terminal columns that write_safe of `s` takes.
size_t text_columns(struct slice s);
// Writes `s` as write_safe does, cut to this many columns; "…" replaces the rest. Returns the
// columns taken.
size_t text_cut(FILE *out, struct slice s, size_t columns);

// The width of the terminal; 0 when `out` is none.
size_t text_terminal_columns(FILE *out);
// Whether to use colours: on a terminal, unless NO_COLOR is set or TERM is dumb.
bool text_has_colours(FILE *out);

// The colour of an HTTP status; TEXT_PLAIN for those without one.
enum text_colour text_status_colour(unsigned status);
// The sequence that begins a colour, or (TEXT_PLAIN) ends it; empty without `colours`.
const char *text_colour(bool colours, enum text_colour colour);
