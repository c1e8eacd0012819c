// SPDX-License-Identifier: MIT
// JSON is indented without another change; anything else is left alone.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/inspect/json_indent.h"

static void expect(const char *json, const char *wanted)
{
    struct buf out = {0};
    assert_true(buf_append(&out, ">", 1));
    assert_int_equal(json_indent(slice_str(json), &out), wanted != NULL);
    assert_true(buf_append(&out, "", 1));
    assert_int_equal(buf_at(&out)[0], '>');
    assert_string_equal(buf_at(&out) + 1, wanted ? wanted : "");
    buf_free(&out);
}

static void members_and_elements_get_lines_of_their_own(void **state)
{
    (void)state;
    expect("{}", "{}");
    expect(" [ ] ", "[]");
    expect("1", "1");
    expect("{\"b\":1,\"a\":[true,null,{}]}",
           "{\n  \"b\": 1,\n  \"a\": [\n    true,\n    null,\n    {}\n  ]\n}");
    expect("[[[]],[1]]", "[\n  [\n    []\n  ],\n  [\n    1\n  ]\n]");
    expect("\r\n{ \"a\" : \"b\" }\n", "{\n  \"a\": \"b\"\n}");
}

static void numbers_strings_and_double_names_stay_as_they_were(void **state)
{
    (void)state;
    expect("[1.0,1e400,-0,12345678901234567890,0.10,1E+5]",
           "[\n  1.0,\n  1e400,\n  -0,\n  12345678901234567890,\n  0.10,\n  1E+5\n]");
    expect("{\"a\":1,\"a\":2}", "{\n  \"a\": 1,\n  \"a\": 2\n}");
    expect("\"\\u00e9\\/\\\" { [ , :\"", "\"\\u00e9\\/\\\" { [ , :\"");
    expect("\"\xc3\xa9\xff\"", "\"\xc3\xa9\xff\"");
}

static void what_is_not_json_is_refused_without_a_trace(void **state)
{
    static const char *const wrong[] = {
        "",
        " ",
        "{",
        "}",
        "[1,]",
        "[,1]",
        "{\"a\"}",
        "{\"a\":}",
        "{1:2}",
        "[1 2]",
        "1 2",
        "01",
        "-",
        "1.",
        "1e",
        ".5",
        "tru",
        "truefalse",
        "nul",
        "\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "{\"a\":1,}",
        "[1}",
        "{\"a\":1]",
        "[]]",
        "1,2",
        "'a'",
        "// a\n1",
        "NaN",
        "{,}",
        "\xef\xbb\xbf{}",
        "\"\\",
        "\"\\u12",
        "[\"a\":1]",
        "+1",
        "1.e5",
        "--1",
        "{\"a\" 1}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        expect(wrong[i], NULL);
}

static void a_zero_byte_is_no_space(void **state)
{
    struct buf out = {0};
    (void)state;
    assert_false(json_indent(SLICE("[\0]"), &out));
    assert_false(json_indent(SLICE("\"a\0\""), &out));
    assert_false(json_indent(SLICE("1\0"), &out));
    assert_false(json_indent(SLICE("\"\\\0\""), &out));
    buf_free(&out);
}

static void depth_is_bounded(void **state)
{
    struct buf out = {0};
    char text[2 * JSON_INDENT_DEPTH + 2];
    (void)state;
    memset(text, '[', JSON_INDENT_DEPTH + 1);
    memset(text + JSON_INDENT_DEPTH, ']', JSON_INDENT_DEPTH);
    assert_true(json_indent(slice_of(text, 2 * (size_t)JSON_INDENT_DEPTH), &out));
    memset(text, '[', JSON_INDENT_DEPTH + 1);
    memset(text + JSON_INDENT_DEPTH + 1, ']', JSON_INDENT_DEPTH + 1);
    assert_false(json_indent(slice_of(text, sizeof(text)), &out));
    buf_free(&out);
}

// No beginning of a JSON text but the whole is JSON. Each is copied to memory of exactly its
// length, so that a sanitizer sees every overrun.
static void every_cut_is_refused(void **state)
{
    static const char text[] = "{\"a\":[1.5e+3,\"\\u00e9\\n\",true,null],\"b\":{\"c\":-0}}";
    (void)state;
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        struct buf out = {0};
        char *copy = malloc(len ? len : 1);
        assert_non_null(copy);
        memcpy(copy, text, len);
        assert_false(json_indent(slice_of(copy, len), &out));
        assert_int_equal(buf_len(&out), 0);
        free(copy);
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_and_elements_get_lines_of_their_own),
        cmocka_unit_test(numbers_strings_and_double_names_stay_as_they_were),
        cmocka_unit_test(what_is_not_json_is_refused_without_a_trace),
        cmocka_unit_test(a_zero_byte_is_no_space),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(every_cut_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
