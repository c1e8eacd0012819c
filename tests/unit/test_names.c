// SPDX-License-Identifier: MIT
// Names of tunnels: the labels that are names, and random ones.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/names.h"

static void assert_name(const char *name, const char *normal)
{
    char out[NAME_MAX_BYTES + 1];
    memset(out, '?', sizeof(out));
    bool is_name = name_normalise(slice_str(name), out);
    if (is_name != (normal != NULL))
        fail_msg("\"%s\" is %sa name", name, is_name ? "" : "not ");
    if (normal)
        assert_string_equal(out, normal);
}

static void a_name_is_one_label_in_lower_case(void **state)
{
    (void)state;
    assert_name("a", "a");
    assert_name("0", "0");
    assert_name("My-APP-9", "my-app-9");
    assert_name("a--b", "a--b");
    assert_name("", NULL);
    assert_name("-", NULL);
    assert_name("-a", NULL);
    assert_name("a-", NULL);
    assert_name("a.b", NULL);
    assert_name("a b", NULL);
    assert_name("a_b", NULL);
    assert_name("b\xc3\xbc", NULL);
}

static void a_name_has_63_bytes_at_most(void **state)
{
    char name[66];
    char out[NAME_MAX_BYTES + 1];
    (void)state;
    memset(name, 'A', sizeof(name));
    for (size_t len = 0; len < sizeof(name); len++) {
        assert_int_equal(name_normalise(slice_of(name, len), out), len > 0 && len <= 63);
        if (len > 0 && len <= 63)
            assert_int_equal(strspn(out, "a"), len);
        assert_true(len == 0 || len > 63 || out[len] == 0);
    }
}

// Each byte alone, first, last and in the middle: also the ones that a zero or a locale would hide.
static void only_letters_digits_and_hyphens_are_of_a_name(void **state)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    char out[NAME_MAX_BYTES + 1];
    (void)state;
    for (int c = 0; c < 256; c++) {
        bool within = c > 0 && strchr(allowed, c);
        const char texts[4][3] = {
            {(char)c, 'a', 'a'}, {'a', 'a', (char)c}, {'a', (char)c, 'a'}, {(char)c}};
        for (int at = 0; at < 4; at++) {
            bool hyphen_inside = c == '-' && at == 2;
            assert_int_equal(name_normalise(slice_of(texts[at], at == 3 ? 1 : 3), out),
                             within || hyphen_inside);
        }
    }
}

static void random_names_are_names_of_two_words_and_a_number(void **state)
{
    char name[NAME_MAX_BYTES + 1];
    char again[NAME_MAX_BYTES + 1];
    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_true(name_random(name));
        assert_true(name_normalise(slice_str(name), again));
        assert_string_equal(name, again);
        size_t first = strspn(name, "abcdefghijklmnopqrstuvwxyz");
        assert_int_equal(name[first], '-');
        size_t second = strspn(name + first + 1, "abcdefghijklmnopqrstuvwxyz");
        const char *number = name + first + 1 + second;
        assert_true(first > 0 && second > 0 && number[0] == '-');
        assert_int_equal(strspn(number + 1, "0123456789abcdef"), 8);
        assert_int_equal(strlen(number), 9);
    }
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(a, b);
}

// Counts the different texts among `count`, each `size` bytes apart.
static size_t different(char *texts, size_t count, size_t size)
{
    size_t found = 0;
    qsort(texts, count, size, compare_texts);
    for (size_t i = 0; i < count; i++)
        found += i == 0 || strcmp(texts + i * size, texts + (i - 1) * size) != 0;
    return found;
}

// Chance makes this fail in one run of a million.
static void random_names_differ_in_every_part(void **state)
{
    static char names[1000][NAME_MAX_BYTES + 1];
    static char words[2][1000][NAME_MAX_BYTES + 1];
    static char digits[2][1000][5];
    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_true(name_random(names[i]));
        size_t first = strcspn(names[i], "-");
        memcpy(words[0][i], names[i], first);
        memcpy(words[1][i], names[i] + first + 1, strcspn(names[i] + first + 1, "-"));
        memcpy(digits[0][i], names[i] + strlen(names[i]) - 8, 4);
        memcpy(digits[1][i], names[i] + strlen(names[i]) - 4, 4);
    }
    assert_int_equal(different(names[0], 1000, sizeof(names[0])), 1000);
    assert_int_equal(different(words[0][0], 1000, sizeof(words[0][0])), 16);
    assert_int_equal(different(words[1][0], 1000, sizeof(words[1][0])), 16);
    assert_true(different(digits[0][0], 1000, sizeof(digits[0][0])) > 900); // of 65,536
    assert_true(different(digits[1][0], 1000, sizeof(digits[1][0])) > 900);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_one_label_in_lower_case),
        cmocka_unit_test(a_name_has_63_bytes_at_most),
        cmocka_unit_test(only_letters_digits_and_hyphens_are_of_a_name),
        cmocka_unit_test(random_names_are_names_of_two_words_and_a_number),
        cmocka_unit_test(random_names_differ_in_every_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
