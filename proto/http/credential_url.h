// SPDX-License-Identifier: MIT
// Copies text without the credentials in its URLs (docs/record.md).
#pragma once
#include "proto/bytes.h"

// Text that is written, as much of it as has room.
struct credential_sink {
    char *at;
    size_t left;
    bool full; // something had no room
    bool any;  // a value was left out
};
void credential_put(struct credential_sink *sink, struct slice text);

// What stands for a value.
#define CREDENTIAL_MARK SLICE("[redacted]")

// Which parameters are left out.
struct credential_rules {
    bool (*is_secret)(const void *ctx, struct slice name);
    const void *ctx;
    bool users; // user information too
};

// The list, and user information.
extern const struct credential_rules credential_rules_all;

// Where URLs may be in a text.
enum credential_place {
    CREDENTIAL_TARGET, // it is a request target
    CREDENTIAL_URL,    // it is a URL, or a reference to one
    CREDENTIAL_TEXT    // it has some, which end with a space, a quote or a bracket < >
};

// Whether there may be anything to leave out: a cheap look.
static inline bool credential_may_be_in(struct slice text)
{
    return text.len > 2 && (memchr(text.p, '=', text.len) || memchr(text.p, '@', text.len) ||
                            memchr(text.p, '%', text.len));
}

// Writes text with the mark for the values of such parameters, behind ? & ; and #, in the URLs that
// are in it and in those that are escaped within these; and for user information.
void credential_write_url(struct credential_sink *sink, struct slice text,
                          enum credential_place place, const struct credential_rules *rules);
