// SPDX-License-Identifier: MIT
// How often and for how long each path was asked for, whatever the method and the query.
#pragma once
#include "common/exchange/exchange.h"
#include "proto/buf.h"

enum {
    PATH_STATS_PATHS = 1000, // told apart; what comes later is added up as "(other paths)"
    PATH_STATS_ROWS = 400,   // of the table: those that took longest, the others added up too
    PATH_STATS_ROW_BYTES = 300,
    PATH_STATS_HASH_BUCKETS = 1024,
    PATH_STATS_TIME_BUCKETS = 240 // of the histogram of durations
};

struct path_stats_entry;

struct path_stats {
    struct exchange_observer observer; // counts
    struct path_stats_entry *buckets[PATH_STATS_HASH_BUCKETS];
    struct path_stats_entry *others; // NULL: none yet
    size_t paths;
    uint64_t exchanges;
};

void path_stats_init(struct path_stats *t);
void path_stats_deinit(struct path_stats *t);
// The table as safe lines, of at most PATH_STATS_ROW_BYTES each. On a terminal of `width` columns,
// from 40 on, it has those columns that leave room for the path, and none is wider; 0: it is for no
// terminal, and all of it is there. False when out of memory.
bool path_stats_table(const struct path_stats *t, size_t width, struct buf *out);

// A duration's place in the histogram, and about which duration a place stands for: they differ by
// at most a sixteenth.
size_t path_stats_bucket(uint64_t us);
uint64_t path_stats_bucket_us(size_t bucket);
