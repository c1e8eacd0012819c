// SPDX-License-Identifier: MIT
#include "url_escape.h"
#include "proto/http/chars.h"

// Whether byte `i` of `s` may stand in a path or a query: unreserved, sub-delims and the
// delimiters of both (RFC 3986 §3.3, §3.4); a percent sign only before two hexadecimal digits.
static bool stands_in_url(struct slice s, size_t i)
{
    char c = s.p[i];
    if (c == '%')
        return s.len - i > 2 && char_is(s.p[i + 1], CHAR_HEX) && char_is(s.p[i + 2], CHAR_HEX);
    return char_is(c, CHAR_NAME) || (c && strchr(":@/?", c));
}

bool url_escape(struct buf *out, struct slice s)
{
    static const char digits[] = "0123456789ABCDEF";
    bool ok = true;
    for (size_t i = 0; ok && i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];
        char escaped[3] = {'%', digits[c >> 4], digits[c & 15]};
        bool plain = stands_in_url(s, i);
        ok = buf_append(out, plain ? s.p + i : escaped, plain ? 1 : sizeof(escaped));
    }
    return ok;
}

static unsigned hex_value(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : ascii_lower(c) - 'a' + 10);
}

bool url_unescape(struct buf *out, struct slice s, bool keep_percent)
{
    bool ok = true;
    for (size_t i = 0; ok && i < s.len; i++) {
        char c = s.p[i] == '+' ? ' ' : s.p[i];
        if (c == '%' && stands_in_url(s, i)) {
            c = (char)(hex_value(s.p[i + 1]) << 4 | hex_value(s.p[i + 2]));
            i += 2;
        }
        ok = c == '%' && keep_percent ? buf_append(out, "%25", 3) : buf_append(out, &c, 1);
    }
    return ok;
}
