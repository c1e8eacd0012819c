// SPDX-License-Identifier: MIT
#include "tally.h"
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>
#include "common/printable.h"
#include "common/writer.h"
#include "line.h"

enum {
    STEPS = 8 // of the histogram to each doubling
};

_Static_assert((TALLY_ROWS + 2) * TALLY_ROW_BYTES <= WRITER_BYTES / 2,
               "the table is printed in one piece");
_Static_assert((size_t)TALLY_ROW_BYTES <= LINE_BYTES, "a row is a line");

struct tally_path {
    struct tally_path *next; // in its bucket
    uint64_t calls, total_ns, longest_ns;
    uint64_t bytes[2]; // of bodies
    uint32_t times[TALLY_TIMES];
    size_t len;
    char path[EXCHANGE_TARGET_MAX + 1];
};

size_t tally_place(uint64_t us)
{
    if (us < STEPS)
        return (size_t)us;
    if (us > UINT32_MAX)
        us = UINT32_MAX;
    unsigned top = 63 - (unsigned)__builtin_clzll(us);
    return (size_t)(top - 2) * STEPS + (size_t)(us >> (top - 3) & (STEPS - 1));
}

uint64_t tally_us(size_t place)
{
    if (place < STEPS)
        return place;
    unsigned shift = (unsigned)(place / STEPS) - 1;
    uint64_t least = (uint64_t)(STEPS + place % STEPS) << shift;
    return least + ((1ULL << shift) / 2);
}

static struct slice path_of(const char *target)
{
    size_t len = strcspn(target, "?");
    return len > 0 ? slice_of(target, len) : SLICE("/");
}

// FNV-1a: whoever finds colliding paths makes lookups slow, a thousand compares at most.
static size_t bucket_of(struct slice path)
{
    uint64_t h = 1469598103934665603U;
    for (size_t i = 0; i < path.len; i++)
        h = (h ^ (unsigned char)path.p[i]) * 1099511628211U;
    return (size_t)(h % TALLY_BUCKETS);
}

static struct tally_path *path_new(struct slice path)
{
    struct tally_path *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->len = path.len < EXCHANGE_TARGET_MAX ? path.len : EXCHANGE_TARGET_MAX;
    memcpy(p->path, path.p, p->len);
    return p;
}

static struct tally_path *others(struct tally *t)
{
    if (!t->others)
        t->others = path_new(SLICE("(other paths)"));
    return t->others;
}

// NULL when out of memory.
static struct tally_path *find(struct tally *t, struct slice path)
{
    struct tally_path **bucket = &t->buckets[bucket_of(path)];
    for (struct tally_path *p = *bucket; p; p = p->next)
        if (slice_eq(slice_of(p->path, p->len), path))
            return p;
    struct tally_path *p = t->paths < TALLY_PATHS ? path_new(path) : NULL;
    if (!p)
        return others(t);
    p->next = *bucket;
    *bucket = p;
    t->paths++;
    return p;
}

static void on_closed(void *ctx, struct exchange *x, enum exchange_why why)
{
    struct tally *t = ctx;
    uint64_t ns = x->ended_ns - x->begun_ns;
    struct tally_path *p = find(t, path_of(x->target));
    (void)why;
    t->exchanges++;
    if (!p)
        return;
    p->calls++;
    p->total_ns += ns;
    if (ns > p->longest_ns)
        p->longest_ns = ns;
    p->times[tally_place(ns / 1000)]++;
    for (int side = 0; side < 2; side++)
        p->bytes[side] += x->direction[side].bytes;
}

void tally_init(struct tally *t)
{
    *t = (struct tally){.observer = {.closed = on_closed, .ctx = t}};
}

void tally_deinit(struct tally *t)
{
    for (size_t i = 0; i < TALLY_BUCKETS; i++) {
        while (t->buckets[i]) {
            struct tally_path *p = t->buckets[i];
            t->buckets[i] = p->next;
            free(p);
        }
    }
    free(t->others);
}

static void add(struct tally_path *to, const struct tally_path *p)
{
    to->calls += p->calls;
    to->total_ns += p->total_ns;
    if (p->longest_ns > to->longest_ns)
        to->longest_ns = p->longest_ns;
    for (size_t i = 0; i < TALLY_TIMES; i++)
        to->times[i] += p->times[i];
    for (int side = 0; side < 2; side++)
        to->bytes[side] += p->bytes[side];
}

// The time within which `percent` of the calls were over.
static uint64_t percentile_ns(const struct tally_path *p, unsigned percent)
{
    uint64_t rank = (p->calls * percent + 99) / 100;
    uint64_t seen = 0;
    size_t i = 0;
    for (; i < TALLY_TIMES - 1; i++) {
        seen += p->times[i];
        if (seen >= rank)
            break;
    }
    uint64_t ns = tally_us(i) * 1000;
    return ns < p->longest_ns ? ns : p->longest_ns;
}

// Puts a cell to the right of its column.
static void put_cell(struct line *row, void (*put)(struct line *l, uint64_t n), uint64_t n,
                     size_t width)
{
    struct line cell;
    line_clear(&cell);
    put(&cell, n);
    cell.text[cell.len] = 0;
    for (size_t i = cell.len; i < width; i++)
        line_put(row, " ");
    line_put(row, cell.text);
}

static bool put_row(struct buf *out, const struct tally_path *p)
{
    struct line row;
    struct printable printable = {0};
    const uint64_t times[] = {p->total_ns, p->calls ? p->total_ns / p->calls : 0,
                              percentile_ns(p, 50), percentile_ns(p, 90), percentile_ns(p, 99)};
    line_clear(&row);
    put_cell(&row, line_number, p->calls, 9);
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        put_cell(&row, line_duration, times[i], 11);
    for (int side = 0; side < 2; side++)
        put_cell(&row, line_bytes, p->bytes[side], 12);
    line_put(&row, "  ");
    for (struct slice path = slice_of(p->path, p->len); path.len > 0;) {
        struct shown shown = printable_next(&printable, &path);
        struct slice text = shown.as_is ? shown.text : SLICE("?");
        memcpy(row.text + row.len, text.p, text.len);
        row.len += text.len;
    }
    row.text[row.len++] = '\n';
    return buf_append(out, row.text, row.len);
}

struct ranked {
    const struct tally_path *path;
};

static int by_total(const void *a, const void *b)
{
    uint64_t total_a = ((const struct ranked *)a)->path->total_ns;
    uint64_t total_b = ((const struct ranked *)b)->path->total_ns;
    return (total_a < total_b) - (total_a > total_b);
}

static bool put_rows(const struct tally *t, struct ranked *rows, struct buf *out)
{
    struct tally_path *rest = path_new(SLICE("(other paths)"));
    size_t count = 0;
    bool ok = rest != NULL;
    for (size_t i = 0; i < TALLY_BUCKETS; i++)
        for (const struct tally_path *p = t->buckets[i]; p; p = p->next)
            rows[count++].path = p;
    qsort(rows, count, sizeof(struct ranked), by_total);
    for (size_t i = 0; ok && i < count && i < TALLY_ROWS; i++)
        ok = put_row(out, rows[i].path);
    for (size_t i = TALLY_ROWS; ok && i < count; i++)
        add(rest, rows[i].path);
    if (ok && t->others)
        add(rest, t->others);
    if (ok && rest->calls > 0)
        ok = put_row(out, rest);
    free(rest);
    return ok;
}

bool tally_table(const struct tally *t, struct buf *out)
{
    static const char *const names[] = {"calls", "total", "average", "p50",
                                        "p90",   "p99",   "request", "response"};
    static const int widths[] = {9, 11, 11, 11, 11, 11, 12, 12};
    char head[160];
    int len = snprintf(head, sizeof(head), "adit: %llu exchange%s on %zu path%s%s\n",
                       (unsigned long long)t->exchanges, t->exchanges == 1 ? "" : "s", t->paths,
                       t->paths == 1 ? "" : "s", t->others ? " and more" : "");
    bool ok = buf_append(out, head, (size_t)len);
    if (t->exchanges == 0)
        return ok;
    for (size_t i = 0; ok && i < sizeof(names) / sizeof(names[0]); i++) {
        len = snprintf(head, sizeof(head), "%*s", widths[i], names[i]);
        ok = buf_append(out, head, (size_t)len);
    }
    ok = ok && buf_append(out, "  path\n", 7);
    struct ranked *rows = calloc(t->paths + 1, sizeof(struct ranked));
    ok = ok && rows && put_rows(t, rows, out);
    free(rows);
    return ok;
}
