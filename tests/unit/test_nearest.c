// SPDX-License-Identifier: MIT
// The distance between names, and the nearest of several.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/nearest.h"

static void a_distance_counts_bytes_inserted_removed_and_changed(void **state)
{
    static const struct {
        const char *a, *b;
        size_t distance;
    } pairs[] = {
        {"", "", 0},      {"a", "", 1},      {"", "abc", 3},           {"abc", "abc", 0},
        {"abc", "bc", 1}, {"abc", "axc", 1}, {"kitten", "sitting", 3}, {"ab", "ba", 2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct slice a = slice_str(pairs[i].a);
        struct slice b = slice_str(pairs[i].b);
        assert_int_equal(name_distance(a, b), pairs[i].distance);
        assert_int_equal(name_distance(b, a), pairs[i].distance);
    }
}

static void a_name_is_as_long_as_it_may_be(void **state)
{
    static const char *const names[] = {"abcdefghijklmnopqrstuvwx"}; // NEAREST_NAME_MAX
    (void)state;
    assert_string_equal(name_nearest(names, 1, sizeof(names[0]), "abcdefghijklmnopqrstuvwz"),
                        names[0]);
    assert_null(name_nearest(names, 1, sizeof(names[0]), "abcdefghijklmnopqrstuvwxy"));
}

static void the_nearest_name_is_one_that_is_near(void **state)
{
    static const char *const names[] = {"http", "proxy", "requests", "show", "stats"};
    static const char *const pairs[][2] = {
        {"htp", "http"},   {"htttp", "http"},    {"req", "requests"}, {"reqeusts", "requests"},
        {"shwo", "show"},  {"stat", "stats"},    {"x", NULL},         {"", NULL},
        {"tunnels", NULL}, {"completely", NULL}, {"80", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        const char *got = name_nearest(names, 5, sizeof(names[0]), pairs[i][0]);
        if ((!got != !pairs[i][1]) || (got && strcmp(got, pairs[i][1]) != 0))
            fail_msg("%s: %s", pairs[i][0], got ? got : "none");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_distance_counts_bytes_inserted_removed_and_changed),
        cmocka_unit_test(a_name_is_as_long_as_it_may_be),
        cmocka_unit_test(the_nearest_name_is_one_that_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
