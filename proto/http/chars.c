// SPDX-License-Identifier: MIT
#include "chars.h"

// clang-format off
const uint8_t char_classes[256] = {
      0,   0,   0,   0,   0,   0,   0,   0,   0,   2,   0,   0,   0,   0,   0,   0,
      0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,   0,
      2,  23,   6,   3,  23,   7,  23,  23,  22,  22,  23,  87,  22,  23,  23,  70,
     95,  95,  95,  95,  95,  95,  95,  95,  95,  95,   6,  22,   6,  22,   6,   6,
      6, 127, 127, 127, 127, 127, 127, 119, 119, 119, 119, 119, 119, 119, 119, 119,
    119, 119, 119, 119, 119, 119, 119, 119, 119, 119, 119,   6,   6,   6,   7,  23,
      7,  95,  95,  95,  95,  95,  95,  87,  87,  87,  87,  87,  87,  87,  87,  87,
     87,  87,  87,  87,  87,  87,  87,  87,  87,  87,  87,   6,   7,   6,  23,   0,
    // 0x80 to 0xff
      6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,
      6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,
      6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,
      6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,
      6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,
      6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,
      6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,
      6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,   6,
};
// clang-format on

bool http_is_token(struct slice s)
{
    return s.len > 0 && chars_are(s, CHAR_TOKEN);
}

// Whether none of eight bytes is below 0x20 or is 0x7f. False for a tab too, which is legal.
static inline bool are_eight_plain(const char *p)
{
    const uint64_t ones = 0x0101010101010101;
    const uint64_t tops = ones * 0x80;
    uint64_t eight = 0;
    memcpy(&eight, p, sizeof(eight));
    const uint64_t del = eight ^ (ones * 0x7f);
    const uint64_t found = ((eight - ones * 0x20) & ~eight) | ((del - ones) & ~del);
    return (found & tops) == 0;
}

bool http_is_field_value(struct slice s)
{
    for (; s.len >= 8; s.p += 8, s.len -= 8)
        if (!are_eight_plain(s.p) && !chars_are(slice_of(s.p, 8), CHAR_VALUE))
            return false;
    return chars_are(s, CHAR_VALUE);
}

bool http_is_target(struct slice s)
{
    return s.len > 0 && chars_are(s, CHAR_TARGET);
}
