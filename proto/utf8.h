// SPDX-License-Identifier: MIT
// UTF-8 (RFC 3629).
#pragma once
#include <stdint.h>
#include "bytes.h"

// Returns the length of the character that s begins with; 0 when it is invalid or truncated.
size_t utf8_len(struct slice s);
// Whether s is nothing but the beginning of a character.
bool utf8_is_truncated(struct slice s);
// Returns the code point of the character that s begins with; `len` is its utf8_len.
uint32_t utf8_code(struct slice s, size_t len);
// Whether all of s is UTF-8.
bool utf8_is_valid(struct slice s);
// Whether s is text: UTF-8 without zero bytes; its last character may be truncated.
bool utf8_is_readable(struct slice s);
// Returns the length of the longest prefix of at most `max` bytes that splits no character.
size_t utf8_prefix_len(struct slice s, size_t max);
