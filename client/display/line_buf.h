// SPDX-License-Identifier: MIT
// A buffer for one line, written by hand instead of printf: tens of thousands of lines are printed
// in a second (docs/decisions.md).
#pragma once
#include "common/base/output.h"
#include "proto/bytes.h"

enum {
    LINE_BUF_BYTES = 512
};

// Zeros are an empty line. What does not fit is dropped; one byte stays free for a line feed.
struct line_buf {
    size_t len;
    size_t hidden; // bytes of colour sequences, which take no column
    char text[LINE_BUF_BYTES];
};

static inline void line_buf_clear(struct line_buf *l)
{
    l->len = l->hidden = 0;
}

// Columns on a terminal; the line must be ASCII.
static inline size_t line_buf_columns(const struct line_buf *l)
{
    return l->len - l->hidden;
}

void line_buf_put(struct line_buf *l, const char *s);
void line_buf_number(struct line_buf *l, uint64_t n);
void line_buf_size(struct line_buf *l, uint64_t bytes);  // "1.5 KiB"
void line_buf_duration(struct line_buf *l, uint64_t ns); // "1.2 ms"
// Appends untrusted text: each byte that is not visible ASCII or a space becomes '?', so that it
// can neither move the cursor nor pass for one of our colours.
void line_buf_untrusted(struct line_buf *l, struct slice s);
// Begins a colour, or ends it (TEXT_PLAIN).
void line_buf_colour(struct line_buf *l, enum text_colour colour);
// Pads the text from `from` on to so many columns. A wider one stays as it is.
void line_buf_align_right(struct line_buf *l, size_t from, size_t columns);
void line_buf_align_left(struct line_buf *l, size_t from, size_t columns);
// Makes all of a line safe, as line_buf_untrusted does.
void line_buf_disarm(struct line_buf *l);
