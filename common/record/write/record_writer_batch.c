// SPDX-License-Identifier: MIT
// Batches of the spool become rows; what is beyond the limits goes.
#include "record_writer_internal.h"

enum {
    UNROUTED_MS = 1000,      // rows that cannot be written are waited for so long
    TRIM_MS = 100,           // deleting takes this long at a time while no rows wait,
    TRIM_PRESSING_MS = 1000, // and this long where rows alone are too many
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
    atomic_store(&w->lost, w->indexer.pending.lost);
    counts[0] = w->indexer.pending.begun;
    counts[1] = atomic_load(&w->shed) + w->indexer.pending.lost;
    counts[2] = atomic_load(&w->shed_bytes);
    return memcmp(counts, w->written_counts, sizeof(w->written_counts)) != 0;
}

static int write_counts(void *ctx, struct store *store)
{
    struct record_writer *w = ctx;
    uint64_t counts[3];
    char trouble[TROUBLE_MAX];
    (void)counts_changed(w, counts);
    uv_mutex_lock(&w->lock);
    memcpy(trouble, w->last_trouble, sizeof(trouble));
    uv_mutex_unlock(&w->lock);
    int error = store_counts(store, counts[0], counts[1], counts[2], trouble[0] ? trouble : NULL);
    if (!error)
        memcpy(w->written_counts, counts, sizeof(w->written_counts));
    return error;
}

int record_writer_write_counts(struct record_writer *w)
{
    uint64_t counts[3];
    return counts_changed(w, counts) ? write_counts(w, w->indexer.store) : SQLITE_OK;
}

// Rows that cannot be written yet are those whose EVENT_ROUTED is in the next batch: a transaction
// waits for it, so that no position leaves a row out.
static bool must_wait(struct record_writer *w)
{
    uint64_t now = record_writer_now_ms();
    if (!indexer_must_wait(&w->indexer) || w->all_spooled) {
        w->unrouted_since_ms = 0;
        return false;
    }
    if (w->unrouted_since_ms == 0)
        w->unrouted_since_ms = now;
    return now - w->unrouted_since_ms < UNROUTED_MS;
}

static int take(struct record_writer *w)
{
    bool more = true;
    int error = indexer_take(&w->indexer, record_writer_now_ms(), &more);
    w->dropped = false;
    if (w->breaks != w->indexer.breaks)
        record_writer_announce_break(w);
    w->breaks = w->indexer.breaks;
    return error;
}

int record_writer_write(struct record_writer *w)
{
    uint64_t counts[3];
    struct indexer *ix = &w->indexer;
    int error = w->retry_batch ? SQLITE_OK : take(w);
    if (error || (!w->retry_batch && must_wait(w)))
        return error;
    if (!w->dropped && record_writer_must_drop(w)) {
        pending_rows_drop_largest(&ix->pending);
        w->dropped = true;
    }
    if (ix->pending.dirty || counts_changed(w, counts) ||
        spool_is_before(ix->indexed, ix->reader.at))
        error = indexer_write(ix, write_counts, w);
    w->retry_batch = error != SQLITE_OK;
    return error;
}

// Discards the oldest segment. Returns whether that made room.
static bool discard_oldest(struct record_writer *w)
{
    uint64_t left = spool_bytes(w->spool);
    indexer_discard(&w->indexer);
    return spool_bytes(w->spool) < left;
}

// A disk that is full for the spool as well may stay so: of what waits the oldest goes, before the
// newest does. Rows take the room first, since appending has its pause. SQLite reports a full quota
// as a failed write.
bool record_writer_make_room(struct record_writer *w, int error)
{
    int kind = error & 0xff;
    uint64_t now = record_writer_now_ms();
    if (atomic_load(&w->closing)) // what waits stays in the spool
        return false;
    if (record_writer_is_full(w)) {
        while (record_writer_must_drop(w) && discard_oldest(w))
            ;
        return false;
    }
    if ((kind != SQLITE_FULL && kind != SQLITE_IOERR) || !atomic_load(&w->disk_full) ||
        now - w->discarded_ms < RECORDER_RETRY_MS)
        return false;
    w->discarded_ms = now;
    return discard_oldest(w);
}

// While rows wait, deleting may take as long as writing did: about as much goes as comes.
static int trim(struct record_writer *w, uint64_t wrote_ms)
{
    uint64_t begun = record_writer_now_ms();
    uint64_t usual_ms = indexer_has_all(&w->indexer) ? TRIM_MS : wrote_ms;
    uint64_t max_ms = 0;
    enum store_excess excess = STORE_EXCESS_SOME;
    int error = SQLITE_OK;
    do {
        error = store_trim(w->indexer.store, wall_clock_ns(), record_writer_spooled(w), &excess);
        bool pressing = excess == STORE_EXCESS_PRESSING && !atomic_load(&w->closing);
        max_ms = pressing ? TRIM_PRESSING_MS : usual_ms;
    } while (!error && excess != STORE_EXCESS_NONE && record_writer_now_ms() - begun < max_ms);
    w->trim_pending = excess != STORE_EXCESS_NONE;
    return error;
}

// Removes the copies that a spool has of rows, so that `delete` and the limits reach them.
void record_writer_seal(struct record_writer *w)
{
    if (!indexer_has_all(&w->indexer))
        return;
    w->sealed_ms = record_writer_now_ms();
    (void)spool_seal(w->spool);
    spool_drop(w->spool, w->indexer.indexed);
}

int record_writer_tidy(struct record_writer *w, uint64_t wrote_ms)
{
    if (record_writer_now_ms() - w->sealed_ms >= SEAL_MS)
        record_writer_seal(w);
    int error = trim(w, wrote_ms);
    return error ? error
                 : store_tidy(w->indexer.store, wall_clock_ns(), w->memory_released,
                              &w->scrub_pending);
}
