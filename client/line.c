// SPDX-License-Identifier: MIT
#include "line.h"

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
    for (size_t i = 0; i < l->len; i++)
        if ((unsigned char)l->text[i] < 0x20 || (unsigned char)l->text[i] >= 0x7f)
            l->text[i] = '?';
}

// By its first byte, as UTF-8 has it; 0: none begins so (RFC 3629 §4).
static size_t length_of(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

static bool continues(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

static bool is_shown(uint32_t c)
{
    static const struct range {
        uint32_t first, last;
    } hidden[] = {
        {0x0000, 0x001f},   {0x007f, 0x009f},
        {0x061c, 0x061c}, // controls; a mark of direction
        {0x200b, 0x200f},   {0x2028, 0x202e},
        {0x2060, 0x206f}, // of no width, lines, directions
        {0xd800, 0xdfff},   {0xfeff, 0xfeff},
        {0xfff9, 0xfffb},   // surrogates, byte order, annotations
        {0xe0000, 0xe0fff}, // tags
    };
    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
        if (c >= hidden[i].first && c <= hidden[i].last)
            return false;
    return c <= 0x10ffff;
}

size_t printable_len(struct slice s)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    static const uint8_t bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    size_t len = s.len > 0 ? length_of((unsigned char)s.p[0]) : 0;
    if (len == 0 || len > s.len)
        return 0;
    uint32_t c = (unsigned char)s.p[0] & bits[len];
    for (size_t i = 1; i < len; i++) {
        if (!continues(s.p[i]))
            return 0;
        c = c << 6 | ((unsigned char)s.p[i] & 0x3f);
    }
    return c >= least[len] && is_shown(c) ? len : 0;
}

bool is_cut_character(struct slice s)
{
    if (s.len == 0 || length_of((unsigned char)s.p[0]) <= s.len)
        return false;
    for (size_t i = 1; i < s.len; i++)
        if (!continues(s.p[i]))
            return false;
    return true;
}

struct slice printable_take(struct slice *s)
{
    struct slice shown = slice_of(s->p, printable_len(*s));
    size_t taken = shown.len > 0 ? shown.len : 1;
    if (shown.len == 0) {
        shown = SLICE("?");
        size_t whole = length_of((unsigned char)s->p[0]);
        while (taken < whole && taken < s->len && continues(s->p[taken]))
            taken++;
    }
    *s = slice_of(s->p + taken, s->len - taken);
    return shown;
}
