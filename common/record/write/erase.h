// SPDX-License-Identifier: MIT
// Deletes exchanges from a record while other programs write it, in transactions so short that no
// writer waits for long. Each transaction leaves the record consistent.
#pragma once
#include "common/record/schema.h"

struct record_eraser;

enum {
    ERASE_BATCH = 200,           // exchanges per transaction
    ERASE_BATCH_BYTES = 4 << 20, // of bodies and messages per transaction, approximately
    ERASE_VACUUM_PAGES = 256,    // returned to the file system per transaction
    ERASE_WAIT_MS = 5000,        // scrubbing waits this long for a stalled reader
};

struct erase_target {
    int64_t seq;
    char id[EXCHANGE_ID_LEN + 1]; // row numbers are reused: the row must still have this id
    bool recorder_gone;           // delete it although it has not ended
};

// Opens the record of a state directory. Returns 0 or an SQLite error.
int record_eraser_open(const char *dir, struct record_eraser **out);
void record_eraser_close(struct record_eraser *e);

// Deletes up to ERASE_BATCH targets, except running exchanges and rows that have another id by now.
// Adds the deleted exchanges and bytes to `*count` and `*bytes`. Returns 0 or an SQLite error.
int record_erase(struct record_eraser *e, const struct erase_target *targets, size_t n,
                 uint64_t *count, uint64_t *bytes);
// Returns free pages to the file system and overwrites remains of deleted rows (scrub.h). `*left`:
// a stalled reader prevented that. RECORD_NO_PAGE_MAP: this file cannot be scrubbed.
int record_erase_finish(struct record_eraser *e, bool *left);
// The number of damaged records that were put aside (docs/record.md); with `remove`, the number of
// those that it removed.
size_t record_erase_damaged(const char *dir, bool remove);
