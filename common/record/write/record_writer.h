// SPDX-License-Identifier: MIT
// The record writer: two threads behind the queue. The spool thread appends events to the spool as
// they come. The index thread turns what is in the spool into rows of the record, many in one
// transaction, when that disturbs nobody or when a reader asks. Events that cannot be appended stay
// in the queue; a batch of rows that cannot be written stays in memory, and is retried.
#pragma once
#include "common/io/loop.h"
#include "queue.h"
#include "store.h"

struct record_writer;

enum {
    RECORD_WRITER_MESSAGE_MAX = 2048 // bytes, with the NUL
};

struct record_writer_config {
    struct store_config store; // without `spool`
    uint64_t body_bytes;       // of an exchange's WebSocket messages that are recorded; 0: no limit
    uv_async_t *notify;        // sent to when record_writer_next_message has a message
};

// Starts the threads. NULL: out of memory or threads.
struct record_writer *record_writer_new(const struct record_writer_config *config, struct queue *q);
// Appends all that is left, indexes it for RECORDER_STOP_INDEX_MS at most, and ends the threads.
// False: they have not ended after `ms`, since the disk does not respond; the writer must then not
// be freed. Messages may still be pending.
bool record_writer_stop(struct record_writer *w, unsigned ms);
// Only after record_writer_stop returned true.
void record_writer_free(struct record_writer *w);

// Producer of the queue. A reader waits until all events queued so far are in the record (flush.h):
// takes over its connection.
void record_writer_ask(struct record_writer *w, int fd);
// Any thread. Counts exchanges, and bytes of bodies, that are not recorded.
void record_writer_shed(struct record_writer *w, uint64_t exchanges, uint64_t bytes);
// Any thread. Returns whether the last write failed, and gets the counters of record_writer_shed.
bool record_writer_is_failing(struct record_writer *w, uint64_t *exchanges, uint64_t *bytes);
// Takes the next message for the program's log. False: none.
bool record_writer_next_message(struct record_writer *w,
                                char text[static RECORD_WRITER_MESSAGE_MAX]);
