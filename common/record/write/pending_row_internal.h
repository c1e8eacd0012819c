// SPDX-License-Identifier: MIT
// What the files of pending rows share. From the bottom: pending_row_reports.c (by id, waiting for
// reports), pending_row.c (memory), pending_row_events.c (events in), pending_row_write.c (rows
// out).
#pragma once
#include "pending_row.h"

struct pending_row {
    struct record_exchange x; // its slices point into what follows
    char tunnel[64], owner[RECORD_OWNER_MAX], address[RECORD_ADDRESS_MAX];
    struct ws_capture *messages;
    uint64_t counted; // of x.size, in the record
    uint64_t tunnel_id;
    uint64_t written_ms;
    uint8_t share; // of whose share it is
    bool routed, ended, dirty, inserting, waits, hashed;
    bool stored;               // its texts are in the record
    bool deferred, must_write; // it is left for the next transaction; it was left before
    struct pending_row **bucket, *next_in_bucket;
    struct pending_row *next_dirty; // or the next of those that are kept
    struct list_link in_waiting;
    uint64_t wait_number; // of those that have ever waited
    struct buf interim, trailers[2], bad_head, detail;
    size_t head_len; // of the field lines in `head`, before a reason phrase
    // These are used again, by another exchange: what is above is cleared then.
    struct buf texts; // until they are written
    struct buf head;
    struct buf body[2]; // not written yet
};

// What its messages that are not written yet take in the record.
uint64_t pending_row_message_bytes(const struct pending_row *row);
// Whether it will not be touched again.
bool pending_row_is_over(const struct pending_row *row);

// The index by id, of rows that have a tunnel's number.
void pending_row_hash(struct pending_rows *rows, struct pending_row *row);
void pending_row_unhash(struct pending_row *row);
struct pending_row *pending_row_find(struct pending_rows *rows, uint64_t tunnel_id, const char *id);

// Those that have ended and are written, but lack the report.
bool pending_row_may_wait(const struct pending_rows *rows, const struct pending_row *row);
void pending_row_wait_for_report(struct pending_rows *rows, struct pending_row *row,
                                 uint64_t now_ms);
void pending_row_stop_waiting(struct pending_rows *rows, struct pending_row *row);

// A row that shows nothing of an exchange yet. NULL: out of memory.
struct pending_row *pending_row_new(struct pending_rows *rows);
// It must not be among the dirty ones.
void pending_row_free(struct pending_rows *rows, struct pending_row *row);
void pending_row_free_messages(struct pending_row *row);
void pending_row_free_buffers(struct pending_row *row);
// Empties a buffer, and frees it if it is large.
void pending_row_empty(struct buf *b);
// Whether there is room for a slot, which is made. False: out of memory.
bool pending_rows_have_slot(struct pending_rows *rows, uint32_t slot);
// Marks a row as one to be written, if it is routed.
void pending_row_touch(struct pending_rows *rows, struct pending_row *row);
// Takes it out of its slot: it lacks an event and cannot go on. What is routed is written so.
void pending_row_lose(struct pending_rows *rows, uint32_t slot);
