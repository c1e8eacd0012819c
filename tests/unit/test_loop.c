// SPDX-License-Identifier: MIT
// The end of a loop: tasks that are still queued run, so that what they free or send is not lost.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/io/loop.h"

// A task that queues itself again `again` times.
struct job {
    struct loop_task task;
    struct loop *loop;
    int again, runs;
};

static void on_job(struct loop_task *task)
{
    struct job *job = container_of(task, struct job, task);
    if (job->runs++ < job->again)
        loop_queue(job->loop, task);
}

static void on_close(uv_handle_t *handle)
{
    struct job *job = handle->data;
    loop_queue(job->loop, &job->task);
}

static void a_task_runs_although_no_handle_is_left(void **state)
{
    (void)state;
    for (int again = 0; again < 3; again++) {
        struct loop l;
        struct job job = {.task.run = on_job, .loop = &l, .again = again};
        assert_int_equal(loop_init(&l), 0);
        loop_queue(&l, &job.task);
        assert_true(loop_settle(&l));
        assert_int_equal(job.runs, again + 1);
        loop_deinit(&l);
    }
}

static void a_task_that_the_last_handle_queues_runs(void **state)
{
    struct loop l;
    struct job job = {.task.run = on_job, .loop = &l};
    uv_timer_t timer;
    (void)state;
    assert_int_equal(loop_init(&l), 0);
    assert_int_equal(uv_timer_init(&l.uv, &timer), 0);
    timer.data = &job;
    uv_close((uv_handle_t *)&timer, on_close);
    assert_true(loop_settle(&l));
    assert_int_equal(job.runs, 1);
    loop_deinit(&l);
}

// A task that never ends does not hold up the program.
static void an_endless_task_is_given_up(void **state)
{
    struct loop l;
    struct job job = {.task.run = on_job, .loop = &l, .again = INT32_MAX};
    (void)state;
    assert_int_equal(loop_init(&l), 0);
    loop_queue(&l, &job.task);
    assert_true(loop_settle(&l));
    assert_in_range(job.runs, 1, 10000);
    loop_deinit(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_runs_although_no_handle_is_left),
        cmocka_unit_test(a_task_that_the_last_handle_queues_runs),
        cmocka_unit_test(an_endless_task_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
