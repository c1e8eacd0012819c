// SPDX-License-Identifier: MIT
// The framing of bodies and the chunked coding; a written body decodes to itself.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/http/http1.h"

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

struct framing_case {
    const char *fields;
    int error;
    enum body_kind kind;
    uint64_t length;
};

#define REFUSED(error) (error), BODY_NONE, 0

static void a_request_body_has_one_length_or_is_refused(void **state)
{
    static const struct framing_case cases[] = {
        {"", 0, BODY_NONE, 0},
        {"Content-Length: 0\r\n", 0, BODY_LENGTH, 0},
        {"content-length:\t7 \r\n", 0, BODY_LENGTH, 7},
        {"Content-Length: 007\r\n", 0, BODY_LENGTH, 7},
        {"Content-Length: 9223372036854775807\r\n", 0, BODY_LENGTH, INT64_MAX},
        {"Content-Length: 9223372036854775808\r\n", REFUSED(HTTP1_E_LENGTH)},
        {"Content-Length: 18446744073709551617\r\n", REFUSED(HTTP1_E_LENGTH)},
        {"Content-Length: -1\r\n", REFUSED(HTTP1_E_LENGTH)},
        {"Content-Length: +1\r\n", REFUSED(HTTP1_E_LENGTH)},
        {"Content-Length: 0x1\r\n", REFUSED(HTTP1_E_LENGTH)},
        {"Content-Length: 1e1\r\n", REFUSED(HTTP1_E_LENGTH)},
        {"Content-Length: 1 1\r\n", REFUSED(HTTP1_E_LENGTH)},
        {"Content-Length: 5, 5\r\n", REFUSED(HTTP1_E_LENGTH)},
        {"Content-Length:\r\n", REFUSED(HTTP1_E_LENGTH)},
        {"Content-Length: 5\r\nContent-Length: 5\r\n", REFUSED(HTTP1_E_LENGTH)},
        {"Content-Length: 5\r\nCONTENT-LENGTH: 6\r\n", REFUSED(HTTP1_E_LENGTH)},
        {"Transfer-Encoding: chunked\r\n", 0, BODY_CHUNKED, 0},
        {"transfer-encoding:\tCHUNKED \r\n", 0, BODY_CHUNKED, 0},
        {"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", REFUSED(HTTP1_E_LENGTH)},
        {"Content-Length: 5\r\nTransfer-Encoding: gzip\r\n", REFUSED(HTTP1_E_LENGTH)},
        {"Content-Length: 5\r\nTransfer-Encoding:\r\n", REFUSED(HTTP1_E_LENGTH)},
        {"Transfer-Encoding: gzip\r\n", REFUSED(HTTP1_E_CODING)},
        {"Transfer-Encoding: identity\r\n", REFUSED(HTTP1_E_CODING)},
        {"Transfer-Encoding: xchunked\r\n", REFUSED(HTTP1_E_CODING)},
        {"Transfer-Encoding: gzip, chunked\r\n", REFUSED(HTTP1_E_CODING)},
        {"Transfer-Encoding: gzip;q=1, chunked\r\n", REFUSED(HTTP1_E_CODING)},
        {"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", REFUSED(HTTP1_E_CODING)},
        {"Transfer-Encoding: chunked, chunked\r\n", REFUSED(HTTP1_E_SYNTAX)},
        {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", REFUSED(HTTP1_E_SYNTAX)},
        {"Transfer-Encoding: chunked, gzip\r\n", REFUSED(HTTP1_E_SYNTAX)},
        {"Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n", REFUSED(HTTP1_E_SYNTAX)},
        {"Transfer-Encoding: chunked,\r\n", REFUSED(HTTP1_E_SYNTAX)},
        {"Transfer-Encoding: ,chunked\r\n", REFUSED(HTTP1_E_SYNTAX)},
        {"Transfer-Encoding: chunked;\r\n", REFUSED(HTTP1_E_SYNTAX)},
        {"Transfer-Encoding: chunked; a=b\r\n", REFUSED(HTTP1_E_SYNTAX)},
        {"Transfer-Encoding: chunked gzip\r\n", REFUSED(HTTP1_E_SYNTAX)},
        {"Transfer-Encoding: \"chunked\"\r\n", REFUSED(HTTP1_E_SYNTAX)},
        {"Transfer-Encoding: chunked\xa0\r\n", REFUSED(HTTP1_E_SYNTAX)},
        {"Transfer-Encoding:\r\n", REFUSED(HTTP1_E_SYNTAX)},
        {"X-Content-Leng: 5\r\nX-ransfer-Encoding: x\r\n", 0, BODY_NONE, 0},
    };
    char text[512];
    struct http_head head;
    struct body_framing framing;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t scanned = 0;
        int len =
            snprintf(text, sizeof(text), "POST / HTTP/1.1\r\nHost: a\r\n%s\r\n", cases[i].fields);
        assert_int_equal(http1_parse_request(text, (size_t)len, &scanned, &roomy, &head), len);
        expect("error", cases[i].fields, http1_request_framing(&head, &framing), cases[i].error);
        if (cases[i].error)
            continue;
        expect("kind", cases[i].fields, framing.kind, cases[i].kind);
        expect("length", cases[i].fields, (long)framing.length, (long)cases[i].length);
    }
}

static void http_1_0_knows_no_transfer_coding(void **state)
{
    static const char text[] = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    struct http_head head;
    struct body_framing framing;
    size_t scanned = 0;

    (void)state;
    assert_true(http1_parse_request(text, sizeof(text) - 1, &scanned, &roomy, &head) > 0);
    assert_int_equal(http1_request_framing(&head, &framing), HTTP1_E_CODING);
}

struct response_case {
    const char *method, *head;
    int error;
    enum body_kind kind;
    uint64_t length;
};

static void a_response_body_is_framed_by_method_status_and_fields(void **state)
{
    static const struct response_case cases[] = {
        {"GET", "1.1 200 OK\r\n", 0, BODY_UNTIL_CLOSE, 0},
        {"GET", "1.0 200 OK\r\n", 0, BODY_UNTIL_CLOSE, 0},
        {"GET", "1.1 200 OK\r\nContent-Length: 5\r\n", 0, BODY_LENGTH, 5},
        {"GET", "1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", 0, BODY_CHUNKED, 0},
        {"HEAD", "1.1 200 OK\r\nContent-Length: 5\r\n", 0, BODY_NONE, 0},
        {"HEAD", "1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", 0, BODY_NONE, 0},
        {"head", "1.1 200 OK\r\nContent-Length: 5\r\n", 0, BODY_LENGTH, 5},
        {"HEAD", "1.1 200 OK\r\n", 0, BODY_NONE, 0},
        {"GET", "1.1 304 N\r\nContent-Length: 5\r\n", 0, BODY_NONE, 0},
        {"GET", "1.1 204 N\r\n", 0, BODY_NONE, 0},
        {"GET", "1.1 204 N\r\nContent-Length: 5\r\n", 0, BODY_NONE, 0},
        {"GET", "1.1 103 E\r\n", 0, BODY_NONE, 0},
        {"GET", "1.1 205 R\r\nContent-Length: 0\r\n", 0, BODY_LENGTH, 0},
        {"GET", "1.1 101 S\r\nUpgrade: x\r\n", 0, BODY_TUNNEL, 0},
        {"GET", "1.1 101 S\r\nUpgrade: x\r\nContent-Length: 5\r\n", 0, BODY_TUNNEL, 0},
        {"CONNECT", "1.1 200 OK\r\n", 0, BODY_TUNNEL, 0},
        {"CONNECT", "1.1 404 N\r\n", 0, BODY_UNTIL_CLOSE, 0},
        {"GET", "1.1 204 N\r\nTransfer-Encoding: chunked\r\n", 0, BODY_NONE, 0},
        {"GET", "1.1 204 N\r\nTransfer-Encoding: x\r\nContent-Length: 1\r\n", 0, BODY_NONE, 0},
        {"GET", "1.1 204 N\r\nContent-Length: 5 5\r\n", 0, BODY_NONE, 0},
        {"GET", "1.1 101 S\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n", 0, BODY_TUNNEL, 0},
        {"GET", "1.1 100 C\r\nTransfer-Encoding: chunked\r\n", 0, BODY_NONE, 0},
        {"GET", "1.1 304 N\r\nTransfer-Encoding: chunked\r\n", 0, BODY_NONE, 0},
        {"GET", "1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n", 0, BODY_LENGTH, 5},
        {"GET", "1.1 200 OK\r\nContent-Length: 5 ,5\r\nContent-Length:05\r\n", 0, BODY_LENGTH, 5},
        {"GET", "1.0 200 OK\r\nTransfer-Encoding: chunked\r\n", REFUSED(HTTP1_E_CODING)},
        {"GET", "1.1 200 OK\r\nTransfer-Encoding: gzip\r\n", REFUSED(HTTP1_E_CODING)},
        {"GET", "1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
         REFUSED(HTTP1_E_LENGTH)},
        {"GET", "1.1 200 OK\r\nContent-Length: 5, 5, 6\r\n", REFUSED(HTTP1_E_LENGTH)},
        {"GET", "1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
         REFUSED(HTTP1_E_LENGTH)},
        {"HEAD", "1.1 200 OK\r\nContent-Length: x\r\n", REFUSED(HTTP1_E_LENGTH)},
        {"GET", "1.1 304 N\r\nContent-Length: -5\r\n", REFUSED(HTTP1_E_LENGTH)},
    };
    char text[512];
    struct http_head head;
    struct body_framing framing;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct response_case *c = &cases[i];
        size_t scanned = 0;
        int len = snprintf(text, sizeof(text), "HTTP/%s\r\n", c->head);
        int size = http1_parse_response(text, (size_t)len, &scanned, &roomy, &head);
        assert_int_equal(size, c->error ? c->error : len);
        expect("error", c->head, http1_response_framing(&head, slice_str(c->method), &framing),
               c->error);
        if (c->error)
            continue;
        expect("kind", c->head, framing.kind, c->kind);
        expect("length", c->head, (long)framing.length, (long)c->length);
    }
}

// The result of decoding: the error, the bytes consumed, the text of body and trailers.
struct decoded {
    int error; // 0 while more is needed
    bool done;
    size_t consumed, data_len;
    char data[4096];
    char trailers[1024];
};

static void note_trailers(struct decoded *d, const struct http_head *trailers)
{
    size_t len = 0;

    for (size_t i = 0; i < trailers->field_count; i++) {
        const struct field *f = &trailers->fields[i];
        len += (size_t)snprintf(d->trailers + len, sizeof(d->trailers) - len, "%.*s=%.*s;",
                                (int)f->name.len, f->name.p, (int)f->value.len, f->value.p);
    }
}

// Feeds bytes from a copy of exactly their size until the decoder needs more.
static void feed(struct http1_body *b, struct slice there, const struct http1_limits *limits,
                 struct decoded *d)
{
    struct http_head trailers;
    struct slice data;
    int n = 1;

    while (n > 0 && !http1_body_done(b)) {
        size_t len = there.len - d->consumed;
        char *copy = malloc(len + 1);
        assert_non_null(copy);
        memcpy(copy, there.p + d->consumed, len);
        n = http1_body_feed(b, copy, len, limits, &data, &trailers);
        assert_true(data.len + d->data_len <= sizeof(d->data));
        memcpy(d->data + d->data_len, data.p, data.len);
        d->data_len += data.len;
        d->consumed += n > 0 ? (size_t)n : 0;
        d->error = n < 0 ? n : 0;
        if (b->kind == BODY_CHUNKED && http1_body_done(b))
            note_trailers(d, &trailers);
        free(copy);
    }
    d->done = http1_body_done(b);
}

static void decode(struct slice text, size_t first, size_t step, const struct body_framing *framing,
                   struct decoded *d)
{
    struct http1_body b;

    http1_body_init(&b, framing);
    *d = (struct decoded){0};
    for (size_t there = first; !d->done && !d->error; there += step) {
        size_t len = there < text.len ? there : text.len;
        feed(&b, slice_of(text.p, len), &roomy, d);
        if (len == text.len)
            break;
    }
}

// Decodes the text whole, in every two pieces and byte by byte: all results must agree.
static void decode_every_way(struct slice text, const struct body_framing *framing,
                             struct decoded *whole)
{
    struct decoded other;

    decode(text, text.len, 1, framing, whole);
    for (size_t k = 0; k <= text.len; k++) {
        decode(text, k, k == 0 ? 1 : text.len, framing, &other);
        expect("error of a split", text.p, other.error, whole->error);
        expect("end of a split", text.p, other.done, whole->done);
        expect("length of a split", text.p, (long)other.consumed, (long)whole->consumed);
        assert_int_equal(other.data_len, whole->data_len);
        assert_memory_equal(other.data, whole->data, whole->data_len);
        assert_string_equal(other.trailers, whole->trailers);
    }
}

static const struct body_framing chunked = {BODY_CHUNKED, 0};

static void chunked_bodies_are_decoded(void **state)
{
    static const struct {
        struct slice text;
        const char *data, *trailers;
        size_t rest;
    } cases[] = {
        {TEXT("0\r\n\r\n"), "", "", 0},
        {TEXT("5\r\nhello\r\n0\r\n\r\n"), "hello", "", 0},
        {TEXT("1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\nGET / HTTP"), "abcdef", "", 10},
        {TEXT("a\r\n0123456789\r\nA\r\n\r\n\r\n\r\n\r\n\r\n\r\n00\r\n\r\n"),
         "0123456789\r\n\r\n\r\n\r\n\r\n", "", 0},
        {TEXT("0000000000000001\r\na\r\n0000000000000000\r\n\r\n"), "a", "", 0},
        {TEXT("1;a\r\na\r\n0;b=c;d=\"e;\\\"\xff\\\\\"\r\n\r\n"), "a", "", 0},
        {TEXT("1 \t; a \t= b ;c;d= \"\" \t; ff=f\r\na\r\n0\r\n\r\n"), "a", "", 0},
        {TEXT("1\r\na\r\n0\r\nA: b\r\nc:  d \r\n\r\nx"), "a", "A=b;c=d;", 1},
    };
    struct decoded d;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        decode_every_way(cases[i].text, &chunked, &d);
        expect("error", cases[i].text.p, d.error, 0);
        expect("done", cases[i].text.p, d.done, true);
        expect("rest", cases[i].text.p, (long)(cases[i].text.len - d.consumed),
               (long)cases[i].rest);
        assert_int_equal(d.data_len, strlen(cases[i].data));
        assert_memory_equal(d.data, cases[i].data, d.data_len);
        assert_string_equal(d.trailers, cases[i].trailers);
    }
}

static void broken_chunks_are_refused_at_the_first_wrong_byte(void **state)
{
    static const struct {
        struct slice text;
        int error;
        size_t consumed;
    } cases[] = {
        {TEXT("\r\n"), HTTP1_E_CHUNK, 0},
        {TEXT(" 1\r\na"), HTTP1_E_CHUNK, 0},
        {TEXT("-1\r\na"), HTTP1_E_CHUNK, 0},
        {TEXT("+1\r\na"), HTTP1_E_CHUNK, 0},
        {TEXT("g\r\n"), HTTP1_E_CHUNK, 0},
        {TEXT("0x1\r\na"), HTTP1_E_CHUNK, 1},
        {TEXT("1_0\r\na"), HTTP1_E_CHUNK, 1},
        {TEXT("1\na"), HTTP1_E_CHUNK, 1},
        {TEXT("1\ra"), HTTP1_E_CHUNK, 2},
        {TEXT("1\r\r\n"), HTTP1_E_CHUNK, 2},
        {TEXT("1 \r\na"), HTTP1_E_CHUNK, 2},
        {TEXT("1 2\r\na"), HTTP1_E_CHUNK, 2},
        {TEXT("1;\r\na"), HTTP1_E_CHUNK, 2},
        {TEXT("1;a\na"), HTTP1_E_CHUNK, 3},
        {TEXT("1;a\rb\r\na"), HTTP1_E_CHUNK, 4},
        {TEXT("1;a b\r\na"), HTTP1_E_CHUNK, 4},
        {TEXT("1;a \r\na"), HTTP1_E_CHUNK, 4},
        {TEXT("1;;a\r\na"), HTTP1_E_CHUNK, 2},
        {TEXT("1;=a\r\na"), HTTP1_E_CHUNK, 2},
        {TEXT("1;a=\r\na"), HTTP1_E_CHUNK, 4},
        {TEXT("1;a=b=c\r\na"), HTTP1_E_CHUNK, 5},
        {TEXT("1;a=b\"\r\na"), HTTP1_E_CHUNK, 5},
        {TEXT("1;a=\"b\r\n\"\r\na"), HTTP1_E_CHUNK, 6},
        {TEXT("1;a=\"b\n\"\r\na"), HTTP1_E_CHUNK, 6},
        {TEXT("1;a=\"\\\r\n"), HTTP1_E_CHUNK, 6},
        {TEXT("1;a=\"b\"c\r\na"), HTTP1_E_CHUNK, 7},
        {TEXT("1;a\0\r\na"), HTTP1_E_CHUNK, 3},
        {TEXT("1;a=\"\0\"\r\na"), HTTP1_E_CHUNK, 5},
        {TEXT("1;\x7f\r\na"), HTTP1_E_CHUNK, 2},
        {TEXT("1,1\r\na"), HTTP1_E_CHUNK, 1},
        {TEXT("1\r\nab\r\n"), HTTP1_E_CHUNK, 4},
        {TEXT("1\r\na\n0\r\n\r\n"), HTTP1_E_CHUNK, 4},
        {TEXT("1\r\na\r0\r\n\r\n"), HTTP1_E_CHUNK, 5},
        {TEXT("1\r\na\r\n\r\n0\r\n\r\n"), HTTP1_E_CHUNK, 6},
        {TEXT("00000000000000001\r\na"), HTTP1_E_CHUNK, 16},
        {TEXT("8000000000000000\r\n"), HTTP1_E_CHUNK, 15},
        {TEXT("ffffffffffffffff\r\n"), HTTP1_E_CHUNK, 15},
        {TEXT("0\r\n\n"), HTTP1_E_SYNTAX, 3},
        {TEXT("0\r\nA: b\n\r\n"), HTTP1_E_SYNTAX, 3},
        {TEXT("0\r\nA : b\r\n\r\n"), HTTP1_E_SYNTAX, 3},
        {TEXT("0\r\nA: b\r\n c\r\n\r\n"), HTTP1_E_SYNTAX, 3},
        {TEXT("0\r\nGET / HTTP/1.1\r\n\r\n"), HTTP1_E_SYNTAX, 3},
        {TEXT("0\r\n: b\r\n\r\n"), HTTP1_E_SYNTAX, 3},
    };
    struct decoded d;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        decode_every_way(cases[i].text, &chunked, &d);
        expect("error", cases[i].text.p, d.error, cases[i].error);
        expect("consumed", cases[i].text.p, (long)d.consumed, (long)cases[i].consumed);
    }
}

static void the_greatest_chunk_is_of_63_bits(void **state)
{
    struct http1_body b;
    struct slice data;
    struct http_head trailers;

    (void)state;
    http1_body_init(&b, &chunked);
    assert_int_equal(http1_body_feed(&b, "7fffffffffffffff\r\nab", 20, &roomy, &data, &trailers),
                     20);
    assert_int_equal(b.remaining, INT64_MAX - 2);
    assert_int_equal(data.len, 2);
}

static void a_chunk_size_line_is_taken_at_its_limit_and_refused_above(void **state)
{
    char text[HTTP1_CHUNK_LINE_MAX + 8];
    struct decoded d;

    (void)state;
    for (size_t line = HTTP1_CHUNK_LINE_MAX - 1; line <= HTTP1_CHUNK_LINE_MAX + 1; line++) {
        memset(text, 'x', sizeof(text));
        memcpy(text, "0;", 2);
        memcpy(text + line - 2, "\r\n\r\n", 4);
        decode_every_way(slice_of(text, line + 2), &chunked, &d);
        assert_int_equal(d.done, line <= HTTP1_CHUNK_LINE_MAX);
        assert_int_equal(d.error, line <= HTTP1_CHUNK_LINE_MAX ? 0 : HTTP1_E_CHUNK);
    }
}

static void trailers_are_taken_at_their_limits_and_refused_above(void **state)
{
    static const char text[] = "0\r\na: 1\r\nb: 2\r\n\r\n";
    static const struct {
        struct http1_limits limits;
        int result;
    } cases[] = {
        {{14, 2}, 17},
        {{15, 3}, 17},
        {{13, 2}, HTTP1_E_HEAD_TOO_LARGE},
        {{14, 1}, HTTP1_E_TOO_MANY_FIELDS},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http1_body b;
        struct slice data;
        struct http_head trailers;
        http1_body_init(&b, &chunked);
        int n = http1_body_feed(&b, text, sizeof(text) - 1, &cases[i].limits, &data, &trailers);
        if (cases[i].result < 0) {
            assert_int_equal(n, 3);
            n = http1_body_feed(&b, text + 3, sizeof(text) - 4, &cases[i].limits, &data, &trailers);
        }
        assert_int_equal(n, cases[i].result);
        assert_int_equal(http1_body_done(&b), cases[i].result > 0);
    }
}

static void counted_bodies_end_at_their_length(void **state)
{
    const struct body_framing five = {BODY_LENGTH, 5};
    const struct body_framing none = {BODY_NONE, 0};
    const struct body_framing zero = {BODY_LENGTH, 0};
    struct slice text = SLICE("hello, next");
    struct decoded d;

    (void)state;
    decode_every_way(text, &five, &d);
    assert_true(d.done && d.consumed == 5 && d.data_len == 5);
    assert_memory_equal(d.data, "hello", 5);
    decode_every_way(slice_of(text.p, 4), &five, &d);
    assert_true(!d.done && d.consumed == 4 && d.data_len == 4);
    decode_every_way(text, &none, &d);
    assert_true(d.done && d.consumed == 0);
    decode_every_way(text, &zero, &d);
    assert_true(d.done && d.consumed == 0);
}

static void only_uncounted_and_finished_bodies_may_end_by_close(void **state)
{
    static const struct {
        struct body_framing framing;
        bool may;
    } cases[] = {
        {{BODY_NONE, 0}, true},     {{BODY_LENGTH, 0}, true},      {{BODY_LENGTH, 5}, false},
        {{BODY_CHUNKED, 0}, false}, {{BODY_UNTIL_CLOSE, 0}, true}, {{BODY_TUNNEL, 0}, true},
    };
    struct http1_body b;
    struct slice data;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        http1_body_init(&b, &cases[i].framing);
        assert_int_equal(http1_body_may_end_by_close(&b), cases[i].may);
    }
    for (size_t i = 4; i < 6; i++) {
        http1_body_init(&b, &cases[i].framing);
        assert_int_equal(http1_body_feed(&b, "abc", 3, &roomy, &data, NULL), 3);
        assert_int_equal(data.len, 3);
        assert_false(http1_body_done(&b));
    }
    assert_int_equal(http1_body_feed(&b, NULL, 0, &roomy, &data, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_body_has_one_length_or_is_refused),
        cmocka_unit_test(http_1_0_knows_no_transfer_coding),
        cmocka_unit_test(a_response_body_is_framed_by_method_status_and_fields),
        cmocka_unit_test(chunked_bodies_are_decoded),
        cmocka_unit_test(broken_chunks_are_refused_at_the_first_wrong_byte),
        cmocka_unit_test(the_greatest_chunk_is_of_63_bits),
        cmocka_unit_test(a_chunk_size_line_is_taken_at_its_limit_and_refused_above),
        cmocka_unit_test(trailers_are_taken_at_their_limits_and_refused_above),
        cmocka_unit_test(counted_bodies_end_at_their_length),
        cmocka_unit_test(only_uncounted_and_finished_bodies_may_end_by_close),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
