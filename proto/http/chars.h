// SPDX-License-Identifier: MIT
// The grammar of HTTP byte by byte: classes of characters, by table.
#pragma once
#include "proto/bytes.h"

enum char_class {
    CHAR_TOKEN = 1,   // tchar, RFC 9110 §5.6.2
    CHAR_VALUE = 2,   // field-content, RFC 9110 §5.5: visible, 0x80-0xff, space, tab
    CHAR_TARGET = 4,  // request target: visible and 0x80-0xff, but not '#'
    CHAR_HEX = 8,     // HEXDIG of either case
    CHAR_NAME = 16,   // reg-name without escapes: unreserved, sub-delims (RFC 3986 §2.2, §2.3)
    CHAR_UPPER = 32,  // A-Z
    CHAR_BASE64 = 64, // RFC 4648 §4, without the padding
};

extern const uint8_t char_classes[256];

// The classes of a byte, as bits.
static inline unsigned char_classes_of(char c)
{
    return char_classes[(unsigned char)c];
}

static inline bool char_is(char c, enum char_class class)
{
    return (char_classes_of(c) & class) != 0;
}

// Whether all bytes of s are of this class; true for an empty slice.
static inline bool chars_are(struct slice s, enum char_class class)
{
    for (size_t i = 0; i < s.len; i++)
        if (!char_is(s.p[i], class))
            return false;
    return true;
}

// Whether any byte of s is of this class.
static inline bool chars_have(struct slice s, enum char_class class)
{
    for (size_t i = 0; i < s.len; i++)
        if (char_is(s.p[i], class))
            return true;
    return false;
}

// The value of a HEXDIG.
static inline unsigned char_hex(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : ascii_lower(c) - 'a' + 10);
}

// Whether a slice is a whole element of the grammar.
bool http_is_token(struct slice s);       // RFC 9110 §5.6.2, not empty
bool http_is_field_value(struct slice s); // RFC 9110 §5.5: no controls but tab; 0x80-0xff pass
bool http_is_target(struct slice s);      // visible ASCII and 0x80-0xff, not empty, no '#'
