// SPDX-License-Identifier: MIT
// Written heads are exact, are written only when they fit, and parse to themselves.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/http/http1.h"

static const struct http1_limits roomy = {32 * 1024, MESSAGE_FIELDS_MAX};

static struct http_head *sample_request(struct http_head *head)
{
    *head = (struct http_head){.method = SLICE("PUT"),
                               .scheme = SLICE("https"),
                               .authority = SLICE("a.example:7080"),
                               .target = SLICE("/b?c=d"),
                               .minor_version = 1};
    assert_true(head_add(head, SLICE("X-A"), SLICE("1")));
    assert_true(head_add(head, SLICE("host"), SLICE("elsewhere")));
    assert_true(head_add(head, SLICE("x-empty"), (struct slice){0}));
    assert_true(head_add(head, SLICE("Content-Length"), SLICE("3")));
    return head;
}

typedef size_t writer(char *out, size_t cap, const struct http_head *head);

// Checks the text, and that nothing is written into one byte less.
static void writes(writer *write, const struct http_head *head, const char *wanted)
{
    char out[1024];
    size_t len = strlen(wanted);

    memset(out, '#', sizeof(out));
    assert_int_equal(write(out, len - 1, head), len);
    assert_int_equal(write(NULL, 0, head), len);
    for (size_t i = 0; i < sizeof(out); i++)
        assert_int_equal(out[i], '#');
    assert_int_equal(write(out, len, head), len);
    assert_memory_equal(out, wanted, len);
    assert_int_equal(out[len], '#');
}

static void a_request_is_written_in_origin_form_with_host_first(void **state)
{
    struct http_head head;

    (void)state;
    writes(http1_write_request, sample_request(&head),
           "PUT /b?c=d HTTP/1.1\r\nHost: a.example:7080\r\nX-A: 1\r\nx-empty: \r\n"
           "Content-Length: 3\r\n\r\n");
    head = (struct http_head){.method = SLICE("OPTIONS"), .target = SLICE("*")};
    writes(http1_write_request, &head, "OPTIONS * HTTP/1.1\r\nHost: \r\n\r\n");
    head =
        (struct http_head){.method = SLICE("GET"), .target = SLICE("?q"), .authority = SLICE("a")};
    writes(http1_write_request, &head, "GET /?q HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void a_response_is_written_with_all_its_fields(void **state)
{
    struct http_head head = {.status = 204};

    (void)state;
    writes(http1_write_response, &head, "HTTP/1.1 204 \r\n\r\n");
    head = (struct http_head){.status = 999, .reason = SLICE("Not \xe9")};
    assert_true(head_add(&head, SLICE("Host"), SLICE("kept")));
    assert_true(head_add(&head, SLICE("A"), SLICE("b")));
    writes(http1_write_response, &head, "HTTP/1.1 999 Not \xe9\r\nHost: kept\r\nA: b\r\n\r\n");
}

static void the_last_chunk_is_written_with_its_trailers(void **state)
{
    struct http_head trailers = {.field_count = 0};

    (void)state;
    writes(http1_write_last_chunk, NULL, "0\r\n\r\n");
    writes(http1_write_last_chunk, &trailers, "0\r\n\r\n");
    assert_true(head_add(&trailers, SLICE("Digest"), SLICE("x")));
    writes(http1_write_last_chunk, &trailers, "0\r\nDigest: x\r\n\r\n");
}

static void a_written_request_parses_to_the_same(void **state)
{
    struct http_head head;
    struct http_head back;
    char out[1024];
    size_t scanned = 0;

    (void)state;
    size_t len = http1_write_request(out, sizeof(out), sample_request(&head));
    assert_int_equal(http1_parse_request(out, len, &scanned, &roomy, &back), len);
    assert_true(slice_eq(back.method, head.method));
    assert_true(slice_eq(back.target, head.target));
    assert_true(slice_eq(back.authority, head.authority));
    head_remove(&head, SLICE("host"));
    head_remove(&back, SLICE("host"));
    assert_int_equal(back.field_count, head.field_count);
    for (size_t i = 0; i < head.field_count; i++) {
        assert_true(slice_eq(back.fields[i].name, head.fields[i].name));
        assert_true(slice_eq(back.fields[i].value, head.fields[i].value));
    }
}

static void a_written_chunk_head_is_read_as_its_size(void **state)
{
    static const uint64_t sizes[] = {1,
                                     9,
                                     10,
                                     15,
                                     16,
                                     255,
                                     256,
                                     4095,
                                     0xabcdef,
                                     UINT32_MAX,
                                     1 << 16,
                                     1 << 20,
                                     UINT64_C(1) << 32,
                                     UINT64_C(1) << 62,
                                     INT64_MAX};
    const struct body_framing chunked = {BODY_CHUNKED, 0};
    struct http1_body b;
    struct slice data;
    char out[HTTP1_CHUNK_HEAD_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t len = http1_write_chunk_head(out, sizes[i]);
        http1_body_init(&b, &chunked);
        assert_int_equal(http1_body_feed(&b, out, len, &roomy, &data, NULL), len);
        assert_int_equal(b.state, HTTP1_BODY_DATA);
        assert_int_equal(b.remaining, sizes[i]);
    }
    assert_int_equal(http1_write_chunk_head(out, UINT64_MAX), 18);
    assert_memory_equal(out, "ffffffffffffffff\r\n", 18);
}

static void every_error_has_its_own_words(void **state)
{
    (void)state;
    for (int a = HTTP1_E_METHOD - 1; a <= 0; a++)
        for (int b = HTTP1_E_METHOD - 1; b < a; b++)
            assert_string_not_equal(http1_strerror(a), http1_strerror(b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_written_in_origin_form_with_host_first),
        cmocka_unit_test(a_response_is_written_with_all_its_fields),
        cmocka_unit_test(the_last_chunk_is_written_with_its_trailers),
        cmocka_unit_test(a_written_request_parses_to_the_same),
        cmocka_unit_test(a_written_chunk_head_is_read_as_its_size),
        cmocka_unit_test(every_error_has_its_own_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
