// SPDX-License-Identifier: MIT
// What the parts of the tracks share: events, memory and reports (pending_row.c), rows
// (pending_row_write.c).
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
    bool told;       // its texts are in the record
    bool left, late; // it is left for the next transaction; it was left before
    struct pending_row **bucket, *next_in_bucket;
    struct pending_row *next_dirty; // or the next of those that are kept
    struct pending_row *next_waiting, **at_waiting;
    uint64_t wait_number; // of those that have ever waited
    struct buf interim, trailers[2], bad_head, detail;
    size_t head_len; // of the field lines in `head`, before a reason phrase
    // These are used again, by another exchange: what is above is cleared then.
    struct buf texts; // until they are written
    struct buf head;
    struct buf body[2]; // not written yet
};

// What its messages that are not written yet take in the record.
uint64_t pending_row_message_bytes(const struct pending_row *k);
// Whether it will not be touched again.
bool pending_row_is_over(const struct pending_row *k);
