// SPDX-License-Identifier: MIT
#include "percent.h"

static int hex_of(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool percent_decode(struct slice text, char *out, size_t cap, size_t *len)
{
    *len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.p[i];
        if (c == '%') {
            int high = i + 2 < text.len ? hex_of(text.p[i + 1]) : -1;
            int low = i + 2 < text.len ? hex_of(text.p[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == 0 || *len + 1 >= cap)
            return false;
        out[(*len)++] = c;
    }
    if (cap == 0)
        return false;
    out[*len] = 0;
    return true;
}

static bool is_plain(char c)
{
    return ascii_is_digit(c) || ascii_is_letter(c) || (c && strchr("-._~/", c));
}

size_t percent_encode_path(struct slice path, char *out, size_t cap)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t len = 0;
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.p[i];
        size_t need = is_plain(path.p[i]) ? 1 : 3;
        if (len + need >= cap)
            return 0;
        if (need == 1) {
            out[len++] = path.p[i];
            continue;
        }
        out[len++] = '%';
        out[len++] = digits[c >> 4];
        out[len++] = digits[c & 15];
    }
    if (cap > 0)
        out[len] = 0;
    return len;
}
