// SPDX-License-Identifier: MIT
// Every shell reads a quoted word back unchanged. test_shell_attacks.py does the same with whole
// commands.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/inspect/shell_quote.h"

static void expect(const char *word, const char *wanted)
{
    struct buf out = {0};
    assert_true(shell_quote(&out, slice_str(word)));
    assert_true(buf_append(&out, "", 1));
    assert_string_equal(buf_at(&out), wanted);
    buf_free(&out);
}

static void words_are_quoted_no_more_than_they_need(void **state)
{
    (void)state;
    expect("", "''");
    expect("abc-1.2/x:y@%+,_", "abc-1.2/x:y@%+,_");
    expect("a b", "'a b'");
    expect("$(id)`id`\"\\!", "'$(id)`id`\"\\!'");
    expect("~", "'~'");
    expect("a=b", "'a=b'");
    expect("it's", "'it'\\''s'");
    expect("'", "''\\'''");
    expect("a\nb\\!%-+", "\\\n\"$(printf 'a\\012b\\134\\041\\045\\055+\\n')\"");
    expect("\xc3\xa9'", "\\\n\"$(printf '\\303\\251\\047\\n')\"");
}

static void long_words_are_broken_into_short_lines(void **state)
{
    static const size_t lengths[] = {74, 75, 298, 299, 300, 301, 1000, 100000};
    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        for (size_t kind = 0; kind < 3; kind++) {
            struct buf out = {0};
            char *word = malloc(lengths[i]);
            assert_non_null(word);
            memset(word, "a'\xff"[kind], lengths[i]);
            assert_true(shell_quote(&out, slice_of(word, lengths[i])));
            size_t column = 0;
            for (size_t at = 0; at < buf_len(&out); at++) {
                column = buf_at(&out)[at] == '\n' ? 0 : column + 1;
                assert_true(column <= SHELL_QUOTE_LINE_MAX + 6);
            }
            bool fits = lengths[i] * (kind ? 4 : 1) + 2 <= SHELL_QUOTE_LINE_MAX && kind < 2;
            assert_int_equal(buf_at(&out)[0] != '\\', fits);
            buf_free(&out);
            free(word);
        }
}

// Runs a script in a shell and reads its output.
static size_t run(const char *shell, const struct buf *script, char *out, size_t cap)
{
    int in[2];
    int back[2];
    size_t len = 0;
    ssize_t n = 0;
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(back), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)dup2(in[0], 0);
        (void)dup2(back[1], 1);
        (void)close(in[1]);
        (void)close(back[0]);
        (void)execl("/bin/sh", "sh", "-c", shell, (char *)NULL);
        _exit(127);
    }
    (void)close(in[0]);
    (void)close(back[1]);
    assert_int_equal(write(in[1], buf_at(script), buf_len(script)), buf_len(script));
    (void)close(in[1]);
    while (len < cap && (n = read(back[0], out + len, cap - len)) > 0)
        len += (size_t)n;
    (void)close(back[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    return len;
}

// Each byte alone, each before a digit, and all bytes in one word.
static void put_words(struct buf *script, const char all[static 255])
{
    assert_true(buf_append(script, "printf %s", 9));
    for (size_t i = 0; i < 255; i++) {
        char word[2] = {all[i], '5'};
        assert_true(buf_append(script, " ", 1));
        assert_true(shell_quote(script, slice_of(word, 2)));
    }
    assert_true(buf_append(script, " ", 1));
    assert_true(shell_quote(script, slice_of(all, 255)));
    assert_true(buf_append(script, "\n", 1));
}

static const char *const shells[] = {
    "exec bash",       "exec dash",  "exec zsh -f", "exec zsh -f -o rcquotes",
    "exec busybox sh", "exec ksh93", "exec mksh"};

static void every_shell_reads_every_byte_back(void **state)
{
    static const char *const locales[] = {"C", "C.UTF-8"};
    struct buf script = {0};
    char all[255];
    char read_back[1024];
    (void)state;
    for (int i = 0; i < 255; i++)
        all[i] = (char)(i + 1);
    put_words(&script, all);
    for (size_t n = 0; n < 2 * sizeof(shells) / sizeof(shells[0]); n++) {
        assert_int_equal(setenv("LC_ALL", locales[n % 2], 1), 0);
        assert_int_equal(run(shells[n / 2], &script, read_back, sizeof(read_back)),
                         3 * sizeof(all));
        for (size_t i = 0; i < sizeof(all); i++) {
            assert_int_equal(read_back[2 * i], all[i]);
            assert_int_equal(read_back[2 * i + 1], '5');
        }
        assert_memory_equal(read_back + 2 * sizeof(all), all, sizeof(all));
    }
    buf_free(&script);
}

// Appends `count` words to a script that prints them, and to its expected output. A word is "x…"
// and `len` times a byte that begins a character of UTF-8. Between them $(</dev/null), which yields
// nothing, leaves an address in the memory of ksh93, beside the last byte of the next substitution.
// The address differs, since "x…" grows; in about every fourth word it could continue the
// character.
static void put_unfinished(struct buf *script, struct buf *printed, size_t count, size_t len)
{
    char *word = malloc(len);
    assert_non_null(word);
    assert_true(buf_append(script, "printf '%s\\n'", 13));
    for (size_t i = 0; i < count; i++) {
        memset(word, "\xc3\xe9\xf0"[i % 3], len);
        assert_true(buf_append(script, " ", 1));
        for (size_t x = 0; x < i; x++) {
            assert_true(buf_append(script, "xxxx", 4));
            assert_true(buf_append(printed, "xxxx", 4));
        }
        assert_true(buf_append(script, "\"$(</dev/null)\"", 15));
        assert_true(shell_quote(script, slice_of(word, len)));
        assert_true(buf_append(printed, word, len));
        assert_true(buf_append(printed, "\n", 1));
    }
    assert_true(buf_append(script, "\n", 1));
    free(word);
}

static void expect_unfinished(const char *shell, size_t count, size_t len)
{
    struct buf script = {0};
    struct buf printed = {0};
    put_unfinished(&script, &printed, count, len);
    char *read_back = malloc(2 * buf_len(&printed));
    assert_non_null(read_back);
    size_t got = run(shell, &script, read_back, 2 * buf_len(&printed));
    assert_int_equal(got, buf_len(&printed));
    assert_memory_equal(read_back, buf_at(&printed), got);
    free(read_back);
    buf_free(&printed);
    buf_free(&script);
}

static void words_may_end_within_a_character(void **state)
{
    (void)state;
    assert_int_equal(setenv("LC_ALL", "C.UTF-8", 1), 0);
    for (size_t n = 0; n < sizeof(shells) / sizeof(shells[0]); n++)
        expect_unfinished(shells[n], 48, 1);
}

// ksh93 reads the output of a substitution in blocks of 64 KiB, and each may end within a
// character.
static void ksh93_reads_long_words_back(void **state)
{
    (void)state;
    assert_int_equal(setenv("LC_ALL", "C.UTF-8", 1), 0);
    expect_unfinished("exec ksh93", 24, 70000);
}

// A shell removes line feeds from the end of each substitution.
static void words_of_many_line_feeds_keep_them_all(void **state)
{
    char word[10000];
    char read_back[sizeof(word) + 1];
    struct buf script = {0};
    (void)state;
    memset(word, '\n', sizeof(word));
    word[sizeof(word) - 1] = 'a';
    assert_true(buf_append(&script, "printf %s ", 10));
    assert_true(shell_quote(&script, slice_of(word, sizeof(word))));
    assert_true(buf_append(&script, "\n", 1));
    for (size_t n = 0; n < sizeof(shells) / sizeof(shells[0]); n++) {
        assert_int_equal(run(shells[n], &script, read_back, sizeof(read_back)), sizeof(word));
        assert_memory_equal(read_back, word, sizeof(word));
    }
    buf_free(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_quoted_no_more_than_they_need),
        cmocka_unit_test(long_words_are_broken_into_short_lines),
        cmocka_unit_test(every_shell_reads_every_byte_back),
        cmocka_unit_test(words_may_end_within_a_character),
        cmocka_unit_test(ksh93_reads_long_words_back),
        cmocka_unit_test(words_of_many_line_feeds_keep_them_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
