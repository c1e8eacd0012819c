// SPDX-License-Identifier: MIT
#include "text.h"
#include <inttypes.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include "utf8.h"

const char *text_size(uint64_t bytes, char out[static TEXT_NUMBER_MAX])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    uint64_t unit = 1;
    size_t i = 0;
    for (; bytes / unit >= 1024 && i < 4; i++)
        unit *= 1024;
    if (i == 0)
        (void)snprintf(out, TEXT_NUMBER_MAX, "%" PRIu64 " B", bytes);
    else
        (void)snprintf(out, TEXT_NUMBER_MAX, "%" PRIu64 ".%" PRIu64 " %s", bytes / unit,
                       bytes % unit / (unit / 1024) * 10 / 1024, units[i]);
    return out;
}

const char *text_duration(int64_t ns, char out[static TEXT_NUMBER_MAX])
{
    if (ns < 0)
        (void)snprintf(out, TEXT_NUMBER_MAX, "-");
    else if (ns < 1000000000)
        (void)snprintf(out, TEXT_NUMBER_MAX, "%" PRId64 ".%" PRId64 " ms", ns / 1000000,
                       ns % 1000000 / 100000);
    else
        (void)snprintf(out, TEXT_NUMBER_MAX, "%" PRId64 ".%02" PRId64 " s", ns / 1000000000,
                       ns % 1000000000 / 10000000);
    return out;
}

const char *text_local_time(int64_t ns, char out[static TEXT_TIME_MAX])
{
    time_t seconds = (time_t)(ns / 1000000000);
    struct tm tm;
    if (ns < 0 || !localtime_r(&seconds, &tm) ||
        strftime(out, TEXT_TIME_MAX, "%Y-%m-%d %H:%M:%S", &tm) == 0)
        (void)snprintf(out, TEXT_TIME_MAX, "%19s", "-");
    return out;
}

static uint32_t code_point(struct slice s, size_t len)
{
    static const uint8_t bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t c = (uint8_t)s.p[0] & bits[len];
    for (size_t i = 1; i < len; i++)
        c = c << 6 | ((uint8_t)s.p[i] & 0x3f);
    return c;
}

// What terminals show two columns wide, or on top of the character before it; near enough to cut
// lines by, and independent of the locale.
static const struct {
    uint32_t first, last;
    size_t columns;
} widths[] = {
    {0x300, 0x36f, 0},     {0x1100, 0x115f, 2},   {0x1ab0, 0x1aff, 0},   {0x1dc0, 0x1dff, 0},
    {0x20d0, 0x20ff, 0},   {0x2e80, 0x303e, 2},   {0x3041, 0xa4cf, 2},   {0xa960, 0xa97c, 2},
    {0xac00, 0xd7a3, 2},   {0xf900, 0xfaff, 2},   {0xfe00, 0xfe0f, 0},   {0xfe20, 0xfe2f, 0},
    {0xfe30, 0xfe6f, 2},   {0xff00, 0xff60, 2},   {0xffe0, 0xffe6, 2},   {0x1f300, 0x1f64f, 2},
    {0x1f680, 0x1f6ff, 2}, {0x1f900, 0x1f9ff, 2}, {0x20000, 0x3fffd, 2},
};

static size_t width(uint32_t c)
{
    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]) && widths[i].first <= c; i++)
        if (c <= widths[i].last)
            return widths[i].columns;
    return 1;
}

// Takes the next thing off that write_safe writes: a character, or the escape of a byte.
static size_t next_width(struct slice *s)
{
    size_t len = utf8_len(*s);
    size_t columns = 0;
    if (len > 0 && is_printable(*s, len)) {
        columns = width(code_point(*s, len));
    } else {
        columns = s->p[0] == '\n' || s->p[0] == '\t' ? 2 : 4;
        len = 1;
    }
    *s = slice_of(s->p + len, s->len - len);
    return columns;
}

size_t text_columns(struct slice s)
{
    size_t columns = 0;
    while (s.len > 0)
        columns += next_width(&s);
    return columns;
}

size_t text_cut(FILE *out, struct slice s, size_t columns)
{
    struct slice rest = s;
    size_t used = 0;
    size_t fits = 0;      // bytes of s that leave a column for the ellipsis
    size_t fits_used = 0; // columns of them
    while (rest.len > 0 && used <= columns) {
        used += next_width(&rest);
        if (used + 1 <= columns) {
            fits = s.len - rest.len;
            fits_used = used;
        }
    }
    if (used <= columns) {
        write_safe(out, s);
        return used;
    }
    write_safe(out, slice_of(s.p, fits));
    if (columns > 0)
        (void)fputs("…", out);
    return columns > 0 ? fits_used + 1 : 0;
}

size_t text_terminal(FILE *out)
{
    struct winsize size = {0};
    if (!isatty(fileno(out)))
        return 0;
    if (ioctl(fileno(out), TIOCGWINSZ, &size) || size.ws_col == 0)
        return 80;
    return size.ws_col;
}

bool text_has_colours(FILE *out)
{
    const char *no = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return isatty(fileno(out)) && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

const char *text_colour(bool colours, enum text_colour colour)
{
    if (!colours)
        return "";
    switch (colour) {
    case TEXT_PLAIN: return "\033[0m";
    case TEXT_DIM: return "\033[2m";
    case TEXT_RED: return "\033[31m";
    case TEXT_GREEN: return "\033[32m";
    case TEXT_YELLOW: return "\033[33m";
    }
    return "";
}
