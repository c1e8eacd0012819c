// SPDX-License-Identifier: MIT
// What the recorder's thread knows of exchanges that run, that are still to be written, or that
// wait for the other end's report.
#pragma once
#include "event.h"
#include "proto/list.h"
#include "recorder.h"
#include "store.h"
#include "ws_capture.h"

struct pending_row;

enum {
    PENDING_ROW_BUCKETS = 4096,
    PENDING_ROW_FIXED_BYTES = 300,     // that a row takes besides its texts, about
    PENDING_ROW_BUFFER_KEPT = 2048,    // bytes of a buffer that is used again with its track
    PENDING_ROWS_KEPT_BYTES = 4 << 20, // of tracks that are kept for later, with their buffers
    PENDING_ROWS_KEPT_QUIET = 64       // of them, while there is little to do
};

struct pending_rows {
    struct pending_row **slots; // by the slot of their events
    uint32_t slot_count;
    struct pending_row *dirty, **dirty_last; // to be written
    struct pending_row *next;                // of them, in the transaction that is under way
    struct list waiting; // ended and written, without a report yet: oldest first
    size_t waiting_count;
    uint32_t waiting_of[RECORDER_SHARES];             // of each share
    uint64_t waited;                                  // how many have ever waited
    struct pending_row *buckets[PENDING_ROW_BUCKETS]; // by id, of those that a report may come for
    struct pending_row *kept;                         // to be used again
    size_t kept_count, kept_bytes;
    struct ws_capture_budget budget;
    uint64_t body_bytes;
    uint64_t begun, lost; // exchanges that are recorded; that could not be
};

void pending_rows_init(struct pending_rows *rows, uint64_t body_bytes);
void pending_rows_deinit(struct pending_rows *rows);

// Takes in one event. False: out of memory, and an exchange is lost (counted).
bool pending_rows_event(struct pending_rows *rows, const void *event);
// Bytes that messages which are to be written take besides their payload: of a WebSocket they can
// be many times what came.
size_t pending_rows_message_overhead(const struct pending_rows *rows);
// What is left for the next transaction, once: most of it is over by then, and its row is written
// once.
enum pending_rows_defer {
    PENDING_ROWS_DEFER_NONE,
    PENDING_ROWS_DEFER_RUNNING,    // exchanges that run
    PENDING_ROWS_DEFER_UNREPORTED, // and those whose report has not come
};
// Writes at most `most` of what is to be written, those that come next; `*more` says whether some
// remain. An SQLite error: then pending_rows_rolled_back, after a rollback.
int pending_rows_write(struct pending_rows *rows, struct store *s, enum pending_rows_defer leave,
                       size_t most, bool *more);
void pending_rows_rolled_back(struct pending_rows *rows);
// It is written, but for what was left. Those that have ended are forgotten, or wait for their
// report until `now_ms` is RECORDER_REPORT_MS later.
void pending_rows_committed(struct pending_rows *rows, uint64_t now_ms);
// Forgets those whose report has not come for so long.
void pending_rows_expire_waiting(struct pending_rows *rows, uint64_t now_ms);
// How many of those that have ever waited for a report, the first ones, wait no more.
uint64_t pending_rows_reported(const struct pending_rows *rows);
// There is little to do: gives back most of what is kept for later.
void pending_rows_shrink(struct pending_rows *rows);
// How many are to be written.
uint64_t pending_rows_count_dirty(const struct pending_rows *rows);
// The record that they were in is gone: those that were written before are lost.
void pending_rows_forget_record(struct pending_rows *rows);
