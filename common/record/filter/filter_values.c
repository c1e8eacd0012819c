// SPDX-License-Identifier: MIT
// Parses statuses, sizes, durations and moments.
#include <time.h>
#include "filter_internal.h"

enum {
    FRACTION_DIGITS_MAX = 9,
    SECONDS_A_MINUTE = 60,
    YEAR_MIN = 1970
};

static const uint64_t ns_a_second = 1000000000;

bool filter_status(struct slice s, uint64_t *min, uint64_t *max)
{
    if (s.len != 3 || s.p[0] < '1' || s.p[0] > '9')
        return false;
    if (slice_ieq(slice_of(s.p + 1, 2), SLICE("xx"))) {
        *min = (uint64_t)(s.p[0] - '0') * 100;
        *max = *min + 99;
        return true;
    }
    if (!slice_to_u64(s, min))
        return false;
    *max = *min;
    return true;
}

struct unit {
    const char *name;
    uint64_t factor;
};

static size_t digits_len(struct slice s)
{
    size_t n = 0;
    while (n < s.len && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    return n;
}

static struct slice skip_bytes(struct slice s, size_t n)
{
    return slice_of(s.p + n, s.len - n);
}

// Takes a fraction: ".5" is part 5 of whole 10. False: no digits, or too many.
static bool take_fraction(struct slice *s, uint64_t *part, uint64_t *whole)
{
    *part = 0;
    *whole = 1;
    if (s->len == 0 || s->p[0] != '.')
        return true;
    size_t n = digits_len(skip_bytes(*s, 1));
    if (n > FRACTION_DIGITS_MAX || !slice_to_u64(slice_of(s->p + 1, n), part))
        return false;
    for (size_t i = 0; i < n; i++)
        *whole *= 10;
    *s = skip_bytes(*s, n + 1);
    return true;
}

static const struct unit *unit_of(struct slice name, const struct unit *units)
{
    for (const struct unit *u = units; u->name; u++)
        if (slice_ieq(name, slice_str(u->name)))
            return u;
    return NULL;
}

// Parses a number with a unit of `units`, which end with a NULL name.
static enum filter_number number(struct slice s, const struct unit *units, uint64_t *value)
{
    uint64_t n = 0;
    uint64_t part;
    uint64_t whole;
    size_t len = digits_len(s);
    struct slice rest = skip_bytes(s, len);
    if (len == 0 || !take_fraction(&rest, &part, &whole))
        return NUMBER_MALFORMED;
    const struct unit *u = unit_of(rest, units);
    if (!u || (whole > 1 && u->factor == 1)) // 1.5 bytes
        return NUMBER_MALFORMED;
    // part < whole ≤ 10⁹: neither product overflows.
    uint64_t more = u->factor / whole * part + u->factor % whole * part / whole;
    if (!slice_to_u64(slice_of(s.p, len), &n) || __builtin_mul_overflow(n, u->factor, &n) ||
        __builtin_add_overflow(n, more, &n))
        return NUMBER_TOO_LARGE;
    *value = n;
    return NUMBER_OK;
}

enum filter_number filter_bytes(struct slice s, uint64_t *bytes)
{
    static const struct unit units[] = {
        {"", 1},          {"b", 1},         {"kb", 1000},      {"mb", 1000000}, {"gb", 1000000000},
        {"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1U << 30}, {"k", 1 << 10},  {"m", 1 << 20},
        {"g", 1U << 30},  {NULL, 0},
    };
    return number(s, units, bytes);
}

enum filter_number filter_duration(struct slice s, uint64_t *ns)
{
    static const struct unit units[] = {
        {"ns", 1},          {"us", 1000},          {"ms", 1000000},        {"s", 1000000000},
        {"m", 60000000000}, {"h", 3600000000000U}, {"d", 86400000000000U}, {NULL, 0},
    };
    enum filter_number result = number(s, units, ns);
    return result == NUMBER_OK && *ns > INT64_MAX ? NUMBER_TOO_LARGE : result;
}

// Takes a number of exactly `n` digits.
static bool take_digits(struct slice *s, size_t n, int *value)
{
    uint64_t number = 0;
    if (s->len < n || !slice_to_u64(slice_of(s->p, n), &number))
        return false;
    *value = (int)number;
    *s = skip_bytes(*s, n);
    return true;
}

static bool take(struct slice *s, char c)
{
    if (s->len == 0 || s->p[0] != c)
        return false;
    *s = skip_bytes(*s, 1);
    return true;
}

static bool take_any(struct slice *s, const char *chars)
{
    return s->len > 0 && s->p[0] && strchr(chars, s->p[0]) && take(s, s->p[0]);
}

static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

// A date and time as written; missing parts are 0.
struct written {
    int year, month, day, hour, minute, second;
    uint64_t ns;
    uint64_t unit_ns; // of the smallest part given; 0: a day, which may have 23 to 25 hours
    bool utc;
};

static bool take_date(struct slice *s, struct written *w)
{
    return take_digits(s, 4, &w->year) && take(s, '-') && take_digits(s, 2, &w->month) &&
           take(s, '-') && take_digits(s, 2, &w->day) && w->year >= YEAR_MIN && w->month >= 1 &&
           w->month <= 12 && w->day >= 1 && w->day <= days_of(w->year, w->month);
}

static bool take_clock(struct slice *s, struct written *w)
{
    uint64_t whole;
    if (!take_digits(s, 2, &w->hour) || !take(s, ':') || !take_digits(s, 2, &w->minute) ||
        w->hour > 23 || w->minute > 59)
        return false;
    w->unit_ns = SECONDS_A_MINUTE * ns_a_second;
    if (!take(s, ':'))
        return true;
    if (!take_digits(s, 2, &w->second) || w->second > 59 || !take_fraction(s, &w->ns, &whole))
        return false;
    w->unit_ns = ns_a_second / whole;
    w->ns *= w->unit_ns;
    return true;
}

static bool read_moment(struct slice s, struct written *w)
{
    *w = (struct written){0};
    if (!take_date(&s, w) || (take_any(&s, "Tt ") && !take_clock(&s, w)))
        return false;
    w->utc = take_any(&s, "Zz");
    return s.len == 0;
}

// Converts to seconds since 1970, plus `days`. False: out of range.
static bool seconds_of(const struct written *w, int days, int64_t *seconds)
{
    struct tm tm = {.tm_year = w->year - 1900,
                    .tm_mon = w->month - 1,
                    .tm_mday = w->day + days,
                    .tm_hour = w->hour,
                    .tm_min = w->minute,
                    .tm_sec = w->second,
                    .tm_wday = -1,
                    .tm_isdst = w->utc ? 0 : -1};
    *seconds = w->utc ? timegm(&tm) : mktime(&tm);
    return tm.tm_wday >= 0; // set on success only; -1 is a valid time
}

enum filter_number filter_moment(struct slice s, int64_t now_ns, bool last, int64_t *ns)
{
    struct written w;
    uint64_t back;
    int64_t seconds;
    enum filter_number result = filter_duration(s, &back);
    if (result == NUMBER_OK && __builtin_sub_overflow(now_ns, (int64_t)back, ns))
        return NUMBER_TOO_LARGE;
    if (result != NUMBER_MALFORMED)
        return result;
    if (!read_moment(s, &w))
        return NUMBER_MALFORMED;
    bool day_ends = last && w.unit_ns == 0;
    uint64_t more = w.ns + (last ? w.unit_ns : 0);
    if (!seconds_of(&w, day_ends ? 1 : 0, &seconds) ||
        __builtin_mul_overflow(seconds, (int64_t)ns_a_second, ns) ||
        __builtin_add_overflow(*ns, (int64_t)more - (last ? 1 : 0), ns))
        return NUMBER_TOO_LARGE;
    return NUMBER_OK;
}
