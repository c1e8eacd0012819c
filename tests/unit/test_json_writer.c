// SPDX-License-Identifier: MIT
// Untrusted text becomes JSON that means the same, in characters that no terminal obeys.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/inspect/json_writer.h"
#include "common/inspect/write.h"
#include "proto/utf8.h"

// A stream that writes to memory.
struct sheet {
    FILE *out;
    char *text;
    size_t len;
};

static void sheet_open(struct sheet *s)
{
    s->out = open_memstream(&s->text, &s->len);
    assert_non_null(s->out);
}

static void expect(struct sheet *s, const char *wanted)
{
    assert_int_equal(fclose(s->out), 0);
    assert_string_equal(s->text, wanted);
    free(s->text);
}

static void expect_json(struct slice in, const char *wanted)
{
    struct sheet s;
    sheet_open(&s);
    struct json_writer w = {.out = s.out};
    json_string(&w, NULL, in);
    expect(&s, wanted);
}

static void objects_and_lists_have_their_commas(void **state)
{
    struct sheet s;
    (void)state;
    sheet_open(&s);
    struct json_writer w = {.out = s.out};
    json_open(&w, NULL, '{');
    json_int(&w, "a", -1);
    json_open(&w, "b", '[');
    json_open(&w, NULL, '[');
    json_close(&w, ']');
    json_bool(&w, NULL, true);
    json_null(&w, NULL);
    json_close(&w, ']');
    json_ms(&w, "ms", 1234567);
    json_seconds(&w, "s", 1764093601001002003);
    json_bytes(&w, "bytes", SLICE("\xff"));
    json_close(&w, '}');
    json_end_line(&w);
    json_open(&w, NULL, '{');
    json_close(&w, '}');
    expect(&s, "{\"a\":-1,\"b\":[[],true,null],\"ms\":1.234567,\"s\":1764093601.001002,"
               "\"bytes\":{\"base64\":\"/w==\"}}\n{}");
}

static void numbers_are_whole_at_their_bounds(void **state)
{
    struct sheet s;
    (void)state;
    sheet_open(&s);
    struct json_writer w = {.out = s.out};
    json_open(&w, NULL, '[');
    json_int(&w, NULL, INT64_MIN);
    json_int(&w, NULL, INT64_MAX);
    json_int(&w, NULL, 0);
    json_count(&w, NULL, UINT64_MAX);
    json_close(&w, ']');
    expect(&s, "[-9223372036854775808,9223372036854775807,0,18446744073709551615]");
}

static void what_is_not_known_is_null(void **state)
{
    static const uint8_t unknown[JSON_DIGEST_BYTES];
    static const uint8_t known[JSON_DIGEST_BYTES] = {1, 0xff};
    struct sheet s;
    (void)state;
    sheet_open(&s);
    struct json_writer w = {.out = s.out};
    json_open(&w, NULL, '[');
    json_digest(&w, NULL, NULL);
    json_digest(&w, NULL, unknown);
    json_digest(&w, NULL, known);
    json_optional_ns(&w, NULL, -1);
    json_optional_ns(&w, NULL, 0);
    json_optional_string(&w, NULL, SLICE(""));
    json_optional_string(&w, NULL, SLICE("\xff"));
    json_optional_bytes(&w, NULL, SLICE(""));
    json_optional_bytes(&w, NULL, SLICE("\xff"));
    json_close(&w, ']');
    expect(&s, "[null,null,\"01ff0000000000000000000000000000\",null,0,null,\"\\u00ff\",null,"
               "{\"base64\":\"/w==\"}]");
}

static void strings_are_escaped_where_they_must_be(void **state)
{
    (void)state;
    expect_json(SLICE(""), "\"\"");
    expect_json(SLICE("a\"\\/\n\r\t\b\f\x01\x7f\0"),
                "\"a\\\"\\\\/\\n\\r\\t\\b\\f\\u0001\\u007f\\u0000\"");
    expect_json(SLICE("\xc3\xa9\xf0\x9f\x98\x80"), "\"\xc3\xa9\xf0\x9f\x98\x80\"");
    expect_json(SLICE("\xc2\x9b\xe2\x80\xae\xf3\xa0\x80\x81"), "\"\\u009b\\u202e\\udb40\\udc01\"");
    expect_json(SLICE("a\xe9\xc3\xa9"), "\"a\\u00e9\\u00c3\\u00a9\"");
}

static void utf8_is_told_from_what_is_not(void **state)
{
    static const char *const good[] = {"",
                                       "a",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2\x61",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "a\xe2\x82",
                                      "\xe2\x28\xa1"};
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(utf8_is_valid(slice_str(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(utf8_is_valid(slice_str(bad[i])));
    assert_true(utf8_is_readable(SLICE("cut \xe2\x82")));
    assert_false(utf8_is_readable(SLICE("cut \xe2\x82 not")));
    assert_false(utf8_is_readable(SLICE("a\0b")));
}

static void base64_is_padded_and_broken_into_lines(void **state)
{
    static const struct {
        struct slice in;
        unsigned columns;
        const char *wanted;
    } cases[] = {
        {{"", 0}, 0, ""},
        {{"f", 1}, 0, "Zg=="},
        {{"fo", 2}, 0, "Zm8="},
        {{"foo", 3}, 0, "Zm9v"},
        {{"foobar", 6}, 8, "Zm9vYmFy\n"},
        {{"foobarfoo", 9}, 8, "Zm9vYmFy\nZm9v\n"},
        {{"\xff\xfe\xfd", 3}, 0, "//79"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sheet s;
        sheet_open(&s);
        write_base64(s.out, cases[i].in, cases[i].columns);
        expect(&s, cases[i].wanted);
    }
}

static void what_a_terminal_would_obey_is_written_out(void **state)
{
    struct sheet s;
    (void)state;
    sheet_open(&s);
    write_safe(s.out, SLICE("a\x1b[2J\n\t\r\x7f\x9b\xc2\x9b\xe2\x80\xae\xc3\xa9\xe2\x82\xac\xe2"));
    expect(&s, "a\\x1b[2J\\n\\t\\x0d\\x7f\\x9b\\xc2\\x9b\\xe2\\x80\\xae\xc3\xa9\xe2\x82\xac\\xe2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_and_lists_have_their_commas),
        cmocka_unit_test(numbers_are_whole_at_their_bounds),
        cmocka_unit_test(what_is_not_known_is_null),
        cmocka_unit_test(strings_are_escaped_where_they_must_be),
        cmocka_unit_test(utf8_is_told_from_what_is_not),
        cmocka_unit_test(base64_is_padded_and_broken_into_lines),
        cmocka_unit_test(what_a_terminal_would_obey_is_written_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
