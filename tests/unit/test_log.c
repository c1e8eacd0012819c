// SPDX-License-Identifier: MIT
// The log: the time of a line, and the detection of systemd's journal.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/log.h"

static void a_time_is_utc_with_milliseconds(void **state)
{
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1769860801250999999, "2026-01-31T12:00:01.250Z"},
        {1582934399999000000, "2020-02-28T23:59:59.999Z"},
        {1582934400000000000, "2020-02-29T00:00:00.000Z"},
        {INT64_MAX, "2262-04-11T23:47:16.854Z"},
    };
    char text[LOG_TIME_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        log_time_text(cases[i].ns, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void the_journal_is_the_stream_that_the_system_names(void **state)
{
    int ends[2];
    struct stat st;
    char name[64];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fstat(ends[1], &st), 0);
    (void)snprintf(name, sizeof(name), "%llu:%llu", (unsigned long long)st.st_dev,
                   (unsigned long long)st.st_ino);
    assert_true(log_is_journal(ends[1], name));
    assert_false(log_is_journal(STDIN_FILENO, name));
    assert_false(log_is_journal(ends[1], NULL));
    assert_false(log_is_journal(ends[1], ""));
    assert_false(log_is_journal(ends[1], "1:1"));
    name[strlen(name) - 1] = 0;
    assert_false(log_is_journal(ends[1], name));
    (void)close(ends[0]);
    (void)close(ends[1]);
    assert_false(log_is_journal(-1, "1:1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_is_utc_with_milliseconds),
        cmocka_unit_test(the_journal_is_the_stream_that_the_system_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
