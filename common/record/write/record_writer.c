// SPDX-License-Identifier: MIT
// Start and stop of the record writer.
#include "record_writer.h"
#include <stdio.h>
#include <stdlib.h>
#include "record_writer_internal.h"

static bool start_threads(struct record_writer *w)
{
    if (uv_thread_create(&w->threads[INDEX_THREAD], record_writer_index_main, w))
        return false;
    if (!uv_thread_create(&w->threads[SPOOL_THREAD], record_writer_spool_main, w))
        return true;
    uv_mutex_lock(&w->lock);
    w->spooled = true;
    uv_mutex_unlock(&w->lock);
    atomic_store(&w->closing, true);
    record_writer_tell(w);
    (void)uv_thread_join(&w->threads[INDEX_THREAD]);
    return false;
}

static bool init_locks(struct record_writer *w)
{
    if (uv_mutex_init(&w->lock))
        return false;
    if (uv_cond_init(&w->changed)) {
        uv_mutex_destroy(&w->lock);
        return false;
    }
    if (flush_mailbox_init(&w->asked))
        return true;
    uv_cond_destroy(&w->changed);
    uv_mutex_destroy(&w->lock);
    return false;
}

static void free_writer(struct record_writer *w)
{
    flush_mailbox_deinit(&w->asked);
    uv_cond_destroy(&w->changed);
    uv_mutex_destroy(&w->lock);
    indexer_deinit(&w->indexer);
    flush_waiters_deinit(&w->waiters);
    (void)spool_free(w->spool, NULL);
    free(w);
}

struct record_writer *record_writer_new(const struct record_writer_config *config, struct queue *q)
{
    struct record_writer *w = calloc(1, sizeof(*w));
    if (!w)
        return NULL;
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); // statistics take a lock per allocation
    w->config = *config;
    w->queue = q;
    if (!init_locks(w)) {
        free(w);
        return NULL;
    }
    const struct spool_config spool = {.dir = config->store.dir,
                                       .program = config->store.program,
                                       .bytes = record_writer_spool_part(w),
                                       .body_bytes = config->body_bytes};
    w->spool = spool_new(&spool);
    indexer_init(&w->indexer, w->spool, (struct spool_position){0}, config->body_bytes);
    if (w->spool) {
        (void)snprintf(w->spool_id, sizeof(w->spool_id), "%s", spool_id(w->spool));
        w->config.store.spool = w->spool_id;
        w->load.since_ms = record_writer_now_ms();
        if (start_threads(w))
            return w;
    }
    free_writer(w);
    return NULL;
}

bool record_writer_stop(struct record_writer *w, unsigned ms)
{
    uint64_t end = uv_hrtime() + (uint64_t)ms * 1000000;
    atomic_store(&w->closing, true);
    queue_wake(w->queue);
    record_writer_tell(w);
    uv_mutex_lock(&w->lock);
    for (uint64_t now = uv_hrtime(); !w->ended && now < end; now = uv_hrtime())
        (void)uv_cond_timedwait(&w->changed, &w->lock, end - now);
    bool ended = w->ended;
    w->abandoned = !ended;
    uv_mutex_unlock(&w->lock);
    for (int i = 0; ended && i < WRITER_THREADS; i++)
        (void)uv_thread_join(&w->threads[i]);
    return ended;
}

void record_writer_free(struct record_writer *w)
{
    if (w)
        free_writer(w);
}

void record_writer_ask(struct record_writer *w, int fd)
{
    if (!flush_mailbox_put(&w->asked, fd, queue_mark(w->queue))) {
        flush_finish(fd, FLUSH_BUSY);
        return;
    }
    queue_wake(w->queue);
    record_writer_tell(w);
}
