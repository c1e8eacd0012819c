// SPDX-License-Identifier: MIT
#include "text.h"
#include <inttypes.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include "common/printable.h"

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

static bool local(int64_t ns, struct tm *tm)
{
    time_t seconds = (time_t)(ns / 1000000000);
    return ns >= 0 && localtime_r(&seconds, tm);
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

// Of "2025-01-31 12:00:01", by enum text_date.
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
        if (plain > 1) { // all but the last, on which a mark may stand
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
    size_t fits_used = 0; // columns of them
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

size_t text_terminal(FILE *out)
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

const char *text_colour(bool colours, enum text_colour colour)
{
    return colours ? output_colours[colour] : "";
}
