// SPDX-License-Identifier: MIT
// Shows a mistake under the text that it is in. What is shown has as many columns as it seems to
// have, so that the caret stands where it should, and nothing that a terminal would obey.
#include "filter_internal.h"

enum {
    BEFORE_COLUMNS = 40, // shown before a mistake, of a text that is too long for its line
    UTF8_BYTES_MAX = 4,
    CUT_COLUMNS = 3 // "..."
};

// One thing that is shown: a character, or a byte that is none.
struct glyph {
    size_t len; // bytes that it takes in the text
    size_t columns;
    struct slice shown;
};

struct range {
    uint32_t first, last;
};

static bool is_in(uint32_t c, const struct range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return false;
}

#define IS_IN(c, ranges) is_in(c, ranges, sizeof(ranges) / sizeof((ranges)[0]))

// Characters that move the cursor, or turn what is written around.
static const struct range unsafe[] = {
    {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},        {0x61c, 0x61c},   {0x200b, 0x200f},
    {0x2028, 0x202e}, {0x2060, 0x206f}, {0xd800, 0xdfff},    {0xe000, 0xf8ff}, {0xfeff, 0xfeff},
    {0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0xe0000, 0x10ffff},
};

// What stands on the character before it (the common ones; Unicode has more).
static const struct range combining[] = {
    {0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},   {0x610, 0x61a},   {0x64b, 0x65f},
    {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f},
};

// Two columns each (East Asian wide and full, and most emoji).
static const struct range wide[] = {
    {0x1100, 0x115f},   {0x2e80, 0x303e},   {0x3041, 0x4dbf},   {0x4e00, 0xa4cf},
    {0xa960, 0xa97f},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},   {0xfe30, 0xfe6f},
    {0xff00, 0xff60},   {0xffe0, 0xffe6},   {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff},
    {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
};

// The character that s begins with, and its length; 0: it is not UTF-8 (RFC 3629).
static size_t utf8_len(struct slice s, uint32_t *c)
{
    static const uint32_t least[UTF8_BYTES_MAX + 1] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)s.p[0];
    size_t len = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (len == 0 || len > s.len || first >= 0xf8)
        return 0;
    *c = len == 1 ? first : first & (0x7fU >> len);
    for (size_t i = 1; i < len; i++) {
        unsigned char next = (unsigned char)s.p[i];
        if ((next & 0xc0) != 0x80)
            return 0;
        *c = *c << 6 | (next & 0x3f);
    }
    return *c >= least[len] ? len : 0;
}

static struct glyph glyph_of(struct slice s)
{
    uint32_t c = 0;
    size_t len = utf8_len(s, &c);
    if (len > 0 && s.p[0] >= '\t' && s.p[0] <= '\r')
        return (struct glyph){len, 1, SLICE(" ")};
    if (len == 0 || IS_IN(c, unsafe))
        return (struct glyph){len + !len, 1, SLICE("?")};
    return (struct glyph){len, IS_IN(c, combining) ? 0 : 1 + (size_t)IS_IN(c, wide),
                          slice_of(s.p, len)};
}

// The columns that text[0, end) takes.
static size_t columns_of(struct slice text, size_t end)
{
    size_t columns = 0;
    for (size_t at = 0; at < end && at < text.len;) {
        struct glyph g = glyph_of(slice_of(text.p + at, text.len - at));
        columns += g.columns;
        at += g.len;
    }
    return columns;
}

// What is written below the text, while the text is written.
struct carets {
    char line[FILTER_EXPLAIN_COLUMNS + 2 * CUT_COLUMNS + 2];
    size_t len; // of what the text has taken so far
    size_t end; // behind the last caret; 0: there is none
};

static void put_carets(struct carets *c, size_t columns, bool here)
{
    for (size_t i = 0; i < columns && c->len < sizeof(c->line) - 1; i++, c->len++)
        c->line[c->len] = here || c->len < c->end ? '^' : ' ';
    if (!here)
        return;
    if (columns == 0 && c->end == 0) // on the character before it
        c->line[c->len - (c->len > 0)] = '^';
    c->end = c->len + (c->len == 0);
}

// Writes the columns [from, to) of the text.
static void write_columns(FILE *out, struct slice text, const struct filter_mistake *m,
                          const size_t range[2])
{
    struct carets c = {.len = 0};
    size_t end = m->at + (m->len > 0 ? m->len : 1);
    size_t column = 0;
    (void)fputs("    ", out);
    if (range[0] > 0) {
        (void)fputs("...", out);
        put_carets(&c, CUT_COLUMNS, false);
    }
    size_t at = 0;
    while (at < text.len && column < range[1]) {
        struct glyph g = glyph_of(slice_of(text.p + at, text.len - at));
        if (column >= range[0]) {
            (void)fwrite(g.shown.p, 1, g.shown.len, out);
            put_carets(&c, g.columns, at + g.len > m->at && at < end);
        }
        column += g.columns;
        at += g.len;
    }
    if (at < text.len)
        (void)fputs("...", out);
    if (c.end == 0) // something is missing behind all that is there
        put_carets(&c, 1, true);
    (void)fprintf(out, "\n    %.*s\n", (int)c.end, c.line);
}

void filter_explain(FILE *out, const char *program, struct slice text,
                    const struct filter_mistake *mistake)
{
    size_t all = columns_of(text, text.len);
    size_t before = columns_of(text, mistake->at);
    size_t range[2] = {0, SIZE_MAX};
    if (all > FILTER_EXPLAIN_COLUMNS) {
        size_t last = all - FILTER_EXPLAIN_COLUMNS; // from there on the rest is shown
        range[0] = before > BEFORE_COLUMNS ? before - BEFORE_COLUMNS : 0;
        range[0] = range[0] < last ? range[0] : last;
        range[1] = range[0] < last ? range[0] + FILTER_EXPLAIN_COLUMNS : SIZE_MAX;
    }
    if (text.len > 0)
        write_columns(out, text, mistake, range);
    (void)fprintf(out, "%s: %s\n", program, mistake->message);
}
