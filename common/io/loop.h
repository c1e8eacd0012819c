// SPDX-License-Identifier: MIT
// The event loop: libuv's, with tasks that run once just before it sleeps, input that may be
// borrowed while its reader runs, and cheap timeouts.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "common/base/clock.h"
#include "common/base/date.h"
#include "common/base/limits.h"
#include "proto/bytes.h"
#include "proto/list.h"

struct loop;

// Work to do before the loop sleeps, such as flushing a connection. Embedded; zero is idle.
struct loop_task {
    struct loop_task *next;
    void (*run)(struct loop_task *task);
    bool queued;
};

struct loop_tasks {
    struct loop_task *first, **last;
};

// A timeout. Embedded; zero is stopped. Fires once, at most LOOP_TICK_MS late.
struct timeout {
    struct list_link in_queue;
    struct timeout_queue *queue; // NULL: stopped
    uint64_t at_ms;
    void (*fire)(struct timeout *t);
};

// The running timeouts of one duration, which end in the order in which they were started: so
// starting and stopping one takes constant time.
struct timeout_queue {
    uint32_t duration_ms; // 0: unused
    struct list timeouts;
};

enum {
    LOOP_TICK_MS = 100,
    LOOP_DURATIONS = 32
};

struct loop {
    uv_loop_t uv;
    uv_prepare_t before_sleep;
    uv_idle_t stay_awake; // runs while tasks are left
    uv_timer_t tick;
    struct loop_tasks tasks, settle_tasks;
    struct slice lent; // the input of the read callback that runs, and of its settle tasks
    struct timeout_queue queues[LOOP_DURATIONS];
    struct list conns;    // open connections
    char *read_buffer;    // LIMIT_READ_BULK_BYTES, shared by all connections
    char *scratch;        // LIMIT_SCRATCH_BYTES, for the task that runs
    struct limits limits; // of everything on this loop; set before it runs
    struct date date;     // given to responses that came without one; made once a second
};

// Returns 0 or a libuv error; then only the memory of `l` remains.
int loop_init(struct loop *l);
// Runs until loop_stop.
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
// Runs one turn without waiting: tasks run and closed handles get their callbacks.
void loop_run_once(struct loop *l);
// Runs tasks and such turns until nothing is left to do. All handles but the loop's own must be
// closed or unreferenced. Returns false while a name is being resolved, which cannot be cancelled;
// no other request outlives its handle.
bool loop_settle(struct loop *l);
// Closes the loop's own handles and frees its memory. Everything on the loop must be closed before.
void loop_deinit(struct loop *l);

// Runs `task->run` before the loop sleeps; once, however often it is queued until then.
void loop_queue(struct loop *l, struct loop_task *task);
void loop_unqueue(struct loop *l, struct loop_task *task);

// Input is lent to those whom its reader gives it to, to one taker each piece: they may keep the
// bytes until their settle task has run, and copy then what they still need. The session masks them
// there, where nobody else reads them any more.

// Whether the bytes are part of the input whose read callback runs, or whose settle tasks run.
// Others are not lent.
static inline bool loop_lends(const struct loop *l, const void *bytes, size_t len)
{
    size_t at = (size_t)((uintptr_t)bytes - (uintptr_t)l->lent.p);
    return at < l->lent.len && len <= l->lent.len - at;
}
// Runs `task->run` when the read callback that runs now has returned, before its input changes.
void loop_queue_settle(struct loop *l, struct loop_task *task);
void loop_unqueue_settle(struct loop *l, struct loop_task *task);
// For connections: around a read callback.
static inline void loop_begin_read(struct loop *l, struct slice input)
{
    l->lent = input;
}
void loop_end_read(struct loop *l);

// (Re)starts a timeout. A program uses at most LOOP_DURATIONS different durations.
void timeout_start(struct loop *l, struct timeout *t, uint32_t ms, void (*fire)(struct timeout *t));
void timeout_stop(struct timeout *t);

static inline bool timeout_runs(const struct timeout *t)
{
    return t->queue != NULL;
}

// A clock that only goes forward, as of the beginning of this turn.
static inline uint64_t loop_now_ms(const struct loop *l)
{
    return uv_now(&l->uv);
}

// The struct that contains this member: container_of(task, struct conn, flush).
#define container_of(ptr, type, member) ((type *)((uintptr_t)(ptr)-offsetof(type, member)))
