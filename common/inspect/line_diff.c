// SPDX-License-Identifier: MIT
#include "line_diff.h"
#include <stdio.h>
#include <stdlib.h>
#include "proto/hash.h"

enum {
    STEP_BYTES = 64, // of a line that cost as much as another comparison
};

struct line {
    struct slice text; // with its line feed; the last line may lack it
    uint64_t hash;
    bool changed; // the other text lacks the line
};

struct text {
    struct line *lines;
    size_t count;
};

// The search for the shortest edit script, without the common beginning and end of the texts.
// v[d][i] is the farthest x that d edits reach on diagonal k = x - y, where k = -d + 2 i.
struct myers {
    struct line *a, *b;
    int32_t n, m;
    int32_t **v;
    int32_t edits; // of the shortest script
    uint64_t steps;
};

static bool split(struct slice s, struct text *t, bool *too_many)
{
    size_t count = s.len > 0 && s.p[s.len - 1] != '\n' ? 1 : 0;
    for (size_t i = 0; i < s.len; i++)
        count += s.p[i] == '\n';
    *too_many = count > LINE_DIFF_LINES_MAX;
    *t = (struct text){0};
    if (*too_many)
        return true;
    t->lines = calloc(count + 1, sizeof(*t->lines));
    if (!t->lines)
        return false;
    for (; t->count < count; t->count++) {
        const char *end = memchr(s.p, '\n', s.len);
        size_t len = end ? (size_t)(end - s.p) + 1 : s.len;
        t->lines[t->count] =
            (struct line){slice_of(s.p, len), hash_bytes(slice_of(s.p, len), 0), false};
        s = slice_of(s.p + len, s.len - len);
    }
    return true;
}

static bool same_line(const struct line *a, const struct line *b)
{
    return a->hash == b->hash && slice_eq(a->text, b->text);
}

// The x at which d edits enter diagonal k, before the common lines that follow.
static int32_t start_of(const struct myers *w, int32_t d, int32_t k)
{
    const int32_t *before = w->v[d - 1]; // diagonal k - 1 is at (k - 1 + d - 1) / 2
    bool down = k == -d || (k != d && before[(k + d) / 2 - 1] < before[(k + d) / 2]);
    return down ? before[(k + d) / 2] : before[(k + d) / 2 - 1] + 1;
}

// Follows the common lines on diagonal k from x on. Returns the x behind them.
static int32_t follow_diagonal(struct myers *w, int32_t x, int32_t k)
{
    while (x < w->n && x - k < w->m && same_line(&w->a[x], &w->b[x - k])) {
        w->steps += 1 + w->a[x].text.len / STEP_BYTES;
        x++;
    }
    w->steps++;
    return x;
}

// Extends every diagonal by one edit. True: the ends of both texts are reached.
static bool search_round(struct myers *w, int32_t d)
{
    for (int32_t k = -d; k <= d && w->steps <= LINE_DIFF_STEPS_MAX; k += 2) {
        int32_t x = d == 0 ? 0 : start_of(w, d, k);
        // Beyond an end there are no lines to follow, but neighbours need the position.
        if (x <= w->n && x - k <= w->m && x - k >= 0)
            x = follow_diagonal(w, x, k);
        w->v[d][(k + d) / 2] = x;
        if (x >= w->n && x - k >= w->m && k == w->n - w->m)
            return true;
    }
    return false;
}

static enum line_diff_result search(struct myers *w)
{
    for (int32_t d = 0; d <= LINE_DIFF_EDITS_MAX; d++) {
        w->v[d] = calloc((size_t)d + 1, sizeof(**w->v));
        if (!w->v[d])
            return LINE_DIFF_NO_MEMORY;
        w->edits = d;
        if (search_round(w, d))
            return LINE_DIFF_FOUND;
        if (w->steps > LINE_DIFF_STEPS_MAX)
            return LINE_DIFF_TOO_FAR;
    }
    return LINE_DIFF_TOO_FAR;
}

// Walks the script backwards and marks the lines that it removes and adds.
static void mark(struct myers *w)
{
    int32_t k = w->n - w->m;
    for (int32_t d = w->edits; d > 0; d--) {
        int32_t x = start_of(w, d, k);
        const int32_t *before = w->v[d - 1];
        bool down = k == -d || (k != d && before[(k + d) / 2 - 1] < before[(k + d) / 2]);
        if (down)
            w->b[x - k - 1].changed = true;
        else
            w->a[x - 1].changed = true;
        k += down ? 1 : -1;
    }
}

static enum line_diff_result compare(struct text *a, struct text *b)
{
    size_t head = 0;
    size_t tail = 0;
    while (head < a->count && head < b->count && same_line(&a->lines[head], &b->lines[head]))
        head++;
    while (head + tail < a->count && head + tail < b->count &&
           same_line(&a->lines[a->count - tail - 1], &b->lines[b->count - tail - 1]))
        tail++;
    struct myers w = {
        .a = a->lines + head,
        .b = b->lines + head,
        .n = (int32_t)(a->count - head - tail),
        .m = (int32_t)(b->count - head - tail),
        .v = calloc(LINE_DIFF_EDITS_MAX + 1, sizeof(int32_t *)),
    };
    if (!w.v)
        return LINE_DIFF_NO_MEMORY;
    enum line_diff_result result = w.n || w.m ? search(&w) : LINE_DIFF_SAME;
    if (result == LINE_DIFF_FOUND)
        mark(&w);
    for (int32_t d = 0; d <= LINE_DIFF_EDITS_MAX; d++)
        free(w.v[d]);
    free(w.v);
    return result;
}

struct printer {
    const struct text *a, *b;
    line_diff_sink *sink;
    void *ctx;
};

static bool changed_at(const struct text *t, size_t i)
{
    return i < t->count && t->lines[i].changed;
}

static void put_line(const struct printer *p, char kind, const struct line *line)
{
    struct slice text = line->text;
    bool ends = text.len > 0 && text.p[text.len - 1] == '\n';
    p->sink(p->ctx, kind, slice_of(text.p, text.len - (ends ? 1 : 0)));
    if (!ends)
        p->sink(p->ctx, '\\', SLICE("No newline at end"));
}

// Lines [a0, a1) of the first text and [b0, b1) of the second.
struct hunk {
    size_t a0, a1, b0, b1;
};

// Moves both positions behind the change at them.
static void skip_change(const struct printer *p, size_t *i, size_t *j)
{
    while (changed_at(p->a, *i))
        ++*i;
    while (changed_at(p->b, *j))
        ++*j;
}

// The number of unchanged lines from here on.
static size_t common_run(const struct printer *p, size_t i, size_t j)
{
    size_t n = 0;
    while (i + n < p->a->count && j + n < p->b->count && !changed_at(p->a, i + n) &&
           !changed_at(p->b, j + n))
        n++;
    return n;
}

// Gives the "@@" line of a hunk. As in diff, an empty range names the line before it.
static void put_range(const struct printer *p, const struct hunk *h)
{
    char text[96];
    size_t an = h->a1 - h->a0;
    size_t bn = h->b1 - h->b0;
    int len = snprintf(text, sizeof(text), "@@ -%zu,%zu +%zu,%zu @@", h->a0 + (an > 0 ? 1 : 0), an,
                       h->b0 + (bn > 0 ? 1 : 0), bn);
    p->sink(p->ctx, '@', slice_of(text, len > 0 ? (size_t)len : 0));
}

static void put_hunk(const struct printer *p, const struct hunk *h)
{
    size_t i = h->a0;
    size_t j = h->b0;
    put_range(p, h);
    while (i < h->a1 || j < h->b1) {
        if (changed_at(p->a, i))
            put_line(p, '-', &p->a->lines[i++]);
        else if (changed_at(p->b, j))
            put_line(p, '+', &p->b->lines[j++]);
        else {
            put_line(p, ' ', &p->a->lines[i++]);
            j++;
        }
    }
}

static void put_hunks(const struct printer *p)
{
    size_t i = 0;
    size_t j = 0;
    for (;;) {
        size_t run = common_run(p, i, j);
        size_t context = run < LINE_DIFF_CONTEXT ? run : LINE_DIFF_CONTEXT;
        i += run;
        j += run;
        if (i >= p->a->count && j >= p->b->count)
            return;
        struct hunk h = {.a0 = i - context, .b0 = j - context};
        do { // join changes whose contexts overlap
            skip_change(p, &i, &j);
            run = common_run(p, i, j);
            h.a1 = i;
            h.b1 = j;
            i += run;
            j += run;
        } while (run <= 2 * (size_t)LINE_DIFF_CONTEXT &&
                 (changed_at(p->a, i) || changed_at(p->b, j)));
        i = h.a1;
        j = h.b1;
        context = run < LINE_DIFF_CONTEXT ? run : LINE_DIFF_CONTEXT;
        h.a1 += context;
        h.b1 += context;
        put_hunk(p, &h);
        i = h.a1;
        j = h.b1;
    }
}

enum line_diff_result line_diff(struct slice a, struct slice b, line_diff_sink *sink, void *ctx)
{
    struct text first = {0};
    struct text second = {0};
    bool too_many = false;
    enum line_diff_result result = LINE_DIFF_NO_MEMORY;
    if (split(a, &first, &too_many) && !too_many && split(b, &second, &too_many) && !too_many)
        result = compare(&first, &second);
    if (too_many)
        result = LINE_DIFF_TOO_FAR;
    if (result == LINE_DIFF_FOUND)
        put_hunks(&(struct printer){&first, &second, sink, ctx});
    free(first.lines);
    free(second.lines);
    return result;
}
