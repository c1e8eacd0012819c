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
    READER_FORWARD_ID, // only ids that begin, or end, with a text
    READER_BACKWARD_ID,
    READER_GET,
    READER_LAST,
    READER_BY_ID,
    READER_IDS,
    READER_ENDS,
    READER_RUNNING,
    READER_RUNNING_SEQ,
    READER_SMALL, // a body stored in the row of its exchange
    READER_PIECE,
    READER_BODY,
    READER_MESSAGE,
    READER_MESSAGES, // their number
    READER_LOSSES,
    READER_SIZE,
    READER_NEWEST,
    READER_VERSION,
    READER_EXISTS,
    READER_STATEMENTS
};

// A copied exchange.
struct reader_row {
    struct reader_row *next;
    struct record_exchange x; // its slices point into `bytes`
    char bytes[];
};

struct record_reader {
    sqlite3 *db;
    int version; // of the schema, when opened
    char dir[STATE_PATH_MAX];
    int lock_fd;   // of record.lock, -1 while it does not exist
    bool lock_any; // record.lock cannot be opened: every writer counts as alive
    sqlite3_stmt *statements[READER_STATEMENTS];

    // The query: rows read ahead, and where to go on.
    struct {
        bool active, oldest_first, exhausted, by_id;
        const struct filter *filter;
        int64_t after, before; // the rows still to read lie between these
        struct reader_row *rows;
    } query;
    struct reader_row *row, *found;        // handed out by the query; by record_reader_get or _find
    const struct record_exchange *current; // handed out last: one of these two
    struct buf piece, message, trouble;    // handed out
    struct buf dead_writers; // int64_t, ascending: dead writers with unfinished exchanges
    struct buf whole[2];     // bodies by side
    struct buf work[2][2];   // decoding buffers by side
    struct decode_budget budget;
    struct record_cut cut;
    int64_t counted_first, counted_last; // rows between these are counted in `cut` already
};

// Returns a statement, prepared once and reset. NULL: `*error` says why.
sqlite3_stmt *reader_statement(struct record_reader *r, enum reader_statement which, int *error);
// Fills `dead_writers`. To be called before a snapshot is taken: see reader_exchange. Returns 0 or
// an SQLite error.
int reader_find_dead_writers(struct record_reader *r);
// Gets the exchange of a statement's current row. A running one of a dead writer has ended.
void reader_exchange(struct record_reader *r, sqlite3_stmt *s, struct record_exchange *x);
// Copies an exchange, and adds its size to `*bytes`. NULL: out of memory.
struct reader_row *reader_row_new(const struct record_exchange *x, size_t *bytes);
void reader_rows_free(struct reader_row *row); // and all rows behind it
// Copies `*bytes` to `to`, and points `*bytes` to the copy. False: out of memory.
bool reader_copy(struct buf *to, struct slice *bytes);
// Binds the id of exchange `seq` if it is the one handed out last, else NULL: its row may have been
// deleted and reused meanwhile.
int reader_bind_id(sqlite3_stmt *s, int at, const struct record_reader *r, int64_t seq);
// Binds parameters `first` and `first + 1` to the bounds [a, b) of texts that begin with `prefix`.
int reader_bind_prefix(sqlite3_stmt *s, int first, struct slice prefix);
// Binds the GLOB pattern of ids that end with `end`, which holds no wildcards; NULL when it is
// empty.
int reader_bind_end(sqlite3_stmt *s, int at, struct slice end);
