// SPDX-License-Identifier: MIT
#include "loop.h"
#include <assert.h>
#include <stdlib.h>
#include "common/base/limits.h"
#include "thread_pool.h"

enum {
    TASK_ROUNDS = 64, // of tasks that queue tasks, before the loop polls its sockets again
    CLOSE_TURNS = 8   // until all closed handles have had their callbacks
};

// An active idle handle makes libuv poll without sleeping.
static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

// Runs the tasks that are queued now. Tasks that they queue run in the next round.
static void run_round(struct loop *l)
{
    struct loop_task mark = {0};
    loop_queue(l, &mark);
    while (l->tasks.first != &mark) {
        struct loop_task *task = l->tasks.first;
        loop_unqueue(l, task);
        task->run(task);
    }
    loop_unqueue(l, &mark);
}

static void run_tasks(struct loop *l)
{
    for (int round = 0; l->tasks.first && round < TASK_ROUNDS; round++)
        run_round(l);
}

static void on_before_sleep(uv_prepare_t *handle)
{
    struct loop *l = handle->data;
    run_tasks(l);
    if (l->tasks.first)
        (void)uv_idle_start(&l->stay_awake, on_idle);
    else
        (void)uv_idle_stop(&l->stay_awake);
}

static void on_tick(uv_timer_t *timer)
{
    struct loop *l = timer->data;
    uint64_t now = uv_now(&l->uv);
    for (int i = 0; i < LOOP_DURATIONS; i++) {
        struct timeout_queue *q = &l->queues[i];
        while (q->timeouts.first) {
            struct timeout *t = LIST_ITEM(q->timeouts.first, struct timeout, in_queue);
            if (t->at_ms > now)
                break;
            timeout_stop(t);
            t->fire(t);
        }
    }
}

int loop_init(struct loop *l)
{
    *l = (struct loop){.limits = limits_default};
    l->tasks.last = &l->tasks.first;
    l->settle_tasks.last = &l->settle_tasks.first;
    l->read_buffer = malloc(LIMIT_READ_BULK_BYTES);
    l->scratch = malloc(LIMIT_SCRATCH_BYTES);
    int error = l->read_buffer && l->scratch ? uv_loop_init(&l->uv) : UV_ENOMEM;
    if (!error && (error = thread_pool_start(&l->uv)) != 0)
        (void)uv_loop_close(&l->uv);
    if (error) {
        free(l->read_buffer);
        free(l->scratch);
        l->read_buffer = l->scratch = NULL;
        return error;
    }
    l->uv.data = l;
    (void)uv_prepare_init(&l->uv, &l->before_sleep);
    (void)uv_idle_init(&l->uv, &l->stay_awake);
    (void)uv_timer_init(&l->uv, &l->tick);
    l->before_sleep.data = l->tick.data = l;
    (void)uv_prepare_start(&l->before_sleep, on_before_sleep);
    (void)uv_timer_start(&l->tick, on_tick, LOOP_TICK_MS, LOOP_TICK_MS);
    return 0;
}

void loop_run(struct loop *l)
{
    (void)uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *l)
{
    uv_stop(&l->uv);
}

void loop_run_once(struct loop *l)
{
    (void)uv_run(&l->uv, UV_RUN_NOWAIT);
}

bool loop_settle(struct loop *l)
{
    uv_unref((uv_handle_t *)&l->before_sleep);
    uv_unref((uv_handle_t *)&l->stay_awake);
    uv_unref((uv_handle_t *)&l->tick);
    // libuv makes no turn when no handle is alive, although tasks may be queued.
    for (int turn = 0; (l->tasks.first || uv_loop_alive(&l->uv)) && turn < CLOSE_TURNS; turn++) {
        run_tasks(l);
        loop_run_once(l);
    }
    return !uv_loop_alive(&l->uv);
}

void loop_deinit(struct loop *l)
{
    uv_close((uv_handle_t *)&l->before_sleep, NULL);
    uv_close((uv_handle_t *)&l->stay_awake, NULL);
    uv_close((uv_handle_t *)&l->tick, NULL);
    (void)uv_run(&l->uv, UV_RUN_DEFAULT);
    int busy = uv_loop_close(&l->uv);
    assert(!busy);
    (void)busy;
    free(l->read_buffer);
    free(l->scratch);
}

static void put(struct loop_tasks *tasks, struct loop_task *task)
{
    if (task->queued)
        return;
    task->queued = true;
    task->next = NULL;
    *tasks->last = task;
    tasks->last = &task->next;
}

static void take_out(struct loop_tasks *tasks, struct loop_task *task)
{
    if (!task->queued)
        return;
    struct loop_task **at = &tasks->first;
    while (*at && *at != task)
        at = &(*at)->next;
    if (*at) {
        *at = task->next;
        if (tasks->last == &task->next)
            tasks->last = at;
    }
    task->next = NULL;
    task->queued = false;
}

void loop_queue(struct loop *l, struct loop_task *task)
{
    put(&l->tasks, task);
}

void loop_unqueue(struct loop *l, struct loop_task *task)
{
    take_out(&l->tasks, task);
}

void loop_queue_settle(struct loop *l, struct loop_task *task)
{
    put(&l->settle_tasks, task);
}

void loop_unqueue_settle(struct loop *l, struct loop_task *task)
{
    take_out(&l->settle_tasks, task);
}

void loop_end_read(struct loop *l)
{
    while (l->settle_tasks.first) {
        struct loop_task *task = l->settle_tasks.first;
        loop_unqueue_settle(l, task);
        task->run(task);
    }
    l->lent = (struct slice){0};
}

static struct timeout_queue *queue_of(struct loop *l, uint32_t ms)
{
    for (int i = 0; i < LOOP_DURATIONS; i++) {
        struct timeout_queue *q = &l->queues[i];
        if (q->duration_ms == 0)
            q->duration_ms = ms;
        if (q->duration_ms == ms)
            return q;
    }
    assert(false && "more durations than LOOP_DURATIONS");
    return &l->queues[0];
}

void timeout_start(struct loop *l, struct timeout *t, uint32_t ms, void (*fire)(struct timeout *t))
{
    timeout_stop(t);
    struct timeout_queue *q = queue_of(l, ms);
    t->queue = q;
    t->fire = fire;
    t->at_ms = uv_now(&l->uv) + ms;
    list_append(&q->timeouts, &t->in_queue);
}

void timeout_stop(struct timeout *t)
{
    struct timeout_queue *q = t->queue;
    if (!q)
        return;
    list_remove(&q->timeouts, &t->in_queue);
    t->queue = NULL;
}
