// SPDX-License-Identifier: MIT
#include "printable.h"
#include "printable_table.h"
#include "proto/utf8.h"

// The numbers are those that scripts/printable-table writes.
enum printable_kind {
    KIND_HIDDEN,
    KIND_MARK,
    KIND_NARROW,
    KIND_WIDE
};

static enum printable_kind kind_of(uint32_t c)
{
    size_t low = 0;
    size_t high = sizeof(printable_table) / sizeof(printable_table[0]);
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (printable_table[middle] >> 2 <= c)
            low = middle;
        else
            high = middle;
    }
    return (enum printable_kind)(printable_table[low] & 3);
}

static bool is_ascii(char c)
{
    return c >= ' ' && c <= '~';
}

// Whether eight bytes are all from ' ' to '~', tested at once. Exact: a byte borrows from or
// carries into its neighbour only when it fails the test itself.
static bool are_ascii(const char p[static 8])
{
    const uint64_t each = 0x0101010101010101;
    uint64_t v = 0;
    memcpy(&v, p, sizeof(v));
    return ((v | (v - each * ' ') | (v + each)) & each * 0x80) == 0;
}

size_t printable_ascii_len(struct slice s)
{
    size_t n = 0;
    while (s.len - n >= 8 && are_ascii(s.p + n))
        n += 8;
    while (n < s.len && is_ascii(s.p[n]))
        n++;
    return n;
}

// Whether a character is shown, and its columns. A mark without a base of its own, or one of too
// many, would alter text that it does not belong to.
static bool is_shown(struct printable *p, uint32_t c, size_t *columns)
{
    switch (kind_of(c)) {
    case KIND_HIDDEN: return false;
    case KIND_MARK: *columns = 0; return p->has_base && p->marks++ < PRINTABLE_MARKS_MAX;
    case KIND_NARROW: *columns = 1; break;
    case KIND_WIDE: *columns = 2; break;
    }
    p->has_base = true;
    p->marks = 0;
    return true;
}

static struct slice escaped(struct printable *p, struct slice bytes)
{
    static const char digits[] = "0123456789abcdef";
    char *out = p->escape;
    if (bytes.p[0] == '\n' || bytes.p[0] == '\t') {
        *out++ = '\\';
        *out++ = bytes.p[0] == '\n' ? 'n' : 't';
        return slice_of(p->escape, 2);
    }
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char b = (unsigned char)bytes.p[i];
        *out++ = '\\';
        *out++ = 'x';
        *out++ = digits[b >> 4];
        *out++ = digits[b & 15];
    }
    return slice_of(p->escape, bytes.len * 4);
}

struct shown printable_next(struct printable *p, struct slice *s)
{
    size_t len = utf8_len(*s);
    size_t columns = 0;
    struct slice bytes = slice_of(s->p, len > 0 ? len : 1);
    *s = slice_of(s->p + bytes.len, s->len - bytes.len);
    if (len > 0 && is_shown(p, utf8_code(bytes, len), &columns))
        return (struct shown){bytes, columns, true};
    p->has_base = false; // no foreign mark may stand on our escape
    struct slice escape = escaped(p, bytes);
    return (struct shown){escape, escape.len, false};
}

bool printable_is(struct slice s)
{
    struct printable p = {0};
    while (s.len > 0)
        if (!printable_next(&p, &s).as_is)
            return false;
    return true;
}

void printable_sanitize_line(char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        i += printable_ascii_len(slice_of(text + i, len - i));
        if (i < len)
            text[i] = '?';
    }
}

size_t printable_sanitize_lines(char *text, size_t len)
{
    struct printable p = {0};
    struct slice s = slice_of(text, len);
    char *out = text;
    while (s.len > 0) {
        size_t plain = printable_ascii_len(s);
        if (plain > 0) {
            if (out != s.p)
                memmove(out, s.p, plain);
            out += plain;
            s = slice_of(s.p + plain, s.len - plain);
            p = (struct printable){.has_base = true};
            continue;
        }
        if (s.p[0] == '\n' || s.p[0] == '\t') {
            p.has_base = false;
            *out++ = s.p[0];
            s = slice_of(s.p + 1, s.len - 1);
            continue;
        }
        struct shown shown = printable_next(&p, &s);
        if (!shown.as_is)
            shown.text = SLICE("?");
        memmove(out, shown.text.p, shown.text.len);
        out += shown.text.len;
    }
    return (size_t)(out - text);
}
