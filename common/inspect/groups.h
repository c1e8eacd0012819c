// SPDX-License-Identifier: MIT
// Exchanges summed up by a key, with exact percentiles of their durations.
#pragma once
#include "proto/buf.h"

enum {
    GROUPS_MAX = 100000, // others are put together
    GROUPS_SAMPLES_MAX =
        8 << 20,          // durations that are kept; percentiles are those of the first ones
    GROUPS_KEY_MAX = 1024 // bytes of a key that count
};

struct group {
    struct slice key;
    uint64_t calls, timed, total_ns, bytes[2]; // timed: those with a duration
    uint64_t p50_ns, p90_ns, p99_ns;           // by groups_finish: nearest rank
};

struct group_sample {
    uint64_t ns;
    uint32_t group;
};

struct groups {
    struct group *list; // by groups_finish: the one with the most time first
    size_t count, room;
    uint32_t *table; // places in `list`, 1 + each; 0 is empty
    size_t table_size;
    uint64_t seed; // of the hashes: whoever makes the keys shall not know their places
    struct group_sample *samples;
    size_t sample_count, sample_room;
    struct group all;
    bool keys_left_out, samples_left_out; // a bound was met
};

void groups_deinit(struct groups *g);
// Adds one exchange; its duration is below 0 when it has none. False: out of memory.
bool groups_add(struct groups *g, struct slice key, int64_t ns, const uint64_t bytes[2]);
void groups_finish(struct groups *g);
