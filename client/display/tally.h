// SPDX-License-Identifier: MIT
// How often and for how long each path was asked for, whatever the method and the query.
#pragma once
#include "common/exchange/exchange.h"
#include "proto/buf.h"

enum {
    TALLY_PATHS = 1000, // told apart; what comes later is added up as "(other paths)"
    TALLY_ROWS = 400,   // of the table: those that took longest, the others added up too
    TALLY_ROW_BYTES = 300,
    TALLY_BUCKETS = 1024,
    TALLY_TIMES = 240 // of the histogram of durations
};

struct tally_path;

struct tally {
    struct exchange_observer observer; // counts
    struct tally_path *buckets[TALLY_BUCKETS];
    struct tally_path *others; // NULL: none yet
    size_t paths;
    uint64_t exchanges;
};

void tally_init(struct tally *t);
void tally_deinit(struct tally *t);
// The table as safe lines, of at most TALLY_ROW_BYTES each. On a terminal of `width` columns, from
// 40 on, it has those columns that leave room for the path, and none is wider; 0: it is for no
// terminal, and all of it is there. False when out of memory.
bool tally_table(const struct tally *t, size_t width, struct buf *out);

// A duration's place in the histogram, and about which duration a place stands for: they differ by
// at most a sixteenth.
size_t tally_place(uint64_t us);
uint64_t tally_us(size_t place);
