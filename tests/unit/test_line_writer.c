// SPDX-License-Identifier: MIT
// The line writer's report of dropped lines, after its reader had stopped.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/line_writer.h"

static size_t write_prefix(char *out, size_t cap)
{
    return (size_t)snprintf(out, cap, "now warn program: ");
}

// Writes more lines than fit. Returns everything that was read, to be freed.
static char *flood(size_t (*prefix)(char *out, size_t cap))
{
    static const char line[] = "a line that is long enough to fill a pipe and two halves soon\n";
    int ends[2];
    size_t cap = 4 * LINE_WRITER_BYTES;
    size_t len = 0;
    char *text = calloc(1, cap + 1);
    assert_non_null(text);
    assert_int_equal(pipe(ends), 0);
    struct line_writer *w = line_writer_new(ends[1], "program", 0);
    assert_non_null(w);
    if (prefix)
        line_writer_set_prefix(w, prefix);
    for (size_t put = 0; put < 3 * LINE_WRITER_BYTES; put += sizeof(line) - 1)
        line_writer_put(w, line, sizeof(line) - 1);
    static const char last[] = "dropped\n"; // further lines may follow within the same read
    for (size_t from = 0; !strstr(text + from, last);) {
        from = len > sizeof(last) ? len - sizeof(last) : 0;
        ssize_t n = read(ends[0], text + len, cap - len);
        assert_true(n > 0);
        len += (size_t)n;
        text[len] = 0;
    }
    (void)close(ends[0]); // otherwise the writer would wait for a reader of the rest
    line_writer_free(w);
    (void)close(ends[1]);
    return text;
}

static void lines_that_were_dropped_are_counted(void **state)
{
    char *text = flood(NULL);
    const char *told = strstr(text, "\nprogram: ");
    (void)state;
    assert_non_null(told);
    assert_true(strtoull(told + strlen("\nprogram: "), NULL, 10) > 0);
    free(text);
}

static void the_count_begins_as_other_lines_do(void **state)
{
    char *text = flood(write_prefix);
    const char *told = strstr(text, "\nnow warn program: ");
    (void)state;
    assert_non_null(told);
    assert_true(strtoull(told + strlen("\nnow warn program: "), NULL, 10) > 0);
    assert_null(strstr(text, "\nprogram: "));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_that_were_dropped_are_counted),
        cmocka_unit_test(the_count_begins_as_other_lines_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
