// SPDX-License-Identifier: MIT
#include "indexer.h"
#include <errno.h>

void indexer_init(struct indexer *ix, struct spool *s, struct spool_position at,
                  uint64_t body_bytes)
{
    *ix = (struct indexer){.spool = s, .indexed = at};
    spool_reader_init(&ix->reader, s, at);
    pending_rows_init(&ix->pending, body_bytes);
}

void indexer_deinit(struct indexer *ix)
{
    pending_rows_deinit(&ix->pending);
    spool_reader_deinit(&ix->reader);
}

// Behind a break a slot may be another exchange's: all that run end there.
static void note_breaks(struct indexer *ix)
{
    if (ix->breaks == ix->reader.breaks)
        return;
    ix->breaks = ix->reader.breaks;
    pending_rows_lose_running(&ix->pending);
}

static bool has_room(const struct indexer *ix, size_t bytes)
{
    if (bytes + pending_rows_message_overhead(&ix->pending) < RECORDER_BATCH_BYTES)
        return true;
    return indexer_must_wait(ix);
}

// One mark at a time: the next one when the last was passed.
static void set_mark(struct indexer *ix, uint64_t now_ms)
{
    ix->take_ms = now_ms;
    if (ix->read_ms != ix->mark_ms)
        return;
    ix->mark = spool_end(ix->spool);
    ix->mark_ms = now_ms;
}

int indexer_take(struct indexer *ix, uint64_t now_ms, bool *more)
{
    const struct event *event = NULL;
    int left = 1;
    set_mark(ix, now_ms);
    for (size_t bytes = 0; left > 0 && has_room(ix, bytes); bytes += ix->reader.len) {
        left = spool_reader_batch(&ix->reader);
        note_breaks(ix);
        while (left > 0 && (event = spool_reader_event(&ix->reader)))
            (void)pending_rows_event(&ix->pending, event);
        note_breaks(ix);
        ix->taken += left > 0 ? ix->reader.len : 0;
    }
    if (left == 0 || !spool_is_before(ix->reader.at, ix->mark))
        ix->read_ms = ix->mark_ms;
    *more = left > 0;
    return left >= 0 ? SQLITE_OK : errno == ENOMEM ? SQLITE_NOMEM : SQLITE_IOERR;
}

bool indexer_must_wait(const struct indexer *ix)
{
    return ix->pending.unrouted > 0 && ix->taken < INDEXER_BATCH_BYTES_MAX;
}

static int write_in_transaction(struct indexer *ix, indexer_count *count, void *ctx)
{
    int error = pending_rows_write(&ix->pending, ix->store);
    if (!error)
        error = count(ctx, ix->store);
    return error ? error : store_indexed(ix->store, ix->reader.at);
}

int indexer_write(struct indexer *ix, indexer_count *count, void *ctx)
{
    int error = store_begin(ix->store);
    if (error)
        return error;
    error = write_in_transaction(ix, count, ctx);
    if (!error)
        error = store_commit(ix->store);
    if (error) {
        store_rollback(ix->store);
        pending_rows_rolled_back(&ix->pending);
        return error;
    }
    pending_rows_committed(&ix->pending, ix->take_ms);
    pending_rows_expire_waiting(&ix->pending, ix->read_ms);
    ix->indexed = ix->reader.at;
    ix->taken = 0;
    spool_drop(ix->spool, ix->indexed);
    return SQLITE_OK;
}

void indexer_discard(struct indexer *ix)
{
    struct spool_position at = ix->reader.at;
    const struct event *event = NULL;
    uint64_t size = 0;
    (void)spool_seal(ix->spool);
    if (spool_locate(ix->spool, &at, &size) < 0)
        return;
    const struct spool_position end = {at.segment, size};
    while (spool_is_before(ix->reader.at, end)) {
        if (spool_reader_batch(&ix->reader) <= 0)
            ix->reader.at = end; // it cannot be read
        while ((event = spool_reader_event(&ix->reader)))
            ix->pending.lost += event->kind == EVENT_ROUTED ? 1 : 0;
    }
    ix->reader.breaks++;
    note_breaks(ix);
    spool_drop(ix->spool, ix->reader.at);
}

bool indexer_has_all(const struct indexer *ix)
{
    return !ix->pending.dirty && spool_left(ix->spool, ix->indexed) == 0;
}

// The files go first: a row without files is harmless, files without a row would be indexed again.
// Where files stay, their lock goes last.
void indexer_close(struct store *store, struct spool *spool, const struct spool_position *indexed)
{
    bool nothing = indexed && spool_free(spool, indexed);
    if (store && !nothing)
        store_keep_spool(store);
    store_close(store);
    if (!indexed)
        (void)spool_free(spool, NULL);
}
