// SPDX-License-Identifier: MIT
// The value of the Date field (RFC 9110 §5.6.7), formatted at most once a second.
#pragma once
#include "proto/bytes.h"

enum {
    DATE_LEN = sizeof("Sun, 06 Nov 1994 08:49:37 GMT") - 1
};

// Zero-initialised: nothing is formatted yet.
struct date {
    int64_t second; // since 1970, of `text`
    char text[DATE_LEN + 1];
};

// Returns the value for a second since 1970, valid until the next call; times outside 1970 to 9999
// are clamped.
struct slice date_text(struct date *d, int64_t second);
