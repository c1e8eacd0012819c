// SPDX-License-Identifier: MIT
// A parser of the Forwarded field (RFC 7239 §4), element by element.
#pragma once
#include "proto/bytes.h"

struct forwarded_element {
    struct slice node;  // the value of "for" without quotes; empty: none
    struct slice proto; // the value of "proto" without quotes; empty: none
    bool valid;         // false: the element is malformed and its values must not be used
};

// Takes the next element off a field's value and skips empty ones. A malformed element is the last,
// since the start of the next one is unknown. Returns false at the end.
bool forwarded_next(struct slice *rest, struct forwarded_element *element);
