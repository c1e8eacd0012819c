// SPDX-License-Identifier: MIT
#include <malloc.h>
#include "record_writer_internal.h"

enum {
    BACKLOG_BYTES = 64 * 1024, // of events, written at once instead of gathering more
    QUIET_MS = 500,            // memory is released after this time
    QUIET_BYTES = 64 * 1024,   // with at most so many bytes of events (the progress of stalls)
    TRIM_EVERY_MS = 60 * 1000, // wake-up without events
    TIDY_MS = 500,             // the same while pages are to be scrubbed
};

static void close_store(struct record_writer *w)
{
    store_close(w->store);
    w->store = NULL;
    pending_rows_forget_record(&w->pending);
}

// Moves a damaged record aside; the next batch creates another. One whose file was moved is closed,
// so that the next batch creates it again in its place.
static void handle_error(struct record_writer *w, int error)
{
    char name[STATE_PATH_MAX + 64];
    if (record_writer_is_damage(error)) {
        close_store(w);
        if (store_put_aside(w->config.store.dir, &w->file, name))
            record_writer_announce_damaged(w, name);
    }
    if (error == SQLITE_READONLY_DBMOVED)
        close_store(w);
    record_writer_announce_trouble(w, error);
}

// Whether the same thread writes another batch at once. The idle thread makes way for the normal
// one when it is late or a reader waits.
static bool has_backlog(struct record_writer *w)
{
    bool urgent = record_writer_is_late(w) || queue_flushes(w->queue) > 0;
    if (w->idle_turn && urgent)
        return false;
    return queue_used(w->queue) > BACKLOG_BYTES && !atomic_load(&w->closing) &&
           w->busy == w->idle_turn;
}

// The longest wait for events, by what else is to be done.
static unsigned wait_ms(const struct record_writer *w)
{
    if (w->trim_pending)
        return 1;
    if (w->pending.dirty)
        return RECORDER_GATHER_MS;
    return !w->memory_released ? QUIET_MS : w->scrub_pending ? TIDY_MS : TRIM_EVERY_MS;
}

// malloc_trim blocks every allocation of the program for a moment: it is called after load only.
static void release_memory(struct record_writer *w)
{
    queue_shrink(w->queue);
    pending_rows_shrink(&w->pending);
    if (w->store)
        store_release_memory(w->store);
    if (w->was_busy)
        (void)malloc_trim(0);
    w->was_busy = false;
    w->memory_released = true;
}

static void check_quiet(struct record_writer *w)
{
    uint64_t now = record_writer_now_ms();
    if (now - w->quiet_since_ms < QUIET_MS)
        return;
    bool quiet = w->quiet_bytes <= QUIET_BYTES;
    w->quiet_since_ms = now;
    w->quiet_bytes = 0;
    if (!quiet)
        w->memory_released = false;
    else if (!w->memory_released)
        release_memory(w);
}

static void wait_for_events(struct record_writer *w)
{
    unsigned ms = wait_ms(w);
    uint64_t begun = record_writer_now_ms();
    queue_wait(w->queue, ms, RECORDER_GATHER_MS);
    write_delay_quiet(&w->delay, record_writer_now_ms() - begun);
    if (!w->memory_released && ms == QUIET_MS && queue_used(w->queue) == 0)
        release_memory(w);
    else
        check_quiet(w);
}

// Returns what the last batch returned.
static int write_batches(struct writer_thread *t, bool last)
{
    struct record_writer *w = t->writer;
    int error = SQLITE_OK;
    bool more = true;
    record_writer_start_load(w);
    w->idle_turn = t == &w->threads[IDLE_THREAD];
    if (w->idle_turn)
        record_writer_delay(w);
    w->slice_began_ns = uv_hrtime();
    while (!error && more) {
        error = record_writer_run_batch(w);
        record_writer_measure_load(w);
        more = last ? queue_used(w->queue) > 0 : has_backlog(w);
    }
    atomic_store(&w->failing, error != SQLITE_OK);
    if (error)
        handle_error(w, error);
    else
        record_writer_announce_recovery(w);
    record_writer_announce_shed(w);
    return error;
}

void record_writer_run_turn(struct writer_thread *t)
{
    struct record_writer *w = t->writer;
    if (write_batches(t, false))
        queue_pause(w->queue, RECORDER_RETRY_MS);
    else
        wait_for_events(w);
}

void record_writer_run_last_turn(struct writer_thread *t)
{
    struct record_writer *w = t->writer;
    (void)write_batches(t, true);
    if (w->store)
        (void)record_writer_write_counts(w, false);
    record_writer_announce_lost(w);
    store_close(w->store);
    w->store = NULL;
}
