// SPDX-License-Identifier: MIT
// Foreign text in the form in which terminals receive it.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/output.h"
#include "common/base/printable.h"
#include "proto/utf8.h"

static struct {
    char text[65536];
    size_t len;
} sheet;

static void to_sheet(void *ctx, struct slice s)
{
    (void)ctx;
    assert_true(s.len < sizeof(sheet.text) - sheet.len);
    memcpy(sheet.text + sheet.len, s.p, s.len);
    sheet.len += s.len;
    sheet.text[sheet.len] = 0;
}

// Returns a text as printable_next writes it.
static const char *shown(struct slice s)
{
    struct printable p = {0};
    sheet.len = 0;
    sheet.text[0] = 0;
    while (s.len > 0)
        to_sheet(NULL, printable_next(&p, &s).text);
    return sheet.text;
}

// Returns a text as output_text writes it when it arrives in pieces of `step` bytes.
static const char *streamed(struct slice s, size_t step, bool colours)
{
    struct output_text t = {.colours = colours};
    sheet.len = 0;
    sheet.text[0] = 0;
    for (size_t at = 0; at < s.len; at += step)
        output_text(&t, slice_of(s.p + at, s.len - at < step ? s.len - at : step), to_sheet, NULL);
    output_text_end(&t, to_sheet, NULL);
    return sheet.text;
}

static void text_that_is_visible_stays_as_it_is(void **state)
{
    static const char *const texts[] = {
        " ~\\",      "\xc3\xbc", "\xe2\x82\xac", "日本語", "\U0001f600",        "\xef\xbf\xbd",
        "a\xcc\x88", "العربية",  "ไทย",          "한국",   "\u1112\u1161\u11ab"};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_string_equal(shown(slice_str(texts[i])), texts[i]);
        assert_true(printable_is(slice_str(texts[i])));
    }
}

// One character of each hidden category, and invisible characters of visible categories.
static void what_is_hidden_or_obeyed_is_written_out(void **state)
{
    static const struct {
        const char *text, *shown;
    } rows[] = {
        {"\x1b[2J\x1b]52;c;eA==\a", "\\x1b[2J\\x1b]52;c;eA==\\x07"},
        {"\r\n\t\x7f", "\\x0d\\n\\t\\x7f"},
        {"\xc2\x9b", "\\xc2\\x9b"},      // CSI of C1
        {"\xc2\xa0", "\\xc2\\xa0"},      // no-break space
        {"\xc2\xad", "\\xc2\\xad"},      // soft hyphen
        {"\u3000", "\\xe3\\x80\\x80"},   // ideographic space, two columns
        {"\u200b", "\\xe2\\x80\\x8b"},   // zero width space
        {"\u202e.", "\\xe2\\x80\\xae."}, // right-to-left override
        {"\u2066", "\\xe2\\x81\\xa6"},   // left-to-right isolate
        {"\u061c", "\\xd8\\x9c"},        // Arabic letter mark
        {"\u2028\u2029", "\\xe2\\x80\\xa8\\xe2\\x80\\xa9"},
        {"\ufeff", "\\xef\\xbb\\xbf"},
        {"\ufff9", "\\xef\\xbf\\xb9"},          // interlinear annotation
        {"\ue000", "\\xee\\x80\\x80"},          // private use
        {"\u0378", "\\xcd\\xb8"},               // unassigned
        {"\U000e0041", "\\xf3\\xa0\\x81\\x81"}, // tag
        {"\U000f0000", "\\xf3\\xb0\\x80\\x80"}, // private use, another plane
        {"a\ufe0f", "a\\xef\\xb8\\x8f"},        // variation selectors
        {"a\U000e0100", "a\\xf3\\xa0\\x84\\x80"},
        {"\u3164\u115f", "\\xe3\\x85\\xa4\\xe1\\x85\\x9f"}, // Hangul fillers
        {"a\u1160\uffa0", "a\\xe1\\x85\\xa0\\xef\\xbe\\xa0"},
        {"\u2800", "\\xe2\\xa0\\x80"},   // braille without dots
        {"a\u034f", "a\\xcd\\x8f"},      // combining grapheme joiner
        {"a\u17b4", "a\\xe1\\x9e\\xb4"}, // Khmer inherent vowel
        {"\u180e", "\\xe1\\xa0\\x8e"},
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},          // surrogate
        {"\xc0\xaf", "\\xc0\\xaf"},                   // overlong '/'
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, // beyond Unicode
        {"\xc3(", "\\xc3("},                          // continuation byte missing
        {"\x80\xff", "\\x80\\xff"},
        {"\xe2\x82", "\\xe2\\x82"}, // truncated
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_string_equal(shown(slice_str(rows[i].text)), rows[i].shown);
        assert_false(printable_is(slice_str(rows[i].text)));
    }
}

static void a_character_bears_so_many_marks_and_no_more(void **state)
{
    (void)state;
    assert_string_equal(shown(SLICE("a\u0301\u0301\u0301\u0301b")), "a\u0301\u0301\u0301\u0301b");
    assert_string_equal(shown(SLICE("a\u0301\u0301\u0301\u0301\u0301\u0301b\u0301")),
                        "a\u0301\u0301\u0301\u0301\\xcc\\x81\\xcc\\x81b\u0301");
    assert_string_equal(shown(SLICE("\u0301a")), "\\xcc\\x81a"); // no base of its own
    assert_string_equal(shown(SLICE("\x1b\u20dd")), "\\x1b\\xe2\\x83\\x9d");
    assert_string_equal(shown(SLICE("\u1100\u1161\u1161\u1161\u1161\u1161")),
                        "\u1100\u1161\u1161\u1161\u1161\\xe1\\x85\\xa1");
}

static void columns_are_those_of_a_terminal(void **state)
{
    static const struct {
        const char *text;
        size_t columns;
    } rows[] = {{"a", 1},    {"日", 2}, {"\U0001f600", 2}, {"\uac00", 2},   {"e\u0301", 1},
                {"\x1b", 4}, {"\n", 2}, {"\u202e", 12},    {"a\ufe0f", 13}, {"\u1112\u1161", 2}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct printable p = {0};
        size_t columns = 0;
        for (struct slice s = slice_str(rows[i].text); s.len > 0;)
            columns += printable_next(&p, &s).columns;
        assert_int_equal(columns, rows[i].columns);
    }
}

static void a_stream_shows_the_same_wherever_it_is_cut(void **state)
{
    static const struct {
        const char *text, *shown;
    } rows[] = {
        {"a\tb\n\x1b[2Jc\r\nd\re\n", "a\tb\n\\x1b[2Jc\nd\\x0de\n"},
        {"日本\u202e語\r", "日本\\xe2\\x80\\xae語\\x0d"},
        {"\x1b[31mred\x1b[0m \x1b[3", "\x1b[31mred\x1b[0m \\x1b[3"},
        {"\x1b[1mb\x1b[36mc\x1b[0m\x1b[361m", "\x1b[1mb\x1b[36mc\x1b[0m\\x1b[361m"},
        {"\x1b[31;8m\x1b[8m\x1b[32", "\\x1b[31;8m\\x1b[8m\\x1b[32"},
        {"e\u0301\n\u0301\t\u0301", "e\u0301\n\\xcc\\x81\t\\xcc\\x81"},
        {"cut \xe2\x82", "cut \\xe2\\x82"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (size_t step = 1; step < 40; step++)
            assert_string_equal(streamed(slice_str(rows[i].text), step, true), rows[i].shown);
    assert_string_equal(streamed(SLICE("\x1b[31mred"), 99, false), "\\x1b[31mred");
}

static void lines_are_disarmed_in_place(void **state)
{
    char line[] = "a\xc3\xbc\x1b[2J\tb\u202e\n\u0301\xff\n";
    char ascii[] = "a\xc3\xbc\x1b\t~\n";
    (void)state;
    line[printable_sanitize_lines(line, strlen(line))] = 0;
    assert_string_equal(line, "a\xc3\xbc?[2J\tb?\n??\n");
    printable_sanitize_line(ascii, strlen(ascii));
    assert_string_equal(ascii, "a????~?");
}

static void a_character_that_was_cut_is_told_from_one_that_is_none(void **state)
{
    (void)state;
    assert_true(utf8_is_truncated(SLICE("\xc3")));
    assert_true(utf8_is_truncated(SLICE("\xe2\x82")));
    assert_true(utf8_is_truncated(SLICE("\xf0\x9f\x98")));
    assert_false(utf8_is_truncated(SLICE("")));
    assert_false(utf8_is_truncated(SLICE("a")));
    assert_false(utf8_is_truncated(SLICE("\x82")));
    assert_false(utf8_is_truncated(SLICE("\xe2(")));
    assert_false(utf8_is_truncated(SLICE("\xe0\x80")));
    assert_false(utf8_is_truncated(SLICE("\xc3\xbc")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_that_is_visible_stays_as_it_is),
        cmocka_unit_test(what_is_hidden_or_obeyed_is_written_out),
        cmocka_unit_test(a_character_bears_so_many_marks_and_no_more),
        cmocka_unit_test(columns_are_those_of_a_terminal),
        cmocka_unit_test(a_stream_shows_the_same_wherever_it_is_cut),
        cmocka_unit_test(lines_are_disarmed_in_place),
        cmocka_unit_test(a_character_that_was_cut_is_told_from_one_that_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
