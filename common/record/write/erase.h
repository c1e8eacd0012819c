// SPDX-License-Identifier: MIT
// Takes exchanges out of a record beside programs that write it: in transactions so short that no
// writer waits for long, each of which leaves the record true.
#pragma once
#include "common/record/schema.h"

struct record_eraser;

enum {
    ERASE_BATCH = 200,           // exchanges in one transaction
    ERASE_BATCH_BYTES = 4 << 20, // of bodies and messages in one transaction, about
    ERASE_VACUUM_PAGES = 256,    // given back in one transaction
    ERASE_WAIT_MS = 5000,        // for readers that stand still, until no more is overwritten
};

struct erase_target {
    int64_t seq;
    char id[EXCHANGE_ID_LEN + 1]; // rows are used again: it must still be this one
    bool recorder_gone;           // it never ended, and its recorder is dead
};

// Opens the record of a state directory for this. 0, or an SQLite error.
int record_eraser_open(const char *dir, struct record_eraser **out);
void record_eraser_close(struct record_eraser *e);

// Deletes these; those that run, or are others by now, stay. Adds to `*count` and `*bytes` what was
// deleted. 0, or an SQLite error.
int record_erase(struct record_eraser *e, const struct erase_target *targets, size_t n,
                 uint64_t *count, uint64_t *bytes);
// Gives the room that has become free back to the file system, and overwrites what is left of
// deleted rows (scrub.h). `*left`: it could not, since somebody reads the record and stands still.
// RECORD_NO_PAGE_MAP: it cannot in this file.
int record_erase_finish(struct record_eraser *e, bool *left);
// The records that were put aside since they were damaged (docs/record.md): how many there are;
// `remove`: were, and could be removed.
size_t record_erase_damaged(const char *dir, bool remove);
