// SPDX-License-Identifier: MIT
#include "date.h"
#include <stdio.h>
#include <time.h>

// strftime would use the locale's names.
struct slice date_text(struct date *d, int64_t second)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const int64_t last = 253402300799; // of the year 9999
    if (second < 0 || second > last)
        second = second < 0 ? 0 : last;
    if (d->text[0] && d->second == second)
        return slice_of(d->text, DATE_LEN);
    time_t at = (time_t)second;
    struct tm t = {0};
    (void)gmtime_r(&at, &t);
    (void)snprintf(d->text, sizeof(d->text), "%s, %02u %s %04u %02u:%02u:%02u GMT", days[t.tm_wday],
                   (unsigned)t.tm_mday % 100, months[t.tm_mon],
                   (unsigned)(t.tm_year + 1900) % 10000, (unsigned)t.tm_hour % 100,
                   (unsigned)t.tm_min % 100, (unsigned)t.tm_sec % 100);
    d->second = second;
    return slice_of(d->text, DATE_LEN);
}
