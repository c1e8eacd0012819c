// SPDX-License-Identifier: MIT
// The recorder's thread: events out of the queue become rows of the record, many in one
// transaction. What cannot be written waits here and in the queue and is tried again.
#pragma once
#include "common/io/loop.h"
#include "queue.h"
#include "store.h"

struct record_writer;

enum {
    RECORD_WRITER_MESSAGE_MAX = 2048
};

struct record_writer_config {
    struct store_config store;
    uint64_t body_bytes; // of WebSocket messages of one exchange that are kept; 0: all
    uv_async_t *notify;  // is sent to when there is something to tell
};

// Starts the thread. NULL: out of memory or threads.
struct record_writer *record_writer_new(const struct record_writer_config *config, struct queue *q);
// Writes what is left and ends the thread. False: it has not ended after `ms`, because the disk
// does not answer, and must be left alone. It may still have something to tell.
bool record_writer_stop(struct record_writer *s, unsigned ms);
// Only when it has ended.
void record_writer_free(struct record_writer *s);

// Of the queue's writer. What waits is to be written soon: it is not held back, and if the idle
// hand does not get to it in time, the ordinary one writes it.
void record_writer_expedite(struct record_writer *s);
// Of other threads. Exchanges of which nothing is kept, and bytes of bodies, are counted.
void record_writer_shed(struct record_writer *s, uint64_t exchanges, uint64_t bytes);
// Whether nothing can be written now, and those counts.
bool record_writer_is_failing(struct record_writer *s, uint64_t *exchanges, uint64_t *bytes);
// What people should know, one text after the other: false when there is nothing new.
bool record_writer_next_message(struct record_writer *s,
                                char text[static RECORD_WRITER_MESSAGE_MAX]);
