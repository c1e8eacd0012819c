// SPDX-License-Identifier: MIT
#include "line.h"
#include "common/base/printable.h"
#include "common/inspect/text.h"

// How many of so many bytes have room.
static inline size_t fits(const struct line *l, size_t len)
{
    size_t room = LINE_BYTES - 1 - l->len;
    return len < room ? len : room;
}

static inline void put_bytes(struct line *l, const char *p, size_t len)
{
    len = fits(l, len);
    memcpy(l->text + l->len, p, len);
    l->len += len;
}

void line_put(struct line *l, const char *s)
{
    put_bytes(l, s, strlen(s));
}

void line_foreign(struct line *l, struct slice s)
{
    size_t len = fits(l, s.len);
    char *out = l->text + l->len;
    memcpy(out, s.p, len);
    printable_sanitize_line(out, len);
    l->len += len;
}

void line_colour(struct line *l, enum text_colour colour)
{
    size_t len = strlen(output_colours[colour]);
    if (fits(l, len) < len)
        return;
    put_bytes(l, output_colours[colour], len);
    l->hidden += len;
}

void line_right(struct line *l, size_t from, size_t columns)
{
    size_t len = l->len - from;
    size_t blank = len < columns ? fits(l, columns - len) : 0;
    memmove(l->text + from + blank, l->text + from, len);
    memset(l->text + from, ' ', blank);
    l->len += blank;
}

void line_left(struct line *l, size_t from, size_t columns)
{
    size_t len = l->len - from;
    size_t blank = len < columns ? fits(l, columns - len) : 0;
    memset(l->text + l->len, ' ', blank);
    l->len += blank;
}

void line_number(struct line *l, uint64_t n)
{
    char digits[24];
    size_t at = sizeof(digits) - 1;
    do
        digits[--at] = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    put_bytes(l, digits + at, sizeof(digits) - 1 - at);
}

void line_bytes(struct line *l, uint64_t bytes)
{
    char text[TEXT_NUMBER_MAX];
    line_put(l, text_size(bytes, text));
}

void line_duration(struct line *l, uint64_t ns)
{
    char text[TEXT_NUMBER_MAX];
    line_put(l, text_duration(ns < INT64_MAX ? (int64_t)ns : INT64_MAX, text));
}

void line_disarm(struct line *l)
{
    printable_sanitize_line(l->text, l->len);
}
