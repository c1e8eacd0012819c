// SPDX-License-Identifier: MIT
#include "write.h"
#include "common/base/printable.h"

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

void write_hex(FILE *out, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        (void)fprintf(out, "%02x", bytes[i]);
}

void write_safe(FILE *out, struct slice s)
{
    struct printable p = {0};
    while (s.len > 0) {
        size_t plain = printable_ascii_len(s);
        if (plain > 1) { // all but the last, which a combining mark may follow
            write_slice(out, slice_of(s.p, plain - 1));
            s = slice_of(s.p + plain - 1, s.len - plain + 1);
        }
        write_slice(out, printable_next(&p, &s).text);
    }
}
