// SPDX-License-Identifier: MIT
// The Forwarded field (RFC 7239 §4) as it comes: its elements, one after the other.
#pragma once
#include "proto/bytes.h"

struct forwarded_element {
    struct slice node;  // the value of "for" without its quotes; empty: there is none
    struct slice proto; // the same of "proto"
    bool sound;         // false: it breaks the grammar, and nothing of it is to be believed
};

// Takes the next element off a field's value; empty elements are skipped. Where an element breaks
// the grammar nobody knows where the next one begins: it is the last. Returns false at the end.
bool forwarded_next(struct slice *rest, struct forwarded_element *element);
