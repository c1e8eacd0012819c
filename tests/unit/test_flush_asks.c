// SPDX-License-Identifier: MIT
// A reader that asks again and again and never waits.
#include "flush_fixture.h"

#include "common/record/flush_asks.h"

// Accepts a reader that has asked. -1: there is none.
static int next_reader(int writer)
{
    return accept(writer, NULL, NULL);
}

static void a_writer_is_asked_again_when_it_has_answered(void **state)
{
    static const enum flush_reply answers[] = {FLUSH_WRITTEN, FLUSH_BUSY};
    struct fixture *f = *state;
    struct flush_asks asks = {0};
    int writer = add_writer(f, FLUSH_BACKLOG);
    flush_asks_repeat(&asks, f->dir);
    for (int i = 0; i < 10; i++) {
        int fd = next_reader(writer);
        assert_true(fd >= 0);
        flush_asks_repeat(&asks, f->dir);
        flush_send_progress(fd, 100);
        flush_asks_repeat(&asks, f->dir);
        assert_int_equal(next_reader(writer), -1); // not yet
        if (i % 3 < 2)
            flush_send(fd, answers[i % 3]);
        assert_int_equal(close(fd), 0);
        flush_asks_repeat(&asks, f->dir);
        assert_int_equal(asks.count, 1);
    }
    flush_asks_deinit(&asks);
}

static void an_answered_request_ends_before_the_next_one(void **state)
{
    struct fixture *f = *state;
    struct flush_asks asks = {0};
    int writer = add_writer(f, FLUSH_BACKLOG);
    flush_asks_repeat(&asks, f->dir);
    int fd = next_reader(writer);
    flush_send_progress(fd, 100);
    flush_asks_close_answered(&asks);
    assert_int_equal(asks.count, 1); // not yet
    flush_send(fd, FLUSH_WRITTEN);
    flush_asks_close_answered(&asks);
    assert_int_equal(asks.count, 0);
    assert_int_equal(next_reader(writer), -1);
    assert_int_equal(close(fd), 0);
    flush_asks_deinit(&asks);
}

static void a_writer_that_is_stuck_hinders_no_other(void **state)
{
    struct fixture *f = *state;
    struct flush_asks asks = {0};
    int stuck = add_writer(f, 0);
    int writer = add_writer(f, FLUSH_BACKLOG);
    int other = add_writer(f, 0); // accepts nobody, and its backlog is full
    struct flush_asks before[2] = {0};
    for (int i = 0; i < 2; i++) {
        flush_asks_repeat(&before[i], f->dir);
        assert_int_equal(close(next_reader(stuck)), 0);
    }
    assert_int_equal(before[0].count, 3);
    assert_int_equal(before[1].count, 2);
    flush_asks_deinit(&before[0]);
    flush_asks_deinit(&before[1]);
    while (next_reader(writer) >= 0)
        ;
    for (int i = 0; i < 10; i++) {
        flush_asks_repeat(&asks, f->dir);
        int fd = next_reader(writer);
        assert_true(fd >= 0);
        flush_finish(fd, FLUSH_WRITTEN);
        assert_int_equal(asks.count, 2);
    }
    assert_true(next_reader(stuck) >= 0);
    assert_int_equal(next_reader(stuck), -1);
    (void)other;
    flush_asks_deinit(&asks);
}

static void where_nobody_writes_nobody_is_asked(void **state)
{
    struct fixture *f = *state;
    struct flush_asks asks = {0};
    flush_asks_repeat(&asks, f->dir);
    flush_asks_repeat(&asks, "/nonexistent");
    assert_int_equal(asks.count, 0);
    flush_asks_deinit(&asks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_answered_request_ends_before_the_next_one, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_writer_is_asked_again_when_it_has_answered, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_writer_that_is_stuck_hinders_no_other, setup, teardown),
        cmocka_unit_test_setup_teardown(where_nobody_writes_nobody_is_asked, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
