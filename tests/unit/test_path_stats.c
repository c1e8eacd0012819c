// SPDX-License-Identifier: MIT
// The histogram behind the percentiles of a path.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "client/display/path_stats.h"

static void a_place_stands_for_what_is_in_it(void **state)
{
    (void)state;
    for (uint64_t us = 0; us < 1ULL << 32; us += 1 + us / 50) {
        size_t bucket = path_stats_bucket(us);
        uint64_t about = path_stats_bucket_us(bucket);
        uint64_t error = about > us ? about - us : us - about;
        assert_true(bucket < PATH_STATS_TIME_BUCKETS);
        assert_true(error * 16 <= us);
        assert_int_equal(path_stats_bucket(about), bucket);
    }
}

static void places_are_in_the_order_of_durations(void **state)
{
    (void)state;
    for (size_t bucket = 1; bucket < PATH_STATS_TIME_BUCKETS; bucket++)
        assert_true(path_stats_bucket_us(bucket) > path_stats_bucket_us(bucket - 1));
}

static void what_is_longer_than_the_histogram_is_in_its_last_place(void **state)
{
    (void)state;
    assert_int_equal(path_stats_bucket(UINT32_MAX), PATH_STATS_TIME_BUCKETS - 1);
    assert_int_equal(path_stats_bucket(UINT64_MAX), PATH_STATS_TIME_BUCKETS - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_stands_for_what_is_in_it),
        cmocka_unit_test(places_are_in_the_order_of_durations),
        cmocka_unit_test(what_is_longer_than_the_histogram_is_in_its_last_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
