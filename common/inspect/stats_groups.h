// SPDX-License-Identifier: MIT
// Exchanges summed up by a key, with exact percentiles of their durations.
#pragma once
#include "proto/buf.h"

enum {
    STATS_GROUPS_MAX = 100000, // others are put together
    STATS_GROUPS_SAMPLES_MAX =
        8 << 20,                // durations that are kept; percentiles are those of the first ones
    STATS_GROUPS_KEY_MAX = 1024 // bytes of a key that count
};

struct stats_group {
    struct slice key;
    uint64_t calls, timed, total_ns, bytes[2]; // timed: those with a duration
    uint64_t p50_ns, p90_ns, p99_ns;           // by stats_groups_finish: nearest rank
};

struct stats_sample {
    uint64_t ns;
    uint32_t group;
};

struct stats_groups {
    struct stats_group *list; // by stats_groups_finish: the one with the most time first
    size_t count, room;
    uint32_t *table; // places in `list`, 1 + each; 0 is empty
    size_t table_size;
    uint64_t seed; // of the hashes: whoever makes the keys shall not know their places
    struct stats_sample *samples;
    size_t sample_count, sample_room;
    struct stats_group all;
    bool keys_left_out, samples_left_out; // a bound was met
};

void stats_groups_deinit(struct stats_groups *g);
// Adds one exchange; its duration is below 0 when it has none. False: out of memory.
bool stats_groups_add(struct stats_groups *g, struct slice key, int64_t ns,
                      const uint64_t bytes[2]);
void stats_groups_finish(struct stats_groups *g);
