// SPDX-License-Identifier: MIT
// A difference turns one text into the other and is the shortest one; the search stops at its
// bounds.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/inspect/line_diff.h"
#include "proto/buf.h"
#include "tests/support/chance.h"

static void collect(void *ctx, char kind, struct slice line)
{
    struct buf *out = ctx;
    assert_true(buf_append(out, &kind, 1));
    assert_true(buf_append(out, line.p, line.len));
    assert_true(buf_append(out, "\n", 1));
}

static void expect(const char *a, const char *b, const char *wanted)
{
    struct buf out = {0};
    (void)line_diff(slice_str(a), slice_str(b), collect, &out);
    assert_true(buf_append(&out, "", 1));
    assert_string_equal(buf_at(&out), wanted);
    buf_free(&out);
}

static void what_differs_is_told_as_diff_tells_it(void **state)
{
    (void)state;
    expect("a\nb\nc\n", "a\nb\nc\n", "");
    expect("", "", "");
    expect("", "a\n", "@@@ -0,0 +1,1 @@\n+a\n");
    expect("a\n", "", "@@@ -1,1 +0,0 @@\n-a\n");
    expect("a\nb\nc\n", "a\nB\nc\n", "@@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n");
    expect("1\n2\n3\n4\n5\n6\n", "1\n2\n3\n4\n5\n6\n7\n", "@@@ -4,3 +4,4 @@\n 4\n 5\n 6\n+7\n");
}

static void a_missing_line_feed_at_the_end_is_a_difference(void **state)
{
    (void)state;
    expect("a", "a\n", "@@@ -1,1 +1,1 @@\n-a\n\\No newline at end\n+a\n");
    expect("a", "b", "@@@ -1,1 +1,1 @@\n-a\n\\No newline at end\n+b\n\\No newline at end\n");
}

static void changes_far_from_each_other_are_told_apart(void **state)
{
    (void)state;
    expect("x\n1\n2\n3\n4\n5\n6\nx\n", "y\n1\n2\n3\n4\n5\n6\ny\n",
           "@@@ -1,8 +1,8 @@\n-x\n+y\n 1\n 2\n 3\n 4\n 5\n 6\n-x\n+y\n");
    expect("x\n1\n2\n3\n4\n5\n6\n7\nx\n", "y\n1\n2\n3\n4\n5\n6\n7\ny\n",
           "@@@ -1,4 +1,4 @@\n-x\n+y\n 1\n 2\n 3\n@@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-x\n+y\n");
}

// A sink that applies the difference, to rebuild both texts.
struct rebuilt {
    struct buf a, b;
    size_t removed, added;
};

static void rebuild(void *ctx, char kind, struct slice line)
{
    struct rebuilt *r = ctx;
    r->removed += kind == '-';
    r->added += kind == '+';
    if (kind == ' ' || kind == '-')
        assert_true(buf_append(&r->a, line.p, line.len) && buf_append(&r->a, "\n", 1));
    if (kind == ' ' || kind == '+')
        assert_true(buf_append(&r->b, line.p, line.len) && buf_append(&r->b, "\n", 1));
}

// The length of the longest common subsequence, by dynamic programming, for one letter a line.
static size_t lcs(const char *a, size_t n, const char *b, size_t m)
{
    size_t row[2][64] = {0};
    for (size_t i = 1; i <= n; i++)
        for (size_t j = 1; j <= m; j++) {
            size_t up = row[(i - 1) % 2][j];
            size_t left = row[i % 2][j - 1];
            row[i % 2][j] = a[2 * i - 2] == b[2 * j - 2] ? row[(i - 1) % 2][j - 1] + 1
                            : up > left                  ? up
                                                         : left;
        }
    return row[n % 2][m];
}

static size_t random_text(struct chance *c, char *text)
{
    size_t n = (size_t)chance_below(c, 12);
    for (size_t i = 0; i < n; i++) {
        text[2 * i] = (char)('a' + chance_below(c, 3));
        text[2 * i + 1] = '\n';
    }
    return n;
}

// The texts are so short that three lines of context cover nearly all of them. The changed lines
// must be as few as possible.
static void edits_are_as_few_as_can_be(void **state)
{
    (void)state;
    struct chance c = chance_of_seed(7);
    for (int round = 0; round < 20000; round++) {
        char a[64];
        char b[64];
        struct rebuilt r = {0};
        size_t n = random_text(&c, a);
        size_t m = random_text(&c, b);
        enum line_diff_result result =
            line_diff(slice_of(a, 2 * n), slice_of(b, 2 * m), rebuild, &r);
        size_t common = lcs(a, n, b, m);
        assert_int_equal(r.removed, n - common);
        assert_int_equal(r.added, m - common);
        assert_int_equal(result == LINE_DIFF_SAME, n == common && m == common);
        if (buf_len(&r.a) == 2 * n && buf_len(&r.b) == 2 * m) {
            assert_memory_equal(buf_at(&r.a) ? buf_at(&r.a) : "", a, 2 * n);
            assert_memory_equal(buf_at(&r.b) ? buf_at(&r.b) : "", b, 2 * m);
        }
        buf_free(&r.a);
        buf_free(&r.b);
    }
}

static void too_much_is_given_up_on(void **state)
{
    (void)state;
    struct buf a = {0};
    struct buf b = {0};
    struct rebuilt r = {0};
    char line[32];
    for (int i = 0; i < LINE_DIFF_EDITS_MAX; i++) {
        int len = snprintf(line, sizeof(line), "a%d\n", i);
        assert_true(buf_append(&a, line, (size_t)len));
        line[0] = 'b';
        assert_true(buf_append(&b, line, (size_t)len));
    }
    assert_int_equal(line_diff(slice_of(buf_at(&a), buf_len(&a)), slice_of(buf_at(&b), buf_len(&b)),
                               rebuild, &r),
                     LINE_DIFF_TOO_FAR);
    assert_int_equal(r.removed + r.added, 0);
    char *lines = malloc(LINE_DIFF_LINES_MAX + 1);
    assert_non_null(lines);
    memset(lines, '\n', LINE_DIFF_LINES_MAX + 1);
    assert_int_equal(line_diff(slice_of(lines, LINE_DIFF_LINES_MAX + 1), SLICE("a"), rebuild, &r),
                     LINE_DIFF_TOO_FAR);
    free(lines);
    buf_free(&a);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_differs_is_told_as_diff_tells_it),
        cmocka_unit_test(a_missing_line_feed_at_the_end_is_a_difference),
        cmocka_unit_test(changes_far_from_each_other_are_told_apart),
        cmocka_unit_test(edits_are_as_few_as_can_be),
        cmocka_unit_test(too_much_is_given_up_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
