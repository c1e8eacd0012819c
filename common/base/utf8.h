// SPDX-License-Identifier: MIT
// Whether bytes are text (RFC 3629).
#pragma once
#include <stdint.h>
#include "proto/bytes.h"

// Bytes of the character that s begins with; 0: it is none, or cut short.
size_t utf8_len(struct slice s);
// It begins with a character that is cut short, and has nothing behind.
bool utf8_is_truncated(struct slice s);
// The code point of the character of `len` bytes (utf8_len) that s begins with.
uint32_t utf8_code(struct slice s, size_t len);
// All of it is UTF-8.
bool utf8_is_valid(struct slice s);
// It is what a person can read: UTF-8 without zero bytes, perhaps cut within its last character.
bool utf8_is_readable(struct slice s);
// Bytes of its beginning that fit into `max` and do not end within a character.
size_t utf8_prefix_len(struct slice s, size_t max);
