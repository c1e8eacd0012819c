// SPDX-License-Identifier: MIT
// The event loop: libuv's, with tasks that run once just before it sleeps, and cheap time limits.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "common/base/date.h"
#include "common/base/limits.h"
#include "proto/list.h"

struct loop;

// Something to do before the loop sleeps: flush a connection, fill a link. Embedded; zero is idle.
struct loop_task {
    struct loop_task *next;
    void (*run)(struct loop_task *task);
    bool queued;
};

// A time limit. Embedded; zero is stopped. Fires once, at most a tick (LOOP_TICK_MS) late.
struct timeout {
    struct list_link in_queue;
    struct timeout_queue *queue; // NULL: stopped
    uint64_t at_ms;
    void (*fire)(struct timeout *t);
};

// All limits of one duration, in the order of their ends.
struct timeout_queue {
    uint32_t duration_ms;
    struct list timeouts;
};

enum {
    LOOP_TICK_MS = 100,
    LOOP_DURATIONS = 32
};

struct loop {
    uv_loop_t uv;
    uv_prepare_t before_sleep;
    uv_idle_t stay_awake; // runs while tasks are left over
    uv_timer_t tick;
    struct loop_task *first_task, **last_task;
    struct timeout_queue queues[LOOP_DURATIONS];
    char *read_buffer;    // LIMIT_READ_BYTES, shared by all connections
    char *scratch;        // LIMIT_SCRATCH_BYTES, for whoever runs in a task
    struct limits limits; // for all that runs on it; may be set before it runs
    struct date date;     // of the last response that came without one
};

int loop_init(struct loop *l); // 0 or a libuv error
// Runs until loop_stop.
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
// One turn that does not wait: tasks and closed handles get their calls.
void loop_run_once(struct loop *l);
// The same until nothing is left to do, to be called when all handles but the loop's own are
// closed. False: a name is still being resolved, which nothing can break off. Nothing but requests
// keeps such a loop alive, and we make no others that outlast their handles.
bool loop_settle(struct loop *l);
// Closes what is left and frees. Everything built on the loop must have been closed by its owner.
void loop_deinit(struct loop *l);

void loop_queue(struct loop *l, struct loop_task *task);
void loop_unqueue(struct loop *l, struct loop_task *task);

// (Re)starts a time limit. At most LOOP_DURATIONS different durations are used in a program.
void timeout_start(struct loop *l, struct timeout *t, uint32_t ms, void (*fire)(struct timeout *t));
void timeout_stop(struct timeout *t);

static inline bool timeout_runs(const struct timeout *t)
{
    return t->queue != NULL;
}

// ns since 1970, by the system's clock.
int64_t wall_clock_ns(void);

static inline uint64_t loop_now_ms(const struct loop *l)
{
    return uv_now(&l->uv);
}

#define container_of(ptr, type, member) ((type *)((uintptr_t)(ptr)-offsetof(type, member)))
