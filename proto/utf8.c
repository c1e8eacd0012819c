// SPDX-License-Identifier: MIT
#include "utf8.h"

// RFC 3629 §4: the range of the second byte depends on the first; further bytes are 80..bf.
static const struct {
    uint8_t first, last; // of the first byte
    uint8_t len, low, high;
} sequences[] = {
    {0x00, 0x7f, 1, 0, 0},       {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
    {0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf},
    {0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
};

// Returns the number of bytes of the first character that are there, and in `*wanted` its full
// length; 0 when it is invalid.
static size_t scan_char(struct slice s, size_t *wanted)
{
    size_t i = 0;
    size_t count = sizeof(sequences) / sizeof(sequences[0]);
    uint8_t c = (uint8_t)s.p[0];
    while (i < count && (c < sequences[i].first || c > sequences[i].last))
        i++;
    if (i == count)
        return 0;
    *wanted = sequences[i].len;
    size_t at = 1;
    for (; at < *wanted && at < s.len; at++) {
        c = (uint8_t)s.p[at];
        if (c < (at == 1 ? sequences[i].low : 0x80) || c > (at == 1 ? sequences[i].high : 0xbf))
            return 0;
    }
    return at;
}

size_t utf8_len(struct slice s)
{
    size_t wanted = 0;
    size_t len = s.len > 0 ? scan_char(s, &wanted) : 0;
    return len == wanted ? len : 0;
}

bool utf8_is_truncated(struct slice s)
{
    size_t wanted = 0;
    size_t len = s.len > 0 ? scan_char(s, &wanted) : 0;
    return len > 0 && len < wanted;
}

uint32_t utf8_code(struct slice s, size_t len)
{
    static const uint8_t bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = (uint8_t)s.p[0] & bits[len];
    for (size_t i = 1; i < len; i++)
        c = c << 6 | ((uint8_t)s.p[i] & 0x3f);
    return c;
}

// Returns the number of leading ASCII bytes, eight at a time, since most text is ASCII.
static size_t ascii_len(struct slice s)
{
    uint64_t eight = 0;
    size_t n = 0;
    for (; s.len - n >= sizeof(eight); n += sizeof(eight)) {
        memcpy(&eight, s.p + n, sizeof(eight));
        if (eight & 0x8080808080808080U)
            break;
    }
    while (n < s.len && !((uint8_t)s.p[n] & 0x80))
        n++;
    return n;
}

bool utf8_is_valid(struct slice s)
{
    while (s.len > 0) {
        size_t len = ascii_len(s);
        len = len > 0 ? len : utf8_len(s);
        if (len == 0)
            return false;
        s = slice_of(s.p + len, s.len - len);
    }
    return true;
}

bool utf8_is_readable(struct slice s)
{
    size_t wanted = 0;
    if (s.len > 0 && memchr(s.p, 0, s.len))
        return false;
    while (s.len > 0) {
        size_t len = ascii_len(s);
        len = len > 0 ? len : scan_char(s, &wanted);
        if (len == 0)
            return false;
        s = slice_of(s.p + len, s.len - len);
    }
    return true;
}

size_t utf8_prefix_len(struct slice s, size_t max)
{
    if (s.len <= max)
        return s.len;
    size_t fits = max;
    while (fits > 0 && max - fits < 4 && ((uint8_t)s.p[fits] & 0xc0) == 0x80)
        fits--;
    return max - fits < 4 ? fits : max; // no character has more continuation bytes
}
