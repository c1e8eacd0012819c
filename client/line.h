// SPDX-License-Identifier: MIT
// A line is put together by hand: at tens of thousands a second, printf was a twentieth of the
// agent's work.
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
