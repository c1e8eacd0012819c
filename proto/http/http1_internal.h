// SPDX-License-Identifier: MIT
// What the files of http1 share.
#pragma once
#include "chars.h"
#include "http1.h"

// Looks for the empty line that ends a head or trailer section, from *scanned on. Returns the bytes
// up to its end, 0 when it isn't there yet (*scanned is then moved on), HTTP1_E_SYNTAX at a line
// that ends without CR, HTTP1_E_HEAD_TOO_LARGE beyond `limit`. `skip_first`: an empty first line is
// not the end.
int http1_find_end(const char *buf, size_t len, size_t *scanned, size_t limit, bool skip_first);

// Parses field lines up to the empty line that ends at `end`, as http1_find_end found it. At most
// `max` of them.
int http1_parse_fields(const char *p, const char *end, size_t max, struct http_head *head);

// HTTP/1.x, moving *at behind it. Returns 0 or an http1_error.
int http1_take_version(const char **at, const char *end, struct http_head *head);

// What is wrong, and where in the head.
struct http1_cause {
    const char *at, *what;
};

// The framing by the fields alone: BODY_CHUNKED, BODY_LENGTH, or BODY_NONE when they say nothing.
// Returns 0 or an http1_error. `lenient`: equal lengths are one, as fields and as a list.
int http1_field_framing(const struct http_head *head, bool lenient, struct body_framing *framing,
                        struct http1_cause *cause);

// Whether a response has no body whatever its fields say (RFC 9112 §6.3).
static inline bool http1_is_bodyless(uint16_t status)
{
    return status < 200 || status == 204;
}

// An empty head, without writing to all of its fields.
static inline void http1_head_reset(struct http_head *head)
{
    head->method = head->scheme = head->authority = head->target = (struct slice){0};
    head->reason = head->upgrade = head->host_name = (struct slice){0};
    head->status = 0;
    head->minor_version = 1;
    head->folded = false;
    head->field_count = 0;
}

// Moves *at past characters of this class. The end of the line is of none, which bounds it.
static inline struct slice take(const char **at, enum char_class class)
{
    const char *p = *at;

    while (char_is(*p, class))
        p++;
    struct slice taken = slice_of(*at, (size_t)(p - *at));
    *at = p;
    return taken;
}

// The same for field values, which are most of a head: eight bytes at a time while none is a
// control.
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
