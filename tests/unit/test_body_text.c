// SPDX-License-Identifier: MIT
// A body becomes lines, each marked as part of the body or as a remark; what exceeds a bound is
// counted.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/inspect/body_text.h"
#include "common/inspect/write.h"
#include "proto/buf.h"

static struct buf seen;

static void add(struct slice s)
{
    assert_true(buf_append(&seen, s.p, s.len));
}

// Collects lines: ':' before text, '=' between name and value, '#' before remarks.
static void on_line(void *ctx, const struct body_line *line)
{
    (void)ctx;
    switch (line->kind) {
    case BODY_LINE_TEXT: add(SLICE(":")); break;
    case BODY_LINE_PAIR:
        add(line->name);
        add(SLICE("="));
        break;
    case BODY_LINE_MORE:
    case BODY_LINE_REMARK: add(SLICE("#")); break;
    }
    add(line->text);
    add(SLICE("\n"));
}

static const char *lines_of(const struct body_text *how, struct slice body)
{
    struct body_text b = *how;
    b.put = on_line;
    buf_take(&seen, buf_len(&seen));
    bool is_text = body_text(&b, body);
    add(slice_of("", 1));
    return is_text ? buf_at(&seen) : NULL;
}

static const char *lines(const char *type, const char *body)
{
    const struct body_text how = {.type = slice_str(type), .part_hex_bytes = 16};
    return lines_of(&how, slice_str(body));
}

static int forget(void **state)
{
    (void)state;
    buf_free(&seen);
    return 0;
}

static void text_is_as_it_is_and_json_is_laid_out_whatever_its_type(void **state)
{
    (void)state;
    assert_string_equal(lines("text/plain", "a\r\n\n b"), ":a\n:\n: b\n");
    assert_string_equal(lines("", " [1]"), ":[\n:  1\n:]\n");
    assert_string_equal(lines("application/x-www-form-urlencoded", "{\"a\":\"b=c\"}"),
                        ":{\n:  \"a\": \"b=c\"\n:}\n");
    assert_string_equal(lines("application/json", "{\"a\":"), ":{\"a\":\n");
    assert_string_equal(lines("text/event-stream", "data: 1\n\ndata: 2\n"),
                        ":data: 1\n:\n:data: 2\n");
    assert_string_equal(lines("", ""), "");
}

static void json_that_was_cut_is_laid_out_as_far_as_it_goes(void **state)
{
    struct body_text how = {.cut = true};
    (void)state;
    assert_string_equal(lines_of(&how, SLICE("{\"a\":[1,{\"b\":\"tex")),
                        ":{\n:  \"a\": [\n:    1,\n:    {\n:      \"b\": \"tex\n");
    assert_string_equal(lines_of(&how, SLICE("[1] and much other text")),
                        ":[1] and much other text\n");
    assert_string_equal(lines_of(&how, SLICE("[2026-11-29 12:00] up")), ":[2026-11-29 12:00] up\n");
    how.as_it_is = true;
    assert_string_equal(lines_of(&how, SLICE("[1,")), ":[1,\n");
}

static void a_form_is_a_name_and_a_value_a_line(void **state)
{
    static const char form[] = "application/x-www-form-urlencoded; charset=utf-8";
    const struct body_text raw = {.type = slice_str(form), .as_it_is = true};
    (void)state;
    assert_string_equal(lines(form, "a=1&b+c=%C3%BC%26&&=x&y&z=%zz%4\n"),
                        "a=1\nb c=\xc3\xbc&\n=x\ny=\nz=%zz%4\n");
    assert_string_equal(lines(form, "t=1%0D%0A2%0D3"), "t=1\\n2\r3\n");
    assert_string_equal(lines(form, "no pair"), ":no pair\n");
    assert_string_equal(lines("text/plain", "a=1&b=2"), ":a=1&b=2\n");
    assert_string_equal(lines_of(&raw, SLICE("a=1&b=%20")), ":a=1&b=%20\n");
}

static void a_multipart_body_has_a_title_and_lines_for_each_part(void **state)
{
    static const char type[] = "multipart/form-data; boundary=XX";
    (void)state;
    assert_string_equal(
        lines(type,
              "--XX\r\nContent-Disposition: form-data; name=\"a\\\"b\"\r\n\r\n1\n2\r\n--XX\r\n"
              "Content-Disposition: form-data; name=f; filename=\"x.json\"\r\n"
              "Content-Type: application/json; charset=utf-8\r\n\r\n{}\r\n--XX--"),
        "#part 1: name \"a\\\"b\", 3 B\n:1\n:2\n"
        "#part 2: name \"f\", file \"x.json\", application/json, 2 B\n:{}\n");
    assert_string_equal(lines(type, "--XX\r\n\r\n\xff\x01\x02\xfe 0123456789abcdef\r\n--XX--"),
                        "#part 1: 21 B\n:00000000  ff 01 02 fe 20 30 31 32 33 34 35 36 37 38 39 61"
                        "  .... 0123456789a\n#… 5 B more of this part\n");
    assert_string_equal(lines(type, "--XX\r\n\r\nhalf"), "#part 1: 4 B, cut short\n:half\n"
                                                         "#(the multipart does not end as it "
                                                         "should)\n");
    assert_string_equal(lines(type, "--XX\r\nhalf\r\n--XX--\r\nmore\r\n"),
                        "#part 1: 4 B, without a head\n:half\n#(behind the last part: 6 bytes)\n");
    assert_string_equal(lines(type, "--YY--"),
                        "#(not taken apart: the boundary that its type names "
                        "is missing)\n:--YY--\n");
    assert_string_equal(lines("multipart/mixed", "x"), "#(not taken apart: the boundary that its "
                                                       "type names is missing)\n:x\n");
}

static void a_title_cannot_be_imitated_by_a_name_or_a_type(void **state)
{
    char body[600];
    char name[200];
    (void)state;
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = 0;
    (void)snprintf(
        body, sizeof(body),
        "--X\r\nContent-Disposition: x; name=a\", 9 B; filename=%s\r\n"
        "Content-Type: a/b, name \"x\"\r\nContent-Transfer-Encoding: base64 \"\r\n\r\n\r\n"
        "--X--",
        name);
    name[BODY_TEXT_WORD_MAX] = 0;
    char wanted[400];
    (void)snprintf(wanted, sizeof(wanted), "#part 1: name \"a\", file \"%s…\", a/b, base64, 0 B\n",
                   name);
    assert_string_equal(lines("multipart/x; boundary=X", body), wanted);
}

// A multipart body of `count` equal parts.
static struct buf many(size_t count, const char *boundary, const char *part)
{
    struct buf b = {0};
    char line[200];
    for (size_t i = 0; i < count; i++) {
        int len = snprintf(line, sizeof(line), "--%s\r\n\r\n%s\r\n", boundary, part);
        assert_true(buf_append(&b, line, (size_t)len));
    }
    int len = snprintf(line, sizeof(line), "--%s--\r\n", boundary);
    assert_true(buf_append(&b, line, (size_t)len));
    return b;
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *at = strstr(text, what); at; at = strstr(at + 1, what))
        n++;
    return n;
}

static void parts_pairs_and_depth_are_bounded(void **state)
{
    struct body_text how = {.type = SLICE("multipart/x; boundary=X")};
    (void)state;
    struct buf b = many(BODY_TEXT_PARTS + 2, "X", "p");
    const char *text = lines_of(&how, buf_slice(&b));
    assert_int_equal(count(text, "#part "), BODY_TEXT_PARTS);
    assert_non_null(strstr(text, "#(more parts: "));
    buf_free(&b);

    for (size_t i = 0; i < BODY_TEXT_PAIRS + 2; i++)
        assert_true(buf_append(&b, "a=1&", 4));
    how.type = SLICE("application/x-www-form-urlencoded");
    text = lines_of(&how, buf_slice(&b));
    assert_int_equal(count(text, "a=1\n"), BODY_TEXT_PAIRS);
    assert_non_null(strstr(text, "#(8 more bytes of the form)\n"));
    buf_free(&b);

    assert_string_equal(
        lines("multipart/x; boundary=A",
              "--A\nContent-Type: multipart/x; boundary=B\n\n"
              "--B\nContent-Type: multipart/x; boundary=C\n\n"
              "--C\nContent-Type: multipart/x; boundary=D\n\n--D--\n--C--\n--B--\n--A--"),
        "#part 1: multipart/x, 103 B\n#part 1.1: multipart/x, 54 B\n#part 1.1.1: multipart/x, 5 B\n"
        "#(not taken apart: it is too deep inside others)\n:--D--\n");
}

static void text_is_told_from_all_else(void **state)
{
    (void)state;
    assert_true(body_is_text(SLICE(""), SLICE("plain \xc3\xbc\n")));
    assert_true(body_is_text(SLICE(""), SLICE("cut \xc3")));
    assert_true(body_is_text(SLICE(""), SLICE("a line\x1b[31m")));
    assert_true(body_is_text(SLICE("text/plain; charset=latin1"), SLICE("caf\xe9")));
    assert_true(body_is_text(SLICE("application/problem+json; x"), SLICE("{\xff}")));
    assert_false(body_is_text(SLICE(""), SLICE("caf\xe9 au lait")));
    assert_false(body_is_text(SLICE("image/png"), SLICE("a\0b")));
    assert_false(body_is_text(SLICE(""), SLICE("\x08\x01\x12\x05")));
    assert_false(body_is_text(SLICE("text/html"), SLICE("\x1f\x8b\x08\x00\xa5\xff")));
    assert_null(lines("", "\xff"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_as_it_is_and_json_is_laid_out_whatever_its_type),
        cmocka_unit_test(json_that_was_cut_is_laid_out_as_far_as_it_goes),
        cmocka_unit_test(a_form_is_a_name_and_a_value_a_line),
        cmocka_unit_test(a_multipart_body_has_a_title_and_lines_for_each_part),
        cmocka_unit_test(a_title_cannot_be_imitated_by_a_name_or_a_type),
        cmocka_unit_test(parts_pairs_and_depth_are_bounded),
        cmocka_unit_test(text_is_told_from_all_else),
    };
    return cmocka_run_group_tests(tests, NULL, forget);
}
