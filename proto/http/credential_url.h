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

// Whether a text may contain anything to redact: a cheap check.
static inline bool credential_may_be_in(struct slice text)
{
    return text.len > 2 && (memchr(text.p, '=', text.len) || memchr(text.p, '@', text.len) ||
                            memchr(text.p, '%', text.len));
}

// Copies a text with CREDENTIAL_MARK in place of the values of secret parameters, which begin after
// ? & ; or #, and of user information: in its URLs, and in URLs that are percent-encoded within
// them.
void credential_write_url(struct credential_sink *sink, struct slice text,
                          enum credential_place place, const struct credential_rules *rules);
