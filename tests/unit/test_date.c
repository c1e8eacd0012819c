// SPDX-License-Identifier: MIT
// The text of a second in a Date field, for any time and when the clock is set back.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/base/date.h"

static void a_second_has_its_text(void **state)
{
    static const struct {
        int64_t second;
        const char *text;
    } cases[] = {
        {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"}, // RFC 9110 §5.6.7
        {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
        {784111778, "Sun, 06 Nov 1994 08:49:38 GMT"},
        {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"}, // the clock was set back
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {-1, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {4107542399, "Sun, 28 Feb 2100 23:59:59 GMT"},
        {253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"},
        {253402300800, "Fri, 31 Dec 9999 23:59:59 GMT"},
    };
    struct date d = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slice text = date_text(&d, cases[i].second);
        if (!slice_eq(text, slice_str(cases[i].text)))
            fail_msg("%lld is %.*s", (long long)cases[i].second, (int)text.len, text.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_second_has_its_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
