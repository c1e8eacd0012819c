// SPDX-License-Identifier: MIT
// The thread that writes rows, and answers readers.
#include <malloc.h>
#include <sys/prctl.h>
#include "record_writer_internal.h"
#include "recover.h"

enum {
    QUIET_MS = 500,               // memory is released after this time without load
    LOOK_MS = 100,                // between two looks at the load, while rows wait
    ROUTE_MS = 50,                // between two looks for an EVENT_ROUTED
    RECOVER_EVERY_MS = 60 * 1000, // between two looks at spools of dead programs
    TIDY_MS = 500,                // between two steps of scrubbing
    SLEEP_MS = 60 * 1000,         // longest wait
    GENTLE_MS_MAX = 1000,         // of a pause between two batches
};

// The news and the appends up to a moment.
struct seen {
    uint64_t news, appends;
};

void record_writer_tell(struct record_writer *w)
{
    uv_mutex_lock(&w->lock);
    w->news++;
    uv_cond_broadcast(&w->changed);
    uv_mutex_unlock(&w->lock);
}

static void set_usable(struct record_writer *w, bool usable)
{
    uv_mutex_lock(&w->lock);
    w->tried = true;
    w->usable = usable;
    uv_cond_broadcast(&w->changed);
    uv_mutex_unlock(&w->lock);
}

// Whether a record that cannot be opened now may be ours all the same.
static bool may_pass(int error)
{
    int primary = error & 0xff;
    return primary == SQLITE_BUSY || primary == SQLITE_FULL || primary == SQLITE_IOERR ||
           primary == SQLITE_NOMEM;
}

static int open_store(struct record_writer *w)
{
    w->config.store.indexed = w->indexer.indexed;
    int error = store_open(&w->config.store, &w->indexer.store, &w->file);
    set_usable(w, !error || (error != SQLITE_MISMATCH && (w->usable || may_pass(error))));
    memset(w->written_counts, 0, sizeof(w->written_counts));
    return error;
}

// Own readers and own events come first; what is left then is taken up at the next look.
static bool has_other_work(void *ctx)
{
    struct record_writer *w = ctx;
    return atomic_load(&w->closing) || flush_mailbox_pending(&w->asked) > 0 ||
           spool_left(w->spool, w->indexer.indexed) > RECORDER_BATCH_BYTES;
}

static void announce_break(void *ctx)
{
    record_writer_announce_break(ctx);
}

// Indexes what programs left that were killed.
static void recover(struct record_writer *w)
{
    const struct record_recovery recovery = {
        .stops = has_other_work, .broken = announce_break, .ctx = w};
    uint64_t now = record_writer_now_ms();
    if (now < w->recover_ms || has_other_work(w))
        return;
    int error = record_recover(w->config.store.dir, &recovery);
    w->recover_ms = now + (error == SQLITE_INTERRUPT ? 0 : RECOVER_EVERY_MS);
    bool transient = error == SQLITE_OK || error == SQLITE_INTERRUPT || error == SQLITE_BUSY;
    if (!transient && error != w->recover_error)
        record_writer_announce_unrecovered(w, error);
    w->recover_error = transient ? SQLITE_OK : error;
}

// `moved`: the record's file is elsewhere, with the position of the spool.
static void close_store(struct record_writer *w, bool moved)
{
    if (moved && w->indexer.store)
        store_keep_spool(w->indexer.store);
    store_close(w->indexer.store);
    w->indexer.store = NULL;
    pending_rows_forget_record(&w->indexer.pending);
    if (moved)
        spool_follow(w->spool);
}

// Moves a damaged record aside; the next attempt creates another. One whose file was moved is
// closed, so that the next attempt creates it again in its place. Returns whether the error's cause
// may be gone.
static bool handle_error(struct record_writer *w, int error)
{
    char name[STATE_PATH_MAX + 64];
    if (record_writer_is_damage(error)) {
        close_store(w, false);
        if (store_put_aside(w->config.store.dir, &w->file, name))
            record_writer_announce_damaged(w, name);
    }
    if (error == SQLITE_READONLY_DBMOVED)
        close_store(w, true);
    record_writer_announce_trouble(w, INDEX_THREAD, error);
    return record_writer_make_room(w, error);
}

static uint64_t indexed_bytes(struct record_writer *w)
{
    uint64_t appended = spool_appended(w->spool); // first: more may be appended meanwhile
    uint64_t left = spool_left(w->spool, w->indexer.indexed);
    return appended - (left < appended ? left : appended);
}

// Takes over the readers whose events are all in the spool. Its segment ends there: when it is
// indexed, no file of the spool has any of them.
static void take_readers(struct record_writer *w)
{
    int fds[FLUSH_WAITERS_MAX];
    size_t count = flush_mailbox_take(&w->asked, w->queue, fds);
    if (count == 0)
        return;
    uint64_t end = spool_seal(w->spool);
    uint64_t begin = indexed_bytes(w);
    for (size_t i = 0; i < count; i++)
        flush_waiters_add(&w->waiters, fds[i], begin, end);
}

// The flush ends before its reader is told, so that the reader can ask again at once. Waits for
// reports expire here too: without traffic nothing else would expire them.
static void answer_readers(struct record_writer *w)
{
    uint64_t now = record_writer_now_ms();
    if (w->waiters.count == 0)
        return;
    uint64_t indexed = indexed_bytes(w);
    if (flush_waiters_ready(&w->waiters, indexed) > 0)
        (void)spool_seal(w->spool); // their events are in rows, and perhaps in a segment that grows
    spool_drop(w->spool, w->indexer.indexed);
    uint64_t gone = spool_oldest(w->spool);
    uint64_t over = gone < indexed ? gone : indexed;
    size_t ready = flush_waiters_ready(&w->waiters, over);
    struct pending_rows *pending = &w->indexer.pending;
    pending_rows_expire_waiting(pending, w->indexer.read_ms);
    if (ready > 0) {
        flush_mailbox_end(&w->asked, ready);
        flush_waiters_written(&w->waiters, over, pending->waited);
    }
    flush_waiters_progress(&w->waiters, indexed, now);
    flush_waiters_reported(&w->waiters, pending_rows_reported(pending));
}

// malloc_trim blocks every allocation of the program for a moment: it is called when nothing is
// recorded.
static void release_memory(struct record_writer *w)
{
    pending_rows_shrink(&w->indexer.pending);
    spool_reader_shrink(&w->indexer.reader);
    store_release_memory(w->indexer.store);
    (void)malloc_trim(0);
    w->load.released = spool_appended(w->spool);
    w->memory_released = true;
}

static int work(struct record_writer *w, enum pace pace)
{
    uint64_t began_ms = record_writer_now_ms();
    int error = pace == PACE_WAIT ? SQLITE_OK : record_writer_write(w);
    uint64_t wrote_ms = record_writer_now_ms() - began_ms;
    if (!error)
        answer_readers(w);
    if (error || pace == PACE_WAIT)
        return error;
    error = record_writer_tidy(w, wrote_ms);
    if (!error)
        recover(w);
    return error;
}

// How long the thread may wait for news. `all`: the record has all.
static uint64_t wait_ms(struct record_writer *w, bool all, enum pace pace, uint64_t took_ms)
{
    if (!all) {
        if (pace == PACE_WAIT)
            return LOOK_MS;
        if (w->unrouted_since_ms && !spool_is_before(w->indexer.reader.at, spool_end(w->spool)))
            return ROUTE_MS;
        return pace == PACE_GENTLE ? (took_ms < GENTLE_MS_MAX ? took_ms : GENTLE_MS_MAX) : 0;
    }
    if (w->trim_pending)
        return 1;
    if (w->recover_ms <= record_writer_now_ms()) // other work came first
        return LOOK_MS;
    if (!w->memory_released || spool_bytes(w->spool) > 0)
        return QUIET_MS;
    return w->scrub_pending ? TIDY_MS : SLEEP_MS;
}

// Waits for news: a reader, the end, and, with `all`, an append. The spool's lock is not taken
// here: the loop must not wait for a disk. Returns whether the time passed without any.
static bool wait_for_news(struct record_writer *w, struct seen seen, uint64_t ms, bool all)
{
    uint64_t end = uv_hrtime() + ms * 1000000;
    uv_mutex_lock(&w->lock);
    w->index_waits = all;
    for (uint64_t now = uv_hrtime(); now < end; now = uv_hrtime()) {
        bool ends = atomic_load(&w->closing) && w->spooled; // may have been seen before
        if (ends || w->news != seen.news || (all && w->appends != seen.appends))
            break;
        (void)uv_cond_timedwait(&w->changed, &w->lock, end - now);
    }
    w->index_waits = false;
    bool quiet = w->news == seen.news && w->appends == seen.appends && !atomic_load(&w->closing);
    uv_mutex_unlock(&w->lock);
    return quiet && all && ms > 0;
}

// After an error, only the end cuts the pause short.
static void wait_after_error(struct record_writer *w)
{
    uint64_t end = uv_hrtime() + RECORDER_RETRY_MS * 1000000ULL;
    uv_mutex_lock(&w->lock);
    for (uint64_t now = uv_hrtime(); now < end; now = uv_hrtime()) {
        if (atomic_load(&w->closing) && w->spooled)
            break;
        (void)uv_cond_timedwait(&w->changed, &w->lock, end - now);
    }
    uv_mutex_unlock(&w->lock);
}

static struct seen look(struct record_writer *w)
{
    uv_mutex_lock(&w->lock);
    const struct seen seen = {w->news, w->appends};
    uv_mutex_unlock(&w->lock);
    return seen;
}

static bool is_spooled(struct record_writer *w)
{
    uv_mutex_lock(&w->lock);
    bool spooled = w->spooled;
    uv_mutex_unlock(&w->lock);
    return spooled;
}

// After the spool thread's end the rest is indexed, unless that fails or takes long.
static bool is_over(struct record_writer *w, bool spooled, int error)
{
    uint64_t now = record_writer_now_ms();
    if (!atomic_load(&w->closing))
        return false;
    if (w->closing_since_ms == 0)
        w->closing_since_ms = now;
    bool done = w->indexer.store && indexer_has_all(&w->indexer);
    return spooled && (done || error || now - w->closing_since_ms >= RECORDER_STOP_INDEX_MS);
}

static void note_quiet(struct record_writer *w, bool quiet)
{
    if (!quiet && record_writer_should_release(w))
        w->memory_released = false;
    if (!quiet || !w->indexer.store)
        return;
    record_writer_seal(w);
    if (!w->memory_released)
        release_memory(w);
}

static void end(struct record_writer *w)
{
    bool all = w->indexer.store && indexer_has_all(&w->indexer);
    if (all)
        (void)record_writer_write_counts(w);
    answer_readers(w);
    record_writer_announce_lost(w);
    if (!all)
        record_writer_announce_left(w);
    indexer_close(w->indexer.store, w->spool, all ? &w->indexer.indexed : NULL);
    w->indexer.store = NULL;
    w->spool = NULL;
    uv_mutex_lock(&w->lock);
    w->ended = true;
    uv_cond_broadcast(&w->changed);
    uv_mutex_unlock(&w->lock);
}

// One turn. Returns an error, after which a turn is tried again.
static int turn(struct record_writer *w, struct seen seen)
{
    uint64_t began_ms = record_writer_now_ms();
    enum pace pace = PACE_FULL;
    int error = w->indexer.store ? SQLITE_OK : open_store(w);
    if (!error) {
        take_readers(w);
        pace = record_writer_pace(w, record_writer_now_ms());
        error = work(w, pace);
    }
    if (error) {
        if (!handle_error(w, error))
            wait_after_error(w);
        return error;
    }
    record_writer_announce_recovery(w, INDEX_THREAD);
    bool all = indexer_has_all(&w->indexer);
    uint64_t ms = wait_ms(w, all, pace, record_writer_now_ms() - began_ms);
    note_quiet(w, wait_for_news(w, seen, ms, all));
    return SQLITE_OK;
}

void record_writer_index_main(void *arg)
{
    struct record_writer *w = arg;
    bool spooled = false;
    int error = SQLITE_OK;
    (void)prctl(PR_SET_NAME, "adit-index");
    while (!is_over(w, spooled, error)) {
        struct seen seen = look(w);
        spooled = w->all_spooled = is_spooled(w);
        error = turn(w, seen);
    }
    end(w);
}
