// SPDX-License-Identifier: MIT
// What the commands print: numbers as people read them, and only what can be shown.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/line.h"

static const char *text_of(void (*put)(struct line *l, uint64_t n), uint64_t n)
{
    static struct line l;
    line_clear(&l);
    put(&l, n);
    l.text[l.len] = 0;
    return l.text;
}

static void bytes_have_the_unit_that_fits(void **state)
{
    (void)state;
    assert_string_equal(text_of(line_bytes, 0), "0 B");
    assert_string_equal(text_of(line_bytes, 1023), "1023 B");
    assert_string_equal(text_of(line_bytes, 1024), "1.0 KiB");
    assert_string_equal(text_of(line_bytes, 1536), "1.5 KiB");
    assert_string_equal(text_of(line_bytes, 1048576), "1.0 MiB");
    assert_string_equal(text_of(line_bytes, 1ULL << 40), "1.0 TiB");
    assert_string_equal(text_of(line_bytes, 1ULL << 50), "1024.0 TiB");
}

static void durations_have_the_unit_that_fits(void **state)
{
    (void)state;
    assert_string_equal(text_of(line_duration, 0), "0.0 ms");
    assert_string_equal(text_of(line_duration, 1250000), "1.2 ms");
    assert_string_equal(text_of(line_duration, 999999999), "999.9 ms");
    assert_string_equal(text_of(line_duration, 1000000000), "1.00 s");
    assert_string_equal(text_of(line_duration, 61050000000), "61.05 s");
}

static void what_does_not_fit_is_left_out(void **state)
{
    struct line l = {.len = 0};
    (void)state;
    for (int i = 0; i < 200; i++)
        line_put(&l, "seven!!");
    assert_int_equal(l.len, LINE_BYTES - 1);
}

static void only_visible_ascii_is_left_of_a_disarmed_line(void **state)
{
    struct line l = {.len = 0};
    (void)state;
    line_put(&l, "a \x1b[\t\x7f\xc3\xbc~");
    line_disarm(&l);
    assert_memory_equal(l.text, "a ?[????~", l.len);
}

// Shows a text as printable_take has it.
static const char *shown(const char *text)
{
    static char out[64];
    size_t len = 0;
    for (struct slice s = slice_str(text); s.len > 0;) {
        size_t before = s.len;
        struct slice one = printable_take(&s);
        assert_true(s.len < before && len + one.len < sizeof(out));
        memcpy(out + len, one.p, one.len);
        len += one.len;
    }
    out[len] = 0;
    return out;
}

static void printable_text_stays_as_it_is(void **state)
{
    static const char *const texts[] = {
        " ~",           "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
        "\xef\xbf\xbd", "\xc2\xa0", "a\xcc\x88"};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_string_equal(shown(texts[i]), texts[i]);
}

static void each_character_that_cannot_be_shown_is_one_mark(void **state)
{
    static const struct row {
        const char *text, *shown;
    } rows[] = {
        {"\x1b[2J", "?[2J"},       {"\x7f", "?"}, {"\t\n", "??"}, {"\xc2\x9b", "?"}, // CSI of C1
        {"\xe2\x80\xae.", "?."},   // right-to-left override
        {"\xe2\x81\xa6", "?"},     // an isolate
        {"\xe2\x80\xa8", "?"},     // line separator
        {"\xef\xbb\xbf", "?"},     // byte order mark
        {"\xf3\xa0\x81\x81", "?"}, // a tag
        {"\xed\xa0\x80", "?"},     // a surrogate
        {"\xc0\xaf", "??"},        // '/' in two bytes
        {"\xe0\x80\xaf", "?"},     // in three
        {"\xf0\x80\x80\xaf", "?"}, // in four
        {"\xf4\x90\x80\x80", "?"}, // beyond Unicode
        {"\xf5\x80", "??"},        // begins nothing
        {"\xc3(", "?("},           // torn
        {"\xe2\x82", "?"},         // cut
        {"\x80\xbf", "??"},        // continues nothing
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(shown(rows[i].text), rows[i].shown);
}

static void a_character_that_was_cut_is_told_from_one_that_is_none(void **state)
{
    (void)state;
    assert_true(is_cut_character(SLICE("\xc3")));
    assert_true(is_cut_character(SLICE("\xe2\x82")));
    assert_true(is_cut_character(SLICE("\xf0\x9f\x98")));
    assert_false(is_cut_character(SLICE("")));
    assert_false(is_cut_character(SLICE("a")));
    assert_false(is_cut_character(SLICE("\x82")));
    assert_false(is_cut_character(SLICE("\xe2(")));
    assert_false(is_cut_character(SLICE("\xc3\xbc")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_have_the_unit_that_fits),
        cmocka_unit_test(durations_have_the_unit_that_fits),
        cmocka_unit_test(what_does_not_fit_is_left_out),
        cmocka_unit_test(only_visible_ascii_is_left_of_a_disarmed_line),
        cmocka_unit_test(printable_text_stays_as_it_is),
        cmocka_unit_test(each_character_that_cannot_be_shown_is_one_mark),
        cmocka_unit_test(a_character_that_was_cut_is_told_from_one_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
