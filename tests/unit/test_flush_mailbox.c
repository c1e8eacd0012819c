// SPDX-License-Identifier: MIT
// Readers on their way from a program's loop to the thread that writes rows.
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/record/write/flush_mailbox.h"
#include "tests/support/check.h"

enum {
    ASKED = 20000,   // requests of the test with threads
    ASK_EVERY = 3,   // events
    RELEASE_MAX = 7, // events that are released between two looks into the mailbox
    ENTRY_BYTES = 16 // of an event of 8 bytes in the queue
};

static void push(struct queue *q)
{
    assert_non_null(queue_reserve(q, 8, 0));
    queue_commit(q, 8);
    queue_publish(q);
}

static void release(struct queue *q)
{
    size_t len = 0;
    assert_non_null(queue_peek(q, &len));
    queue_release(q, ENTRY_BYTES);
}

static int setup(void **state)
{
    struct flush_mailbox *m = calloc(1, sizeof(*m));
    assert_true(flush_mailbox_init(m));
    *state = m;
    return 0;
}

static int teardown(void **state)
{
    flush_mailbox_deinit(*state);
    free(*state);
    return 0;
}

// The numbers are no descriptors here: all are taken, so none is closed.
static void a_reader_is_taken_when_the_events_before_it_have_passed(void **state)
{
    struct flush_mailbox *m = *state;
    struct queue *q = queue_new();
    int fds[FLUSH_WAITERS_MAX];
    assert_true(flush_mailbox_put(m, 1000, queue_mark(q))); // nothing is before it
    push(q);
    assert_true(flush_mailbox_put(m, 1001, queue_mark(q)));
    assert_true(flush_mailbox_put(m, 1002, queue_mark(q)));
    push(q);
    assert_true(flush_mailbox_put(m, 1003, queue_mark(q)));
    assert_int_equal(flush_mailbox_take(m, q, fds), 1);
    assert_int_equal(fds[0], 1000);
    assert_int_equal(flush_mailbox_take(m, q, fds), 0);
    release(q);
    assert_int_equal(flush_mailbox_take(m, q, fds), 2);
    assert_int_equal(fds[0], 1001);
    assert_int_equal(fds[1], 1002);
    release(q);
    assert_int_equal(flush_mailbox_take(m, q, fds), 1);
    assert_int_equal(fds[0], 1003);
    queue_free(q);
}

static void at_most_so_many_wait_whether_taken_or_not(void **state)
{
    struct flush_mailbox *m = *state;
    struct queue *q = queue_new();
    int fds[FLUSH_WAITERS_MAX];
    for (int i = 0; i < FLUSH_WAITERS_MAX; i++) {
        assert_int_equal(flush_mailbox_pending(m), i);
        assert_true(flush_mailbox_put(m, 1000 + i, queue_mark(q)));
    }
    assert_false(flush_mailbox_put(m, 1, queue_mark(q)));
    assert_int_equal(flush_mailbox_take(m, q, fds), FLUSH_WAITERS_MAX);
    assert_int_equal(flush_mailbox_pending(m), FLUSH_WAITERS_MAX);
    assert_false(flush_mailbox_put(m, 1, queue_mark(q)));
    flush_mailbox_end(m, 1);
    assert_true(flush_mailbox_put(m, 2000, queue_mark(q)));
    assert_false(flush_mailbox_put(m, 1, queue_mark(q)));
    assert_int_equal(flush_mailbox_take(m, q, fds), 1);
    assert_int_equal(fds[0], 2000);
    flush_mailbox_end(m, FLUSH_WAITERS_MAX);
    assert_int_equal(flush_mailbox_pending(m), 0);
    queue_free(q);
}

static void readers_that_were_not_taken_see_the_end(void **state)
{
    struct flush_mailbox m;
    struct queue *q = queue_new();
    int ends[2];
    char byte;
    (void)state;
    assert_true(flush_mailbox_init(&m));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    push(q);
    assert_true(flush_mailbox_put(&m, ends[0], queue_mark(q)));
    flush_mailbox_deinit(&m);
    assert_int_equal(recv(ends[1], &byte, 1, 0), 0);
    assert_int_equal(close(ends[1]), 0);
    queue_free(q);
}

struct both {
    struct flush_mailbox *mailbox;
    struct queue *queue;
};

// What finds no room is tried again. A request's number is that of the
// events before it.
static void ask(void *arg)
{
    struct both *b = arg;
    for (int events = 1; events <= ASKED * ASK_EVERY; events++) {
        while (!queue_reserve(b->queue, 8, 0))
            (void)sched_yield();
        queue_commit(b->queue, 8);
        queue_publish(b->queue);
        while (events % ASK_EVERY == 0 &&
               !flush_mailbox_put(b->mailbox, events, queue_mark(b->queue)))
            (void)sched_yield();
    }
}

static void two_threads_lose_and_double_no_reader(void **state)
{
    struct both b = {*state, queue_new()};
    int fds[FLUSH_WAITERS_MAX];
    uv_thread_t thread;
    size_t len = 0;
    int released = 0;
    int expected = 0;
    assert_int_equal(uv_thread_create(&thread, ask, &b), 0);
    while (expected < ASKED * ASK_EVERY) {
        for (int i = 0; i < RELEASE_MAX && queue_peek(b.queue, &len); i++, released++)
            queue_release(b.queue, ENTRY_BYTES);
        size_t count = flush_mailbox_take(b.mailbox, b.queue, fds);
        for (size_t i = 0; i < count; i++) {
            expected += ASK_EVERY;
            CHECK(fds[i] == expected);
            CHECK(fds[i] <= released);
        }
        CHECK(flush_mailbox_pending(b.mailbox) <= FLUSH_WAITERS_MAX);
        flush_mailbox_end(b.mailbox, count);
    }
    assert_int_equal(uv_thread_join(&thread), 0);
    assert_int_equal(flush_mailbox_pending(b.mailbox), 0);
    queue_free(b.queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_reader_is_taken_when_the_events_before_it_have_passed,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(at_most_so_many_wait_whether_taken_or_not, setup, teardown),
        cmocka_unit_test(readers_that_were_not_taken_see_the_end),
        cmocka_unit_test_setup_teardown(two_threads_lose_and_double_no_reader, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
