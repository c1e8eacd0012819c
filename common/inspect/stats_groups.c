// SPDX-License-Identifier: MIT
#include "stats_groups.h"
#include <stdlib.h>
#include <sys/random.h>
#include "proto/hash.h"

enum {
    ROOM_FIRST = 64,
};

void stats_groups_deinit(struct stats_groups *g)
{
    for (size_t i = 0; i < g->count; i++)
        free((void *)(uintptr_t)g->list[i].key.p);
    free(g->list);
    free(g->table);
    free(g->samples);
    *g = (struct stats_groups){0};
}

// The place of a key in the table, or the free place where it belongs.
static uint32_t *place(const struct stats_groups *g, struct slice key)
{
    size_t at = (size_t)hash_bytes(key, g->seed) & (g->table_size - 1);
    while (g->table[at] != 0 && !slice_eq(g->list[g->table[at] - 1].key, key))
        at = (at + 1) & (g->table_size - 1);
    return &g->table[at];
}

// Doubles the room for groups. The table has twice as many places, so it is at most half full.
static bool grow(struct stats_groups *g)
{
    size_t room = g->room ? 2 * g->room : ROOM_FIRST;
    if (!g->room && getrandom(&g->seed, sizeof(g->seed), 0) != sizeof(g->seed))
        return false;
    struct stats_group *list = realloc(g->list, room * sizeof(*list));
    if (!list)
        return false;
    g->list = list;
    uint32_t *table = calloc(2 * room, sizeof(*table));
    if (!table)
        return false;
    free(g->table);
    g->table = table;
    g->table_size = 2 * room;
    g->room = room;
    for (size_t i = 0; i < g->count; i++)
        *place(g, g->list[i].key) = (uint32_t)i + 1;
    return true;
}

static bool find_or_make(struct stats_groups *g, struct slice key, size_t *index)
{
    if (g->count == g->room && !grow(g))
        return false;
    uint32_t *at = place(g, key);
    if (*at != 0) {
        *index = *at - 1;
        return true;
    }
    if (g->count == STATS_GROUPS_MAX - 1) {
        g->keys_left_out = true;
        key = SLICE("(others)");
        at = place(g, key);
        if (*at != 0) {
            *index = *at - 1;
            return true;
        }
    } else if (g->count >= STATS_GROUPS_MAX) {
        g->keys_left_out = true;
        *index = STATS_GROUPS_MAX - 1;
        return true;
    }
    char *copy = malloc(key.len + 1);
    if (!copy)
        return false;
    memcpy(copy, key.p ? key.p : "", key.len);
    g->list[g->count] = (struct stats_group){.key = slice_of(copy, key.len)};
    *index = g->count++;
    *at = (uint32_t)g->count;
    return true;
}

static bool add_sample(struct stats_groups *g, size_t group, int64_t ns)
{
    if (ns < 0)
        return true;
    if (g->sample_count == STATS_GROUPS_SAMPLES_MAX) {
        g->samples_left_out = true;
        return true;
    }
    if (g->sample_count == g->sample_room) {
        size_t room = g->sample_room ? 2 * g->sample_room : ROOM_FIRST;
        struct stats_sample *samples = realloc(g->samples, room * sizeof(*samples));
        if (!samples)
            return false;
        g->samples = samples;
        g->sample_room = room;
    }
    g->samples[g->sample_count++] = (struct stats_sample){(uint64_t)ns, (uint32_t)group};
    return true;
}

// Adds up to INT64_MAX at most: durations are shown as int64_t.
static void add_up(uint64_t *sum, uint64_t n)
{
    *sum = n < INT64_MAX - *sum ? *sum + n : INT64_MAX;
}

static void count(struct stats_group *group, int64_t ns, const uint64_t bytes[2])
{
    group->calls++;
    group->timed += ns >= 0;
    add_up(&group->total_ns, ns >= 0 ? (uint64_t)ns : 0);
    add_up(&group->bytes[0], bytes[0]);
    add_up(&group->bytes[1], bytes[1]);
}

bool stats_groups_add(struct stats_groups *g, struct slice key, int64_t ns, const uint64_t bytes[2])
{
    size_t index = 0;
    key.len = key.len < STATS_GROUPS_KEY_MAX ? key.len : STATS_GROUPS_KEY_MAX;
    if (!find_or_make(g, key, &index) || !add_sample(g, index, ns))
        return false;
    count(&g->list[index], ns, bytes);
    count(&g->all, ns, bytes);
    return true;
}

static int order(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int by_ns(const void *a, const void *b)
{
    return order(((const struct stats_sample *)a)->ns, ((const struct stats_sample *)b)->ns);
}

static int by_group(const void *a, const void *b)
{
    const struct stats_sample *x = a;
    const struct stats_sample *y = b;
    return x->group == y->group ? order(x->ns, y->ns) : order(x->group, y->group);
}

static int by_time(const void *a, const void *b)
{
    return order(((const struct stats_group *)b)->total_ns,
                 ((const struct stats_group *)a)->total_ns);
}

// The nearest-rank percentile: the smallest value that `percent` % of all do not exceed.
static uint64_t rank(const struct stats_sample *sorted, size_t n, size_t percent)
{
    return n == 0 ? 0 : sorted[(n * percent + 99) / 100 - 1].ns;
}

static void set_percentiles(struct stats_group *group, const struct stats_sample *sorted, size_t n)
{
    group->p50_ns = rank(sorted, n, 50);
    group->p90_ns = rank(sorted, n, 90);
    group->p99_ns = rank(sorted, n, 99);
}

void stats_groups_finish(struct stats_groups *g)
{
    if (g->sample_count == 0)
        return;
    qsort(g->samples, g->sample_count, sizeof(*g->samples), by_ns);
    set_percentiles(&g->all, g->samples, g->sample_count);
    qsort(g->samples, g->sample_count, sizeof(*g->samples), by_group);
    for (size_t start = 0, end = 0; start < g->sample_count; start = end) {
        uint32_t group = g->samples[start].group;
        while (end < g->sample_count && g->samples[end].group == group)
            end++;
        set_percentiles(&g->list[group], g->samples + start, end - start);
    }
    qsort(g->list, g->count, sizeof(*g->list), by_time);
    g->table_size = 0; // sorting made its indexes invalid
}
