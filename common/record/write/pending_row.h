// SPDX-License-Identifier: MIT
// Rows in the record writer's memory: of exchanges that run, that are to be written, or that wait
// for the peer's report. Events go in, rows of the record come out.
#pragma once
#include "common/record/spool/event.h"
#include "proto/list.h"
#include "recorder.h"
#include "store.h"
#include "ws_capture.h"

struct pending_row;

enum {
    PENDING_ROW_BUCKETS = 4096,
    PENDING_ROW_FIXED_BYTES = 300,     // of a row besides its texts, estimated
    PENDING_ROW_BUFFER_KEPT = 2048,    // a buffer up to this size is reused with its row
    PENDING_ROWS_KEPT_BYTES = 4 << 20, // of rows kept for reuse, with their buffers
    PENDING_ROWS_KEPT_QUIET = 64       // rows kept for reuse under low load
};

struct pending_rows {
    struct pending_row **slots; // by the slot of their events
    uint32_t slot_count;
    struct pending_row *dirty, **dirty_last; // to be written, oldest first
    struct list waiting;                     // written, without the peer's report; oldest first
    size_t unrouted; // rows whose EVENT_ROUTED is still to come: they cannot be written
    size_t waiting_count;
    uint32_t waiting_of[RECORDER_SHARES];             // waiting rows by share
    uint64_t waited;                                  // rows that ever waited
    struct pending_row *buckets[PENDING_ROW_BUCKETS]; // by id: rows that expect a report
    struct pending_row *kept;                         // for reuse
    size_t kept_count, kept_bytes;
    struct ws_capture_budget budget;
    uint64_t body_bytes;
    uint64_t begun, lost; // exchanges recorded, and exchanges lost for lack of memory
};

void pending_rows_init(struct pending_rows *rows, uint64_t body_bytes);
void pending_rows_deinit(struct pending_rows *rows);

// Applies a valid event (event_check.h), in whatever order they come: an exchange whose events do
// not follow each other ends as lost. False: out of memory; the exchange is lost, and counted.
bool pending_rows_event(struct pending_rows *rows, const void *event);
// Memory of captured WebSocket messages besides their payload, which it can exceed many times.
size_t pending_rows_message_overhead(const struct pending_rows *rows);

// Takes over the row of an exchange that runs, whose slot has more events, or of one that has ended
// and lacks the peer's report, as if its events were applied at `taken_ms`. False: out of memory.
bool pending_rows_restore(struct pending_rows *rows, const struct record_exchange *x,
                          uint64_t taken_ms);
// Ends the rows of all exchanges that run, as pending_row_lose does: their events cannot be told
// from other exchanges' any more.
void pending_rows_lose_running(struct pending_rows *rows);
// Drops ended exchanges that were never written, of the share that takes the most, and counts them
// as lost.
void pending_rows_drop_largest(struct pending_rows *rows);
// Writes all dirty rows in the open transaction. Returns an SQLite error, after which the
// transaction must be rolled back.
int pending_rows_write(struct pending_rows *rows, struct store *s);
// Call after a rollback: all rows of the transaction are dirty again.
void pending_rows_rolled_back(struct pending_rows *rows);
// Call after a commit: ended rows are freed, or wait for the peer's report. `taken_ms`: the last
// event was applied.
void pending_rows_committed(struct pending_rows *rows, uint64_t taken_ms);

// Ends waits for reports: of rows beyond RECORDER_WAITING_MAX, the oldest first, and of those to
// which none came for RECORDER_REPORT_MS. `read_ms`: all events that came until then were applied.
// While these lag, no wait ends: reports may be among them.
void pending_rows_expire_waiting(struct pending_rows *rows, uint64_t read_ms);
// Rows are numbered as they begin to wait. Every row with a number below the returned one no longer
// waits.
uint64_t pending_rows_reported(const struct pending_rows *rows);

// Frees most rows kept for reuse.
void pending_rows_shrink(struct pending_rows *rows);
uint64_t pending_rows_count_dirty(const struct pending_rows *rows);
// Call when the record was replaced: rows that were in the old one cannot be updated and are lost.
void pending_rows_forget_record(struct pending_rows *rows);
