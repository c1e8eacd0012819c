// SPDX-License-Identifier: MIT
// The parts of the reader, each of which calls only those before it: rows and statements
// (reader_rows.c, reader_sql.c), live writers and counts (reader_writers.c, reader_stats.c), bodies
// and messages (reader_body.c), single exchanges and queries (reader_find.c, reader_query.c).
// reader_open.c opens and closes.
#pragma once
#include "common/record/schema.h"
#include "decode.h"
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
    READER_ENDS,
    READER_RUNNING,
    READER_RUNNING_SEQ,
    READER_SMALL, // a body that is in the row of its exchange
    READER_PIECE,
    READER_BODY,
    READER_MESSAGE,
    READER_MESSAGES, // how many there are
    READER_LOSSES,
    READER_SIZE,
    READER_NEWEST,
    READER_VERSION,
    READER_EXISTS,
    READER_STATEMENTS
};

// An exchange that was read.
struct reader_row {
    struct reader_row *next;
    struct record_exchange x; // its slices point to what follows
    char bytes[];
};

struct record_reader {
    sqlite3 *db;
    int version; // of the schema, when it was opened
    char dir[STATE_PATH_MAX];
    int lock_fd;   // of record.lock, -1 while there is none
    bool lock_any; // it is there and may not be read: then every writer counts as living
    sqlite3_stmt *statements[READER_STATEMENTS];

    // What record_reader_next goes through: rows that were read and not handed out yet, and where
    // to go on.
    struct {
        bool active, oldest_first, exhausted, by_id;
        const struct filter *filter;
        int64_t after, before; // rows
        struct reader_row *rows;
    } query;
    struct reader_row *row, *found;        // handed out by it; by record_reader_get or _find
    const struct record_exchange *current; // the one that was handed out last, of these
    struct buf piece, message, trouble;    // handed out
    struct buf dead_writers; // int64_t, ascending: writers that left exchanges running and are dead
    struct buf whole[2];     // bodies by side
    struct buf work[2][2];   // the memory their decoding works in
    struct decode_budget budget;
    struct record_cut cut;
    int64_t counted_first,
        counted_last; // rows: those between have been counted, as often as they are read
};

// The statement, prepared once, reset, without values. NULL: `*error` says why.
sqlite3_stmt *reader_statement(struct record_reader *r, enum reader_statement which, int *error);
// Looks which writers are dead. To be called before a snapshot is taken.
int reader_find_dead_writers(struct record_reader *r);
// The exchange that a statement is at.
void reader_exchange(struct record_reader *r, sqlite3_stmt *s, struct record_exchange *x);
// A copy of an exchange; adds to `*bytes` what it takes. NULL: out of memory.
struct reader_row *reader_row_new(const struct record_exchange *x, size_t *bytes);
void reader_rows_free(struct reader_row *row); // and those behind it
// Makes `*bytes` a copy, in `to`. False: out of memory.
bool reader_copy(struct buf *to, struct slice *bytes);
// Binds the id that exchange `seq` must have, if it is the one that was handed out last: its row
// may be another's by now.
int reader_bind_id(sqlite3_stmt *s, int at, const struct record_reader *r, int64_t seq);
// Binds what begins with `prefix` as the two bounds [first, first + 1).
int reader_bind_prefix(sqlite3_stmt *s, int first, struct slice prefix);
// Binds the pattern of ids that end with `end`, which is made of their characters; NULL when it is
// empty.
int reader_bind_end(sqlite3_stmt *s, int at, struct slice end);
