// SPDX-License-Identifier: MIT
#include "line.h"
#include "common/printable.h"

void line_put(struct line *l, const char *s)
{
    size_t len = strlen(s);
    size_t room = LINE_BYTES - 1 - l->len;
    memcpy(l->text + l->len, s, len < room ? len : room);
    l->len += len < room ? len : room;
}

void line_number(struct line *l, uint64_t n)
{
    char digits[24];
    size_t at = sizeof(digits) - 1;
    digits[at] = 0;
    do
        digits[--at] = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    line_put(l, digits + at);
}

// n / unit with `places` decimal places.
static void put_ratio(struct line *l, uint64_t n, uint64_t unit, unsigned places)
{
    line_number(l, n / unit);
    if (places > 0)
        line_put(l, ".");
    for (n %= unit; places > 0; places--, n = n * 10 % unit)
        line_number(l, n * 10 / unit);
}

void line_bytes(struct line *l, uint64_t bytes)
{
    static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB"};
    uint64_t unit = 1;
    size_t i = 0;
    for (; bytes / unit >= 1024 && i < 4; i++)
        unit *= 1024;
    put_ratio(l, bytes, unit, i > 0 ? 1 : 0);
    line_put(l, units[i]);
}

void line_duration(struct line *l, uint64_t ns)
{
    bool short_one = ns < 1000000000;
    put_ratio(l, ns, short_one ? 1000000 : 1000000000, short_one ? 1 : 2);
    line_put(l, short_one ? " ms" : " s");
}

void line_disarm(struct line *l)
{
    printable_disarm_line(l->text, l->len);
}
