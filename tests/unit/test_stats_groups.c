// SPDX-License-Identifier: MIT
// Groups have exact sums and percentiles, within their bounds.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/inspect/stats_groups.h"

static void add(struct stats_groups *g, const char *key, int64_t ns)
{
    assert_true(stats_groups_add(g, slice_str(key), ns, (uint64_t[]){1, 2}));
}

static void percentiles_are_those_of_the_nearest_rank(void **state)
{
    struct stats_groups g = {0};
    (void)state;
    for (int64_t i = 0; i < 200; i++) // 1 to 200, unordered
        add(&g, "a", i * 77 % 200 + 1);
    for (int i = 0; i < 3; i++)
        add(&g, "b", 1000 + i);
    stats_groups_finish(&g);
    assert_int_equal(g.count, 2);
    assert_true(slice_eq(g.list[0].key, SLICE("a"))); // 20,100 ns in total
    assert_int_equal(g.list[0].total_ns, 20100);
    assert_int_equal(g.list[0].p50_ns, 100);
    assert_int_equal(g.list[0].p90_ns, 180);
    assert_int_equal(g.list[0].p99_ns, 198);
    assert_int_equal(g.list[1].p50_ns, 1001);
    assert_int_equal(g.list[1].p90_ns, 1002);
    assert_int_equal(g.all.calls, 203);
    assert_int_equal(g.all.p99_ns, 1000);
    assert_true(g.all.bytes[0] == 203 && g.all.bytes[1] == 406);
    stats_groups_deinit(&g);
}

static void what_has_no_duration_counts_without_one(void **state)
{
    struct stats_groups g = {0};
    (void)state;
    add(&g, "", -1);
    stats_groups_finish(&g);
    assert_true(g.count == 1 && g.all.calls == 1 && g.all.timed == 0 && g.all.p50_ns == 0);
    add(&g, "x", -1); // valid after a deinit
    stats_groups_deinit(&g);
}

static void more_groups_than_the_bound_are_one(void **state)
{
    struct stats_groups g = {0};
    char key[16];
    uint64_t others = 0;
    (void)state;
    for (int i = 0; i < STATS_GROUPS_MAX + 50; i++) {
        (void)snprintf(key, sizeof(key), "%d", i);
        add(&g, key, 1);
    }
    assert_true(g.keys_left_out);
    add(&g, "0", 1); // existing groups still count
    stats_groups_finish(&g);
    assert_int_equal(g.count, STATS_GROUPS_MAX);
    for (size_t i = 0; i < g.count; i++)
        if (slice_eq(g.list[i].key, SLICE("(others)")))
            others += g.list[i].calls;
    assert_int_equal(others, 51);
    assert_int_equal(g.list[1].calls + g.list[0].calls, 53);
    stats_groups_deinit(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_those_of_the_nearest_rank),
        cmocka_unit_test(what_has_no_duration_counts_without_one),
        cmocka_unit_test(more_groups_than_the_bound_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
