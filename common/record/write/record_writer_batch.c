// SPDX-License-Identifier: MIT
// One transaction: events of the spool become rows, and the spool's position moves with them.
#include "record_writer_internal.h"

enum {
    BATCH_BYTES_MAX = 4 * RECORDER_BATCH_BYTES, // while rows cannot be written yet
    UNROUTED_MS = 1000,      // such rows are waited for, before others are written without them
    TRIM_MS = 100,           // a batch may delete for this long,
    TRIM_PRESSING_MS = 1000, // or this long where that cannot keep up
    SEAL_MS = 10 * 1000,     // a segment whose events are all in the record grows for this long
};

void record_writer_shed(struct record_writer *w, uint64_t exchanges, uint64_t bytes)
{
    atomic_fetch_add_explicit(&w->shed, exchanges, memory_order_relaxed);
    atomic_fetch_add_explicit(&w->shed_bytes, bytes, memory_order_relaxed);
}

// The counters' values now. False: the record has them.
static bool counts_changed(struct record_writer *w, uint64_t counts[static 3])
{
    atomic_store(&w->lost, w->pending.lost);
    counts[0] = w->pending.begun;
    counts[1] = atomic_load(&w->shed) + w->pending.lost;
    counts[2] = atomic_load(&w->shed_bytes);
    return memcmp(counts, w->written_counts, sizeof(w->written_counts)) != 0;
}

static int write_counts(struct record_writer *w, const uint64_t counts[static 3])
{
    char trouble[TROUBLE_MAX];
    uv_mutex_lock(&w->lock);
    memcpy(trouble, w->last_trouble, sizeof(trouble));
    uv_mutex_unlock(&w->lock);
    int error =
        store_counts(w->store, counts[0], counts[1], counts[2], trouble[0] ? trouble : NULL);
    if (!error)
        memcpy(w->written_counts, counts, sizeof(w->written_counts));
    return error;
}

int record_writer_write_counts(struct record_writer *w)
{
    uint64_t counts[3];
    return counts_changed(w, counts) ? write_counts(w, counts) : SQLITE_OK;
}

static int write_in_transaction(struct record_writer *w)
{
    uint64_t counts[3];
    (void)counts_changed(w, counts);
    int error = pending_rows_write(&w->pending, w->store);
    if (!error)
        error = write_counts(w, counts);
    return error ? error : store_indexed(w->store, w->reader.at);
}

static int write_rows(struct record_writer *w)
{
    if (record_writer_must_drop(w))
        pending_rows_drop_largest(&w->pending);
    int error = store_begin(w->store);
    if (error)
        return error;
    error = write_in_transaction(w);
    if (!error)
        error = store_commit(w->store);
    if (error) {
        store_rollback(w->store);
        pending_rows_rolled_back(&w->pending);
        return error;
    }
    pending_rows_committed(&w->pending, record_writer_now_ms());
    w->indexed = w->reader.at;
    spool_drop(w->spool, w->indexed);
    return SQLITE_OK;
}

static int take_events(struct record_writer *w)
{
    size_t bytes = 0;
    int more = 1;
    const struct event *event = NULL;
    while (bytes + pending_rows_message_overhead(&w->pending) < RECORDER_BATCH_BYTES ||
           (w->pending.unrouted > 0 && bytes < BATCH_BYTES_MAX)) {
        more = spool_reader_batch(&w->reader);
        if (more <= 0)
            break;
        while ((event = spool_reader_event(&w->reader)))
            (void)pending_rows_event(&w->pending, event);
        bytes += w->reader.len;
    }
    return more < 0 ? SQLITE_NOMEM : SQLITE_OK;
}

// Rows that cannot be written yet are those whose EVENT_ROUTED is in the next batch: a transaction
// waits for it, so that no position leaves a row out.
static bool must_wait(struct record_writer *w)
{
    uint64_t now = record_writer_now_ms();
    if (w->pending.unrouted == 0 || atomic_load(&w->closing)) {
        w->unrouted_since_ms = 0;
        return false;
    }
    if (w->unrouted_since_ms == 0)
        w->unrouted_since_ms = now;
    return now - w->unrouted_since_ms < UNROUTED_MS;
}

static int trim(struct record_writer *w)
{
    uint64_t begun = record_writer_now_ms();
    uint64_t max_ms = TRIM_MS;
    enum store_excess excess = STORE_EXCESS_SOME;
    int error = SQLITE_OK;
    while (!error && excess != STORE_EXCESS_NONE && record_writer_now_ms() - begun < max_ms) {
        error = store_trim(w->store, wall_clock_ns(), record_writer_spooled(w), &excess);
        bool pressing = excess == STORE_EXCESS_PRESSING && !atomic_load(&w->closing);
        max_ms = pressing ? TRIM_PRESSING_MS : TRIM_MS;
    }
    w->trim_pending = excess != STORE_EXCESS_NONE;
    return error;
}

bool record_writer_has_all(struct record_writer *w)
{
    return !w->pending.dirty && !spool_is_before(w->indexed, spool_end(w->spool));
}

int record_writer_write(struct record_writer *w)
{
    uint64_t counts[3];
    int error = w->retry_batch ? SQLITE_OK : take_events(w);
    if (error || must_wait(w))
        return error;
    if (w->pending.dirty || counts_changed(w, counts) || spool_is_before(w->indexed, w->reader.at))
        error = write_rows(w);
    w->retry_batch = error != SQLITE_OK;
    return error ? error : trim(w);
}

// A segment that is in the record whole goes, so that what `delete` and the limits remove from the
// rows is soon nowhere else.
static void seal(struct record_writer *w)
{
    uint64_t now = record_writer_now_ms();
    if (!record_writer_has_all(w) || (now - w->sealed_ms < SEAL_MS && !w->memory_released))
        return;
    w->sealed_ms = now;
    spool_seal(w->spool);
    if (record_writer_has_all(w))
        spool_drop(w->spool, w->indexed);
}

int record_writer_tidy(struct record_writer *w)
{
    seal(w);
    int error = w->trim_pending || record_writer_has_all(w) ? trim(w) : SQLITE_OK;
    return error ? error
                 : store_tidy(w->store, wall_clock_ns(), w->memory_released, &w->scrub_pending);
}
