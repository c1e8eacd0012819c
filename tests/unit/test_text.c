// SPDX-License-Identifier: MIT
// Sizes, durations, dates and columns of text for terminals.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/inspect/text.h"

static void sizes_and_durations_have_units(void **state)
{
    char out[TEXT_NUMBER_MAX];
    (void)state;
    assert_string_equal(text_size(0, out), "0 B");
    assert_string_equal(text_size(1023, out), "1023 B");
    assert_string_equal(text_size(4096, out), "4.0 KiB");
    assert_string_equal(text_size(4096 + 410, out), "4.4 KiB");
    assert_string_equal(text_size((1 << 20) - 1, out), "1023.9 KiB");
    assert_string_equal(text_size(5ULL << 30, out), "5.0 GiB");
    assert_string_equal(text_size(UINT64_MAX, out), "16777215.9 TiB");
    assert_string_equal(text_duration(-1, out), "-");
    assert_string_equal(text_duration(0, out), "0.0 ms");
    assert_string_equal(text_duration(12345678, out), "12.3 ms");
    assert_string_equal(text_duration(999999999, out), "999.9 ms");
    assert_string_equal(text_duration(1234567890, out), "1.23 s");
    assert_string_equal(text_duration(INT64_MAX, out), "9223372036.85 s");
}

static void times_are_local(void **state)
{
    char out[TEXT_TIME_MAX];
    (void)state;
    assert_int_equal(setenv("TZ", "UTC-2", 1), 0);
    assert_string_equal(text_local_time(1700000000123456789, out), "2023-11-15 00:13:20");
    assert_string_equal(text_local_time(-1, out), "                  -");
}

static void use_zone(const char *name)
{
    assert_int_equal(setenv("TZ", name, 1), 0);
    tzset();
}

static void clocks_have_the_date_that_is_needed(void **state)
{
    static const int64_t day = 86400 * 1000000000LL;
    static const int64_t now = 1700000000 * 1000000000LL; // 2023-11-14 22:13:20 UTC
    char out[TEXT_TIME_MAX];
    (void)state;
    use_zone("UTC");
    assert_int_equal(text_date_of(now, now), TEXT_DATE_NONE);
    assert_int_equal(text_date_of(now - 80000 * (day / 86400), now), TEXT_DATE_NONE);
    assert_int_equal(text_date_of(now - 80001 * (day / 86400), now), TEXT_DATE_DAY); // 23:59:59
    assert_int_equal(text_date_of(now - 300 * day, now), TEXT_DATE_DAY);
    assert_int_equal(text_date_of(now - 365 * day, now), TEXT_DATE_YEAR);
    assert_int_equal(text_date_of(now + 365 * day, now), TEXT_DATE_YEAR);
    assert_int_equal(text_date_of(-1, now), TEXT_DATE_NONE);
    assert_string_equal(text_clock(now, TEXT_DATE_NONE, TEXT_DATE_NONE, out), "22:13:20");
    assert_string_equal(text_clock(now, TEXT_DATE_NONE, TEXT_DATE_DAY, out), "      22:13:20");
    assert_string_equal(text_clock(now, TEXT_DATE_DAY, TEXT_DATE_DAY, out), "11-14 22:13:20");
    assert_string_equal(text_clock(now, TEXT_DATE_YEAR, TEXT_DATE_YEAR, out),
                        "2023-11-14 22:13:20");
    assert_string_equal(text_clock(-1, TEXT_DATE_NONE, TEXT_DATE_DAY, out), "             -");
    for (int column = TEXT_DATE_NONE; column <= TEXT_DATE_YEAR; column++)
        assert_int_equal(strlen(text_clock(now, TEXT_DATE_NONE, (enum text_date)column, out)),
                         text_clock_columns((enum text_date)column));
}

static void stamps_have_the_offset_of_the_zone(void **state)
{
    char out[TEXT_TIME_MAX];
    (void)state;
    use_zone("<+0545>-5:45");
    assert_string_equal(text_stamp(1700000000123456789, out), "2023-11-15T03:58:20+05:45");
    assert_string_equal(text_zone(1700000000123456789, out), "+0545");
    use_zone("CET-1CEST,M3.5.0,M10.5.0/3");
    assert_string_equal(text_zone(1700000000000000000, out), "CET");
    assert_string_equal(text_stamp(1690000000000000000, out), "2023-07-22T06:26:40+02:00");
    assert_string_equal(text_zone(1690000000000000000, out), "CEST");
    assert_string_equal(text_stamp(-1, out), "                        -");
}

// Checks what text_cut writes, and the width that it returns.
static void assert_cut(const char *text, size_t columns, const char *expected)
{
    char *out = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&out, &len);
    assert_non_null(f);
    size_t used = text_cut(f, slice_str(text), columns);
    assert_int_equal(fclose(f), 0);
    assert_string_equal(out, expected);
    assert_true(used <= columns);
    free(out);
}

static void lines_are_cut_by_columns_not_bytes(void **state)
{
    (void)state;
    assert_cut("abcdef", 6, "abcdef");
    assert_cut("abcdef", 5, "abcd…");
    assert_cut("abcdef", 1, "…");
    assert_cut("abcdef", 0, "");
    assert_cut("", 0, "");
    assert_cut("äöüäöü", 6, "äöüäöü");
    assert_cut("äöüäöü", 4, "äöü…");
    assert_cut("日本語", 6, "日本語");
    assert_cut("日本語", 5, "日本…");
    assert_cut("日本語", 4, "日…");
    assert_cut("e\u0301e\u0301", 2, "e\u0301e\u0301"); // accents take no column of their own
}

static void what_is_not_printable_is_escaped_and_counted_so(void **state)
{
    (void)state;
    assert_int_equal(text_columns(SLICE("\033[m")), 6);
    assert_int_equal(text_columns(SLICE("\n\t\xff")), 8);
    assert_cut("\033[31m", 8, "\\x1b[31m");
    assert_cut("a\033b", 6, "a\\x1bb");
    assert_cut("a\033b", 5, "a…");
    assert_cut("\xc2\x9b"
               "1m",
               10, "\\xc2\\x9b1m"); // U+009B begins escape sequences, too
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_and_durations_have_units),
        cmocka_unit_test(times_are_local),
        cmocka_unit_test(clocks_have_the_date_that_is_needed),
        cmocka_unit_test(stamps_have_the_offset_of_the_zone),
        cmocka_unit_test(lines_are_cut_by_columns_not_bytes),
        cmocka_unit_test(what_is_not_printable_is_escaped_and_counted_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
