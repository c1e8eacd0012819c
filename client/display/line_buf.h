// SPDX-License-Identifier: MIT
// A line is put together by hand: at tens of thousands a second, printf was a twentieth of the
// agent's work.
#pragma once
#include "common/base/output.h"
#include "proto/bytes.h"

enum {
    LINE_BUF_BYTES = 512
};

// What does not fit is left out. Zero is empty.
struct line_buf {
    size_t len;
    size_t hidden; // bytes of it that take no column: our colours
    char text[LINE_BUF_BYTES];
};

static inline void line_buf_clear(struct line_buf *l)
{
    l->len = l->hidden = 0;
}

// Columns of a line that is ASCII.
static inline size_t line_buf_columns(const struct line_buf *l)
{
    return l->len - l->hidden;
}

void line_buf_put(struct line_buf *l, const char *s);
void line_buf_number(struct line_buf *l, uint64_t n);
void line_buf_size(struct line_buf *l, uint64_t bytes);  // "1.5 KiB"
void line_buf_duration(struct line_buf *l, uint64_t ns); // "1.2 ms"
// Text of somebody else: all but visible ASCII becomes '?', so it can neither move the cursor nor
// be one of our colours.
void line_buf_untrusted(struct line_buf *l, struct slice s);
// Begins a colour, or ends it (TEXT_PLAIN).
void line_buf_colour(struct line_buf *l, enum text_colour colour);
// Makes what stands behind `from` a cell of so many columns: to its right, or to its left. One that
// is wider stays as it is.
void line_buf_align_right(struct line_buf *l, size_t from, size_t columns);
void line_buf_align_left(struct line_buf *l, size_t from, size_t columns);
// Makes what came from a visitor unable to move the cursor: all but visible ASCII becomes '?'.
void line_buf_disarm(struct line_buf *l);
