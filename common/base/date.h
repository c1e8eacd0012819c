// SPDX-License-Identifier: MIT
// The value of a Date field (RFC 9110 §5.6.7), made once for each second.
#pragma once
#include "proto/bytes.h"

enum {
    DATE_LEN = sizeof("Sun, 06 Nov 1994 08:49:37 GMT") - 1
};

// All zero is the beginning of 1970, not made yet.
struct date {
    int64_t second; // since 1970
    char text[DATE_LEN + 1];
};

// The text of this second, valid until the next call. Years beyond 9999 are the year 9999.
struct slice date_text(struct date *d, int64_t second);
