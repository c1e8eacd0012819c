// SPDX-License-Identifier: MIT
#include "bits.h"
#include <time.h>
#include "utf8.h"

void write_base64(FILE *out, struct slice s, unsigned columns)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = (const unsigned char *)s.p;
    unsigned column = 0;
    for (size_t i = 0; i < s.len; i += 3) {
        size_t n = s.len - i < 3 ? s.len - i : 3;
        unsigned bits = (unsigned)p[i] << 16;
        bits |= n > 1 ? (unsigned)p[i + 1] << 8 : 0;
        bits |= n > 2 ? (unsigned)p[i + 2] : 0;
        char text[4] = {digits[bits >> 18], digits[bits >> 12 & 63], digits[bits >> 6 & 63],
                        digits[bits & 63]};
        memset(text + n + 1, '=', 3 - n);
        (void)fwrite(text, 1, sizeof(text), out);
        column += 4;
        if (columns > 0 && (column >= columns || i + 3 >= s.len)) {
            (void)fputc('\n', out);
            column = 0;
        }
    }
}

const char *timestamp(int64_t ns, char out[static TIMESTAMP_MAX])
{
    struct tm tm;
    time_t seconds = (time_t)(ns / 1000000000);
    size_t len = 0;
    out[0] = 0;
    if (ns >= 0 && gmtime_r(&seconds, &tm))
        len = strftime(out, TIMESTAMP_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(out + len, TIMESTAMP_MAX - len, ".%03dZ", (int)(ns / 1000000 % 1000));
    return out;
}

bool is_printable(struct slice s, size_t len)
{
    unsigned char c = (unsigned char)s.p[0];
    unsigned char d = len > 1 ? (unsigned char)s.p[1] : 0;
    unsigned char e = len > 2 ? (unsigned char)s.p[2] : 0;
    if (len < 2)
        return len == 1 && c >= ' ' && c <= '~';
    if (c == 0xc2) // U+0080 to U+009F are controls, U+00AD is invisible
        return d >= 0xa0 && d != 0xad;
    if (c == 0xe2) // U+200B to 200F, 2028 to 202E, 2060 to 206F: invisible, or turn text around
        return !(d == 0x80 && ((e >= 0x8b && e <= 0x8f) || (e >= 0xa8 && e <= 0xae))) &&
               !(d == 0x81 && e >= 0xa0 && e <= 0xaf);
    return !(c == 0xd8 && d == 0x9c) &&              // U+061C
           !(c == 0xef && d == 0xbb && e == 0xbf) && // U+FEFF
           !(c == 0xef && d == 0xbf && e >= 0xb9) && // U+FFF9 to U+FFFF
           !(c == 0xf3 && d == 0xa0);                // U+E0000 to U+E0FFF: tags
}

void write_safe(FILE *out, struct slice s)
{
    while (s.len > 0) {
        size_t len = utf8_len(s);
        if (is_printable(s, len))
            (void)fwrite(s.p, 1, len, out);
        else if (s.p[0] == '\n' || s.p[0] == '\t')
            (void)fputs(s.p[0] == '\n' ? "\\n" : "\\t", out);
        else
            (void)fprintf(out, "\\x%02x", (unsigned char)s.p[0]);
        len = len > 0 && is_printable(s, len) ? len : 1;
        s = slice_of(s.p + len, s.len - len);
    }
}
