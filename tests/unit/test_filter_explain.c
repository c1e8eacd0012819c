// SPDX-License-Identifier: MIT
// Mistakes of filters as they are printed.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/record/filter/filter.h"
#include "tests/support/filters.h"

static char *explained(const char *text)
{
    char *out = NULL;
    size_t len = 0;
    struct filter_mistake m;
    FILE *f = open_memstream(&out, &len);
    assert_non_null(f);
    assert_null(filter_new(slice_str(text), 1, &m));
    filter_explain(f, "adit", slice_str(text), &m);
    (void)fclose(f);
    return out;
}

static void explains(const char *text, const char *shown, const char *carets)
{
    char expected[1024];
    char *out = explained(text);
    (void)snprintf(expected, sizeof(expected), "    %s\n    %s\nadit: ", shown, carets);
    if (strncmp(out, expected, strlen(expected)) != 0)
        fail_msg("%s\n%s", expected, out);
    assert_true(out[strlen(out) - 1] == '\n');
    free(out);
}

static void a_caret_stands_under_the_mistake(void **state)
{
    (void)state;
    explains("status>=abc shed", "status>=abc shed", "        ^^^");
    explains("shed or", "shed or", "       ^");
    explains("a", "a", "^");
    explains("\tshed\n\rstatus=x", " shed  status=x", "              ^");
    explains("path=\xc3\xb6 size=\xc3\xa4", "path=\xc3\xb6 size=\xc3\xa4", "            ^");
    explains("path=\xe6\x97\xa5 size=x", "path=\xe6\x97\xa5 size=x", "             ^");
    explains("path=a\xcc\x88 size=x", "path=a\xcc\x88 size=x", "            ^");
    explains("shed \xcc\x88", "shed \xcc\x88", "    ^");
    explains("\xcc\x88 shed", "? shed", "^"); // the mark would combine with our indentation
}

static void nothing_that_a_terminal_obeys_is_shown(void **state)
{
    (void)state;
    explains("path=\x1b[2J\x7f size=x", "path=?[2J? size=x", "                ^");
    explains("path=\xc2\x9b size=x", "path=? size=x", "            ^");         // C1
    explains("path=\xe2\x80\xae size=x", "path=? size=x", "            ^");     // turns around
    explains("path=\xff\xc3 size=x", "path=?? size=x", "             ^");       // no UTF-8
    explains("path=\xc0\x80 size=x", "path=?? size=x", "             ^");       // too long
    explains("path=\xed\xa0\x80 size=x", "path=??? size=x", "              ^"); // surrogate
    explains("path=\xf0\x9f\x98\x80 size=x", "path=\xf0\x9f\x98\x80 size=x", "             ^");
}

static void a_long_text_is_cut_around_its_mistake(void **state)
{
    char *before = filters_repeated("shed ", 50, "size=x");
    char *both =
        filters_repeated(before, 1, " or path~/abc or path~/abc or path~/abc or path~/abc");
    char *behind = filters_repeated("x ", 200, "");
    char *wrong = filters_repeated("w", 300, "");
    (void)state;
    explains(before,
             "...shed shed shed shed shed shed shed shed shed shed shed shed shed shed size=x",
             "                                                                              ^");
    explains(both,
             "...shed shed shed shed shed shed shed size=x or path~/abc or path~/abc or path~...",
             "                                           ^");
    explains(behind,
             "x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x ...",
             "^");
    explains(wrong,
             "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww...",
             "^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^");
    free(before);
    free(both);
    free(behind);
    free(wrong);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_caret_stands_under_the_mistake),
        cmocka_unit_test(nothing_that_a_terminal_obeys_is_shown),
        cmocka_unit_test(a_long_text_is_cut_around_its_mistake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
