// SPDX-License-Identifier: MIT
// Copies text without the credentials in its URLs (docs/record.md).
#pragma once
#include "proto/bytes.h"

// A buffer for text, which drops text beyond its room.
struct credential_sink {
    char *at;
    size_t left;
    bool full; // text was dropped
    bool any;  // a value was redacted
};
// Appends as much of a text as there is room for.
void credential_put(struct credential_sink *sink, struct slice text);

// The text in place of a redacted value.
#define CREDENTIAL_MARK SLICE("[redacted]")

// The rules by which values are redacted.
struct credential_rules {
    bool (*is_secret)(const void *ctx, struct slice name);
    const void *ctx;
    bool userinfo; // redact user information (RFC 3986 §3.2.1) too
};

// Parameters by credential_is_parameter, and user information.
extern const struct credential_rules credential_rules_all;

// The place of URLs in a text.
enum credential_place {
    CREDENTIAL_TARGET, // the text is a request target
    CREDENTIAL_URL,    // the text is a URL or a relative reference
    CREDENTIAL_TEXT    // the text contains URLs, which end at white space, a quote, < or >
};

// Not 0 if one of eight bytes is `c`. Taking 1 from each byte borrows from the next only behind a
// byte that is `c`, so that 0 is exact.
static inline uint64_t credential_byte_in(uint64_t eight, char c)
{
    const uint64_t ones = 0x0101010101010101;
    const uint64_t differ = eight ^ ones * (unsigned char)c;
    return (differ - ones) & ~differ & ones << 7;
}

// Not 0 if one of eight bytes is one of "=@%".
static inline uint64_t credential_sign_in(const char *eight)
{
    uint64_t bytes;

    memcpy(&bytes, eight, sizeof(bytes));
    return credential_byte_in(bytes, '=') | credential_byte_in(bytes, '@') |
           credential_byte_in(bytes, '%');
}

// Whether a text may contain anything to redact: a cheap check. Values of fields are short: one
// pass over them is faster than three of memchr.
static inline bool credential_may_be_in(struct slice text)
{
    const size_t word = sizeof(uint64_t);
    uint64_t found = 0;
    size_t at = 0;

    if (text.len < 3)
        return false;
    for (; text.len - at >= word; at += word)
        found |= credential_sign_in(text.p + at);
    if (at > 0)
        return found || credential_sign_in(text.p + text.len - word);
    for (; at < text.len; at++)
        found |= text.p[at] == '=' || text.p[at] == '@' || text.p[at] == '%';
    return found;
}

// Copies a text with CREDENTIAL_MARK in place of the values of secret parameters, which begin after
// ? & ; or #, and of user information: in its URLs, and in URLs that are percent-encoded within
// them.
void credential_write_url(struct credential_sink *sink, struct slice text,
                          enum credential_place place, const struct credential_rules *rules);
