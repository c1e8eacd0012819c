// SPDX-License-Identifier: MIT
// Whether bytes are text (RFC 3629).
#pragma once
#include "proto/bytes.h"

// Bytes of the character that s begins with; 0: it is none, or cut short.
size_t utf8_len(struct slice s);
// All of it is UTF-8.
bool utf8_is(struct slice s);
// It is what a person can read: UTF-8 without zero bytes, perhaps cut within its last character.
bool utf8_is_readable(struct slice s);
