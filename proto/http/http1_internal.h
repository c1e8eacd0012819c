// SPDX-License-Identifier: MIT
// Parts that the http1 files share: the scanner and the parsers of single elements.
#pragma once
#include "chars.h"
#include "http1.h"

// Searches for the empty line that ends a head or trailer section, from *scanned on. Returns the
// bytes up to its end; 0 when it has not arrived, and moves *scanned on; HTTP1_E_SYNTAX for a line
// that ends without CR; HTTP1_E_HEAD_TOO_LARGE beyond `limit`. `skip_first`: an empty first line
// is not the end.
int http1_find_end(const char *buf, size_t len, size_t *scanned, size_t limit, bool skip_first);

// Parses at most `max` field lines, up to the empty line whose end is `end` (http1_find_end).
// Returns 0 or an http1_error.
int http1_parse_fields(const char *p, const char *end, size_t max, struct http_head *head);

// Parses an HTTP-version and moves *at past it. Returns 0 or an http1_error.
int http1_take_version(const char **at, const char *end, struct http_head *head);

// The fault that makes framing an error, and its field.
struct http1_cause {
    const char *at, *phrase;
};

// The framing by the fields alone: BODY_CHUNKED, BODY_LENGTH, or BODY_NONE without either field.
// Returns 0 or an http1_error. `lenient`: equal lengths, in one field or several, count as one.
int http1_field_framing(const struct http_head *head, bool lenient, struct body_framing *framing,
                        struct http1_cause *cause);

// Whether a response has no body, regardless of its fields (RFC 9112 §6.3).
static inline bool http1_is_bodyless(uint16_t status)
{
    return status < 200 || status == 204;
}

// Moves *at past characters of this class. CR and LF belong to no class, so the line bounds the
// loop.
static inline struct slice take(const char **at, enum char_class class)
{
    const char *p = *at;

    while (char_is(*p, class))
        p++;
    struct slice taken = slice_of(*at, (size_t)(p - *at));
    *at = p;
    return taken;
}

// The same for a field value, eight bytes at a time while none is a control: most bytes of a head
// are values.
static inline struct slice take_value(const char **at, const char *end)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t tops = ones << 7;
    const char *p = *at;

    while (end - p >= 8) {
        uint64_t word = 0;
        memcpy(&word, p, sizeof(word));
        uint64_t is_del = word ^ (ones * 0x7f);
        if ((((word - ones * 0x20) & ~word) | ((is_del - ones) & ~is_del)) & tops)
            break;
        p += 8;
    }
    while (char_is(*p, CHAR_VALUE))
        p++;
    struct slice taken = slice_of(*at, (size_t)(p - *at));
    *at = p;
    return taken;
}

static inline bool take_line_end(const char **at)
{
    if ((*at)[0] != '\r' || (*at)[1] != '\n')
        return false;
    *at += 2;
    return true;
}
