// SPDX-License-Identifier: MIT
// A character of a URL, however many times it is percent-encoded (RFC 3986 §2.1): a URL within a
// URL's query is encoded once more.
#pragma once
#include "chars.h"

struct url_char {
    char c;         // decoded
    unsigned level; // encodings undone: 0 for "/", 1 for "%2F", 2 for "%252F"
    size_t len;     // bytes in the text
};

// Whether the "%" before `at` is itself encoded: "%25".
static inline bool url_is_percent25(struct slice s, size_t at)
{
    return s.len - at >= 2 && s.p[at] == '2' && s.p[at + 1] == '5';
}

// The character at `at`, which must be within the text. A "%" that begins no valid escape is
// itself.
static inline struct url_char url_char_at(struct slice text, size_t at)
{
    struct slice s = slice_of(text.p + at, text.len - at);
    size_t i = 1;
    unsigned level = 1;

    if (s.p[0] != '%')
        return (struct url_char){s.p[0], 0, 1};
    for (; url_is_percent25(s, i); i += 2)
        level++;
    if (s.len - i >= 2 && char_is(s.p[i], CHAR_HEX) && char_is(s.p[i + 1], CHAR_HEX))
        return (struct url_char){(char)(char_hex(s.p[i]) << 4 | char_hex(s.p[i + 1])), level,
                                 i + 2};
    return (struct url_char){'%', level - 1, i};
}
