// SPDX-License-Identifier: MIT
// Prints a mistake below the text, with carets. Characters that are not printable are replaced, so
// that columns are known and a terminal obeys nothing.
#include "common/base/printable.h"
#include "filter_internal.h"

enum {
    BEFORE_COLUMNS = 40, // shown before a mistake when the text is too long for a line
    CUT_COLUMNS = 3      // "..."
};

// One printed character: the character itself, a space or '?'.
struct glyph {
    size_t len; // bytes in the text
    size_t columns;
    struct slice shown;
};

// Tabs and other white space are printed as spaces.
static struct glyph next_glyph(struct printable *p, struct slice s)
{
    struct slice rest = s;
    bool blank = s.p[0] >= '\t' && s.p[0] <= '\r';
    struct shown shown = printable_next(p, &rest);
    size_t len = s.len - rest.len;
    if (shown.as_is)
        return (struct glyph){len, shown.columns, shown.text};
    return (struct glyph){len, 1, blank ? SLICE(" ") : SLICE("?")};
}

// Returns the columns of text[0, end).
static size_t columns_of(struct slice text, size_t end)
{
    struct printable p = {0};
    size_t columns = 0;
    for (size_t at = 0; at < end && at < text.len;) {
        struct glyph g = next_glyph(&p, slice_of(text.p + at, text.len - at));
        columns += g.columns;
        at += g.len;
    }
    return columns;
}

// The line of carets, filled while the text is printed.
struct carets {
    char line[FILTER_EXPLAIN_COLUMNS + 2 * CUT_COLUMNS + 2];
    size_t len; // columns of the text so far
    size_t end; // behind the last caret; 0: no caret so far
};

static void put_carets(struct carets *c, size_t columns, bool here)
{
    for (size_t i = 0; i < columns && c->len < sizeof(c->line) - 1; i++, c->len++)
        c->line[c->len] = here || c->len < c->end ? '^' : ' ';
    if (!here)
        return;
    if (columns == 0 && c->end == 0) // a mark: the caret stands below its base
        c->line[c->len - (c->len > 0)] = '^';
    c->end = c->len + (c->len == 0);
}

// Prints the columns [range[0], range[1]) of the text, and the carets.
static void write_columns(FILE *out, struct slice text, const struct filter_mistake *m,
                          const size_t range[2])
{
    struct printable p = {0};
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
        struct glyph g = next_glyph(&p, slice_of(text.p + at, text.len - at));
        if (column >= range[0]) {
            (void)fwrite(g.shown.p, 1, g.shown.len, out);
            put_carets(&c, g.columns, at + g.len > m->at && at < end);
        }
        column += g.columns;
        at += g.len;
    }
    if (at < text.len)
        (void)fputs("...", out);
    if (c.end == 0) // something is missing at the end
        put_carets(&c, 1, true);
    (void)fprintf(out, "\n    %.*s\n", (int)c.end, c.line);
}

void filter_explain(FILE *out, const char *program, struct slice text,
                    const struct filter_mistake *mistake)
{
    char message[FILTER_WHY_MAX];
    memcpy(message, mistake->message, sizeof(message));
    size_t all = columns_of(text, text.len);
    size_t before = columns_of(text, mistake->at);
    size_t range[2] = {0, SIZE_MAX};
    if (all > FILTER_EXPLAIN_COLUMNS) {
        size_t last = all - FILTER_EXPLAIN_COLUMNS; // the last start, which shows the end
        range[0] = before > BEFORE_COLUMNS ? before - BEFORE_COLUMNS : 0;
        range[0] = range[0] < last ? range[0] : last;
        range[1] = range[0] < last ? range[0] + FILTER_EXPLAIN_COLUMNS : SIZE_MAX;
    }
    if (text.len > 0)
        write_columns(out, text, mistake, range);
    printable_sanitize_line(message, strlen(message)); // it may repeat a word
    (void)fprintf(out, "%s: %s\n", program, message);
}
