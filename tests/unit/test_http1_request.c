// SPDX-License-Identifier: MIT
// Request heads: legal ones are taken apart, malformed ones refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/http1_heads.h"

struct accepted_request {
    struct slice text;
    const char *method, *scheme, *authority, *target, *upgrade;
    size_t fields;
};

static void legal_requests_are_taken_apart(void **state)
{
    static const struct accepted_request cases[] = {
        {TEXT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "GET", "", "a", "/", "", 1},
        {TEXT("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), "GET", "", "a", "/", "", 1},
        {TEXT("GET / HTTP/1.7\r\nHost: a\r\n\r\n"), "GET", "", "a", "/", "", 1},
        {TEXT("GET / HTTP/1.0\r\n\r\n"), "GET", "", "", "/", "", 0},
        {TEXT("!#$%&'*+-.^_`|~ / HTTP/1.1\r\nHOST:a\r\n\r\n"), "!#$%&'*+-.^_`|~", "", "a", "/", "",
         1},
        {TEXT("GET /\"<>\\^`{|}?a=[b]//%zz HTTP/1.1\r\nhost:\t a:80 \t\r\n\r\n"), "GET", "", "a:80",
         "/\"<>\\^`{|}?a=[b]//%zz", "", 1},
        {TEXT("GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\nX: \x80\xff\tb c\r\n\r\n"), "GET", "", "a",
         "/\xc3\xa9", "", 2},
        {TEXT("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), "OPTIONS", "", "a", "*", "", 1},
        {TEXT("GET http://b/c?d HTTP/1.1\r\nHost: a\r\n\r\n"), "GET", "http", "b", "/c?d", "", 1},
        {TEXT("GET HTTPS://b:8/ HTTP/1.1\r\nHost: a\r\n\r\n"), "GET", "https", "b:8", "/", "", 1},
        {TEXT("GET http://b HTTP/1.1\r\nHost: a\r\n\r\n"), "GET", "http", "b", "/", "", 1},
        {TEXT("GET http://b?q HTTP/1.1\r\nHost: a\r\n\r\n"), "GET", "http", "b", "?q", "", 1},
        {TEXT("OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n"), "OPTIONS", "http", "b", "*", "", 1},
        {TEXT("OPTIONS http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"), "OPTIONS", "http", "b", "/", "", 1},
        {TEXT("GET http://b/ HTTP/1.0\r\n\r\n"), "GET", "http", "b", "/", "", 0},
        {TEXT("GET / HTTP/1.1\r\nHost: [::1]:7080\r\nEmpty:\r\nE2: \r\n\r\n"), "GET", "",
         "[::1]:7080", "/", "", 3},
        {TEXT("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: b/1, c\r\nConnection: x, UPGRADE\r\n\r\n"),
         "GET", "", "a", "/", "b/1, c", 3},
        {TEXT("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: b\r\nConnection: close\r\n\r\n"), "GET", "",
         "a", "/", "", 3},
        {TEXT("GET / HTTP/1.0\r\nHost: a\r\nUpgrade: b\r\nConnection: upgrade\r\n\r\n"), "GET", "",
         "a", "/", "", 3},
        {TEXT("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n\r\n"), "GET", "", "a", "/", "",
         2},
        {TEXT("connect / HTTP/1.1\r\nHost: a\r\n\r\n"), "connect", "", "a", "/", "", 1},
    };
    struct http_head head;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct accepted_request *c = &cases[i];
        const char *text = c->text.p;
        int size = http1_parse_every_way(http1_parse_request, c->text, &http1_roomy, &head);
        http1_expect("size", text, size, (long)c->text.len);
        http1_expect_slice("method", text, head.method, c->method);
        http1_expect_slice("scheme", text, head.scheme, c->scheme);
        http1_expect_slice("authority", text, head.authority, c->authority);
        http1_expect_slice("target", text, head.target, c->target);
        http1_expect_slice("upgrade", text, head.upgrade, c->upgrade);
        http1_expect("fields", text, (long)head.field_count, (long)c->fields);
        http1_expect("status", text, head.status, 0);
        const struct field *host = head_find(&head, SLICE("host"));
        if (host)
            http1_expect_slice("Host", text, host->value, c->authority);
    }
}

static void field_values_are_trimmed_and_otherwise_untouched(void **state)
{
    struct http_head head;
    struct slice text = SLICE("GET / HTTP/1.1\r\nHost: a\r\nX-A:  \t a,  b\t\xe9 \t\r\nx-b:c\r\n"
                              "LONG: 0123456789abcdef\t0123456789abcdef\xff tail \r\n\r\n");

    (void)state;
    assert_int_equal(http1_parse_every_way(http1_parse_request, text, &http1_roomy, &head),
                     text.len);
    assert_int_equal(head.field_count, 4);
    http1_expect_slice("name", text.p, head.fields[1].name, "X-A");
    http1_expect_slice("value", text.p, head.fields[1].value, "a,  b\t\xe9");
    http1_expect_slice("name", text.p, head.fields[2].name, "x-b");
    http1_expect_slice("value", text.p, head.fields[2].value, "c");
    http1_expect_slice("value", text.p, head.fields[3].value,
                       "0123456789abcdef\t0123456789abcdef\xff tail");
}

#define AFTER_HOST(field) TEXT("GET / HTTP/1.1\r\nHost: a\r\n" field "\r\n\r\n")
#define LINE(line)        TEXT(line "\r\nHost: a\r\n\r\n")
#define HOST(host)        TEXT("GET / HTTP/1.1\r\nHost: " host "\r\n\r\n")

static void malformed_request_lines_are_refused(void **state)
{
    static const struct http1_refused cases[] = {
        {TEXT("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("GET / HTTP/1.1\nHost: a\n\n"), HTTP1_E_SYNTAX},
        {TEXT("\x16\x03\x01\x02"), HTTP1_E_SYNTAX},
        {LINE(" GET / HTTP/1.1"), HTTP1_E_SYNTAX},
        {LINE("GET  / HTTP/1.1"), HTTP1_E_SYNTAX},
        {LINE("GET /  HTTP/1.1"), HTTP1_E_SYNTAX},
        {LINE("GET / HTTP/1.1 "), HTTP1_E_SYNTAX},
        {LINE("GET\t/ HTTP/1.1"), HTTP1_E_SYNTAX},
        {LINE("GET /\tHTTP/1.1"), HTTP1_E_SYNTAX},
        {LINE("G(T / HTTP/1.1"), HTTP1_E_SYNTAX},
        {LINE("GET /a b HTTP/1.1"), HTTP1_E_SYNTAX},
        {LINE("GET /\0 HTTP/1.1"), HTTP1_E_SYNTAX},
        {LINE("GET /\x7f HTTP/1.1"), HTTP1_E_SYNTAX},
        {LINE("GET /\r HTTP/1.1"), HTTP1_E_SYNTAX},
        {LINE("GET /a#b HTTP/1.1"), HTTP1_E_SYNTAX},
        {LINE("GET a HTTP/1.1"), HTTP1_E_SYNTAX},
        {LINE("GET ?a HTTP/1.1"), HTTP1_E_SYNTAX},
        {LINE("GET * HTTP/1.1"), HTTP1_E_SYNTAX},
        {LINE("OPTIONS *a HTTP/1.1"), HTTP1_E_SYNTAX},
        {LINE("GET a:80 HTTP/1.1"), HTTP1_E_SYNTAX},
        {LINE("GET ftp://a/ HTTP/1.1"), HTTP1_E_SYNTAX},
        {LINE("GET http:/a HTTP/1.1"), HTTP1_E_SYNTAX},
        {LINE("GET /"), HTTP1_E_SYNTAX},
        {LINE("GET"), HTTP1_E_SYNTAX},
        {LINE("GET / "), HTTP1_E_SYNTAX},
        {LINE("GET / H"), HTTP1_E_SYNTAX},
        {LINE("GET / http/1.1"), HTTP1_E_SYNTAX},
        {LINE("GET / HTTP/1.1x"), HTTP1_E_SYNTAX},
        {LINE("GET / HTTP/11.1"), HTTP1_E_SYNTAX},
        {LINE("GET / HTTP/1,1"), HTTP1_E_SYNTAX},
        {LINE("GET / HTTP/1.x"), HTTP1_E_SYNTAX},
        {LINE("GET / HTTP/x.1"), HTTP1_E_SYNTAX},
        {LINE("GET / HTTPS/1.1"), HTTP1_E_SYNTAX},
        {TEXT("G / H\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), HTTP1_E_VERSION},
        {LINE("GET / HTTP/2.0"), HTTP1_E_VERSION},
        {LINE("GET / HTTP/0.9"), HTTP1_E_VERSION},
        {LINE("CONNECT a:80 HTTP/1.1"), HTTP1_E_METHOD},
        {LINE("CONNECT / HTTP/1.1"), HTTP1_E_METHOD},
    };

    (void)state;
    http1_refuses(http1_parse_request, cases, sizeof(cases) / sizeof(cases[0]));
}

static void malformed_fields_are_refused(void **state)
{
    static const struct http1_refused cases[] = {
        {AFTER_HOST("a : b"), HTTP1_E_SYNTAX},
        {AFTER_HOST("a\t: b"), HTTP1_E_SYNTAX},
        {AFTER_HOST(": b"), HTTP1_E_SYNTAX},
        {AFTER_HOST("a"), HTTP1_E_SYNTAX},
        {AFTER_HOST("a b: c"), HTTP1_E_SYNTAX},
        {AFTER_HOST("a(b): c"), HTTP1_E_SYNTAX},
        {AFTER_HOST("\xe9: c"), HTTP1_E_SYNTAX},
        {AFTER_HOST("a\0: c"), HTTP1_E_SYNTAX},
        {AFTER_HOST("a: b\r\n c"), HTTP1_E_SYNTAX},
        {AFTER_HOST("a: b\r\n\tc"), HTTP1_E_SYNTAX},
        {AFTER_HOST(" a: b"), HTTP1_E_SYNTAX},
        {AFTER_HOST("a: b\0c"), HTTP1_E_SYNTAX},
        {AFTER_HOST("a: 0123456789\0abcdef0123456789"), HTTP1_E_SYNTAX},
        {AFTER_HOST("a: 0123456789\x7f"
                    "abcdef0123456789"),
         HTTP1_E_SYNTAX},
        {AFTER_HOST("a: 0123456789\x1f"
                    "abcdef0123456789"),
         HTTP1_E_SYNTAX},
        {AFTER_HOST("a: \x01"), HTTP1_E_SYNTAX},
        {AFTER_HOST("a: \x0b"
                    "b"),
         HTTP1_E_SYNTAX},
        {AFTER_HOST("a: b\rc: d"), HTTP1_E_SYNTAX},
        {AFTER_HOST("a: b\r"), HTTP1_E_SYNTAX},
        {AFTER_HOST("a: b\nc: d"), HTTP1_E_SYNTAX},
        {TEXT("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("GET / HTTP/1.1\r\nHost: a\r\n\n"), HTTP1_E_SYNTAX},
        {TEXT("GET / HTTP/1.1\r\nHost: a\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("GET / HTTP/1.1\r\nHost: a\r\n\r\r\n\r\n"), HTTP1_E_SYNTAX},
    };

    (void)state;
    http1_refuses(http1_parse_request, cases, sizeof(cases) / sizeof(cases[0]));
}

static void a_request_names_exactly_one_host(void **state)
{
    static const struct http1_refused cases[] = {
        {TEXT("GET / HTTP/1.1\r\n\r\n"), HTTP1_E_HOST},
        {TEXT("GET http://a/ HTTP/1.1\r\n\r\n"), HTTP1_E_HOST},
        {AFTER_HOST("Host: a"), HTTP1_E_HOST},
        {AFTER_HOST("hOST: b"), HTTP1_E_HOST},
        {TEXT("GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"), HTTP1_E_HOST},
        {TEXT("GET http://a/ HTTP/1.1\r\nHost: b/\r\n\r\n"), HTTP1_E_HOST},
        {TEXT("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), HTTP1_E_HOST},
        {TEXT("GET / HTTP/1.0\r\nHost:\r\n\r\n"), HTTP1_E_HOST},
        {LINE("GET http:// HTTP/1.1"), HTTP1_E_HOST},
        {LINE("GET http:///a HTTP/1.1"), HTTP1_E_HOST},
        {LINE("GET http://u@a/ HTTP/1.1"), HTTP1_E_HOST},
        {LINE("GET http://u:p@a/ HTTP/1.1"), HTTP1_E_HOST},
        {LINE("GET http://a:x/ HTTP/1.1"), HTTP1_E_HOST},
        {LINE("GET http://a\\b/ HTTP/1.1"), HTTP1_E_HOST},
        {HOST(""), HTTP1_E_HOST},
        {HOST(":80"), HTTP1_E_HOST},
        {HOST("a b"), HTTP1_E_HOST},
        {HOST("a/b"), HTTP1_E_HOST},
        {HOST("u@a"), HTTP1_E_HOST},
        {HOST("http://a"), HTTP1_E_HOST},
        {HOST("a:-1"), HTTP1_E_HOST},
        {HOST("\xc3\xa9"), HTTP1_E_HOST},
    };

    (void)state;
    http1_refuses(http1_parse_request, cases, sizeof(cases) / sizeof(cases[0]));
}

static void what_follows_a_head_is_left_alone(void **state)
{
    static const char text[] =
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n";
    struct http_head head;
    size_t scanned = 0;

    (void)state;
    int first = http1_parse_request(text, sizeof(text) - 1, &scanned, &http1_roomy, &head);
    assert_int_equal(first, 28);
    assert_int_equal(scanned, 0);
    http1_expect_slice("target", text, head.target, "/1");
    int second = http1_parse_request(text + first, sizeof(text) - 1 - (size_t)first, &scanned,
                                     &http1_roomy, &head);
    assert_int_equal(second, 28);
    http1_expect_slice("target", text, head.target, "/2");
}

static void connections_are_kept_as_the_version_and_options_say(void **state)
{
    static const struct {
        struct slice text;
        bool kept;
    } cases[] = {
        {TEXT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), true},
        {TEXT("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE\r\n\r\n"), false},
        {TEXT("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n"), false},
        {TEXT("GET / HTTP/1.1\r\nHost: a\r\nConnection: a\r\nConnection: close\r\n\r\n"), false},
        {TEXT("GET / HTTP/1.1\r\nHost: a\r\nX-Section1: close\r\n\r\n"), true},
        {TEXT("GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n"), true},
        {TEXT("GET / HTTP/1.0\r\n\r\n"), false},
        {TEXT("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), true},
        {TEXT("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\nConnection: close\r\n\r\n"), false},
    };
    struct http_head head;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_true(http1_parse_every_way(http1_parse_request, cases[i].text, &http1_roomy, &head) >
                    0);
        http1_expect("keep-alive", cases[i].text.p, http1_keeps_alive(&head), cases[i].kept);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(legal_requests_are_taken_apart),
        cmocka_unit_test(field_values_are_trimmed_and_otherwise_untouched),
        cmocka_unit_test(malformed_request_lines_are_refused),
        cmocka_unit_test(malformed_fields_are_refused),
        cmocka_unit_test(a_request_names_exactly_one_host),
        cmocka_unit_test(what_follows_a_head_is_left_alone),
        cmocka_unit_test(connections_are_kept_as_the_version_and_options_say),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
