// SPDX-License-Identifier: MIT
// Heads at their limits and beyond.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/http1_heads.h"

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

static void check_head_limit(http1_parser *parse, const char *start)
{
    const struct http1_limits limits = {200, 100};
    struct http_head head;
    size_t scanned = 0;

    for (size_t size = 198; size <= 203; size++) {
        char *text = head_of_size(start, size);
        int wanted = size <= 200 ? (int)size : HTTP1_E_HEAD_TOO_LARGE;
        assert_int_equal(http1_parse_every_way(parse, slice_of(text, size), &limits, &head),
                         wanted);
        free(text);
    }
    // Refused before the end arrives: a head of 200 bytes must end within them.
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
    assert_int_equal(http1_parse_every_way(http1_parse_request, slice_of(text, 80), &limits, &head),
                     HTTP1_E_TARGET);
    memcpy(text, "\r\nGET /", 7);
    assert_int_equal(http1_parse_every_way(http1_parse_request, slice_of(text, 80), &limits, &head),
                     HTTP1_E_TARGET);
    memcpy(text + 58, "\r\n", 2);
    assert_int_equal(http1_parse_every_way(http1_parse_request, slice_of(text, 80), &limits, &head),
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
        assert_int_equal(
            http1_parse_every_way(http1_parse_request, slice_of(text, len), &http1_roomy, &head),
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

static void nothing_to_parse_is_no_error(void **state)
{
    struct http_head head;
    size_t scanned = 0;

    (void)state;
    assert_int_equal(http1_parse_request("", 0, &scanned, &http1_roomy, &head), 0);
    assert_int_equal(http1_parse_response(NULL, 0, &scanned, &http1_roomy, &head), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_taken_at_its_limit_and_refused_above),
        cmocka_unit_test(a_request_line_over_the_limit_is_told_from_a_head),
        cmocka_unit_test(fields_are_taken_at_their_limit_and_refused_above),
        cmocka_unit_test(a_limit_on_fields_beyond_the_capacity_is_the_capacity),
        cmocka_unit_test(nothing_to_parse_is_no_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
