// SPDX-License-Identifier: MIT
// Shared by the fuzz targets of HTTP/1.1: a stream fed whole and in pieces, and comparisons.
#pragma once
#include <stdio.h>
#include <stdlib.h>

#include "proto/http/chars.h"
#include "proto/http/http1.h"

#define CHECK(condition)                                                    \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                        \
        }                                                                   \
    } while (0)

typedef int parser(const char *buf, size_t len, size_t *scanned, const struct http1_limits *limits,
                   struct http_head *head);

// Small limits, so that inputs reach both sides of them.
static const struct http1_limits narrow = {1024, 16};
static const struct http1_limits wide = {1 << 20, MESSAGE_FIELDS_CAP};

// The length of the next piece, at least 1; the same sequence for the same seed.
static inline size_t next_piece(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed % 4 == 0 ? 1 + *seed / 4 % 64 : 1 + *seed / 4 % 3;
}

static inline uint32_t seed_of(const char *p, size_t len)
{
    uint32_t seed = (uint32_t)len * 2654435761U + 1;

    for (size_t i = 0; i < len && i < 64; i++)
        seed = seed * 31 + (unsigned char)p[i];
    return seed ? seed : 1;
}

// A block of exactly this size, so that reads past its end are detected.
static inline char *exact_copy(const char *p, size_t len)
{
    char *copy = malloc(len ? len : 1);

    CHECK(copy);
    if (len > 0)
        memcpy(copy, p, len);
    return copy;
}

static inline int parse_in_pieces(parser *parse, const char *p, size_t len, uint32_t seed)
{
    static struct http_head head;
    size_t scanned = 0;
    int result = 0;

    for (size_t there = 0; there < len && result == 0;) {
        size_t piece = next_piece(&seed);
        there = len - there < piece ? len : there + piece;
        char *copy = exact_copy(p, there);
        result = parse(copy, there, &scanned, &narrow, &head);
        free(copy);
    }
    return result;
}

// Invariants of every accepted head and trailer section.
static inline void check_lines(const char *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)p[i];
        CHECK(c != '\r' || (i + 1 < len && p[i + 1] == '\n'));
        CHECK(c != '\n' || (i > 0 && p[i - 1] == '\r'));
        CHECK(c != '\n' || i + 1 == len || (p[i + 1] != ' ' && p[i + 1] != '\t'));
        CHECK(c >= 0x20 || c == '\r' || c == '\n' || c == '\t');
        CHECK(c != 0x7f);
    }
}

static inline void check_same_fields(const struct http_head *a, const struct http_head *b)
{
    CHECK(a->field_count == b->field_count);
    for (size_t i = 0; i < a->field_count; i++) {
        CHECK(slice_eq(a->fields[i].name, b->fields[i].name));
        CHECK(slice_eq(a->fields[i].value, b->fields[i].value));
    }
}

struct decoded {
    int error;
    bool done;
    size_t consumed, data_len;
    char *data;
    struct http_head trailers;
    char *trailers_text; // the text of the trailers
};

static inline void decoded_free(struct decoded *d)
{
    free(d->data);
    free(d->trailers_text);
}

// Feeds the bytes in [consumed, there) until the decoder needs more.
static inline void feed(struct http1_body *b, const char *p, size_t there,
                        const struct http1_limits *limits, struct decoded *d)
{
    int n = 1;

    while (n > 0 && !http1_body_done(b)) {
        struct slice data;
        size_t len = there - d->consumed;
        char *copy = exact_copy(p + d->consumed, len);
        n = http1_body_feed(b, copy, len, limits, &data, &d->trailers);
        CHECK(n <= 0 || (size_t)n <= len);
        CHECK(n > 0 || data.len == 0);
        CHECK(data.len == 0 || (data.p >= copy && data.p + data.len <= copy + n));
        if (data.len > 0)
            memcpy(d->data + d->data_len, data.p, data.len);
        d->data_len += data.len;
        d->consumed += n > 0 ? (size_t)n : 0;
        d->error = n < 0 ? n : 0;
        if (b->kind == BODY_CHUNKED && http1_body_done(b)) {
            d->trailers_text = copy;
        } else {
            d->trailers.field_count = 0; // trailers are valid only at the end
            free(copy);
        }
    }
    d->done = http1_body_done(b);
}

// Decodes a body, in one piece when `seed` is 0.
static inline void decode(const struct body_framing *framing, struct slice in, uint32_t seed,
                          const struct http1_limits *limits, struct decoded *d)
{
    struct http1_body b;
    size_t there = 0;

    *d = (struct decoded){.data = malloc(in.len + 1)};
    CHECK(d->data);
    http1_body_init(&b, framing);
    do {
        size_t piece = seed ? next_piece(&seed) : in.len;
        there = in.len - there < piece ? in.len : there + piece;
        feed(&b, in.p, there, limits, d);
    } while (there < in.len && !d->done && !d->error);
    CHECK(!d->done || http1_body_may_end_by_close(&b));
}

static inline void check_same_bodies(const struct decoded *a, const struct decoded *b)
{
    CHECK(a->data_len == b->data_len);
    CHECK(memcmp(a->data, b->data, a->data_len) == 0);
    check_same_fields(&a->trailers, &b->trailers);
}

// A body that we write with the chunked coding decodes to itself.
static inline void check_rechunked(const struct decoded *body)
{
    const struct body_framing chunked = {BODY_CHUNKED, 0};
    struct decoded back;
    size_t last_len = http1_write_last_chunk(NULL, 0, &body->trailers);
    char *text = malloc(body->data_len * (HTTP1_CHUNK_HEAD_MAX + 3) + last_len);
    size_t len = 0;
    uint32_t seed = seed_of(body->data, body->data_len);

    CHECK(text);
    for (size_t at = 0; at < body->data_len;) {
        size_t piece = next_piece(&seed);
        piece = body->data_len - at < piece ? body->data_len - at : piece;
        char head[HTTP1_CHUNK_HEAD_MAX];
        size_t head_len = http1_write_chunk_head(head, piece);
        memcpy(text + len, head, head_len);
        memcpy(text + len + head_len, body->data + at, piece);
        memcpy(text + len + head_len + piece, "\r\n", 2);
        len += head_len + piece + 2;
        at += piece;
    }
    CHECK(http1_write_last_chunk(text + len, last_len, &body->trailers) == last_len);
    len += last_len;
    // Wider limits: the writer adds a space after each colon.
    decode(&chunked, slice_of(text, len), 0, &wide, &back);
    CHECK(back.error == 0 && back.done && back.consumed == len);
    check_same_bodies(&back, body);
    decoded_free(&back);
    free(text);
}

// Decodes whole and in pieces, which must agree. Returns the bytes of the body.
static inline size_t check_body(const struct body_framing *framing, struct slice in)
{
    struct decoded whole;
    struct decoded pieces;

    decode(framing, in, 0, &narrow, &whole);
    decode(framing, in, seed_of(in.p, in.len), &narrow, &pieces);
    CHECK(pieces.error == whole.error && pieces.done == whole.done);
    CHECK(pieces.consumed == whole.consumed);
    check_same_bodies(&pieces, &whole);
    if (whole.done && framing->kind == BODY_CHUNKED) {
        for (size_t i = 0; i < whole.trailers.field_count; i++) {
            CHECK(http_is_token(whole.trailers.fields[i].name));
            CHECK(http_is_field_value(whole.trailers.fields[i].value));
        }
        check_rechunked(&whole);
    }
    if (framing->kind == BODY_LENGTH)
        CHECK(whole.consumed == whole.data_len && whole.data_len <= framing->length);
    size_t consumed = whole.consumed;
    decoded_free(&whole);
    decoded_free(&pieces);
    return consumed;
}
