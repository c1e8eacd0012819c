// SPDX-License-Identifier: MIT
// The thread that writes rows, and answers readers.
#include <malloc.h>
#include <sys/prctl.h>
#include "record_writer_internal.h"
#include "recover.h"

enum {
    QUIET_MS = 500,       // memory is released after this time without load
    LOOK_MS = 100,        // between two looks at the load, while rows wait
    ROUTE_MS = 50,        // between two looks for an EVENT_ROUTED
    TIDY_MS = 500,        // between two steps of scrubbing
    SLEEP_MS = 60 * 1000, // longest wait
    GENTLE_MS_MAX = 200,  // of a pause between two batches
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

static bool is_stopping(void *ctx)
{
    struct record_writer *w = ctx;
    return atomic_load(&w->closing);
}

// Opens the record; then indexes what dead programs left.
static int open_store(struct record_writer *w)
{
    int error = store_open(&w->config.store, &w->store, &w->file);
    set_usable(w, !error || (w->usable && error != SQLITE_MISMATCH));
    memset(w->written_counts, 0, sizeof(w->written_counts));
    w->retry_batch = w->pending.dirty != NULL;
    return error;
}

static void recover_once(struct record_writer *w)
{
    const struct record_recovery recovery = {.stops = is_stopping, .ctx = w};
    if (!w->recovered && !atomic_load(&w->closing)) {
        w->recovered = true;
        (void)record_recover(w->config.store.dir, &recovery);
    }
}

static void close_store(struct record_writer *w)
{
    store_close(w->store);
    w->store = NULL;
    pending_rows_forget_record(&w->pending);
}

// Moves a damaged record aside; the next attempt creates another. One whose file was moved is
// closed, so that the next attempt creates it again in its place.
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
    record_writer_announce_trouble(w, INDEX_THREAD, error);
}

// Takes over the readers whose events are all in the spool. Its segment ends there: when it is
// indexed, no file of the spool has any of them.
static void take_readers(struct record_writer *w)
{
    int fds[FLUSH_WAITERS_MAX];
    size_t count = flush_mailbox_take(&w->asked, w->queue, fds);
    for (size_t i = 0; i < count; i++)
        flush_waiters_add(&w->waiters, fds[i]);
    if (count == 0)
        return;
    spool_seal(w->spool);
    w->ask_end = spool_end(w->spool);
    w->ask_appended = spool_appended(w->spool);
    w->ask_left = spool_left(w->spool, w->indexed);
}

static unsigned percent_done(struct record_writer *w)
{
    uint64_t since = spool_appended(w->spool) - w->ask_appended;
    uint64_t left = spool_left(w->spool, w->indexed);
    left -= since < left ? since : left;
    if (w->ask_left == 0 || left > w->ask_left)
        return 0;
    return (unsigned)((w->ask_left - left) * 100 / w->ask_left);
}

// The flush ends before its reader is told, so that the reader can ask again at once. Waits for
// reports expire here too: without traffic nothing else would expire them.
static void answer_readers(struct record_writer *w)
{
    uint64_t now = record_writer_now_ms();
    if (w->waiters.count == 0)
        return;
    pending_rows_expire_waiting(&w->pending, now);
    if (spool_is_before(w->indexed, w->ask_end) || w->pending.dirty) {
        flush_waiters_progress(&w->waiters, percent_done(w), now);
    } else {
        flush_mailbox_end(&w->asked, flush_waiters_unwritten(&w->waiters));
        flush_waiters_written(&w->waiters, w->pending.waited);
    }
    flush_waiters_reported(&w->waiters, pending_rows_reported(&w->pending));
}

// malloc_trim blocks every allocation of the program for a moment: it is called after load only.
static void release_memory(struct record_writer *w)
{
    pending_rows_shrink(&w->pending);
    spool_reader_shrink(&w->reader);
    store_release_memory(w->store);
    if (w->load.was_high)
        (void)malloc_trim(0);
    w->load.was_high = false;
    w->memory_released = true;
}

static int work(struct record_writer *w, enum pace pace)
{
    int error = SQLITE_OK;
    if (pace != PACE_WAIT)
        error = record_writer_write(w);
    if (!error)
        answer_readers(w);
    if (!error && pace != PACE_WAIT)
        error = record_writer_tidy(w);
    return error;
}

// How long the thread may wait for news.
static uint64_t wait_ms(struct record_writer *w, int error, enum pace pace, uint64_t took_ms)
{
    if (error)
        return RECORDER_RETRY_MS;
    if (!record_writer_has_all(w)) {
        if (pace == PACE_WAIT)
            return LOOK_MS;
        if (w->pending.unrouted > 0 && !spool_is_before(w->reader.at, spool_end(w->spool)))
            return ROUTE_MS;
        return pace == PACE_GENTLE ? (took_ms < GENTLE_MS_MAX ? took_ms : GENTLE_MS_MAX) : 0;
    }
    if (w->trim_pending)
        return 1;
    if (!w->memory_released)
        return QUIET_MS;
    return w->scrub_pending ? TIDY_MS : SLEEP_MS;
}

// Waits for news: a reader, the end, an append if all is written. An error is only interrupted by
// the end. Returns whether the time passed without any.
static bool wait_for_news(struct record_writer *w, uint64_t seen, uint64_t ms, bool failed)
{
    uint64_t end = uv_hrtime() + ms * 1000000;
    uint64_t now = uv_hrtime();
    bool all = !failed && record_writer_has_all(w);
    uv_mutex_lock(&w->lock);
    w->index_waits = all;
    for (; now < end && (failed || w->news == seen) && !atomic_load(&w->closing); now = uv_hrtime())
        (void)uv_cond_timedwait(&w->changed, &w->lock, end - now);
    w->index_waits = false;
    bool quiet = w->news == seen;
    uv_mutex_unlock(&w->lock);
    return quiet && all && ms > 0;
}

static uint64_t news(struct record_writer *w)
{
    uv_mutex_lock(&w->lock);
    uint64_t seen = w->news;
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
    bool done = w->store && record_writer_has_all(w);
    return spooled && (done || error || now - w->closing_since_ms >= RECORDER_STOP_INDEX_MS);
}

static void note_quiet(struct record_writer *w, bool quiet)
{
    if (!quiet && w->load.high)
        w->memory_released = false;
    if (quiet && w->store && !w->memory_released)
        release_memory(w);
}

static void end(struct record_writer *w)
{
    bool all = w->store && record_writer_has_all(w);
    if (all)
        (void)record_writer_write_counts(w);
    answer_readers(w);
    record_writer_announce_lost(w);
    if (!all)
        record_writer_announce_left(w);
    // The files go first, as in recover.c.
    if (!spool_free(w->spool, all ? &w->indexed : NULL) && w->store)
        store_keep_spool(w->store);
    w->spool = NULL;
    store_close(w->store);
    w->store = NULL;
    uv_mutex_lock(&w->lock);
    w->ended = true;
    uv_cond_broadcast(&w->changed);
    uv_mutex_unlock(&w->lock);
}

void record_writer_index_main(void *arg)
{
    struct record_writer *w = arg;
    bool spooled = false;
    int error = SQLITE_OK;
    (void)prctl(PR_SET_NAME, "adit-index");
    while (!is_over(w, spooled, error)) {
        uint64_t seen = news(w);
        uint64_t began_ms = record_writer_now_ms();
        enum pace pace = PACE_FULL;
        spooled = is_spooled(w);
        error = w->store ? SQLITE_OK : open_store(w);
        if (!error) {
            recover_once(w);
            take_readers(w);
            pace = record_writer_pace(w);
            error = work(w, pace);
        }
        if (error)
            handle_error(w, error);
        else
            record_writer_announce_recovery(w, INDEX_THREAD);
        uint64_t took_ms = record_writer_now_ms() - began_ms;
        note_quiet(w, wait_for_news(w, seen, wait_ms(w, error, pace, took_ms), error != 0));
    }
    end(w);
}
