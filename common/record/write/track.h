// SPDX-License-Identifier: MIT
// What the recorder's thread knows of exchanges that run, that are still to be written, or that
// wait for the other end's report.
#pragma once
#include "event.h"
#include "frames.h"
#include "recorder.h"
#include "store.h"

struct track;

enum {
    TRACK_BUCKETS = 4096,
    TRACK_ROW_BYTES = 300,       // that a row takes besides its texts, about
    TRACK_BUFFER_KEPT = 2048,    // bytes of a buffer that is used again with its track
    TRACKS_KEPT_BYTES = 4 << 20, // of tracks that are kept for later, with their buffers
    TRACKS_KEPT_QUIET = 64       // of them, while there is little to do
};

struct tracks {
    struct track **slots; // by the slot of their events
    uint32_t slot_count;
    struct track *dirty, **dirty_last;     // to be written
    struct track *next;                    // of them, in the transaction that is under way
    struct track *waiting, **waiting_last; // ended and written, without a report yet: oldest first
    size_t waiting_count;
    uint32_t waiting_of[RECORDER_SHARES]; // of each share
    uint64_t waited;                      // how many have ever waited
    struct track *buckets[TRACK_BUCKETS]; // by id, of those that a report may come for
    struct track *kept;                   // to be used again
    size_t kept_count, kept_bytes;
    struct frames_budget budget;
    uint64_t body_bytes;
    uint64_t begun, lost; // exchanges that are recorded; that could not be
};

void tracks_init(struct tracks *t, uint64_t body_bytes);
void tracks_deinit(struct tracks *t);

// Takes in one event. False: out of memory, and an exchange is lost (counted).
bool tracks_event(struct tracks *t, const void *event);
// Bytes that messages which are to be written take besides their payload: of a WebSocket they can
// be many times what came.
size_t tracks_messages(const struct tracks *t);
// What is left for the next transaction, once: most of it is over by then, and its row is written
// once.
enum tracks_leave {
    TRACKS_LEAVE_NONE,
    TRACKS_LEAVE_RUNNING,    // exchanges that run
    TRACKS_LEAVE_UNREPORTED, // and those whose report has not come
};
// Writes at most `most` of what is to be written, those that come next; `*more` says whether some
// remain. An SQLite error: then tracks_unwritten, after a rollback.
int tracks_write(struct tracks *t, struct store *s, enum tracks_leave leave, size_t most,
                 bool *more);
void tracks_unwritten(struct tracks *t);
// It is written, but for what was left. Those that have ended are forgotten, or wait for their
// report until `now_ms` is RECORDER_REPORT_MS later.
void tracks_written(struct tracks *t, uint64_t now_ms);
// Forgets those whose report has not come for so long.
void tracks_stop_waiting(struct tracks *t, uint64_t now_ms);
// How many of those that have ever waited for a report, the first ones, wait no more.
uint64_t tracks_waited(const struct tracks *t);
// There is little to do: gives back most of what is kept for later.
void tracks_shrink(struct tracks *t);
// How many are to be written.
uint64_t tracks_count_dirty(const struct tracks *t);
// The record that they were in is gone: those that were written before are lost.
void tracks_lose_rows(struct tracks *t);
