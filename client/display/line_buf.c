// SPDX-License-Identifier: MIT
#include "line_buf.h"
#include "common/base/printable.h"
#include "common/inspect/text.h"

// How many of `len` bytes fit.
static inline size_t fits(const struct line_buf *l, size_t len)
{
    size_t room = LINE_BUF_BYTES - 1 - l->len;
    return len < room ? len : room;
}

static inline void put_bytes(struct line_buf *l, const char *p, size_t len)
{
    len = fits(l, len);
    memcpy(l->text + l->len, p, len);
    l->len += len;
}

void line_buf_put(struct line_buf *l, const char *s)
{
    put_bytes(l, s, strlen(s));
}

void line_buf_untrusted(struct line_buf *l, struct slice s)
{
    size_t len = fits(l, s.len);
    char *out = l->text + l->len;
    memcpy(out, s.p, len);
    printable_sanitize_line(out, len);
    l->len += len;
}

void line_buf_colour(struct line_buf *l, enum text_colour colour)
{
    size_t len = strlen(output_colours[colour]);
    if (fits(l, len) < len)
        return;
    put_bytes(l, output_colours[colour], len);
    l->hidden += len;
}

void line_buf_align_right(struct line_buf *l, size_t from, size_t columns)
{
    size_t len = l->len - from;
    size_t blank = len < columns ? fits(l, columns - len) : 0;
    memmove(l->text + from + blank, l->text + from, len);
    memset(l->text + from, ' ', blank);
    l->len += blank;
}

void line_buf_align_left(struct line_buf *l, size_t from, size_t columns)
{
    size_t len = l->len - from;
    size_t blank = len < columns ? fits(l, columns - len) : 0;
    memset(l->text + l->len, ' ', blank);
    l->len += blank;
}

void line_buf_number(struct line_buf *l, uint64_t n)
{
    char digits[24];
    size_t at = sizeof(digits) - 1;
    do
        digits[--at] = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    put_bytes(l, digits + at, sizeof(digits) - 1 - at);
}

void line_buf_size(struct line_buf *l, uint64_t bytes)
{
    char text[TEXT_NUMBER_MAX];
    line_buf_put(l, text_size(bytes, text));
}

void line_buf_duration(struct line_buf *l, uint64_t ns)
{
    char text[TEXT_NUMBER_MAX];
    line_buf_put(l, text_duration(ns < INT64_MAX ? (int64_t)ns : INT64_MAX, text));
}

void line_buf_disarm(struct line_buf *l)
{
    printable_sanitize_line(l->text, l->len);
}
