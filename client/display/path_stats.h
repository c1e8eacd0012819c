// SPDX-License-Identifier: MIT
// Counts requests and their durations by path, whatever the method and the query, and prints them
// as a table.
#pragma once
#include "common/exchange/exchange.h"
#include "proto/buf.h"

enum {
    PATH_STATS_PATHS = 1000, // counted apart; later paths are added up as "(other paths)"
    PATH_STATS_ROWS = 400,   // of the table: the largest totals; the other paths are added up
    PATH_STATS_ROW_BYTES = 300,
    PATH_STATS_HASH_BUCKETS = 1024,
    PATH_STATS_TIME_BUCKETS = 240 // of the histogram of durations
};

struct path_stats_entry;

struct path_stats {
    struct exchange_observer observer;
    struct path_stats_entry *buckets[PATH_STATS_HASH_BUCKETS];
    struct path_stats_entry *others; // NULL: none yet
    size_t paths;
    uint64_t exchanges;
};

void path_stats_init(struct path_stats *t);
void path_stats_deinit(struct path_stats *t);
// Appends the table as safe lines of at most PATH_STATS_ROW_BYTES each. `width` is the terminal's,
// 40 or more: columns are left out until the path has room, and no line is wider. 0: no terminal,
// all columns. False when out of memory.
bool path_stats_table(const struct path_stats *t, size_t width, struct buf *out);

// The histogram's bucket of a duration, and the duration that a bucket stands for: they differ by a
// sixteenth at most.
size_t path_stats_bucket(uint64_t us);
uint64_t path_stats_bucket_us(size_t bucket);
