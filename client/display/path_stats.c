// SPDX-License-Identifier: MIT
#include "path_stats.h"
#include <stdio.h>
#include <stdlib.h>
#include "common/base/line_writer.h"
#include "common/base/printable.h"
#include "line_buf.h"
#include "proto/hash.h"

enum {
    STEPS_PER_DOUBLING = 8, // buckets of the histogram
    BETWEEN = 2,
    DOTS = 3,
    PATH_ROOM = 20 // columns of a terminal for the path
};

_Static_assert((PATH_STATS_ROWS + 2) * PATH_STATS_ROW_BYTES <= LINE_WRITER_BYTES / 2,
               "the table is printed in one piece");
_Static_assert((size_t)PATH_STATS_ROW_BYTES <= LINE_BUF_BYTES, "a row is a line");

struct path_stats_entry {
    struct path_stats_entry *next; // in its bucket
    uint64_t calls, total_ns, shortest_ns, longest_ns;
    uint64_t bytes[2]; // of bodies
    uint32_t times[PATH_STATS_TIME_BUCKETS];
    size_t len;
    char path[EXCHANGE_TARGET_MAX + 1];
};

size_t path_stats_bucket(uint64_t us)
{
    if (us < STEPS_PER_DOUBLING)
        return (size_t)us;
    if (us > UINT32_MAX)
        us = UINT32_MAX;
    unsigned top = 63 - (unsigned)__builtin_clzll(us);
    return (size_t)(top - 2) * STEPS_PER_DOUBLING +
           (size_t)(us >> (top - 3) & (STEPS_PER_DOUBLING - 1));
}

uint64_t path_stats_bucket_us(size_t bucket)
{
    if (bucket < STEPS_PER_DOUBLING)
        return bucket;
    unsigned shift = (unsigned)(bucket / STEPS_PER_DOUBLING) - 1;
    uint64_t least = (uint64_t)(STEPS_PER_DOUBLING + bucket % STEPS_PER_DOUBLING) << shift;
    return least + ((1ULL << shift) / 2);
}

static struct slice path_of(const char *target)
{
    size_t len = strcspn(target, "?");
    return len > 0 ? slice_of(target, len) : SLICE("/");
}

// The hash has a fixed seed: chosen collisions cost PATH_STATS_PATHS comparisons at most.
static size_t hash_bucket(struct slice path)
{
    return (size_t)(hash_bytes(path, 0) % PATH_STATS_HASH_BUCKETS);
}

static struct path_stats_entry *path_new(struct slice path)
{
    struct path_stats_entry *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->len = path.len < EXCHANGE_TARGET_MAX ? path.len : EXCHANGE_TARGET_MAX;
    memcpy(p->path, path.p, p->len);
    return p;
}

static struct path_stats_entry *others(struct path_stats *t)
{
    if (!t->others)
        t->others = path_new(SLICE("(other paths)"));
    return t->others;
}

// The entry that counts this path. NULL when out of memory.
static struct path_stats_entry *find(struct path_stats *t, struct slice path)
{
    struct path_stats_entry **bucket = &t->buckets[hash_bucket(path)];
    for (struct path_stats_entry *p = *bucket; p; p = p->next)
        if (slice_eq(slice_of(p->path, p->len), path))
            return p;
    struct path_stats_entry *p = t->paths < PATH_STATS_PATHS ? path_new(path) : NULL;
    if (!p)
        return others(t);
    p->next = *bucket;
    *bucket = p;
    t->paths++;
    return p;
}

static void on_closed(void *ctx, struct exchange *x, enum exchange_outcome why)
{
    struct path_stats *t = ctx;
    uint64_t ns = x->facts.ended_ns - x->facts.begun_ns;
    struct path_stats_entry *p = find(t, path_of(x->facts.target));
    (void)why;
    t->exchanges++;
    if (!p)
        return;
    if (p->calls == 0 || ns < p->shortest_ns)
        p->shortest_ns = ns;
    p->calls++;
    p->total_ns += ns;
    if (ns > p->longest_ns)
        p->longest_ns = ns;
    p->times[path_stats_bucket(ns / 1000)]++;
    for (int side = 0; side < 2; side++)
        p->bytes[side] += x->direction[side].bytes;
}

void path_stats_init(struct path_stats *t)
{
    *t = (struct path_stats){.observer = {.closed = on_closed, .ctx = t}};
}

void path_stats_deinit(struct path_stats *t)
{
    for (size_t i = 0; i < PATH_STATS_HASH_BUCKETS; i++) {
        while (t->buckets[i]) {
            struct path_stats_entry *p = t->buckets[i];
            t->buckets[i] = p->next;
            free(p);
        }
    }
    free(t->others);
}

// Adds all that `p` has counted to `to`.
static void add(struct path_stats_entry *to, const struct path_stats_entry *p)
{
    if (to->calls == 0 || (p->calls > 0 && p->shortest_ns < to->shortest_ns))
        to->shortest_ns = p->shortest_ns;
    to->calls += p->calls;
    to->total_ns += p->total_ns;
    if (p->longest_ns > to->longest_ns)
        to->longest_ns = p->longest_ns;
    for (size_t i = 0; i < PATH_STATS_TIME_BUCKETS; i++)
        to->times[i] += p->times[i];
    for (int side = 0; side < 2; side++)
        to->bytes[side] += p->bytes[side];
}

// About the time within which `percent` of the calls were over. It lies between the shortest and
// the longest, so that it is exact for a single call.
static uint64_t percentile_ns(const struct path_stats_entry *p, unsigned percent)
{
    uint64_t rank = (p->calls * percent + 99) / 100;
    uint64_t seen = 0;
    size_t i = 0;
    for (; i < PATH_STATS_TIME_BUCKETS - 1; i++) {
        seen += p->times[i];
        if (seen >= rank)
            break;
    }
    uint64_t ns = path_stats_bucket_us(i) * 1000;
    if (ns < p->shortest_ns)
        return p->shortest_ns;
    return ns < p->longest_ns ? ns : p->longest_ns;
}

enum column {
    CALLS,
    TOTAL,
    AVERAGE,
    P50,
    P90,
    P99,
    REQUEST,
    RESPONSE,
    COLUMNS
};

static const struct {
    const char *name;
    size_t width;
} columns[COLUMNS] = {
    [CALLS] = {"calls", 7},      [TOTAL] = {"total", 10},      [AVERAGE] = {"average", 10},
    [P50] = {"p50", 10},         [P90] = {"p90", 10},          [P99] = {"p99", 10},
    [REQUEST] = {"request", 11}, [RESPONSE] = {"response", 11}};

// The table's width and columns.
struct table_format {
    size_t columns; // of the terminal; 0: no terminal
    bool shown[COLUMNS];
};

// Leaves columns out until the path has PATH_ROOM.
static struct table_format table_format_for(size_t width)
{
    static const enum column left_out[] = {REQUEST, RESPONSE, P90, P99, P50, AVERAGE};
    struct table_format p = {.columns = width};
    size_t taken = BETWEEN + PATH_ROOM;
    for (size_t i = 0; i < COLUMNS; i++) {
        p.shown[i] = true;
        taken += columns[i].width;
    }
    for (size_t i = 0; width > 0 && taken > width && i < sizeof(left_out) / sizeof(*left_out);
         i++) {
        p.shown[left_out[i]] = false;
        taken -= columns[left_out[i]].width;
    }
    return p;
}

static void put_cell(struct line_buf *row, const struct path_stats_entry *p, enum column column)
{
    switch (column) {
    case CALLS: line_buf_number(row, p->calls); return;
    case TOTAL: line_buf_duration(row, p->total_ns); return;
    case AVERAGE: line_buf_duration(row, p->calls ? p->total_ns / p->calls : 0); return;
    case P50: line_buf_duration(row, percentile_ns(p, 50)); return;
    case P90: line_buf_duration(row, percentile_ns(p, 90)); return;
    case P99: line_buf_duration(row, percentile_ns(p, 99)); return;
    case REQUEST: line_buf_size(row, p->bytes[INBOUND]); return;
    case RESPONSE: line_buf_size(row, p->bytes[OUTBOUND]); return;
    case COLUMNS: return;
    }
}

// Takes the next character off a path, as it is shown: a '?' unless it is printable.
static struct shown next_shown(struct printable *p, struct slice *path)
{
    struct shown shown = printable_next(p, path);
    return shown.as_is ? shown : (struct shown){SLICE("?"), 1, false};
}

// Bytes of a path that fit into `room` columns; unless all of it does, with DOTS behind it.
static size_t fitting_len(struct slice path, size_t room, bool *whole)
{
    struct printable p = {0};
    struct slice rest = path;
    size_t taken = 0;
    size_t fits = 0; // with dots behind it
    while (rest.len > 0 && taken <= room) {
        taken += next_shown(&p, &rest).columns;
        if (taken + DOTS <= room)
            fits = path.len - rest.len;
    }
    *whole = taken <= room;
    return *whole ? path.len : fits;
}

static void put_path(struct line_buf *row, const struct table_format *format, struct slice path)
{
    struct printable printable = {0};
    bool whole = true;
    if (format->columns > 0)
        path.len =
            fitting_len(path, format->columns > row->len ? format->columns - row->len : 0, &whole);
    while (path.len > 0) {
        struct slice text = next_shown(&printable, &path).text;
        memcpy(row->text + row->len, text.p, text.len);
        row->len += text.len;
    }
    if (!whole)
        line_buf_put(row, "...");
}

static bool put_row(struct buf *out, const struct table_format *format,
                    const struct path_stats_entry *p)
{
    struct line_buf row;
    line_buf_clear(&row);
    for (enum column i = 0; i < COLUMNS; i++) {
        size_t at = row.len;
        if (!format->shown[i])
            continue;
        put_cell(&row, p, i);
        line_buf_align_right(&row, at, columns[i].width);
    }
    line_buf_put(&row, "  ");
    put_path(&row, format, slice_of(p->path, p->len));
    row.text[row.len++] = '\n';
    return buf_append(out, row.text, row.len);
}

static bool put_column_names(struct buf *out, const struct table_format *format)
{
    struct line_buf row;
    line_buf_clear(&row);
    for (size_t i = 0; i < COLUMNS; i++) {
        size_t at = row.len;
        if (!format->shown[i])
            continue;
        line_buf_put(&row, columns[i].name);
        line_buf_align_right(&row, at, columns[i].width);
    }
    line_buf_put(&row, "  path\n");
    return buf_append(out, row.text, row.len);
}

struct ranked {
    const struct path_stats_entry *path;
};

static int by_total(const void *a, const void *b)
{
    uint64_t total_a = ((const struct ranked *)a)->path->total_ns;
    uint64_t total_b = ((const struct ranked *)b)->path->total_ns;
    return (total_a < total_b) - (total_a > total_b);
}

static bool put_rows(const struct path_stats *t, const struct table_format *format,
                     struct ranked *rows, struct buf *out)
{
    struct path_stats_entry *rest = path_new(SLICE("(other paths)"));
    size_t count = 0;
    bool ok = rest != NULL;
    for (size_t i = 0; i < PATH_STATS_HASH_BUCKETS; i++)
        for (const struct path_stats_entry *p = t->buckets[i]; p; p = p->next)
            rows[count++].path = p;
    qsort(rows, count, sizeof(struct ranked), by_total);
    for (size_t i = 0; ok && i < count && i < PATH_STATS_ROWS; i++)
        ok = put_row(out, format, rows[i].path);
    for (size_t i = PATH_STATS_ROWS; ok && i < count; i++)
        add(rest, rows[i].path);
    if (ok && t->others)
        add(rest, t->others);
    if (ok && rest->calls > 0)
        ok = put_row(out, format, rest);
    free(rest);
    return ok;
}

bool path_stats_table(const struct path_stats *t, size_t width, struct buf *out)
{
    char head[160];
    const struct table_format format = table_format_for(width);
    int len = snprintf(head, sizeof(head), "adit: %llu exchange%s on %zu path%s%s\n",
                       (unsigned long long)t->exchanges, t->exchanges == 1 ? "" : "s", t->paths,
                       t->paths == 1 ? "" : "s", t->others ? " and more" : "");
    bool ok = buf_append(out, head, (size_t)len);
    if (t->exchanges == 0)
        return ok;
    ok = ok && put_column_names(out, &format);
    struct ranked *rows = calloc(t->paths + 1, sizeof(struct ranked));
    ok = ok && rows && put_rows(t, &format, rows, out);
    free(rows);
    return ok;
}
