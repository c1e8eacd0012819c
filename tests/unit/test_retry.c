// SPDX-License-Identifier: MIT
// The waits between attempts to connect (docs/protocol.md §2).
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "client/retry.h"

static void the_bound_stays_until_the_waits_add_up_to_it(void **state)
{
    struct retry r = {0};
    (void)state;
    assert_int_equal(retry_bound(&r, 500), 500);
    assert_int_equal(retry_wait(&r, 0, 499), 499);
    assert_int_equal(retry_bound(&r, 500), 500);
    assert_int_equal(retry_wait(&r, 0, 500), 0); // below the bound
    assert_int_equal(retry_bound(&r, 500), 500);
    assert_int_equal(retry_wait(&r, 0, 1), 1);
    assert_int_equal(retry_bound(&r, 500), 1000); // 500 ms have been waited
    assert_int_equal(retry_bound(&r, 500), 2000);
}

static void the_first_bound_is_that_of_the_first_failure(void **state)
{
    struct retry r = {0};
    (void)state;
    assert_int_equal(retry_bound(&r, 1500), 1500);
    (void)retry_wait(&r, 0, 1000);
    assert_int_equal(retry_bound(&r, 500), 1500);
    r = (struct retry){0};
    assert_int_equal(retry_bound(&r, 500), 500);
}

static void what_the_relay_asks_for_comes_on_top_and_counts(void **state)
{
    struct retry r = {0};
    (void)state;
    (void)retry_bound(&r, 500);
    assert_int_equal(retry_wait(&r, 700, 20), 720);
    assert_int_equal(retry_bound(&r, 500), 1000);
}

static void no_bound_is_longer_than_the_most(void **state)
{
    struct retry r = {0};
    (void)state;
    (void)retry_bound(&r, 500);
    (void)retry_wait(&r, RETRY_MAX_MS, 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(retry_bound(&r, 500), 1000 << i);
    assert_int_equal(retry_bound(&r, 500), RETRY_MAX_MS);
    assert_int_equal(retry_bound(&r, 500), RETRY_MAX_MS);
}

static void a_relay_that_leaves_chooses_the_first_bound_within_limits(void **state)
{
    (void)state;
    assert_int_equal(retry_first_within(0), RETRY_LOST_MS);
    assert_int_equal(retry_first_within(RETRY_MIN_MS - 1), RETRY_MIN_MS);
    assert_int_equal(retry_first_within(RETRY_MIN_MS), RETRY_MIN_MS);
    assert_int_equal(retry_first_within(RETRY_MIN_MS + 1), RETRY_MIN_MS + 1);
    assert_int_equal(retry_first_within(RETRY_MAX_MS), RETRY_MAX_MS);
    assert_int_equal(retry_first_within(RETRY_MAX_MS + 1), RETRY_LOST_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bound_stays_until_the_waits_add_up_to_it),
        cmocka_unit_test(the_first_bound_is_that_of_the_first_failure),
        cmocka_unit_test(what_the_relay_asks_for_comes_on_top_and_counts),
        cmocka_unit_test(no_bound_is_longer_than_the_most),
        cmocka_unit_test(a_relay_that_leaves_chooses_the_first_bound_within_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
