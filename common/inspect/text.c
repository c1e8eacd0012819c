// SPDX-License-Identifier: MIT
#include "text.h"
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include "common/base/printable.h"

// Writes n / unit with `places` decimal places, then `behind`. Without printf, for the sake of live
// lines (docs/decisions.md).
static void put_ratio(char out[static TEXT_NUMBER_MAX], uint64_t n, uint64_t unit, unsigned places,
                      const char *behind)
{
    char digits[24];
    size_t at = sizeof(digits);
    uint64_t whole = n / unit;
    do
        digits[--at] = (char)('0' + whole % 10);
    while ((whole /= 10) > 0);
    memcpy(out, digits + at, sizeof(digits) - at);
    out += sizeof(digits) - at;
    if (places > 0)
        *out++ = '.';
    for (n %= unit; places > 0; places--, n = n * 10 % unit)
        *out++ = (char)('0' + n * 10 / unit);
    memcpy(out, behind, strlen(behind) + 1);
}

const char *text_size(uint64_t bytes, char out[static TEXT_NUMBER_MAX])
{
    static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB"};
    uint64_t unit = 1;
    size_t i = 0;
    for (; bytes / unit >= 1024 && i < 4; i++)
        unit *= 1024;
    put_ratio(out, bytes, unit, i > 0 ? 1 : 0, units[i]);
    return out;
}

const char *text_duration(int64_t ns, char out[static TEXT_NUMBER_MAX])
{
    const bool is_short = ns < 1000000000;
    if (ns < 0)
        memcpy(out, "-", 2);
    else
        put_ratio(out, (uint64_t)ns, is_short ? 1000000 : 1000000000, is_short ? 1 : 2,
                  is_short ? " ms" : " s");
    return out;
}

static bool local(int64_t ns, struct tm *tm)
{
    time_t seconds = (time_t)(ns / 1000000000);
    return ns >= 0 && localtime_r(&seconds, tm);
}

const char *text_local_time(int64_t ns, char out[static TEXT_TIME_MAX])
{
    struct tm tm;
    if (!local(ns, &tm) || strftime(out, TEXT_TIME_MAX, "%Y-%m-%d %H:%M:%S", &tm) == 0)
        (void)snprintf(out, TEXT_TIME_MAX, "%19s", "-");
    return out;
}

const char *text_utc_time(int64_t ns, char out[static TEXT_TIME_MAX])
{
    struct tm tm;
    time_t seconds = (time_t)(ns / 1000000000);
    size_t len = 0;
    out[0] = 0;
    if (ns >= 0 && gmtime_r(&seconds, &tm))
        len = strftime(out, TEXT_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(out + len, TEXT_TIME_MAX - len, ".%03dZ", (int)(ns / 1000000 % 1000));
    return out;
}

enum text_date text_date_of(int64_t ns, int64_t now_ns)
{
    struct tm tm;
    struct tm now;
    if (!local(ns, &tm) || !local(now_ns, &now))
        return TEXT_DATE_NONE;
    if (tm.tm_year != now.tm_year)
        return TEXT_DATE_YEAR;
    return tm.tm_yday == now.tm_yday ? TEXT_DATE_NONE : TEXT_DATE_DAY;
}

// Bytes that are left out at the beginning of "2025-01-31 12:00:01".
static const size_t left_out[] = {
    [TEXT_DATE_NONE] = sizeof("2025-01-31 ") - 1,
    [TEXT_DATE_DAY] = sizeof("2025-") - 1,
    [TEXT_DATE_YEAR] = 0,
};

size_t text_clock_columns(enum text_date column)
{
    return sizeof("2025-01-31 12:00:01") - 1 - left_out[column];
}

const char *text_clock(int64_t ns, enum text_date needs, enum text_date column,
                       char out[static TEXT_TIME_MAX])
{
    char whole[TEXT_TIME_MAX];
    const char *text = ns < 0 ? "-" : text_local_time(ns, whole) + left_out[needs];
    (void)snprintf(out, TEXT_TIME_MAX, "%*s", (int)text_clock_columns(column), text);
    return out;
}

const char *text_stamp(int64_t ns, char out[static TEXT_TIME_MAX])
{
    char offset[8];
    struct tm tm;
    size_t len = 0;
    if (local(ns, &tm) && strftime(offset, sizeof(offset), "%z", &tm) == 5)
        len = strftime(out, TEXT_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    if (len > 0)
        (void)snprintf(out + len, TEXT_TIME_MAX - len, "%.3s:%s", offset, offset + 3);
    else
        (void)snprintf(out, TEXT_TIME_MAX, "%25s", "-");
    return out;
}

const char *text_zone(int64_t ns, char out[static TEXT_TIME_MAX])
{
    struct tm tm;
    if (!local(ns, &tm) || strftime(out, TEXT_TIME_MAX, "%Z", &tm) == 0)
        out[0] = 0;
    return out;
}

size_t text_columns(struct slice s)
{
    struct printable p = {0};
    size_t columns = 0;
    while (s.len > 0) {
        size_t plain = printable_ascii_len(s);
        if (plain > 1) { // all but the last, which a combining mark may follow
            columns += plain - 1;
            s = slice_of(s.p + plain - 1, s.len - plain + 1);
        }
        columns += printable_next(&p, &s).columns;
    }
    return columns;
}

size_t text_cut(FILE *out, struct slice s, size_t columns)
{
    struct printable p = {0};
    struct slice rest = s;
    size_t used = 0;
    size_t fits = 0;      // bytes of s that leave a column for the ellipsis
    size_t fits_used = 0; // columns of these bytes
    if (s.len <= columns && printable_ascii_len(s) == s.len) {
        write_slice(out, s);
        return s.len;
    }
    while (rest.len > 0 && used <= columns) {
        used += printable_next(&p, &rest).columns;
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

size_t text_terminal_columns(FILE *out)
{
    struct winsize size = {0};
    if (!isatty(output_fd(out)))
        return 0;
    if (ioctl(output_fd(out), TIOCGWINSZ, &size) || size.ws_col == 0)
        return 80;
    return size.ws_col;
}

bool text_has_colours(FILE *out)
{
    const char *no = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return isatty(output_fd(out)) && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

enum text_colour text_status_colour(unsigned status)
{
    if (status >= 500)
        return TEXT_RED;
    if (status >= 400)
        return TEXT_YELLOW;
    return status >= 200 && status < 300 ? TEXT_GREEN : TEXT_PLAIN;
}

const char *text_colour(bool colours, enum text_colour colour)
{
    return colours ? output_colours[colour] : "";
}
