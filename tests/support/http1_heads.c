// SPDX-License-Identifier: MIT
#include "http1_heads.h"
#include <stdlib.h>
#include "check.h"

const struct http1_limits http1_roomy = {32 * 1024, MESSAGE_FIELDS_MAX};

void http1_expect(const char *what, const char *text, long got, long wanted)
{
    if (got == wanted)
        return;
    check_context("%s of \"%s\": %ld, not %ld", what, text, got, wanted);
    check_failed(__FILE__, __LINE__, "as expected");
}

void http1_expect_slice(const char *what, const char *text, struct slice got, const char *wanted)
{
    if (slice_eq(got, slice_str(wanted)))
        return;
    check_context("%s of \"%s\": \"%.*s\", not \"%s\"", what, text, (int)got.len, got.p, wanted);
    check_failed(__FILE__, __LINE__, "as expected");
}

// Parses a copy of exactly this size, so that a read past its end is detected.
static int parse_prefix(http1_parser *parse, struct slice text, size_t *scanned,
                        const struct http1_limits *limits)
{
    struct http_head head;
    char *copy = malloc(text.len);

    CHECK(copy);
    memcpy(copy, text.p, text.len);
    int result = parse(copy, text.len, scanned, limits, &head);
    free(copy);
    return result;
}

int http1_parse_every_way(http1_parser *parse, struct slice text, const struct http1_limits *limits,
                          struct http_head *head)
{
    size_t scanned = 0;
    size_t slow_scanned = 0;
    static char copy[4096];
    CHECK(text.len <= sizeof(copy));
    memcpy(copy, text.p, text.len);
    int whole = parse(copy, text.len, &scanned, limits, head);
    int slow = 0;

    for (size_t k = 1; k <= text.len; k++) {
        scanned = 0;
        int result = parse_prefix(parse, slice_of(text.p, k), &scanned, limits);
        if (result == 0)
            result = parse_prefix(parse, text, &scanned, limits);
        http1_expect("a split", text.p, result, whole);
        if (slow == 0)
            slow = parse_prefix(parse, slice_of(text.p, k), &slow_scanned, limits);
    }
    http1_expect("byte by byte", text.p, slow, whole);
    return whole;
}

void http1_refuses(http1_parser *parse, const struct http1_refused *cases, size_t count)
{
    struct http_head head;

    for (size_t i = 0; i < count; i++)
        http1_expect("result", cases[i].text.p,
                     http1_parse_every_way(parse, cases[i].text, &http1_roomy, &head),
                     cases[i].error);
}
