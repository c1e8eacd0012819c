// SPDX-License-Identifier: MIT
// HTTP/1 heads as tests give them to the parsers. Any failure aborts the test and names the head.
#pragma once
#include "proto/http/http1.h"

// http1_parse_request or http1_parse_response.
typedef int http1_parser(const char *buf, size_t len, size_t *scanned,
                         const struct http1_limits *limits, struct http_head *head);

extern const struct http1_limits http1_roomy;

// A slice of a literal, for tables.
#define TEXT(literal)                  \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

// `got` is `wanted`; `what` and `text` are for the message.
void http1_expect(const char *what, const char *text, long got, long wanted);
void http1_expect_slice(const char *what, const char *text, struct slice got, const char *wanted);

// Parses the text whole, in every two pieces, and byte by byte: the results must agree. `head` is
// that of the whole, in a copy that stays until the next call.
int http1_parse_every_way(http1_parser *parse, struct slice text, const struct http1_limits *limits,
                          struct http_head *head);

// Heads that end in an http1_error, however they are cut.
struct http1_refused {
    struct slice text;
    int error;
};
void http1_refuses(http1_parser *parse, const struct http1_refused *cases, size_t count);
