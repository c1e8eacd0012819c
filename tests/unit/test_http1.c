// SPDX-License-Identifier: MIT
// Heads of requests and responses: what is accepted and as what, what is refused and why.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/http/http1.h"

typedef int parser(const char *buf, size_t len, size_t *scanned, const struct http1_limits *limits,
                   struct http_head *head);

static const struct http1_limits roomy = {32 * 1024, MESSAGE_FIELDS_MAX};

#define TEXT(literal)                  \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

static void expect(const char *what, const char *text, long got, long wanted)
{
    if (got != wanted)
        fail_msg("%s of \"%s\": %ld, not %ld", what, text, got, wanted);
}

static void expect_slice(const char *what, const char *text, struct slice got, const char *wanted)
{
    if (!slice_eq(got, slice_str(wanted)))
        fail_msg("%s of \"%s\": \"%.*s\", not \"%s\"", what, text, (int)got.len, got.p, wanted);
}

// Parses a copy of exactly this size, so that a read behind its end is noticed.
static int parse_prefix(parser *parse, struct slice text, size_t *scanned,
                        const struct http1_limits *limits)
{
    struct http_head head;
    char *copy = malloc(text.len);

    assert_non_null(copy);
    memcpy(copy, text.p, text.len);
    int result = parse(copy, text.len, scanned, limits, &head);
    free(copy);
    return result;
}

// Parses the text whole, in every two pieces, and byte by byte. All must agree; `head` is of the
// whole, in a copy that stays until the next call.
static int parse_every_way(parser *parse, struct slice text, const struct http1_limits *limits,
                           struct http_head *head)
{
    size_t scanned = 0;
    size_t slow_scanned = 0;
    static char copy[4096];
    assert_true(text.len <= sizeof(copy));
    memcpy(copy, text.p, text.len);
    int whole = parse(copy, text.len, &scanned, limits, head);
    int slow = 0;

    for (size_t k = 1; k <= text.len; k++) {
        scanned = 0;
        int result = parse_prefix(parse, slice_of(text.p, k), &scanned, limits);
        if (result == 0)
            result = parse_prefix(parse, text, &scanned, limits);
        expect("a split", text.p, result, whole);
        if (slow == 0)
            slow = parse_prefix(parse, slice_of(text.p, k), &slow_scanned, limits);
    }
    expect("byte by byte", text.p, slow, whole);
    return whole;
}

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
        int size = parse_every_way(http1_parse_request, c->text, &roomy, &head);
        expect("size", text, size, (long)c->text.len);
        expect_slice("method", text, head.method, c->method);
        expect_slice("scheme", text, head.scheme, c->scheme);
        expect_slice("authority", text, head.authority, c->authority);
        expect_slice("target", text, head.target, c->target);
        expect_slice("upgrade", text, head.upgrade, c->upgrade);
        expect("fields", text, (long)head.field_count, (long)c->fields);
        expect("status", text, head.status, 0);
        const struct field *host = head_find(&head, SLICE("host"));
        if (host)
            expect_slice("Host", text, host->value, c->authority);
    }
}

static void field_values_are_trimmed_and_otherwise_untouched(void **state)
{
    struct http_head head;
    struct slice text = SLICE("GET / HTTP/1.1\r\nHost: a\r\nX-A:  \t a,  b\t\xe9 \t\r\nx-b:c\r\n"
                              "LONG: 0123456789abcdef\t0123456789abcdef\xff tail \r\n\r\n");

    (void)state;
    assert_int_equal(parse_every_way(http1_parse_request, text, &roomy, &head), text.len);
    assert_int_equal(head.field_count, 4);
    expect_slice("name", text.p, head.fields[1].name, "X-A");
    expect_slice("value", text.p, head.fields[1].value, "a,  b\t\xe9");
    expect_slice("name", text.p, head.fields[2].name, "x-b");
    expect_slice("value", text.p, head.fields[2].value, "c");
    expect_slice("value", text.p, head.fields[3].value,
                 "0123456789abcdef\t0123456789abcdef\xff tail");
}

struct refused {
    struct slice text;
    int error;
};

#define AFTER_HOST(field) TEXT("GET / HTTP/1.1\r\nHost: a\r\n" field "\r\n\r\n")
#define LINE(line)        TEXT(line "\r\nHost: a\r\n\r\n")
#define HOST(host)        TEXT("GET / HTTP/1.1\r\nHost: " host "\r\n\r\n")

static void refuses(parser *parse, const struct refused *cases, size_t count)
{
    struct http_head head;

    for (size_t i = 0; i < count; i++)
        expect("result", cases[i].text.p, parse_every_way(parse, cases[i].text, &roomy, &head),
               cases[i].error);
}

static void malformed_request_lines_are_refused(void **state)
{
    static const struct refused cases[] = {
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
    refuses(http1_parse_request, cases, sizeof(cases) / sizeof(cases[0]));
}

static void malformed_fields_are_refused(void **state)
{
    static const struct refused cases[] = {
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
    refuses(http1_parse_request, cases, sizeof(cases) / sizeof(cases[0]));
}

static void a_request_names_exactly_one_host(void **state)
{
    static const struct refused cases[] = {
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
    refuses(http1_parse_request, cases, sizeof(cases) / sizeof(cases[0]));
}

// A head of exactly `size` bytes.
static char *head_of_size(const char *start, size_t size)
{
    char *text = malloc(size + 1);

    assert_non_null(text);
    memset(text, 'x', size);
    memcpy(text, start, strlen(start));
    memcpy(text + size - 4, "\r\n\r\n", 5);
    return text;
}

static void check_head_limit(parser *parse, const char *start)
{
    const struct http1_limits limits = {200, 100};
    struct http_head head;
    size_t scanned = 0;

    for (size_t size = 198; size <= 203; size++) {
        char *text = head_of_size(start, size);
        int wanted = size <= 200 ? (int)size : HTTP1_E_HEAD_TOO_LARGE;
        assert_int_equal(parse_every_way(parse, slice_of(text, size), &limits, &head), wanted);
        free(text);
    }
    // Known before the end is seen: a head of 200 bytes ends within them.
    char *text = head_of_size(start, 400);
    assert_int_equal(parse(text, 199, &scanned, &limits, &head), 0);
    assert_int_equal(parse(text, 200, &scanned, &limits, &head), HTTP1_E_HEAD_TOO_LARGE);
    free(text);
}

static void a_head_is_taken_at_its_limit_and_refused_above(void **state)
{
    (void)state;
    check_head_limit(http1_parse_request, "GET / HTTP/1.1\r\nHost: a\r\nLong: ");
    check_head_limit(http1_parse_response, "HTTP/1.1 200 OK\r\nLong: ");
}

static void a_request_line_over_the_limit_is_told_from_a_head(void **state)
{
    static const struct http1_limits limits = {60, 10};
    char text[80];
    struct http_head head;

    (void)state;
    memset(text, 'x', sizeof(text));
    memcpy(text, "GET /", 5);
    assert_int_equal(parse_every_way(http1_parse_request, slice_of(text, 80), &limits, &head),
                     HTTP1_E_TARGET);
    memcpy(text, "\r\nGET /", 7);
    assert_int_equal(parse_every_way(http1_parse_request, slice_of(text, 80), &limits, &head),
                     HTTP1_E_TARGET);
    memcpy(text + 58, "\r\n", 2);
    assert_int_equal(parse_every_way(http1_parse_request, slice_of(text, 80), &limits, &head),
                     HTTP1_E_HEAD_TOO_LARGE);
}

static void fields_are_taken_at_their_limit_and_refused_above(void **state)
{
    char text[4096];
    struct http_head head;

    (void)state;
    for (size_t count = MESSAGE_FIELDS_MAX - 1; count <= MESSAGE_FIELDS_MAX + 1; count++) {
        size_t len = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n");
        for (size_t i = 1; i < count; i++)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "f%zu: v\r\n", i);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "\r\n");
        int wanted = count <= MESSAGE_FIELDS_MAX ? (int)len : HTTP1_E_TOO_MANY_FIELDS;
        assert_int_equal(parse_every_way(http1_parse_request, slice_of(text, len), &roomy, &head),
                         wanted);
    }
}

static void a_limit_on_fields_beyond_the_capacity_is_the_capacity(void **state)
{
    const struct http1_limits limits = {32 * 1024, 10000};
    static char text[32 * 1024];
    struct http_head head;
    size_t scanned = 0;
    size_t len = (size_t)snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n");

    (void)state;
    for (size_t i = 0; i <= MESSAGE_FIELDS_CAP; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "f%zu: v\r\n", i);
    len += (size_t)snprintf(text + len, sizeof(text) - len, "\r\n");
    assert_int_equal(http1_parse_response(text, len, &scanned, &limits, &head),
                     HTTP1_E_TOO_MANY_FIELDS);
}

static void what_follows_a_head_is_left_alone(void **state)
{
    static const char text[] =
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n";
    struct http_head head;
    size_t scanned = 0;

    (void)state;
    int first = http1_parse_request(text, sizeof(text) - 1, &scanned, &roomy, &head);
    assert_int_equal(first, 28);
    assert_int_equal(scanned, 0);
    expect_slice("target", text, head.target, "/1");
    int second = http1_parse_request(text + first, sizeof(text) - 1 - (size_t)first, &scanned,
                                     &roomy, &head);
    assert_int_equal(second, 28);
    expect_slice("target", text, head.target, "/2");
}

struct accepted_response {
    struct slice text;
    uint16_t status;
    const char *reason, *upgrade;
    size_t fields;
};

static void legal_responses_are_taken_apart(void **state)
{
    static const struct accepted_response cases[] = {
        {TEXT("HTTP/1.1 200 OK\r\n\r\n"), 200, "OK", "", 0},
        {TEXT("HTTP/1.0 404 Not  Found \xe9\t\r\nA: b\r\n\r\n"), 404, "Not  Found \xe9\t", "", 1},
        {TEXT("HTTP/1.1 200 \r\n\r\n"), 200, "", "", 0},
        {TEXT("HTTP/1.1 200\r\n\r\n"), 200, "", "", 0},
        {TEXT("HTTP/1.1 100 Continue\r\n\r\n"), 100, "Continue", "", 0},
        {TEXT("HTTP/1.1 999 ?\r\n\r\n"), 999, "?", "", 0},
        {TEXT("HTTP/1.1 101 S\r\nUpgrade: b\r\nConnection: upgrade\r\n\r\n"), 101, "S", "b", 2},
        {TEXT("HTTP/1.1 426 U\r\nUpgrade: b\r\nConnection: upgrade\r\n\r\n"), 426, "U", "b", 2},
    };
    struct http_head head;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct accepted_response *c = &cases[i];
        const char *text = c->text.p;
        int size = parse_every_way(http1_parse_response, c->text, &roomy, &head);
        expect("size", text, size, (long)c->text.len);
        expect("status", text, head.status, c->status);
        expect_slice("reason", text, head.reason, c->reason);
        expect_slice("upgrade", text, head.upgrade, c->upgrade);
        expect("fields", text, (long)head.field_count, (long)c->fields);
    }
}

// What is odd in a response, and what it can only mean.
static void odd_responses_are_taken_for_what_they_mean(void **state)
{
    static const struct {
        struct slice text;
        uint16_t status;
        const char *reason, *fields;
    } cases[] = {
        {TEXT("HTTP/1.1 200 OK\n\n"), 200, "OK", ""},
        {TEXT("HTTP/1.1 200 OK\nA: b\r\nC: d\n\r\n"), 200, "OK", "A=b;C=d;"},
        {TEXT("HTTP/1.1 200 OK\r\nA: b\n\n"), 200, "OK", "A=b;"},
        {TEXT("\r\nHTTP/1.1 200 OK\r\n\r\n"), 200, "OK", ""},
        {TEXT("\n\r\n\n\n\r\n\n\n\nHTTP/1.1 200 OK\r\n\r\n"), 200, "OK", ""},
        {TEXT("HTTP/1.1 404: Not Found\r\n\r\n"), 404, "Not Found", ""},
        {TEXT("HTTP/1.1 404 404: Not Found\r\n\r\n"), 404, "404: Not Found", ""},
        {TEXT("HTTP/1.1 404:\r\n\r\n"), 404, "", ""},
        {TEXT("HTTP/1.1 404:Not Found\n\n"), 404, "Not Found", ""},
        {TEXT("HTTP/1.1  200 OK\r\n\r\n"), 200, "OK", ""},
        {TEXT("HTTP/1.1\t200\tOK \r\n\r\n"), 200, "OK ", ""},
        {TEXT("HTTP/1.1 200\n\n"), 200, "", ""},
        {TEXT("HTTP/1.1 200 \xff\t(\xe9)\r\n\r\n"), 200, "\xff\t(\xe9)", ""},
        {TEXT("HTTP/1.1 200 OK\r\nA : b\r\nC\t \t:d\r\n\r\n"), 200, "OK", "A=b;C=d;"},
        {TEXT("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"), 200, "OK", "A=b c;"},
        {TEXT("HTTP/1.1 200 OK\r\nA: b \t\r\n\t c \n d\r\nE: f\r\n\r\n"), 200, "OK",
         "A=b c d;E=f;"},
        {TEXT("HTTP/1.1 200 OK\r\nA:\r\n b\r\n\r\n"), 200, "OK", "A=b;"},
        {TEXT("HTTP/1.1 200 OK\r\nA: b\r\n \r\n \r\n\r\n"), 200, "OK", "A=b;"},
        {TEXT("HTTP/1.1 200 OK\r\nA: b\r\n \r\n c\r\n\r\n"), 200, "OK", "A=b c;"},
        {TEXT("HTTP/1.1 200 OK\r\nContent-Length: 5, 05\r\n\r\n"), 200, "OK",
         "Content-Length=5, 05;"},
        {TEXT("HTTP/1.1 204 N\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"), 204, "N",
         "Content-Length=5;Content-Length=6;"},
        {TEXT("HTTP/1.1 200 OK\r\nA:\r\n \r\n\t\r\nB: c\r\n\r\n"), 200, "OK", "A=;B=c;"},
        {TEXT("HTTP/1.1 200 OK\r\nContent-Length:\r\n 5\r\n \r\n\r\n"), 200, "OK",
         "Content-Length=5;"},
        {TEXT("HTTP/1.1 101 S\r\nUpgrade: a,\r\n b\r\n\r\n"), 101, "S", "Upgrade=a, b;"},
        {TEXT("HTTP/1.1 426 U\r\nUpgrade:\n a\n b\r\n\r\n"), 426, "U", "Upgrade=a b;"},
        {TEXT("HTTP/1.1 204 N\r\nTransfer-Encoding: gzip\r\n\r\n"), 204, "N",
         "Transfer-Encoding=gzip;"},
    };
    struct http_head head;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *text = cases[i].text.p;
        char fields[256] = "";
        int size = parse_every_way(http1_parse_response, cases[i].text, &roomy, &head);
        expect("size", text, size, (long)cases[i].text.len);
        expect("status", text, head.status, cases[i].status);
        expect_slice("reason", text, head.reason, cases[i].reason);
        const struct field *upgrade = head_find(&head, SLICE("upgrade"));
        if (upgrade && !slice_eq(upgrade->value, head.upgrade))
            fail_msg("the upgrade of \"%s\" is \"%.*s\"", text, (int)head.upgrade.len,
                     head.upgrade.p);
        for (size_t k = 0, len = 0; k < head.field_count; k++)
            len += (size_t)snprintf(fields + len, sizeof(fields) - len, "%.*s=%.*s;",
                                    (int)head.fields[k].name.len, head.fields[k].name.p,
                                    (int)head.fields[k].value.len, head.fields[k].value.p);
        expect_slice("fields", text, slice_str(fields), cases[i].fields);
    }
}

static void what_is_wrong_with_a_response_is_told_with_its_place(void **state)
{
    static const struct {
        struct slice text;
        const char *what;
        size_t at;
    } cases[] = {
        {TEXT("SSH-2.0-x"), "no HTTP/1.1 at its beginning", 0},
        {TEXT("\r\nSSH-2.0-x"), "no HTTP/1.1 at its beginning", 2},
        {TEXT("HTTP/x\n\n"), "no HTTP/1.1 at its beginning", 0},
        {TEXT("HTTP/2.0 200 OK\n\n"), "a version other than HTTP/1.x", 0},
        {TEXT("HTTP/1.1 2000\n\n"), "a status that is not three digits", 9},
        {TEXT("HTTP/1.1 20x\n\n"), "a status that is not three digits", 9},
        {TEXT("HTTP/1.1 200 O\0K\n\n"), "a NUL", 14},
        {TEXT("HTTP/1.1 200 OK\nA: b\x1f\n\n"), "a control character", 20},
        {TEXT("HTTP/1.1 200 OK\nA: b\rc\n\n"), "a CR without LF", 20},
        {TEXT("HTTP/1.1 200 OK\n A: b\n\n"), "white space before the first field", 16},
        {TEXT("HTTP/1.1 200 OK\nA: b\n: c\n\n"), "a field without a name", 21},
        {TEXT("HTTP/1.1 200 OK\nAbc\r\n\n"), "a field line without a colon", 16},
        {TEXT("HTTP/1.1 200 OK\nA b: c\n\n"), "a character that no field name has", 18},
        {TEXT("HTTP/1.1 200 OK\n(A): c\n\n"), "a character that no field name has", 16},
        {TEXT("HTTP/1.1 101 S\n\n"), "a 101 that does not say to what it switches", 0},
        {TEXT("HTTP/1.1 200 OK\nContent-Length: 5\nA:\n b\nContent-Length: 6\n\n"),
         "a second, different Content-Length", 40},
        {TEXT("HTTP/1.1 200 OK\nContent-Length: 5, 6\n\n"), "a second, different Content-Length",
         16},
        {TEXT("HTTP/1.1 200 OK\nContent-Length: x\n\n"), "a Content-Length that is no number", 16},
        {TEXT("HTTP/1.1 200 OK\nContent-Length: 9223372036854775808\n\n"),
         "a Content-Length that is too large", 16},
        {TEXT("HTTP/1.1 200 OK\nContent-Length: 5\nTransfer-Encoding: chunked\n\n"),
         "a Content-Length beside a Transfer-Encoding", 16},
        {TEXT("HTTP/1.0 200 OK\nTransfer-Encoding: chunked\n\n"), "a Transfer-Encoding in HTTP/1.0",
         16},
        {TEXT("HTTP/1.1 200 OK\nTransfer-Encoding: chunked, chunked\n\n"),
         "a malformed Transfer-Encoding", 16},
        {TEXT("HTTP/1.1 200 OK\nA: b\nTransfer-Encoding: gzip\n\n"),
         "a transfer coding other than chunked", 21},
    };
    struct http1_fault fault;
    char copy[256];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slice text = slice_of(copy, cases[i].text.len);
        memcpy(copy, cases[i].text.p, text.len);
        assert_true(http1_explain_response(text, &roomy, &fault));
        expect_slice("fault", cases[i].text.p, slice_str(fault.what), cases[i].what);
        expect("place", cases[i].text.p, (long)fault.at, (long)cases[i].at);
        assert_memory_equal(copy, cases[i].text.p, text.len); // as it came
    }
    memcpy(copy, "HTTP/1.1 200 OK\n\n", 17);
    assert_false(http1_explain_response(slice_of(copy, 17), &roomy, &fault));
    assert_false(http1_explain_response(slice_of(copy, 9), &roomy, &fault));
    assert_false(http1_explain_response((struct slice){0}, &roomy, &fault));
    const struct http1_limits small = {32, 1};
    memcpy(copy, "HTTP/1.1 200 OK\nA: b\nC: d\n\n", 27);
    assert_true(http1_explain_response(slice_of(copy, 27), &small, &fault));
    expect_slice("fault", "fields", slice_str(fault.what), "more fields than are taken");
    expect("place", "fields", (long)fault.at, 21);
    memset(copy + 26, 'x', 40);
    assert_true(http1_explain_response(slice_of(copy, 60), &small, &fault));
    expect_slice("fault", "head", slice_str(fault.what), "more bytes than are taken of a head");
}

#define STATUS(line) TEXT(line "\r\nA: b\r\n\r\n")

static void malformed_responses_are_refused(void **state)
{
    static const struct refused cases[] = {
        {STATUS(" HTTP/1.1 200 OK"), HTTP1_E_SYNTAX},
        {STATUS("http/1.1 200 OK"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1200 OK"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1:200 OK"), HTTP1_E_SYNTAX},
        {STATUS("\rHTTP/1.1 200 OK"), HTTP1_E_SYNTAX},
        {STATUS("\n\n\n\n\n\n\n\n\nHTTP/1.1 200 OK"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1 20 OK"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1 2000 OK"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1 099 OK"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1 2x0 OK"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1 20x OK"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1 -20 OK"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1 200OK"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1 200.1 OK"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1 200 O\x7fK"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1 200 O\0K"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1 200 O\rK"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1 "), HTTP1_E_SYNTAX},
        {STATUS("HTTP/1.1"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1 200 OK\r\n A: b\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1 200 OK\r\nA: b\r\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1 200 OK\r\nA: b\r\n c\rd\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1 200 OK\r\n: b\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1 200 OK\r\nA b: c\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1 200 OK\nA\n\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1 200 OK\r\nA\r\n: b\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"), HTTP1_E_LENGTH},
        {TEXT("HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n"), HTTP1_E_LENGTH},
        {TEXT("HTTP/1.1 200 OK\r\nContent-Length: 5,\r\n\r\n"), HTTP1_E_LENGTH},
        {TEXT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n 5\r\n\r\n"), HTTP1_E_LENGTH},
        {TEXT("HTTP/1.1 200 OK\r\nContent-Length: 5,\r\n 5\r\n\r\n"), HTTP1_E_LENGTH},
        {TEXT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
         HTTP1_E_LENGTH},
        {TEXT("HTTP/1.1 200 OK\r\nTransfer-Encoding: ,\r\n chunked\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"), HTTP1_E_CODING},
        {TEXT("HTTP/1.1 101 S\r\nA: b\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1 101 S\r\nUpgrade:\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("HTTP/1.1 101 S\r\nUpgrade:\r\n \r\n\t\r\n\r\n"), HTTP1_E_SYNTAX},
        {TEXT("SSH-2.0-OpenSSH_9.2\r\n"), HTTP1_E_SYNTAX},
        {STATUS("HTTP/2.0 200 OK"), HTTP1_E_VERSION},
        {STATUS("HTTP/0.9 200 OK"), HTTP1_E_VERSION},
    };

    (void)state;
    refuses(http1_parse_response, cases, sizeof(cases) / sizeof(cases[0]));
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
        assert_true(parse_every_way(http1_parse_request, cases[i].text, &roomy, &head) > 0);
        expect("keep-alive", cases[i].text.p, http1_keeps_alive(&head), cases[i].kept);
    }
}

static void nothing_to_parse_is_no_error(void **state)
{
    struct http_head head;
    size_t scanned = 0;

    (void)state;
    assert_int_equal(http1_parse_request("", 0, &scanned, &roomy, &head), 0);
    assert_int_equal(http1_parse_response(NULL, 0, &scanned, &roomy, &head), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(legal_requests_are_taken_apart),
        cmocka_unit_test(field_values_are_trimmed_and_otherwise_untouched),
        cmocka_unit_test(malformed_request_lines_are_refused),
        cmocka_unit_test(malformed_fields_are_refused),
        cmocka_unit_test(a_request_names_exactly_one_host),
        cmocka_unit_test(a_head_is_taken_at_its_limit_and_refused_above),
        cmocka_unit_test(a_request_line_over_the_limit_is_told_from_a_head),
        cmocka_unit_test(fields_are_taken_at_their_limit_and_refused_above),
        cmocka_unit_test(a_limit_on_fields_beyond_the_capacity_is_the_capacity),
        cmocka_unit_test(what_follows_a_head_is_left_alone),
        cmocka_unit_test(legal_responses_are_taken_apart),
        cmocka_unit_test(odd_responses_are_taken_for_what_they_mean),
        cmocka_unit_test(what_is_wrong_with_a_response_is_told_with_its_place),
        cmocka_unit_test(malformed_responses_are_refused),
        cmocka_unit_test(connections_are_kept_as_the_version_and_options_say),
        cmocka_unit_test(nothing_to_parse_is_no_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
