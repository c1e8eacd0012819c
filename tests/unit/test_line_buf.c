// SPDX-License-Identifier: MIT
// A line: sizes and durations with their units, nothing beyond its end, and visible ASCII only.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/display/line_buf.h"

static const char *text_of(void (*put)(struct line_buf *l, uint64_t n), uint64_t n)
{
    static struct line_buf l;
    line_buf_clear(&l);
    put(&l, n);
    l.text[l.len] = 0;
    return l.text;
}

static void bytes_have_the_unit_that_fits(void **state)
{
    (void)state;
    assert_string_equal(text_of(line_buf_size, 0), "0 B");
    assert_string_equal(text_of(line_buf_size, 1023), "1023 B");
    assert_string_equal(text_of(line_buf_size, 1024), "1.0 KiB");
    assert_string_equal(text_of(line_buf_size, 1536), "1.5 KiB");
    assert_string_equal(text_of(line_buf_size, 1048576), "1.0 MiB");
    assert_string_equal(text_of(line_buf_size, 1ULL << 40), "1.0 TiB");
    assert_string_equal(text_of(line_buf_size, 1ULL << 50), "1024.0 TiB");
}

static void durations_have_the_unit_that_fits(void **state)
{
    (void)state;
    assert_string_equal(text_of(line_buf_duration, 0), "0.0 ms");
    assert_string_equal(text_of(line_buf_duration, 1250000), "1.2 ms");
    assert_string_equal(text_of(line_buf_duration, 999999999), "999.9 ms");
    assert_string_equal(text_of(line_buf_duration, 1000000000), "1.00 s");
    assert_string_equal(text_of(line_buf_duration, 61050000000), "61.05 s");
}

static void what_does_not_fit_is_left_out(void **state)
{
    struct line_buf l = {.len = 0};
    (void)state;
    for (int i = 0; i < 200; i++)
        line_buf_put(&l, "seven!!");
    assert_int_equal(l.len, LINE_BUF_BYTES - 1);
}

static void only_visible_ascii_is_left_of_a_disarmed_line(void **state)
{
    struct line_buf l = {.len = 0};
    (void)state;
    line_buf_put(&l, "a \x1b[\t\x7f\xc3\xbc~");
    line_buf_disarm(&l);
    assert_memory_equal(l.text, "a ?[????~", l.len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_have_the_unit_that_fits),
        cmocka_unit_test(durations_have_the_unit_that_fits),
        cmocka_unit_test(what_does_not_fit_is_left_out),
        cmocka_unit_test(only_visible_ascii_is_left_of_a_disarmed_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
