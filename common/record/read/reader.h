// SPDX-License-Identifier: MIT
// Reads a record (docs/record.md), whether or not programs write it. Results are copies: between
// two calls no transaction is open, so that writers can checkpoint; rows may be deleted and running
// exchanges may change meanwhile. An exchange is valid until the next call that gets one, or
// record_reader_end; a body until the next body of its side; all else until the next call.
#pragma once
#include "common/record/filter/filter.h"

struct record_reader;

enum {
    RECORD_WHY_MAX = 1024,
    READER_END_ROWS = 2000000,      // the newest exchanges, whose ids are searched by their ends
    READER_BATCH_ROWS = 256,        // exchanges read at once,
    READER_BATCH_BYTES = 1 << 20,   // or about as many bytes
    RECORD_DECODED_MAX = 256 << 20, // bytes of a body, decoded or not; longer ones are cut
};

// Opens the record of a state directory, and never creates one. NULL: `why` says what is wrong and
// what to do.
struct record_reader *record_reader_open(const char *dir, char why[static RECORD_WHY_MAX]);
void record_reader_close(struct record_reader *r);

// Starts a query for the exchanges that match `filter` (NULL: all) and have begun by now, newest
// first unless `oldest_first`, of rows behind `after_seq` only. The filter must outlive the query.
// Returns 0 or an SQLite error.
struct record_query {
    const struct filter *filter;
    bool oldest_first;
    int64_t after_seq;
};
int record_reader_query(struct record_reader *r, const struct record_query *query);
// Gets the next match. Returns 1, 0 at the end, or a negated SQLite error.
int record_reader_next(struct record_reader *r, struct record_exchange *x);

// Whether one exchange matches.
bool record_reader_match(struct record_reader *r, const struct filter *filter,
                         const struct record_exchange *x);
// Ends a query early, and frees all results.
void record_reader_end(struct record_reader *r);

// Gets the exchange of a row. Returns 1, 0 when there is none, or a negated SQLite error.
int record_reader_get(struct record_reader *r, int64_t seq, struct record_exchange *x);
// Whether an exchange has not been deleted since it was read.
bool record_reader_exists(struct record_reader *r, const struct record_exchange *x);
// Returns the row of the newest exchange, 0 when there is none.
int64_t record_reader_newest(struct record_reader *r);
// Returns the first row behind `after_seq` whose exchange has not ended, 0 when there is none.
int64_t record_reader_running(struct record_reader *r, int64_t after_seq);
// Returns a number that changes when other connections have written.
int64_t record_reader_version(struct record_reader *r);

// Finds the exchange that a user means: a whole id; the beginning of an id, or RECORD_ID_SUFFIX_MIN
// or more characters of its end, when unique; "last", or "last-N", the Nth before it. Returns 1; or
// 0 and in `why` what is wrong, free of control characters: one line, and when several exchanges
// match, further lines that list them.
int record_reader_find(struct record_reader *r, const char *text, struct record_exchange *x,
                       char why[static RECORD_WHY_MAX]);

// Gets a piece of a body as recorded, from byte `at` on. Returns 1, 0 at the end, or a negated
// SQLite error.
int record_reader_piece(struct record_reader *r, int64_t seq, enum record_side side, uint64_t at,
                        struct slice *piece);
// Gets a whole body as recorded. False: out of memory, damaged, or over RECORD_DECODED_MAX.
bool record_reader_body(struct record_reader *r, int64_t seq, enum record_side side,
                        struct slice *body);
// Gets a body with its Content-Encoding undone (gzip, deflate, br, zstd, or several); unchanged
// when it has none, an unknown one, or is not coded so. A truncated body is decoded as far as
// possible. False: out of memory, or damaged.
struct record_decoded {
    struct slice body;
    bool decoded;       // a coding was undone
    bool whole;         // the whole body that passed, not truncated
    bool over;          // cut by the bounds of decode.h
    struct slice wrong; // the declared coding that the body does not have, or empty
};
bool record_reader_decoded(struct record_reader *r, const struct record_exchange *x,
                           enum record_side side, struct record_decoded *out);

// The budget for decoding, and the exchanges that were cut by it.
struct decode_budget;
void record_reader_decode_all(struct record_reader *r); // removes the bounds
struct decode_budget *record_reader_budget(struct record_reader *r);
// Counts the exchange that was got last as cut, once.
void record_reader_note_cut(struct record_reader *r);
struct record_cut {
    uint64_t exchanges;
    char ids[3][EXCHANGE_ID_LEN + 1]; // of the first ones
};
void record_reader_cut(const struct record_reader *r, struct record_cut *cut);

// Gets one WebSocket message. Returns 1, 0 when there is none, or a negated SQLite error.
int record_reader_message(struct record_reader *r, int64_t seq, uint64_t number,
                          struct record_message *m);
// Returns the number of an exchange's messages.
uint64_t record_reader_messages(struct record_reader *r, int64_t seq);

// The losses of this record's writers, and the last error that one of them noted.
struct record_losses {
    uint64_t shed, shed_bytes; // exchanges not recorded at all; bytes of bodies
    struct slice trouble;      // empty: none
    int64_t trouble_writer;
};
int record_reader_losses(struct record_reader *r, struct record_losses *losses);
// Gets the bytes of the database in use, and the number of exchanges.
int record_reader_size(struct record_reader *r, uint64_t *bytes, uint64_t *exchanges);
// Whether the process of a writer is alive.
bool record_reader_writer_alive(struct record_reader *r, int64_t writer);
