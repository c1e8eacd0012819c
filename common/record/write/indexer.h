// SPDX-License-Identifier: MIT
// Turns the events of a spool into rows: of the spool that the program itself writes, and of those
// that dead programs left (recover.h).
#pragma once
#include "common/record/spool/spool_reader.h"
#include "pending_row.h"

enum {
    INDEXER_BATCH_BYTES_MAX = 4 * RECORDER_BATCH_BYTES // while rows cannot be written yet
};

struct indexer {
    struct store *store; // NULL: not open; of the caller
    struct spool *spool; // of the caller
    struct spool_reader reader;
    struct pending_rows pending;
    struct spool_position indexed; // up to here all is in the record
    size_t taken;                  // bytes of events taken since then
    uint64_t breaks;               // of the reader, that the rows know of
    uint64_t take_ms;              // of the last indexer_take
    struct spool_position mark;    // the spool's end
    uint64_t mark_ms;              // at this time
    uint64_t read_ms;              // the mark that was passed last: what came before was taken
};

// Writes counters of the writer in the transaction.
typedef int indexer_count(void *ctx, struct store *store);

void indexer_init(struct indexer *ix, struct spool *s, struct spool_position at,
                  uint64_t body_bytes);
void indexer_deinit(struct indexer *ix);
// Takes events: RECORDER_BATCH_BYTES, and more where rows cannot be written yet. `now_ms`: by the
// same clock in all calls. `*more`: the spool goes on. Returns SQLITE_OK, SQLITE_NOMEM or
// SQLITE_IOERR.
int indexer_take(struct indexer *ix, uint64_t now_ms, bool *more);
// Whether a row of the events taken cannot be written before its EVENT_ROUTED is taken: a
// transaction would move the position past its begin.
bool indexer_must_wait(const struct indexer *ix);
// Writes the rows, the counters and the position in one transaction, drops indexed segments, and
// ends waits for reports that are over.
// Returns SQLITE_OK or an error; the rows are then still to be written.
int indexer_write(struct indexer *ix, indexer_count *count, void *ctx);
// Takes the events of the oldest segment and keeps none of them: their exchanges are counted as
// lost.
void indexer_discard(struct indexer *ix);
// Whether the record has all that is in the spool.
bool indexer_has_all(const struct indexer *ix);
// Closes a store and frees its spool, which is indexed to its end at `indexed`; NULL: it is not,
// and is left to a recovery. `store` may be NULL.
void indexer_close(struct store *store, struct spool *spool, const struct spool_position *indexed);
