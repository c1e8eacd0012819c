// SPDX-License-Identifier: MIT
// Each option makes the comparison that its help promises.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/inspect/filter_flags.h"

static int option_of(const char *name)
{
    const struct option *o = filter_flags_options;
    while (o->name && strcmp(o->name, name) != 0)
        o++;
    assert_non_null(o->name);
    return o->val;
}

static void assert_made(const char *name, const char *value, const char *expected)
{
    struct filter_flags flags = {0};
    struct filter_mistake mistake;
    assert_true(filter_flags_take(&flags, option_of(name), value));
    assert_string_equal(flags.text, expected);
    struct filter *f = filter_new(slice_of(flags.text, flags.len), 0, &mistake);
    assert_non_null(f);
    filter_free(f);
}

// The filter refuses the same values as in a filter that was typed: no value becomes a part of the
// operator before it.
static void assert_refused(const char *name, const char *value, const char *expected)
{
    struct filter_flags flags = {0};
    struct filter_mistake mistake;
    assert_true(filter_flags_take(&flags, option_of(name), value));
    assert_string_equal(flags.text, expected);
    assert_null(filter_new(slice_of(flags.text, flags.len), 0, &mistake));
}

static void an_option_is_a_comparison(void **state)
{
    (void)state;
    assert_made("status", "500", "status=500");
    assert_made("status", "5xx", "status=5xx");
    assert_made("status", "none", "status=none");
    assert_made("status", ">=500", "status>=500");
    assert_made("method", "POST", "method=POST");
    assert_made("method", "!=GET", "method!=GET");
    assert_made("method", "!~*get", "method!~*get");
    assert_made("host", "web", "host=web");
    assert_made("since", "10m", "since=10m");
    assert_made("until", "2026-11-25 12:00", "until=\"2026-11-25 12:00\"");
    assert_made("body", "=x", "body~=x");
    assert_made("grep", "a", "(url~a or body~a)");
    assert_refused("body", "*x", "body~\"*x\"");
    assert_refused("grep", "*", "(url~\"*\" or body~\"*\")");
}

static void a_path_is_a_beginning_as_it_is(void **state)
{
    (void)state;
    assert_made("path", "/api", "path~^/api");
    assert_made("path", "/a.b+c", "path~\"^/a\\\\.b\\\\+c\"");
    assert_made("path", "/a/*/c", "path~^/a/.*/c");
    assert_made("path", "orders", "path~orders");
    assert_made("path", "=/x", "path=/x");
    assert_made("path", "~^/(a|b)", "path~\"^/(a|b)\"");
}

static void values_are_quoted_where_that_is_needed(void **state)
{
    (void)state;
    assert_made("body", "two words", "body~\"two words\"");
    assert_made("body", "(a|b)", "body~\"(a|b)\"");
    assert_made("body", "\"id\": 1", "body~\"\\\"id\\\": 1\"");
    assert_made("body", "a\\.b", "body~\"a\\\\.b\"");
    assert_made("host", "", "host=\"\"");
}

static void several_are_joined(void **state)
{
    struct filter_flags flags = {0};
    (void)state;
    assert_true(filter_flags_take(&flags, option_of("status"), "500"));
    assert_true(filter_flags_take(&flags, option_of("method"), "GET"));
    assert_string_equal(flags.text, "status=500 method=GET");
    assert_false(filter_flags_take(&flags, 'f', NULL));
    assert_false(filter_flags_take(&flags, '?', NULL));
}

static void what_a_filter_cannot_hold_is_told(void **state)
{
    static char huge[3 * FILTER_TEXT_MAX];
    (void)state;
    memset(huge, '.', sizeof(huge) - 1);
    for (const struct option *o = filter_flags_options; o->name; o++) {
        struct filter_flags flags = {0};
        assert_true(filter_flags_take(&flags, o->val, huge));
        assert_true(flags.too_long);
        assert_true(flags.len <= FILTER_TEXT_MAX && strlen(flags.text) == flags.len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_option_is_a_comparison),
        cmocka_unit_test(a_path_is_a_beginning_as_it_is),
        cmocka_unit_test(values_are_quoted_where_that_is_needed),
        cmocka_unit_test(several_are_joined),
        cmocka_unit_test(what_a_filter_cannot_hold_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
