// SPDX-License-Identifier: MIT
// A worker's composition: the order of its parts, of the steps of its end, and of its observers.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/worker/worker.h"

// The calls in their order: "+a" begins part a, "0a" takes it through the first step.
struct story {
    struct worker worker;
    char text[256];
    bool fails; // part c
};

static void note(struct story *s, char what, char part)
{
    size_t len = strlen(s->text);
    (void)snprintf(s->text + len, sizeof(s->text) - len, "%s%c%c", len > 0 ? " " : "", what, part);
}

static const char *begin_a(void *ctx)
{
    note(ctx, '+', 'a');
    return NULL;
}

static const char *begin_c(void *ctx)
{
    struct story *s = ctx;
    note(s, '+', 'c');
    return s->fails ? "c cannot begin" : NULL;
}

#define STEP(number, part)                    \
    static void end_##part##number(void *ctx) \
    {                                         \
        note(ctx, #number[0], #part[0]);      \
    }

STEP(0, a)
STEP(1, a)
STEP(2, a)
STEP(3, a)
STEP(4, a)
STEP(5, a)
STEP(0, b)
STEP(2, b)
STEP(3, b)
STEP(1, c)
STEP(2, c)
STEP(5, c)

static const struct worker_part parts[] = {
    {begin_a, {end_a0, end_a1, end_a2, end_a3, end_a4, end_a5}},
    {NULL, {end_b0, NULL, end_b2, end_b3, NULL, NULL}},
    {begin_c, {NULL, end_c1, end_c2, NULL, NULL, end_c5}},
};
_Static_assert(WORKER_STEPS == 6, "one function for each step");

static struct story *new_story(bool fails)
{
    struct story *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    s->fails = fails;
    assert_int_equal(worker_init(&s->worker, &limits_default), 0);
    return s;
}

static void all_parts_take_a_step_before_any_takes_the_next(void **state)
{
    struct story *s = new_story(false);
    (void)state;
    assert_null(worker_begin(&s->worker, parts, 3, s));
    assert_string_equal(s->text, "+a +c");
    s->text[0] = 0;
    assert_true(worker_stop(&s->worker));
    assert_string_equal(s->text, "0b 0a 1c 1a 2c 2b 2a 3b 3a 4a 5c 5a");
    worker_free(&s->worker);
    free(s);
}

static void a_part_that_cannot_begin_and_those_behind_it_are_not_ended(void **state)
{
    struct story *s = new_story(true);
    const struct worker_part order[] = {parts[1], parts[2], parts[0]};
    (void)state;
    assert_string_equal(worker_begin(&s->worker, order, 3, s), "c cannot begin");
    assert_string_equal(s->text, "+c");
    s->text[0] = 0;
    worker_end(&s->worker, 1);
    assert_string_equal(s->text, "0b 2b 3b");
    free(s);
}

static void a_worker_without_a_loop_ends(void **state)
{
    struct worker *w = calloc(1, sizeof(*w));
    (void)state;
    assert_non_null(w);
    assert_true(worker_stop(w));
    worker_free(w);
    assert_int_equal(worker_init(w, &limits_default), 0);
    worker_end(w, 1);
    worker_end(w, 1);
    free(w);
}

static void an_observer_sees_events_before_those_added_earlier(void **state)
{
    struct worker *w = calloc(1, sizeof(*w));
    struct exchange_observer first = {0};
    struct exchange_observer second = {0};
    (void)state;
    assert_non_null(w);
    assert_int_equal(worker_init(w, &limits_default), 0);
    worker_observe(w, &first);
    worker_observe(w, NULL);
    worker_observe(w, &second);
    assert_ptr_equal(w->observer, &second);
    assert_ptr_equal(second.next, &first);
    assert_null(first.next);
    worker_end(w, 1);
    free(w);
}

static void nothing_is_recorded_at_level_none(void **state)
{
    const struct recorder_config none = {.level = EXCHANGE_RECORD_NONE};
    struct worker *w = calloc(1, sizeof(*w));
    (void)state;
    assert_non_null(w);
    assert_int_equal(worker_init(w, &limits_default), 0);
    assert_true(worker_record(w, &none));
    assert_null(w->recorder);
    assert_null(w->observer);
    worker_end(w, 1);
    free(w);
}

static void limits_are_those_given(void **state)
{
    struct limits limits = limits_default;
    struct worker *w = calloc(1, sizeof(*w));
    (void)state;
    assert_non_null(w);
    limits.gone_ms = 12345;
    assert_int_equal(worker_init(w, &limits), 0);
    assert_int_equal(w->loop.limits.gone_ms, 12345);
    worker_end(w, 1);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_parts_take_a_step_before_any_takes_the_next),
        cmocka_unit_test(a_part_that_cannot_begin_and_those_behind_it_are_not_ended),
        cmocka_unit_test(a_worker_without_a_loop_ends),
        cmocka_unit_test(an_observer_sees_events_before_those_added_earlier),
        cmocka_unit_test(nothing_is_recorded_at_level_none),
        cmocka_unit_test(limits_are_those_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
