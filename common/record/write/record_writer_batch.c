// SPDX-License-Identifier: MIT
#include "record_writer_internal.h"

enum {
    IDLE_BATCH_BYTES =
        512 << 10,           // the idle thread's batch, after which the normal one may take over
    LATE_MS = 1200,          // events must not wait longer for the idle thread
    TRIM_MS = 100,           // a batch may delete for this long,
    TRIM_PRESSING_MS = 1000, // or this long where that cannot keep up
};

void record_writer_shed(struct record_writer *w, uint64_t exchanges, uint64_t bytes)
{
    atomic_fetch_add_explicit(&w->shed, exchanges, memory_order_relaxed);
    atomic_fetch_add_explicit(&w->shed_bytes, bytes, memory_order_relaxed);
}

bool record_writer_is_failing(struct record_writer *w, uint64_t *exchanges, uint64_t *bytes)
{
    *exchanges = atomic_load(&w->shed);
    *bytes = atomic_load(&w->shed_bytes);
    return atomic_load(&w->failing);
}

// The counters' values now. False: the record has them.
static bool counts_changed(struct record_writer *w, uint64_t counts[static 3])
{
    counts[0] = w->pending.begun;
    counts[1] = atomic_load(&w->shed) + w->pending.lost;
    counts[2] = atomic_load(&w->shed_bytes);
    return memcmp(counts, w->written_counts, sizeof(w->written_counts)) != 0;
}

int record_writer_write_counts(struct record_writer *w, bool always)
{
    uint64_t counts[3];
    if (!counts_changed(w, counts) && !always)
        return SQLITE_OK;
    int error = store_counts(w->store, counts[0], counts[1], counts[2],
                             w->last_trouble[0] ? w->last_trouble : NULL);
    if (!error)
        memcpy(w->written_counts, counts, sizeof(counts));
    return error;
}

// A flush and the last batch defer nothing: no later transaction may follow.
static enum pending_rows_defer rows_to_defer(struct record_writer *w)
{
    if (queue_flushes(w->queue) > 0 || atomic_load(&w->closing))
        return PENDING_ROWS_DEFER_NONE;
    return w->idle_turn ? PENDING_ROWS_DEFER_UNREPORTED : PENDING_ROWS_DEFER_RUNNING;
}

static int write_batch(struct record_writer *w)
{
    bool more = true;
    const enum pending_rows_defer defer = rows_to_defer(w);
    int error = store_begin(w->store);
    if (error)
        return error;
    while (!error && more) {
        error = pending_rows_write(&w->pending, w->store, defer, SLICE_ROWS, &more);
        record_writer_yield(w);
    }
    if (!error)
        error = record_writer_write_counts(w, w->trouble[0] != 0);
    if (!error)
        error = store_commit(w->store);
    if (error) {
        store_rollback(w->store);
        pending_rows_rolled_back(&w->pending);
        return error;
    }
    pending_rows_committed(&w->pending, record_writer_now_ms());
    return SQLITE_OK;
}

static void take_event(struct record_writer *w, const struct event *event)
{
    if (event->kind != EVENT_FLUSH_ASKED)
        (void)pending_rows_event(&w->pending, event);
    else
        flush_waiters_add(&w->waiters, ((const struct event_flush *)(const void *)event)->fd);
}

static void take_events(struct record_writer *w)
{
    size_t bytes = 0;
    size_t len = 0;
    size_t count = 0;
    const void *event = NULL;
    int64_t began_ns = 0; // of the exchange that began last
    const size_t max = w->idle_turn ? IDLE_BATCH_BYTES : RECORDER_BATCH_BYTES;
    while (bytes + pending_rows_message_overhead(&w->pending) < max &&
           (event = queue_peek(w->queue, &len))) {
        if (((const struct event *)event)->kind == EVENT_BEGUN)
            began_ns = ((const struct event_begun *)event)->began_ns;
        take_event(w, event);
        queue_release(w->queue);
        bytes += len;
        if (++count % SLICE_EVENTS == 0)
            record_writer_yield(w);
    }
    w->quiet_bytes += bytes;
    w->late = began_ns && wall_clock_ns() - began_ns >= LATE_MS * 1000000LL;
}

static int trim(struct record_writer *w)
{
    uint64_t begun = record_writer_now_ms();
    uint64_t max_ms = TRIM_MS;
    enum store_excess excess = STORE_EXCESS_SOME;
    int error = SQLITE_OK;
    while (!error && excess != STORE_EXCESS_NONE && record_writer_now_ms() - begun < max_ms) {
        error = store_trim(w->store, wall_clock_ns(), &excess);
        bool pressing = excess == STORE_EXCESS_PRESSING && !atomic_load(&w->closing);
        max_ms = pressing ? TRIM_PRESSING_MS : TRIM_MS;
    }
    w->trim_pending = excess != STORE_EXCESS_NONE;
    return error;
}

// All events taken so far are in the record. The flush ends before its reader is told, so that the
// reader can ask again at once. Waits for reports expire here too: without traffic nothing else
// would expire them.
static void answer_waiters(struct record_writer *w)
{
    pending_rows_expire_waiting(&w->pending, record_writer_now_ms());
    queue_flush_end(w->queue, flush_waiters_unwritten(&w->waiters));
    flush_waiters_written(&w->waiters, w->pending.waited);
    flush_waiters_reported(&w->waiters, pending_rows_reported(&w->pending));
}

int record_writer_run_batch(struct record_writer *w)
{
    uint64_t counts[3];
    int error = SQLITE_OK;
    if (!w->store)
        error = store_open(&w->config.store, &w->store, &w->file);
    if (error)
        return error;
    if (!w->retry_batch)
        take_events(w);
    if (w->pending.dirty || counts_changed(w, counts))
        error = write_batch(w);
    w->retry_batch = error != SQLITE_OK;
    if (!error)
        answer_waiters(w);
    if (!error)
        error = trim(w);
    if (!error)
        error = store_tidy(w->store, wall_clock_ns(), w->memory_released, &w->scrub_pending);
    return error;
}
