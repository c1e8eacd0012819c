// SPDX-License-Identifier: MIT
// Multipart bodies are split at their delimiters and nowhere else, wherever they are cut.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/inspect/multipart.h"

static const struct slice type = {"multipart/form-data; boundary=XX", 32};

// All parts as "[head|body]", with "." after a whole part, "-" before one without a head, and "!"
// at the end when the closing delimiter was found. NULL: multipart_begin failed.
static const char *parts_of(struct slice content_type, struct slice body)
{
    static char text[1024];
    struct multipart m;
    struct multipart_part part;
    size_t len = 0;
    text[0] = 0;
    if (!multipart_begin(&m, content_type, body))
        return NULL;
    while (multipart_next(&m, &part))
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s[%.*s|%.*s]%s",
                                part.has_head ? "" : "-", (int)part.head.len,
                                part.head.len ? part.head.p : "", (int)part.body.len,
                                part.body.len ? part.body.p : "", part.whole ? "." : "");
    (void)snprintf(text + len, sizeof(text) - len, "%s", m.closed ? "!" : "");
    return text;
}

static void a_body_is_taken_apart(void **state)
{
    static const struct {
        const char *body, *parts;
    } rows[] = {
        {"--XX\r\nA: b\r\n\r\none\r\n--XX\r\n\r\ntwo\r\n--XX--\r\n", "[A: b\r\n|one].[|two].!"},
        {"--XX\nA: b\n\none\n--XX--", "[A: b\n|one].!"},          // line feeds alone
        {"preamble\r\n--XX \t\r\n\r\none\r\n--XX--", "[|one].!"}, // padding
        {"--XX\r\n\r\n\r\n--XX--", "[|].!"},                      // empty
        {"--XX\r\n\r\n--XX--", "-[|].!"},                         // without a head
        {"--XX\r\nno head\r\n--XX--", "-[|no head].!"},
        {"--XX\r\n\r\n--XXY\r\n --XX\r\nx--XX\r\n--XX--", "[|--XXY\r\n --XX\r\nx--XX].!"},
        {"--XX\r\n\r\na\r\n--XX--junk\r\n--XX--", "[|a\r\n--XX--junk].!"},
        {"--XX--", "!"},
        {"--XX--\r\nepilogue\r\n--XX\r\n", "!"},
        {"--XX\r\n\r\none", "[|one]"},               // cut in a part
        {"--XX\r\n\r\none\r\n--X", "[|one\r\n--X]"}, // cut in a delimiter
        {"--XX\r\n\r\none\r\n--XX", "[|one\r\n--XX]"},
        {"--XX\r\n\r\none\r\n--XX\r\n", "[|one]."},
        {"--XX\r\nA: b", "-[|A: b]"},
        {"--XX\r\n", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(parts_of(type, slice_str(rows[i].body)), rows[i].parts);
    assert_null(parts_of(type, SLICE("")));
    assert_null(parts_of(type, SLICE("--YY\r\n\r\n--YY--")));
    assert_null(parts_of(type, SLICE("--XX"))); // the rest of the delimiter line may still come
}

static void a_boundary_is_one_that_the_rfc_allows(void **state)
{
    char longest[200] = "multipart/mixed; boundary=";
    size_t before = strlen(longest);
    (void)state;
    assert_non_null(parts_of(SLICE("multipart/x; a=b; Boundary=\"X X\""), SLICE("--X X--")));
    assert_non_null(parts_of(SLICE("multipart/x;boundary = XX ;c=d"), SLICE("--XX--")));
    assert_null(parts_of(SLICE("multipart/x"), SLICE("--XX--")));
    assert_null(parts_of(SLICE("multipart/x; boundary"), SLICE("--")));
    assert_null(parts_of(SLICE("multipart/x; boundary="), SLICE("----")));
    assert_null(parts_of(SLICE("multipart/x; boundary=\"X \""), SLICE("--X --")));
    assert_null(parts_of(SLICE("multipart/x; boundary=X\\Y"), SLICE("--X\\Y--")));
    assert_null(parts_of(SLICE("boundary=XX"), SLICE("--XX--"))); // no type before the parameter
    memset(longest + before, 'b', MULTIPART_BOUNDARY_MAX + 1);
    struct slice body = slice_of(longest + before, MULTIPART_BOUNDARY_MAX);
    char text[100];
    (void)snprintf(text, sizeof(text), "--%.*s--", (int)body.len, body.p);
    assert_non_null(parts_of(slice_of(longest, before + MULTIPART_BOUNDARY_MAX), slice_str(text)));
    assert_null(parts_of(slice_of(longest, before + MULTIPART_BOUNDARY_MAX + 1), slice_str(text)));
}

static void expect(const char *value, const char *name, const char *wanted)
{
    struct slice found;
    bool has = multipart_parameter(slice_str(value), slice_str(name), &found);
    assert_int_equal(has, wanted != NULL);
    if (wanted)
        assert_true(slice_eq(found, slice_str(wanted)));
}

static void parameters_are_found_quoted_or_not(void **state)
{
    (void)state;
    expect("form-data; name=\"a b\"; filename=\"x;name=y\"", "filename", "x;name=y");
    expect("form-data; name=\"a b\"; filename=\"x;name=y\"", "name", "a b");
    expect("form-data; filename=\"q\\\"; name=\\\"z\"; name=n", "name", "n");
    expect("form-data; filename=\"q\\\"; name=\\\"z\"; name=n", "filename", "q\\\"; name=\\\"z");
    expect("form-data; filename=my file.txt ; name=n", "filename", "my file.txt");
    expect("form-data; NAME=n", "name", "n");
    expect("form-data; name=", "name", "");
    expect("form-data; name", "name", NULL);
    expect("form-data; name=\"open", "name", "open");
    expect("form-data; name=\"open\\", "name", "open\\");
    expect("\"; name=x", "name", NULL);
    expect("", "name", NULL);
}

static void a_head_that_is_too_long_is_none(void **state)
{
    char *body = malloc(MULTIPART_HEAD_BYTES + 100);
    struct multipart m;
    struct multipart_part part;
    (void)state;
    assert_non_null(body);
    size_t len = (size_t)snprintf(body, 100, "--XX\r\nA: ");
    memset(body + len, 'a', MULTIPART_HEAD_BYTES);
    len += MULTIPART_HEAD_BYTES;
    len += (size_t)snprintf(body + len, 80, "\r\n\r\nx\r\n--XX--");
    assert_true(multipart_begin(&m, type, slice_of(body, len)));
    assert_true(multipart_next(&m, &part));
    assert_false(part.has_head);
    assert_true(part.whole);
    free(body);
}

// Each beginning is copied to memory of exactly its length, so that a sanitizer sees every overrun.
static void every_cut_stays_within_its_bytes(void **state)
{
    static const char text[] = "p\r\n--XX\r\nA: b\r\n\r\none\r\n--XX\r\n\r\n\r\n--XX--\r\ne";
    (void)state;
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        char *copy = malloc(len ? len : 1);
        assert_non_null(copy);
        memcpy(copy, text, len);
        (void)parts_of(type, slice_of(copy, len));
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_is_taken_apart),
        cmocka_unit_test(a_boundary_is_one_that_the_rfc_allows),
        cmocka_unit_test(parameters_are_found_quoted_or_not),
        cmocka_unit_test(a_head_that_is_too_long_is_none),
        cmocka_unit_test(every_cut_stays_within_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
