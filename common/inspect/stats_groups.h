// SPDX-License-Identifier: MIT
// Sums over exchanges by a key, with exact percentiles of their durations.
#pragma once
#include "proto/buf.h"

enum {
    STATS_GROUPS_MAX = 100000,          // the last one is "(others)", for all further keys
    STATS_GROUPS_SAMPLES_MAX = 8 << 20, // durations that count in percentiles: the first ones
    STATS_GROUPS_KEY_MAX = 1024         // bytes of a key that count
};

struct stats_group {
    struct slice key;
    uint64_t calls, timed, total_ns, bytes[2]; // timed: those with a duration
    uint64_t p50_ns, p90_ns, p99_ns;           // nearest rank; set by stats_groups_finish
};

struct stats_sample {
    uint64_t ns;
    uint32_t group;
};

// Zeros before the first exchange.
struct stats_groups {
    struct stats_group *list; // after stats_groups_finish: by total time, descending
    size_t count, room;
    uint32_t *table; // open addressing: 1 + the index in `list`; 0 is empty
    size_t table_size;
    uint64_t seed; // random, so that visitors cannot choose keys that collide
    struct stats_sample *samples;
    size_t sample_count, sample_room;
    struct stats_group all;
    bool keys_left_out, samples_left_out; // a bound was hit
};

void stats_groups_deinit(struct stats_groups *g);
// Adds one exchange; `ns` is negative when it has no duration. False: out of memory.
bool stats_groups_add(struct stats_groups *g, struct slice key, int64_t ns,
                      const uint64_t bytes[2]);
// Computes the percentiles and sorts the groups; nothing may be added afterwards.
void stats_groups_finish(struct stats_groups *g);
