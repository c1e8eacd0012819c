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

size_t text_columns(struct slice s)
{
    struct printable p = {0};
    size_t columns = 0;
    while (s.len > 0)
        columns += printable_next(&p, &s).columns;
    return columns;
}

size_t text_cut(FILE *out, struct slice s, size_t columns)
{
    struct printable p = {0};
    struct slice rest = s;
    size_t used = 0;
    size_t fits = 0;      // bytes of s that leave a column for the ellipsis
    size_t fits_used = 0; // columns of them
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
