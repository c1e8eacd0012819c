// SPDX-License-Identifier: MIT
// Origins of URLs are compared as in browsers, and replaced only in URLs of plain form.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/http/origin.h"

static void an_origin_ends_where_its_authority_does(void **state)
{
    static const struct {
        const char *url, *scheme, *host;
        int length, port; // port -1: none
    } cases[] = {
        {"http://a", "http", "a", 8, -1},
        {"http://a/", "http", "a", 8, -1},
        {"http://a?x", "http", "a", 8, -1},
        {"http://a#x", "http", "a", 8, -1},
        {"HTTPS://A.b:8443/x", "HTTPS", "A.b", 16, 8443},
        {"http://a:", "http", "a", 9, -1},
        {"http://[::1]:80/", "http", "[::1]", 15, 80},
        {"http://[::1]", "http", "[::1]", 12, -1},
        {"//a:1/b", "", "a", 5, 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct origin o = {0};
        size_t length = origin_read(slice_str(cases[i].url), &o);
        if (length != (size_t)cases[i].length)
            fail_msg("%s: %zu", cases[i].url, length);
        assert_true(slice_eq(o.scheme, slice_str(cases[i].scheme)));
        assert_true(slice_eq(o.host, slice_str(cases[i].host)));
        assert_int_equal(o.has_port ? o.port : -1, cases[i].port);
    }
}

static void a_text_without_a_clear_authority_has_no_origin(void **state)
{
    static const char *const urls[] = {
        // Relative, of another scheme, or not a URL.
        "",
        "/",
        "/a",
        "a",
        "null",
        "//",
        "///a",
        "http:",
        "http:/a",
        "http:a",
        "http://",
        "http:///a",
        "http://:80/",
        "://a",
        "ws://a",
        "ftp://a",
        "httpx://a",
        "javascript://a",
        "/x?y=http://a",
        // Browsers read these differently from the RFC.
        "http:\\\\a/",
        "/\\a/",
        "\\\\a/",
        "http://a\\b",
        "http://a\\@b/",
        "http://a b/",
        "http://a\tb/",
        // User information, malformed ports.
        "http://u@a/",
        "http://a@b/",
        "http://a:1@b/",
        "http://a:65536/",
        "http://a:x/",
        "http://a:-1/",
        "http://a:1:2/",
        "http://[::1/",
        "http://[::1]x/",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct origin o = {0};
        size_t length = origin_read(slice_str(urls[i]), &o);
        if (length != 0)
            fail_msg("%s: %zu", urls[i], length);
    }
}

static void origins_are_the_same_by_scheme_host_and_port(void **state)
{
    static const struct {
        const char *url, *scheme, *authority;
        bool same;
    } cases[] = {
        {"http://a", "http", "a", true},
        {"http://a:80", "http", "a", true},
        {"http://a", "http", "a:80", true},
        {"http://a:0080", "http", "a:80", true},
        {"https://a:443", "https", "a", true},
        {"HTTP://A", "http", "a", true},
        {"http://[::1]:5", "http", "[::1]:5", true},
        {"http://a", "https", "a", false},
        {"http://a:443", "https", "a", false},
        {"https://a:80", "https", "a", false},
        {"http://a:81", "http", "a", false},
        {"http://a.", "http", "a", false},
        {"http://b.a", "http", "a", false},
        {"http://a.b", "http", "a", false},
        {"http://localhost:5", "http", "127.0.0.1:5", false},
        // Without a scheme in the change: either one matches.
        {"http://a:5", "", "a:5", true},
        {"https://a:5", "", "a:5", true},
        {"//a:5", "", "a:5", true},
        {"http://a", "", "a", true},
        {"https://a", "", "a", true},
        {"https://a:443", "", "a", true},
        {"//a", "", "a:80", true},
        {"//a", "", "a:5", false},
        {"https://a", "", "a:80", false},
        {"http://a:443", "", "a", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct origin read;
        struct origin other;
        assert_true(origin_read(slice_str(cases[i].url), &read) > 0);
        assert_true(origin_of(slice_str(cases[i].scheme), slice_str(cases[i].authority), &other));
        if (origin_matches(&read, &other) != cases[i].same)
            fail_msg("%s and %s %s", cases[i].url, cases[i].scheme, cases[i].authority);
    }
}

static void fields_are_changed_where_they_name_it_and_nowhere_else(void **state)
{
    static const struct slice names[] = {{"Location", 8}};
    struct origin_rewrite change = {
        .to = SLICE("https://pub.example:8443"), .names = names, .name_count = 1};
    static const struct {
        const char *name, *value, *expected;
    } fields[] = {
        {"Location", "http://a:5/x?y#z", "https://pub.example:8443/x?y#z"},
        {"location", "https://a:5", "https://pub.example:8443"},
        {"LOCATION", "//a:5/x", "//pub.example:8443/x"},
        {"Location", "http://a:5?http://a:5/", "https://pub.example:8443?http://a:5/"},
        {"Location", "http://b:5/http://a:5/", "http://b:5/http://a:5/"},
        {"Location", "", ""},
        {"Link", "http://a:5/", "http://a:5/"},
        {"X-Location", "http://a:5/", "http://a:5/"},
    };
    enum {
        COUNT = sizeof(fields) / sizeof(fields[0])
    };
    struct http_head head;
    (void)state;
    head_init(&head);
    assert_true(origin_of(SLICE(""), SLICE("a:5"), &change.from));
    size_t expected = 0;
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(head_add(&head, slice_str(fields[i].name), slice_str(fields[i].value)));
        if (strcmp(fields[i].value, fields[i].expected) != 0)
            expected += strlen(fields[i].expected);
    }
    size_t bytes = origin_rewrite_size(&head, &change);
    assert_int_equal(bytes, expected);
    char *values = malloc(bytes);
    assert_non_null(values);
    origin_rewrite(&head, &change, values);
    for (size_t i = 0; i < COUNT; i++)
        if (!slice_eq(head.fields[i].value, slice_str(fields[i].expected)))
            fail_msg("%s: %.*s", fields[i].value, (int)head.fields[i].value.len,
                     head.fields[i].value.p);
    free(values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_origin_ends_where_its_authority_does),
        cmocka_unit_test(a_text_without_a_clear_authority_has_no_origin),
        cmocka_unit_test(origins_are_the_same_by_scheme_host_and_port),
        cmocka_unit_test(fields_are_changed_where_they_name_it_and_nowhere_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
