// SPDX-License-Identifier: MIT
// The thread that appends events to the spool. What it has appended survives the program.
#include <errno.h>
#include <sys/prctl.h>
#include "record_writer_internal.h"

enum {
    FULL_MS = 20,            // between two looks at a full spool
    QUIET_MS = 500,          // memory is released after this time
    QUIET_BYTES = 64 * 1024, // with at most so many bytes of events (the progress of stalls)
    SLEEP_MS = 60 * 1000,    // longest wait for events
};

_Static_assert((int)QUEUE_BLOCK_BYTES <= (int)SPOOL_BATCH_BYTES, "a block is a batch at most");
_Static_assert((int)QUEUE_EVENT_MAX <= (int)SPOOL_EVENT_BYTES, "events fit");

// Events may be spooled once the record was opened: one of a later version stays without.
static bool wait_until_usable(struct record_writer *w)
{
    uv_mutex_lock(&w->lock);
    while (!w->usable && !(w->tried && atomic_load(&w->closing)))
        uv_cond_wait(&w->changed, &w->lock);
    bool usable = w->usable;
    uv_mutex_unlock(&w->lock);
    return usable;
}

// Appends what waits. Returns 0 or an errno; EAGAIN: the spool is full.
static int append_all(struct record_writer *w, bool last)
{
    size_t len = 0;
    const void *entries = NULL;
    while ((entries = queue_peek(w->queue, &len))) {
        if (!last && record_writer_is_full(w))
            return EAGAIN;
        const struct spool_batch_head counters = {.shed = atomic_load(&w->shed),
                                                  .shed_bytes = atomic_load(&w->shed_bytes)};
        int error = spool_append(w->spool, &counters, entries, len);
        if (error)
            return error;
        queue_release(w->queue, len);
        w->quiet_bytes += len;
    }
    return 0;
}

static void report(struct record_writer *w, int error)
{
    atomic_store(&w->disk_full, error == ENOSPC || error == EDQUOT);
    if (error && error != EAGAIN)
        record_writer_announce_trouble(w, SPOOL_THREAD, record_writer_error_of(error));
    else if (!error)
        record_writer_announce_recovery(w, SPOOL_THREAD);
    record_writer_announce_shed(w);
}

static void check_quiet(struct record_writer *w)
{
    uint64_t now = record_writer_now_ms();
    if (now - w->quiet_since_ms < QUIET_MS)
        return;
    bool quiet = w->quiet_bytes <= QUIET_BYTES;
    if (quiet && !w->shrunk)
        queue_shrink(w->queue);
    w->shrunk = quiet;
    w->quiet_since_ms = now;
    w->quiet_bytes = 0;
}

// The index thread is woken when it waits for events, or when a reader waits for it.
static void tell_appended(struct record_writer *w, bool appended, bool ended)
{
    bool asked = flush_mailbox_pending(&w->asked) > 0;
    uv_mutex_lock(&w->lock);
    w->spooled = ended;
    w->appends += appended ? 1 : 0;
    if ((w->index_waits && appended) || asked || ended) {
        w->news++;
        uv_cond_broadcast(&w->changed);
    }
    uv_mutex_unlock(&w->lock);
}

void record_writer_spool_main(void *arg)
{
    struct record_writer *w = arg;
    (void)prctl(PR_SET_NAME, "adit-spool");
    for (bool last = false; !last;) {
        bool usable = wait_until_usable(w);
        last = atomic_load(&w->closing);
        size_t before = w->quiet_bytes;
        int error = usable ? append_all(w, last) : 0;
        report(w, error);
        tell_appended(w, w->quiet_bytes != before, last);
        check_quiet(w);
        if (error && !last)
            queue_pause(w->queue, error == EAGAIN ? FULL_MS : RECORDER_RETRY_MS);
        else if (!last)
            queue_wait(w->queue, w->shrunk ? SLEEP_MS : QUIET_MS, RECORDER_GATHER_MS);
    }
}
