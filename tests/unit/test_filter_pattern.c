// SPDX-License-Identifier: MIT
// Patterns of filters: the same matches as regexec, at any place of texts of any length.
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/record/filter/filter_internal.h"
#include "tests/support/chance.h"
#include "tests/support/trials.h"

// Compares with regexec, for plain needles and for automata.
static void patterns_are_found_as_by_regexec(void **state)
{
    static const char *const patterns[] = {
        "abc",          "a.c",         "ab?c",     "ab*c",
        "ab+c",         "(ab)+c",      "a|zzz",    "zzz|c",
        "^abc",         "c$",          "a\\.c",    "\\.",
        "[b-z]c",       "[^a]c",       "[]x]c",    "[[:alpha:]]bc",
        "a{1}b",        "b{0}c",       "a{0,}bc",  "x{2,3}",
        "\\<abc",       "b\\b",        "\\wc",     "a(b|x)c",
        "a(|b)c",       "abc.*d",      "a[.]c",    "a\\)",
        "[a\\]bc",      "a\\{",        "^$",       "()",
        "ab?c?d?e?xyz", "(x|ab)(c|d)", "a.*c.*a",  "\\(abc\\)",
        "b{1,}",        "[[.a.]]b",    "[[=a=]b]b"};
    static const char *const texts[] = {"",        "abc",      "xxabcxx", "a.c",  "ac",   "abbc",
                                        "ABC",     "a\nbc",    "abc\nd",  "a)",   "a{",   "abcabc",
                                        "xabc\n",  "(abc)",    "xxc",     "b\\c", "]c",   "axyz",
                                        "aab aBc", "abcd\n\n", "a b c",   "xx",   "zzz c"};
    (void)state;
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]) * 2; i++) {
        char why[FILTER_WHY_MAX];
        size_t states = FILTER_STATES_MAX;
        const char *pattern = patterns[i / 2];
        regex_t regex;
        struct filter_pattern *p = filter_pattern_new(slice_str(pattern), i % 2, &states, why);
        if (!p)
            fail_msg("%s: %s", pattern, why);
        assert_int_equal(
            regcomp(&regex, pattern, REG_EXTENDED | REG_NEWLINE | (i % 2 ? REG_ICASE : 0)), 0);
        for (size_t j = 0; j < sizeof(texts) / sizeof(texts[0]); j++)
            if (filter_pattern_found(p, slice_str(texts[j])) !=
                (regexec(&regex, texts[j], 0, NULL, 0) == 0))
                fail_msg("%s in %s, %zu", pattern, texts[j], i % 2);
        regfree(&regex);
        filter_pattern_free(p);
    }
}

static bool found(const char *pattern, bool without_case, struct slice text)
{
    char why[FILTER_WHY_MAX];
    size_t states = FILTER_STATES_MAX;
    struct filter_pattern *p = filter_pattern_new(slice_str(pattern), without_case, &states, why);
    assert_non_null(p);
    bool result = filter_pattern_found(p, text);
    filter_pattern_free(p);
    return result;
}

enum {
    LONG = 3 * (64 << 10) + 77,
    STEP = 8 << 10
};

// Long texts, with line feeds and without.
static void a_match_is_found_at_every_place_of_a_long_text(void **state)
{
    char *text = malloc(LONG);
    (void)state;
    assert_non_null(text);
    for (int lines = 0; lines < 2; lines++) {
        for (size_t i = 0; i < LONG; i++)
            text[i] = lines && i % 61 == 60 ? '\n' : '-';
        for (size_t at = 0; at + 8 <= LONG; at += at % STEP < STEP - 16 ? STEP - 16 : 1) {
            char was[8];
            memcpy(was, text + at, 8);
            memcpy(text + at, "needle-7", 8);
            if (!found("ne+dle.[0-9]", false, slice_of(text, LONG)) ||
                !found("NE+DLE", true, slice_of(text, LONG)) ||
                !found("NEEDLE", true, slice_of(text, LONG)) ||
                found("ne{3}dle", false, slice_of(text, LONG)))
                fail_msg("at %zu", at);
            memcpy(text + at, was, 8);
        }
    }
    free(text);
}

static void lines_begin_and_end_where_they_do(void **state)
{
    char *text = malloc(LONG);
    (void)state;
    assert_non_null(text);
    memset(text, '-', LONG);
    text[0] = text[LONG - 1] = 'x';
    struct slice all = slice_of(text, LONG);
    assert_false(found("^-", false, all));
    assert_false(found("-$", false, all));
    assert_false(found("\\B-\\B.\\bx", false, slice_of(text, LONG - 1)));
    assert_true(found("^x-", false, all) && found("-x$", false, all));
    memset(text + 100, 'y', LONG - 200);
    text[99] = 'a';
    text[LONG - 150] = 'b';
    assert_true(found("ay*b", false, all));
    free(text);
}

// Random patterns and texts of few different bytes, so that matches are frequent. The texts are
// short, for regexec.
static void anything_is_found_as_by_regexec(void **state)
{
    static const char *const parts[] = {"a",  "b",   "\\n",   ".",    "[ab]", "[^a]", "^",
                                        "$",  "\\b", "\\B",   "\\<",  "\\>",  "\\w",  "\\W",
                                        "(a", "(b|", "(",     ")",    "*",    "+",    "?",
                                        "|",  "{2}", "{0,2}", "{1,}", "_",    "\\`",  "\\'"};
    static const char bytes[] = "aab_ \n";
    struct chance chance = chance_of_seed(1);
    (void)state;
    for (size_t i = 0; i < trials(20000, 2000); i++) {
        char pattern[64] = "";
        char why[FILTER_WHY_MAX];
        size_t states = FILTER_STATES_MAX;
        regex_t regex;
        for (size_t n = 1 + chance_below(&chance, 8); n > 0; n--) {
            const char *part = parts[chance_below(&chance, sizeof(parts) / sizeof(parts[0]))];
            memcpy(pattern + strlen(pattern), part, strlen(part) + 1);
        }
        struct filter_pattern *p = filter_pattern_new(slice_str(pattern), i % 2, &states, why);
        if (!p)
            continue;
        assert_int_equal(
            regcomp(&regex, pattern, REG_EXTENDED | REG_NEWLINE | (i % 2 ? REG_ICASE : 0)), 0);
        for (int j = 0; j < 10; j++) {
            char text[8] = "";
            for (size_t n = chance_below(&chance, 7), k = 0; k < n; k++)
                text[k] = bytes[chance_below(&chance, sizeof(bytes) - 1)];
            if (filter_pattern_found(p, slice_str(text)) !=
                (regexec(&regex, text, 0, NULL, 0) == 0))
                fail_msg("%s in %s", pattern, text);
        }
        regfree(&regex);
        filter_pattern_free(p);
    }
}

// glibc's matcher takes 25 s and more for one such text of 1 MiB.
static void hostile_texts_take_no_longer_than_others(void **state)
{
    const size_t much = trials(8 << 20, 1 << 18);
    static const char *const patterns[] = {"(a|b)*a(a|b){60}c", "([ab]*a)+[ab]{100}c",
                                           "(a?){40}a{40}c", "(.*)(.*)(.*)(.*)x.*y",
                                           "\\b(a|b)+\\b.*\\Bc"};
    struct chance chance = chance_of_seed(2);
    (void)state;
    char *text = malloc(much);
    assert_non_null(text);
    for (size_t i = 0; i < much; i++)
        text[i] = "ab"[chance_below(&chance, 2)];
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
        assert_false(found(patterns[i], false, slice_of(text, much)));
    memset(text, 'a', much);
    text[much - 1] = 'c';
    for (size_t i = 0; i < 3; i++)
        assert_true(found(patterns[i], false, slice_of(text, much)));
    free(text);
}

// Unchanged, each of these would cost regcomp minutes and gigabytes.
static void anchors_that_follow_each_other_cost_no_more_than_letters(void **state)
{
    enum {
        MUCH = 1 << 18
    };
    static const char many[] = "(^|a)*(\\b(a|\\b)*){12}(\\<(\\>|$)*){5}a[ab ]{30}c";
    char row[2 * 200 + 2] = "";
    struct chance chance = chance_of_seed(3);
    (void)state;
    char *text = malloc(MUCH);
    assert_non_null(text);
    for (size_t i = 0; i < MUCH; i++)
        text[i] = "ab "[chance_below(&chance, 3)];
    for (size_t i = 0; i < 200; i++)
        memcpy(row + 2 * i, i % 2 ? "\\b" : "\\<", 2);
    row[2 * 200] = 'a';
    assert_false(found(many, false, slice_of(text, MUCH)));
    assert_true(found(row, false, slice_of(text, MUCH)));
    assert_true(found("(\\b(a|\\b)*){12}b", false, SLICE("b")));
    free(text);
}

// An anchor that is replaced for regcomp may still not be repeated.
static void anchors_are_not_repeated(void **state)
{
    static const char *const patterns[] = {"^*", "$+a", "a\\b?", "(\\<{2})", "\\`*", "^{x"};
    char why[FILTER_WHY_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        size_t states = FILTER_STATES_MAX;
        assert_null(filter_pattern_new(slice_str(patterns[i]), false, &states, why));
        assert_non_null(strstr(why, "no regular expression"));
    }
}

static void patterns_are_bounded(void **state)
{
    char why[FILTER_WHY_MAX];
    size_t states = FILTER_STATES_MAX;
    (void)state;
    struct filter_pattern *p = filter_pattern_new(SLICE(".{256}"), false, &states, why);
    assert_non_null(p);
    assert_int_equal(states, 0);
    assert_null(filter_pattern_new(SLICE("a+"), false, &states, why));
    filter_pattern_free(p);
    states = FILTER_STATES_MAX;
    assert_null(filter_pattern_new(SLICE(".{257}"), false, &states, why));
    assert_null(filter_pattern_new(SLICE("(a|b)*a(a|b){200}c"), false, &states, why));
    assert_non_null(strstr(why, "too large"));
    assert_int_equal(states, FILTER_STATES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_are_found_as_by_regexec),
        cmocka_unit_test(a_match_is_found_at_every_place_of_a_long_text),
        cmocka_unit_test(anything_is_found_as_by_regexec),
        cmocka_unit_test(hostile_texts_take_no_longer_than_others),
        cmocka_unit_test(anchors_that_follow_each_other_cost_no_more_than_letters),
        cmocka_unit_test(anchors_are_not_repeated),
        cmocka_unit_test(patterns_are_bounded),
        cmocka_unit_test(lines_begin_and_end_where_they_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
