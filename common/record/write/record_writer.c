// SPDX-License-Identifier: MIT
// Two threads take turns. Under low load the normal thread writes events as soon as they are
// gathered. Under load a thread of SCHED_IDLE writes: it gets the time that traffic leaves over.
// When it is late, or the load is low again, the normal thread takes over. One thread cannot change
// its class back and forth: leaving SCHED_IDLE needs a privilege (sched(7)). docs/decisions.md has
// the measurements.
//
// The weight of SCHED_IDLE holds within a session or control group only. Beside threads of another
// group the idle thread could keep a processor for a whole time slice of the kernel, so it pauses
// after short slices of its own (record_writer_yield).
#include "record_writer.h"
#include <sched.h>
#include <stdlib.h>
#include "record_writer_internal.h"

// False: the writer has ended and the thread returns.
static bool wait_for_turn(const struct writer_thread *t)
{
    struct record_writer *w = t->writer;
    uv_mutex_lock(&w->lock);
    while (!w->ended && w->active != t)
        uv_cond_wait(&w->turn_changed, &w->lock);
    bool ended = w->ended;
    uv_mutex_unlock(&w->lock);
    return !ended;
}

// The normal thread is the one that ends: record_writer_stop must not depend on a thread that may
// get no time.
static void hand_over(struct record_writer *w, bool closing)
{
    uv_mutex_lock(&w->lock);
    bool urgent = closing || record_writer_is_late(w) || queue_flushes(w->queue) > 0;
    w->active = &w->threads[w->busy && !urgent ? IDLE_THREAD : NORMAL_THREAD];
    uv_cond_broadcast(&w->turn_changed);
    uv_mutex_unlock(&w->lock);
}

static void end_threads(struct record_writer *w)
{
    uv_mutex_lock(&w->lock);
    w->ended = true;
    uv_cond_broadcast(&w->turn_changed);
    uv_mutex_unlock(&w->lock);
}

static void thread_main(void *arg)
{
    struct writer_thread *t = arg;
    struct record_writer *w = t->writer;
    const struct sched_param none = {0};
    if (t == &w->threads[IDLE_THREAD])
        (void)sched_setscheduler(0, SCHED_IDLE, &none); // 0: the calling thread
    while (wait_for_turn(t)) {
        if (!atomic_load(&w->closing)) {
            record_writer_run_turn(t);
            hand_over(w, atomic_load(&w->closing));
        } else if (t == &w->threads[IDLE_THREAD]) {
            hand_over(w, true);
        } else {
            record_writer_run_last_turn(t);
            end_threads(w);
        }
    }
}

// Starts both threads or none.
static bool start_threads(struct record_writer *w)
{
    for (int i = 0; i < WRITER_THREADS; i++) {
        w->threads[i].writer = w;
        if (!uv_thread_create(&w->threads[i].thread, thread_main, &w->threads[i]))
            continue;
        end_threads(w);
        while (i-- > 0)
            (void)uv_thread_join(&w->threads[i].thread);
        return false;
    }
    hand_over(w, false);
    return true;
}

struct record_writer *record_writer_new(const struct record_writer_config *config, struct queue *q)
{
    struct record_writer *w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); // statistics take a lock per allocation
    w->config = *config;
    w->queue = q;
    pending_rows_init(&w->pending, config->body_bytes);
    if (uv_mutex_init(&w->lock))
        goto no_lock;
    if (uv_cond_init(&w->turn_changed))
        goto no_condition;
    w->load_since_ns = uv_hrtime();
    if (!start_threads(w))
        goto no_thread;
    return w;
no_thread:
    uv_cond_destroy(&w->turn_changed);
no_condition:
    uv_mutex_destroy(&w->lock);
no_lock:
    free(w);
    return NULL;
}

bool record_writer_stop(struct record_writer *w, unsigned ms)
{
    uint64_t end = uv_hrtime() + (uint64_t)ms * 1000000;
    atomic_store(&w->closing, true);
    queue_wake(w->queue);
    uv_mutex_lock(&w->lock);
    for (uint64_t now = uv_hrtime(); !w->ended && now < end; now = uv_hrtime())
        (void)uv_cond_timedwait(&w->turn_changed, &w->lock, end - now);
    bool ended = w->ended;
    w->abandoned = !ended;
    uv_mutex_unlock(&w->lock);
    for (int i = 0; ended && i < WRITER_THREADS; i++)
        (void)uv_thread_join(&w->threads[i].thread);
    return ended;
}

void record_writer_free(struct record_writer *w)
{
    if (!w)
        return;
    uv_cond_destroy(&w->turn_changed);
    uv_mutex_destroy(&w->lock);
    pending_rows_deinit(&w->pending);
    flush_waiters_deinit(&w->waiters);
    free(w);
}
