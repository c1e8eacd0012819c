// SPDX-License-Identifier: MIT
// Programs beside the loop: their output, their end, and what they may not do.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include "common/io/child.h"

enum {
    LONG_MS = 60 * 1000,
    TEXT_MAX = 16 * 1024
};

struct run {
    struct child child;
    struct loop *loop;
    char text[TEXT_MAX]; // lines, each with its end
    size_t lines;
    int status;
    bool ended;
};

static void on_line(struct child *c, const char *text)
{
    struct run *r = container_of(c, struct run, child);
    size_t len = strlen(r->text);
    assert_true(strlen(text) < CHILD_LINE_MAX);
    (void)snprintf(r->text + len, sizeof(r->text) - len, "%s\n", text);
    r->lines++;
}

static void on_ended(struct child *c, int status)
{
    struct run *r = container_of(c, struct run, child);
    assert_false(r->ended);
    r->ended = true;
    r->status = status;
    loop_stop(r->loop);
}

static const struct child_events events = {on_line, on_ended};

static int set_up(void **state)
{
    struct run *r = calloc(1, sizeof(*r));
    r->loop = calloc(1, sizeof(*r->loop));
    r->child.events = &events;
    *state = r;
    return loop_init(r->loop);
}

static int tear_down(void **state)
{
    struct run *r = *state;
    bool settled = loop_settle(r->loop);
    loop_deinit(r->loop);
    free(r->loop);
    free(r);
    return settled ? 0 : -1;
}

static void start_shell(struct run *r, const char *script, uint32_t limit_ms)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    r->ended = false;
    r->text[0] = 0;
    r->lines = 0;
    assert_int_equal(child_start(&r->child, r->loop, argv, limit_ms), 0);
}

static void run_shell(struct run *r, const char *script)
{
    start_shell(r, script, LONG_MS);
    loop_run(r->loop);
    assert_true(r->ended);
}

static void lines_of_both_outputs_come_in_order(void **state)
{
    struct run *r = *state;
    run_shell(r, "echo one; echo two >&2; printf 'three\\r\\n\\nfour'; exit 7");
    assert_string_equal(r->text, "one\ntwo\nthree\nfour\n");
    assert_int_equal(r->status, 7);
    run_shell(r, "true"); // again
    assert_int_equal(r->status, 0);
    assert_int_equal(r->lines, 0);
}

static void a_line_is_printable_and_bounded(void **state)
{
    static char expected[CHILD_LINE_MAX + 1];
    struct run *r = *state;
    run_shell(r, "printf 'a\\033[2Jb\\n'");
    assert_string_equal(r->text, "a?[2Jb\n");
    for (int more = -1; more <= 1; more++) {
        char script[96];
        (void)snprintf(script, sizeof(script), "head -c %d /dev/zero | tr '\\0' x; echo; echo next",
                       CHILD_LINE_MAX - 1 + more);
        run_shell(r, script);
        size_t len = more < 0 ? CHILD_LINE_MAX - 2 : CHILD_LINE_MAX - 1;
        memset(expected, 'x', len);
        expected[len] = 0;
        assert_memory_equal(r->text, expected, len);
        assert_string_equal(r->text + len, "\nnext\n");
    }
}

static void output_beyond_its_limit_is_discarded(void **state)
{
    struct run *r = *state;
    char script[96];
    (void)snprintf(script, sizeof(script), "head -c %d /dev/zero; echo; echo late; exit 3",
                   CHILD_OUTPUT_MAX);
    run_shell(r, script);
    assert_int_equal(r->status, 3);
    assert_null(strstr(r->text, "late"));
}

static void a_program_that_is_missing_ends_like_one(void **state)
{
    static const char *const argv[] = {"no-such-program-here", NULL};
    struct run *r = *state;
    assert_int_equal(child_start(&r->child, r->loop, argv, LONG_MS), 0);
    loop_run(r->loop);
    assert_int_equal(r->status, 127);
    assert_non_null(strstr(r->text, "no-such-program-here"));
}

static void a_time_limit_and_a_stop_end_it(void **state)
{
    struct run *r = *state;
    start_shell(r, "echo here; sleep 600", 50);
    loop_run(r->loop);
    assert_true(r->ended && r->status == -1);
    assert_string_equal(r->text, "here\n");
    start_shell(r, "sleep 600", LONG_MS);
    child_stop(&r->child);
    child_stop(&r->child);
    loop_run(r->loop);
    assert_int_equal(r->status, -1);
    child_stop(&r->child); // it does not run
}

static void a_descendant_that_holds_the_output_does_not_keep_it(void **state)
{
    struct run *r = *state;
    run_shell(r, "setsid sleep 20 & echo gone");
    assert_string_equal(r->text, "gone\n");
    assert_int_equal(r->status, 0);
}

static void an_abandoned_one_tells_nothing(void **state)
{
    struct run *r = *state;
    start_shell(r, "echo here; sleep 600", LONG_MS);
    child_abandon(&r->child);
    assert_true(loop_settle(r->loop));
    assert_false(r->ended);
    assert_int_equal(r->lines, 0);
}

static void it_has_few_rights(void **state)
{
    struct run *r = *state;
    (void)setenv("ADIT_TOKEN", "a-token-that-is-long-enough", 1);
    run_shell(r, "echo token ${ADIT_TOKEN-none}; umask; grep -E 'NoNewPrivs|CapInh|CapAmb|CapEff' "
                 "/proc/self/status | tr -d '\\t'; "
                 "ulimit -c; ulimit -n; ls -l /proc/self/fd | grep -c socket:");
    assert_non_null(strstr(r->text, "token none\n0077\n"));
    assert_non_null(strstr(r->text, "NoNewPrivs:1\n"));
    assert_non_null(strstr(r->text, "CapInh:0000000000000000\n"));
    assert_non_null(strstr(r->text, "CapEff:0000000000000000\n")); // root's, too
    assert_non_null(strstr(r->text, "CapAmb:0000000000000000\n"));
    assert_non_null(strstr(r->text, "\n0\n256\n"));
}

static void too_many_arguments_are_refused(void **state)
{
    const char *argv[CHILD_ARGS_MAX + 2] = {"true"};
    struct run *r = *state;
    for (int i = 1; i < CHILD_ARGS_MAX; i++)
        argv[i] = "x";
    assert_int_equal(child_start(&r->child, r->loop, argv, LONG_MS), 0);
    loop_run(r->loop);
    assert_int_equal(r->status, 0);
    argv[CHILD_ARGS_MAX] = "x";
    assert_int_equal(child_start(&r->child, r->loop, argv, LONG_MS), UV_E2BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_of_both_outputs_come_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_line_is_printable_and_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(output_beyond_its_limit_is_discarded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_program_that_is_missing_ends_like_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_time_limit_and_a_stop_end_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_descendant_that_holds_the_output_does_not_keep_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_abandoned_one_tells_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_has_few_rights, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_arguments_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
