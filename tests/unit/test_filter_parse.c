// SPDX-License-Identifier: MIT
// Invalid filters: the place and the message of each mistake (docs/filters.md).
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/record/filter/filter_internal.h"
#include "tests/support/filters.h"

static const int64_t now = FILTERS_NOW;

static struct filter *new (const char *text)
{
    struct filter_mistake mistake;
    struct filter *f = filters_try(text, &mistake);
    if (!f)
        fail_msg("%s: %s", text, mistake.message);
    return f;
}

static void refuse(const char *text, const char *at, const char *says)
{
    struct filter_mistake m;
    struct filter *f = filters_try(text, &m);
    if (f)
        fail_msg("%s: is a filter", text);
    const char *where = *at ? strstr(text, at) : text + strlen(text);
    assert_non_null(where);
    if (m.at != (size_t)(where - text) || m.len != strlen(at))
        fail_msg("%s: [%zu, +%zu) %s", text, m.at, m.len, m.message);
    if (!strstr(m.message, says))
        fail_msg("%s: %s", text, m.message);
    assert_true(strlen(m.message) < sizeof(m.message) - 1); // not truncated
}

static void a_value_without_its_end_is_refused(void **state)
{
    (void)state;
    refuse("(path~^/(api)", "(", "never closed");
    refuse("path~^/api)", ")", "no parenthesis is open");
    refuse("path~\"x", "\"", "never closed");
    refuse("path~\"x\\\"", "\"", "never closed");
    refuse("path~\"x\"y", "y", "white space");
}

static void what_is_wrong_is_told_where_it_is(void **state)
{
    (void)state;
    refuse("status>=abc method=GET", "abc", "100 to 999");
    refuse("status=", "", "a status is");
    refuse("status~5", "~", "status takes = != <");
    refuse("status>4xx", "4xx", "= and != only");
    refuse("status<none", "none", "= and != only");
    refuse("status=0xx", "0xx", "a status is");
    refuse("path<5", "<", "path takes = != ~");
    refuse("header.x>5", ">", "header.NAME takes");
    refuse("since>10m", ">", "since takes = only");
    refuse("since=yesterday", "yesterday", "2026-11-25T12:00:00Z");
    refuse("id~5", "~", "id takes = !=");
    refuse("id=u", "u", "without i l o u");
    refuse("id=", "", "1 to 16");
    refuse("id=0123456789abcdef0", "0123456789abcdef0", "1 to 16");
    refuse("running=1", "=", "not running");
    refuse("path", "path", "needs an operator");
    refuse("status = 500", "=", "no space before");
    refuse("path~", "", "is missing");
    refuse("path==/x", "=/x", "not both");
    refuse("path=~x", "~x", "not both");
    refuse("path!=~x", "~x", "not both");
    refuse("()", "()", "nothing between");
    refuse("status=500 ( )", "( )", "nothing between");
    refuse("status=500 or", "", "is missing here");
    refuse("or status=500", "or", "missing before");
    refuse("status=500 and or status=5xx", "or", "missing before");
    refuse("(not)", ")", "missing before");
    refuse("not", "", "is missing here");
    refuse("=500", "=", "name of a field");
    refuse("!running", "!", "the word: not");
}

static void a_word_that_is_no_field_brings_a_suggestion(void **state)
{
    (void)state;
    refuse("/api", "/api", "did you mean path~/api?");
    refuse("last", "last", "last is no filter: show, replay and diff take it");
    refuse("invoice", "invoice", "did you mean path~invoice, or body~invoice?");
    refuse("inv\xc3\xb6ice", "inv\xc3\xb6ice", "did you mean path~..., or body~...?");
    refuse("inv\x1b[2J", "inv\x1b[2J", "did you mean path~..., or body~...?");
    refuse("\"invoice\"", "\"", "did you mean body~");
    refuse("GET", "GET", "did you mean method=GET?");
    refuse("500 x", "500", "did you mean status=500?");
    refuse("5xx", "5xx", "did you mean status=5xx?");
    refuse("http://x/", "http://x/", "did you mean url~http://x/?");
    refuse("0123456789abcdef", "0123456789abcdef", "did you mean id=0123456789abcdef?");
    refuse("GB7C5x", "GB7C5x", "did you mean id=GB7C5x?");
    refuse("gbxcyx", "gbxcyx", "did you mean path~gbxcyx");
    refuse("gb7c5", "gb7c5", "did you mean path~gb7c5");
    refuse("status:500", "status:500", "write = or ~");
    refuse("statsu=500", "statsu", "did you mean status?");
    refuse("res.hedaer.x", "res.hedaer.x", "did you mean");
    refuse("header.=5", "header.", "header.NAME");
    refuse("header.a/b=5", "header.a/b", "no such field");
    refuse("colour=5", "colour", "there are status,");
}

static void numbers_that_are_none_are_refused(void **state)
{
    static const char *const sizes[] = {
        "",     "k",   "-1",    "+1",    "1.", ".5",   "1.5", "1x",
        "1.5B", "0x1", "1 000", "1,5MB", "1s", "1TBB", "1e3", "1.0000000001MB"};
    static const char *const durations[] = {"", "5", "s", "1.5", "1h30m", "5k", "-1s", "1.5ns"};
    static const char *const moments[] = {"",
                                          "5",
                                          "2026",
                                          "2026-11",
                                          "2026-13-01",
                                          "2026-00-01",
                                          "2026-02-29",
                                          "2026-11-31",
                                          "2026-11-00",
                                          "2026-11-25T",
                                          "1969-12-31",
                                          "2026-1-1",
                                          "2026-11-25T24:00",
                                          "2026-11-25T12:60",
                                          "2026-11-25T12",
                                          "2100-02-29",
                                          "12:00",
                                          "2026-11-25ZZ",
                                          "2026-11-25T12:00:60",
                                          "2026-11-25T12:00:00."};
    char text[80];
    struct filter_mistake m;
    (void)state;
#define REFUSE_ALL(field, values)                                            \
    for (size_t i = 0; i < sizeof(values) / sizeof((values)[0]); i++) {      \
        (void)snprintf(text, sizeof(text), "%s=\"%s\"", field, (values)[i]); \
        if (filters_try(text, &m))                                           \
            fail_msg("%s: is a filter", text);                               \
    }
    REFUSE_ALL("size", sizes)
    REFUSE_ALL("time", durations)
    REFUSE_ALL("since", moments)
}

static void numbers_end_where_their_type_does(void **state)
{
    uint64_t n = 0;
    int64_t ns = 0;
    (void)state;
    assert_int_equal(filter_bytes(SLICE("18446744073709551615"), &n), NUMBER_OK);
    assert_true(n == UINT64_MAX);
    assert_int_equal(filter_bytes(SLICE("18446744073709551616"), &n), NUMBER_TOO_LARGE);
    assert_int_equal(filter_bytes(SLICE("17179869183g"), &n), NUMBER_OK);
    assert_int_equal(filter_bytes(SLICE("17179869184g"), &n), NUMBER_TOO_LARGE);
    assert_int_equal(filter_bytes(SLICE("17179869183.999999999g"), &n), NUMBER_OK);
    assert_int_equal(filter_bytes(SLICE("1.5KiB"), &n), NUMBER_OK);
    assert_int_equal(n, 1536);
    assert_int_equal(filter_duration(SLICE("9223372036854775807ns"), &n), NUMBER_OK);
    assert_int_equal(filter_duration(SLICE("9223372036854775808ns"), &n), NUMBER_TOO_LARGE);
    assert_int_equal(filter_duration(SLICE("106751d"), &n), NUMBER_OK);
    assert_int_equal(filter_duration(SLICE("106752d"), &n), NUMBER_TOO_LARGE);
    assert_int_equal(filter_duration(SLICE("0.123456789s"), &n), NUMBER_OK);
    assert_int_equal(n, 123456789);
    assert_int_equal(filter_moment(SLICE("2262-04-11T23:47:16Z"), now, false, &ns), NUMBER_OK);
    assert_int_equal(filter_moment(SLICE("2262-04-11T23:47:16Z"), now, true, &ns),
                     NUMBER_TOO_LARGE);
    assert_int_equal(filter_moment(SLICE("2262-04-11T23:47:17Z"), now, false, &ns),
                     NUMBER_TOO_LARGE);
    assert_int_equal(filter_moment(SLICE("9999-12-31Z"), now, false, &ns), NUMBER_TOO_LARGE);
    assert_int_equal(filter_moment(SLICE("106751d"), now, false, &ns), NUMBER_OK);
    assert_true(ns < 0);
    assert_int_equal(filter_moment(SLICE("106751d"), INT64_MIN, false, &ns), NUMBER_TOO_LARGE);
    refuse("size>99999999999999999999", "99999999999999999999", "too large");
    refuse("time>106752d", "106752d", "too large");
    refuse("since=9999-12-31Z", "9999-12-31Z", "too far");
}

static void a_pattern_that_is_none_says_what_regcomp_says(void **state)
{
    (void)state;
    refuse("path~[a", "[a", "Unmatched [");
    refuse("path~(a", "(a", "Unmatched (");
    refuse("path~a{2,1}", "a{2,1}", "Invalid content of \\{\\}");
    refuse("path~a**", "a**", "repeated again");
    refuse("path~a.*?b", "a.*?b", "repeated again");
    refuse("path~\"a)\"", "\"a)\"", "as plain text");
    refuse("path~\\", "\\", "Trailing backslash");
    refuse("path~+", "+", "Invalid preceding");
    refuse("path~\\d+", "\\d+", "write [0-9]");
    refuse("path~(a)\\1", "(a)\\1", "back-references");
    refuse("path~\\n", "\\n", "backslash");
    refuse("path~(?i)x", "(?i)x", "write ~*");
}

static void what_a_pattern_repeats_is_bounded(void **state)
{
    struct filter_mistake m;
    char text[FILTER_TEXT_MAX + 1];
    (void)state;
    refuse("path~(a{255}){255}", "(a{255}){255}", "repeat too much");
    refuse("path~((((((((((a+)+)+)+)+)+)+)+)+)+){9}", "((((((((((a+)+)+)+)+)+)+)+)+)+){9}",
           "repeat too much");
    refuse("path~(a{99999999999999999999}){999999999999}",
           "(a{99999999999999999999}){999999999999}", "repeat too much");
    filter_free(new ("path~a{256}"));
    refuse("path~a{257}", "a{257}", "repeat too much");
    filter_free(new ("path~a{100} query~b{156}"));
    refuse("path~a{100} query~b{157}", "b{157}", "repeat too much");
    for (int depth = FILTER_DEPTH_MAX - 1; depth <= FILTER_DEPTH_MAX + 1; depth++) {
        (void)snprintf(text, sizeof(text), "path~%.*sa%.*s", depth,
                       "((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((", depth,
                       "))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))");
        struct filter *f = filters_try(text, &m);
        assert_true((f != NULL) == (depth <= FILTER_DEPTH_MAX));
        filter_free(f);
    }
}

static void bounded(const char *what, size_t times, const char *then, bool expected)
{
    struct filter_mistake m;
    char *text = filters_repeated(what, times, then);
    struct filter *f = filters_try(text, &m);
    if ((f != NULL) != expected)
        fail_msg("%zu times %s", times, what);
    assert_true(f || (m.message[0] && m.at + m.len <= strlen(text)));
    filter_free(f);
    free(text);
}

static void what_has_a_bound_reaches_it_and_goes_no_further(void **state)
{
    (void)state;
    for (int beyond = -1; beyond <= 1; beyond++) {
        bool fits = beyond <= 0;
        char *close = filters_repeated(")", (size_t)(FILTER_DEPTH_MAX + beyond), "");
        char *open = filters_repeated("(", (size_t)(FILTER_DEPTH_MAX + beyond), "shed");
        bounded(" ", (size_t)(FILTER_TEXT_MAX + beyond), "", fits);
        bounded("a", (size_t)(FILTER_TEXT_MAX + beyond - 5), "", false);
        bounded("shed ", (size_t)(FILTER_TERMS_MAX + beyond), "", fits);
        bounded("path=/x or ", (size_t)(FILTER_TERMS_MAX + beyond - 1), "shed", fits);
        bounded("not ", (size_t)(FILTER_DEPTH_MAX + beyond), "shed", fits);
        bounded(open, 1, close, fits);
        bounded("not(", (size_t)((FILTER_DEPTH_MAX + beyond) / 2), "", false);
        free(close);
        free(open);
    }
    bounded("(not shed)", FILTER_DEPTH_MAX * 2, "", true); // siblings are not nested
    char *value = filters_repeated("x", FILTER_TEXT_MAX - 5, "");
    char *text = filters_repeated("path~", 1, value);
    filter_free(new (text));
    free(value);
    free(text);
}

static void a_zero_byte_is_refused(void **state)
{
    struct filter_mistake m;
    (void)state;
    assert_null(filter_new(SLICE("path~a\0b"), now, &m));
    assert_int_equal(m.at, 6);
    assert_int_equal(m.len, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_without_its_end_is_refused),
        cmocka_unit_test(what_is_wrong_is_told_where_it_is),
        cmocka_unit_test(a_word_that_is_no_field_brings_a_suggestion),
        cmocka_unit_test(numbers_that_are_none_are_refused),
        cmocka_unit_test(numbers_end_where_their_type_does),
        cmocka_unit_test(a_pattern_that_is_none_says_what_regcomp_says),
        cmocka_unit_test(what_a_pattern_repeats_is_bounded),
        cmocka_unit_test(what_has_a_bound_reaches_it_and_goes_no_further),
        cmocka_unit_test(a_zero_byte_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
