// SPDX-License-Identifier: MIT
#include <time.h>
#include "record_writer_internal.h"

enum {
    LOAD_WINDOW_MS = 50, // the load is measured over this time
    LOAD_BUSY_PART = 16, // and high above a sixteenth of a processor
    SLICE_US = 200,      // the idle thread's time slice
    EXPEDITE_MS = 200,   // the idle thread may take this long for expedited events
};

uint64_t record_writer_now_ms(void)
{
    return uv_hrtime() / 1000000;
}

// The oldest mark stands until the events before it are taken, so that calls in a row cannot put
// its deadline off.
void record_writer_expedite(struct record_writer *w)
{
    if (!queue_has_passed(w->queue, atomic_load(&w->expedite_mark)))
        return;
    atomic_store(&w->expedited_ms, record_writer_now_ms());
    atomic_store(&w->expedite_mark, queue_mark(w->queue));
}

bool record_writer_is_expedited(struct record_writer *w)
{
    return !queue_has_passed(w->queue, atomic_load(&w->expedite_mark));
}

bool record_writer_is_late(struct record_writer *w)
{
    return w->late || (record_writer_is_expedited(w) &&
                       record_writer_now_ms() - atomic_load(&w->expedited_ms) >= EXPEDITE_MS);
}

// The shortest sleep there is gives the processor to any thread that waits for it. A reader that
// waits for a flush is served without these pauses.
void record_writer_yield(struct record_writer *w)
{
    const struct timespec moment = {.tv_nsec = 1};
    if (!w->idle_turn || queue_flushes(w->queue) > 0 ||
        uv_hrtime() - w->slice_began_ns < SLICE_US * 1000ULL)
        return;
    (void)nanosleep(&moment, NULL);
    w->slice_began_ns = uv_hrtime();
}

static uint64_t thread_cpu_ns(void)
{
    struct timespec used;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

void record_writer_start_load(struct record_writer *w)
{
    w->cpu_ns = thread_cpu_ns();
}

// `busy` is set as soon as the window's budget is used, and cleared by a whole window below it.
void record_writer_measure_load(struct record_writer *w)
{
    uint64_t now = uv_hrtime();
    uint64_t cpu = thread_cpu_ns();
    w->load_ns += cpu - w->cpu_ns;
    w->cpu_ns = cpu;
    bool high = w->load_ns * LOAD_BUSY_PART > LOAD_WINDOW_MS * 1000000ULL;
    w->busy = w->busy || high;
    w->was_busy = w->was_busy || high;
    if (now - w->load_since_ns < LOAD_WINDOW_MS * 1000000ULL)
        return;
    w->busy = high;
    w->load_ns = 0;
    w->load_since_ns = now;
}

void record_writer_delay(struct record_writer *w)
{
    bool delayed = write_delay_begin(&w->delay, record_writer_now_ms(), queue_used(w->queue));
    while (delayed && !atomic_load(&w->closing) && !record_writer_is_expedited(w) &&
           queue_flushes(w->queue) == 0) {
        uv_sleep(WRITE_DELAY_POLL_MS);
        delayed = write_delay_continues(&w->delay, record_writer_now_ms(), queue_used(w->queue));
    }
}
