// SPDX-License-Identifier: MIT
// The walk over a command line: short options as with getopt, long ones by their whole names, and
// messages that repeat nothing of a value.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/option_walk.h"

static const struct option known[] = {
    {"follow", no_argument, NULL, 'f'},      {"f", no_argument, NULL, 'f'},
    {"limit", required_argument, NULL, 'n'}, {"n", required_argument, NULL, 'n'},
    {"yes", no_argument, NULL, 'y'},         {"y", no_argument, NULL, 'y'},
    {"har", optional_argument, NULL, 'H'},   {NULL, 0, NULL, 0},
};

static const struct option_advice advice[] = {
    {"v", "say --verbose"},
    {"token", "a token is in a file"},
    {NULL, NULL},
};

enum {
    WORDS_MAX = 8
};

// Walks over a line of words. Writes taken options as "f" or "n=5", words behind "|", and refusals
// as "!" with the message.
static void walk(const char *line, char out[static 512])
{
    char text[256];
    char *argv[WORDS_MAX + 1] = {text};
    int argc = 1;
    struct options_walk w;
    (void)snprintf(text, sizeof(text), "%s", line);
    for (char *at = text; (at = strchr(at, ' ')) && argc < WORDS_MAX; argc++) {
        *at++ = 0;
        argv[argc] = at;
    }
    options_begin(&w, argc, argv, known);
    w.advice = advice;
    out[0] = 0;
    for (int option = 0; (option = options_next(&w)) != OPTIONS_END;) {
        size_t len = strlen(out);
        char why[OPTIONS_SHOWN_MAX];
        if (option == OPTIONS_UNKNOWN || option == OPTIONS_NO_VALUE ||
            option == OPTIONS_NOT_ITS_VALUE) {
            options_mistake(&w, option, why);
            (void)snprintf(out + len, 512 - len, "!%s", why);
            return;
        }
        (void)snprintf(out + len, 512 - len, "%c%s%s ", option, w.value ? "=" : "",
                       w.value ? w.value : "");
    }
    for (int i = options_first_word(&w); i < argc; i++) {
        size_t len = strlen(out);
        (void)snprintf(out + len, 512 - len, "|%s", argv[i]);
    }
}

static const struct line {
    const char *line, *taken;
} lines[] = {
    {"x -f", "f "},
    {"x -n 5", "n=5 "},
    {"x -n5", "n=5 "},
    {"x -fn5", "f n=5 "},
    {"x -fyn 5 word", "f y n=5 |word"},
    {"x word -f -n 5 other", "f n=5 |word|other"},
    {"x -n -5", "n=-5 "},
    {"x -n -f", "n=-f "},
    {"x -n=5", "n==5 "}, // as with getopt
    {"x -- -f", "|-f"},
    {"x - -f", "f |-"},
    {"x -h", "h "},
    {"x --limit=5 --follow", "n=5 f "},
    {"x --har --har=y", "H H=y "},
    {"x -n", "!this option needs a value: -n"},
    {"x -fn", "f !this option needs a value: -n"},
    {"x --follow=5", "!this option takes no value: --follow"},
    {"x -fs3cret", "!unknown option: -s"},
    {"x -hs3cret", "!unknown option: -h. Did you mean --har?"},
    {"x -follow", "!unknown option: -follow. Did you mean --follow?"},
    {"x -limit=s3cret", "!unknown option: -limit. Did you mean --limit?"},
    {"x -5", "!unknown option: -5. Did you mean -n 5?"},
    {"x -l", "!unknown option: -l. Did you mean --limit?"},
    {"x -=s3cret", "!unknown option: -"},
    {"x --f", "!unknown option: --f. Did you mean --follow?"},
    {"x --n=5", "!unknown option: --n"},
    {"x --follw", "!unknown option: --follw. Did you mean --follow?"},
    {"x --limits3cret9", "!unknown option: --limits. Did you mean --limit?"},
    {"x -v", "!-v: say --verbose"},
    {"x --v", "!unknown option: --v"},
    {"x --token=s3cret", "!--token: a token is in a file"},
};

static void options_are_taken_as_they_are_typed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char out[512];
        walk(lines[i].line, out);
        if (strcmp(out, lines[i].taken) != 0)
            fail_msg("%s: %s", lines[i].line, out);
        assert_null(strstr(out, "s3cret"));
    }
}

static void a_number_below_zero_is_a_word_where_nothing_is_counted(void **state)
{
    static const struct option none[] = {{"follow", no_argument, NULL, 'f'}, {NULL, 0, NULL, 0}};
    char word[] = "-1";
    char *argv[] = {word, word, NULL};
    struct options_walk w;
    (void)state;
    options_begin(&w, 2, argv, none);
    assert_int_equal(options_next(&w), OPTIONS_END);
    assert_int_equal(options_first_word(&w), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_taken_as_they_are_typed),
        cmocka_unit_test(a_number_below_zero_is_a_word_where_nothing_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
