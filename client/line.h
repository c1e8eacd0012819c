// SPDX-License-Identifier: MIT
// A line is put together by hand: at tens of thousands a second, printf was a twentieth of the
// agent's work. And what is safe to show on a terminal.
#pragma once
#include "proto/bytes.h"

enum {
    LINE_BYTES = 512
};

// What does not fit is left out. Zero is empty.
struct line {
    size_t len;
    char text[LINE_BYTES];
};

static inline void line_clear(struct line *l)
{
    l->len = 0;
}

void line_put(struct line *l, const char *s);
void line_number(struct line *l, uint64_t n);
void line_bytes(struct line *l, uint64_t bytes); // "1.5 KiB"
void line_duration(struct line *l, uint64_t ns); // "1.2 ms"
// Makes what came from a visitor unable to move the cursor: all but visible ASCII becomes '?'.
void line_disarm(struct line *l);

// How many bytes the first character of `s` has if it can be shown: visible ASCII, a space, or
// well-formed UTF-8 that is no control, no mark of direction and no separator of lines. 0 when it
// cannot.
size_t printable_len(struct slice s);
// Whether `s`, which is not printable at its start, is the beginning of a character that was cut.
bool is_cut_character(struct slice s);
// Takes the first character off `s`, which is not empty: it, or "?" when it cannot be shown.
struct slice printable_take(struct slice *s);
