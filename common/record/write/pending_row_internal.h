// SPDX-License-Identifier: MIT
// Shared by the files of pending rows, from the bottom: pending_row_reports.c (the index by id,
// waiting for reports), pending_row.c (memory), pending_row_events.c (events in),
// pending_row_write.c (rows out).
#pragma once
#include "pending_row.h"

struct pending_row {
    struct record_exchange x; // its slices point into the buffers below
    char tunnel[64], owner[RECORD_OWNER_MAX], address[RECORD_ADDRESS_MAX];
    struct ws_capture *messages; // NULL: not a WebSocket
    uint64_t counted_size;       // the part of x.size that the record counts already
    uint64_t tunnel_id;
    uint64_t taken_ms; // with `waiting`: since then
    uint8_t share;
    bool routed, ended, dirty;
    bool inserting; // the open transaction inserts it
    bool waiting;   // in pending_rows.waiting
    bool indexed;   // in pending_rows.buckets
    bool stored;    // its texts are in the record
    struct pending_row **bucket, *next_in_bucket;
    struct pending_row *next_dirty; // or the next one kept for reuse
    struct list_link in_waiting;
    uint64_t wait_number;
    struct buf interim, trailers[2], bad_head, detail;
    size_t head_len; // field lines in `head`; the reason phrase follows
    // The buffers from here on are reused by another exchange; all above is cleared before.
    struct buf texts; // of the request and of the route, until stored
    struct buf head;
    struct buf body[2]; // not yet written
};

// Approximate size in the record of messages not yet written.
uint64_t pending_row_message_bytes(const struct pending_row *row);
// Whether no event or report can change it any more.
bool pending_row_is_complete(const struct pending_row *row);

// Adds a row to the index by id, in which its report will find it.
void pending_row_index(struct pending_rows *rows, struct pending_row *row);
void pending_row_unindex(struct pending_row *row);
// NULL: no row expects a report with this id through this tunnel.
struct pending_row *pending_row_find(struct pending_rows *rows, uint64_t tunnel_id, const char *id);

// Whether the row's share has room among the waiting rows.
bool pending_row_may_wait(const struct pending_rows *rows, const struct pending_row *row);
void pending_row_wait_for_report(struct pending_rows *rows, struct pending_row *row,
                                 uint64_t taken_ms);
// Does nothing if it does not wait.
void pending_row_stop_waiting(struct pending_rows *rows, struct pending_row *row);

// An empty row. NULL: out of memory.
struct pending_row *pending_row_new(struct pending_rows *rows);
// Frees a row that is not in the dirty list, or keeps it for reuse.
void pending_row_free(struct pending_rows *rows, struct pending_row *row);
void pending_row_free_messages(struct pending_row *row);
void pending_row_free_buffers(struct pending_row *row);
// Empties a buffer, and frees its memory above PENDING_ROW_BUFFER_KEPT.
void pending_row_empty(struct buf *b);
// Grows the table of slots to include this one. False: out of memory.
bool pending_rows_reserve_slot(struct pending_rows *rows, uint32_t slot);
// Puts a row into the dirty list, if its exchange is routed.
void pending_row_mark_dirty(struct pending_rows *rows, struct pending_row *row);
// Ends the row of a slot that lacks an event, for lack of memory. A routed one is still written.
void pending_row_lose(struct pending_rows *rows, uint32_t slot);
