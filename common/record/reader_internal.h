// SPDX-License-Identifier: MIT
// What the parts of the reader share: open (reader_open.c), queries (reader.c), single
// exchanges (reader_find.c), bodies and messages (reader_body.c).
#pragma once
#include "proto/buf.h"
#include "reader.h"

enum reader_statement {
    READER_FORWARD, // exchanges from the oldest on
    READER_BACKWARD,
    READER_FORWARD_ID, // of them those of one id, or one beginning of ids
    READER_BACKWARD_ID,
    READER_GET,
    READER_LAST,
    READER_BY_ID,
    READER_IDS,
    READER_RUNNING,
    READER_RUNNING_SEQ,
    READER_SMALL, // a body that is in the row of its exchange
    READER_PIECE,
    READER_BODY,
    READER_MESSAGE,
    READER_LOSSES,
    READER_SIZE,
    READER_NEWEST,
    READER_VERSION,
    READER_STATEMENTS
};

struct record_reader {
    sqlite3 *db;
    int version; // of the schema, when it was opened
    char dir[STATE_PATH_MAX];
    int lock_fd;   // of record.lock, -1 while there is none
    bool lock_any; // it is there and may not be read: then every writer counts as living
    sqlite3_stmt *statements[READER_STATEMENTS];

    sqlite3_stmt *query; // the one that record_reader_next steps; NULL: none
    const struct filter *filter;
    struct buf gone;       // int64_t, ascending: writers that left exchanges running and are dead
    struct buf whole[2];   // bodies by side
    struct buf work[2][2]; // the memory their decoding works in
};

// The statement, prepared once, reset, without values. NULL: `*error` says why.
sqlite3_stmt *reader_statement(struct record_reader *r, enum reader_statement which, int *error);
// Looks which writers are dead. To be called before a snapshot is taken.
int reader_look_for_writers(struct record_reader *r);
// The exchange that a statement is at.
void reader_exchange(struct record_reader *r, sqlite3_stmt *s, struct record_exchange *x);
// Binds what begins with `prefix` as the two bounds [first, first + 1).
int reader_bind_prefix(sqlite3_stmt *s, int first, struct slice prefix);
