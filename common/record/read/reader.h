// SPDX-License-Identifier: MIT
// Reads a record, whether or not programs write it (docs/record.md). An exchange that a call hands
// out is valid until the next call that hands one out, or record_reader_end; a body until the next
// one of its side is asked for; everything else until the next call. All of it are copies: between
// two calls the record is not being read, and writers can shorten their log. So what is deleted
// meanwhile may be missing, and what runs may have gone on.
#pragma once
#include "common/record/filter/filter.h"

struct record_reader;

enum {
    RECORD_WHY_MAX = 1024,
    READER_END_ROWS = 2000000,      // the newest, among which the ends of ids are looked for
    READER_BATCH_ROWS = 256,        // exchanges that are read at once
    READER_BATCH_BYTES = 1 << 20,   // or these, about
    RECORD_DECODED_MAX = 256 << 20, // bytes of a decoded body; what is more is left out
};

// Opens the record of a state directory; makes nothing. NULL: `why` has a sentence that says what
// is the matter and what to do.
struct record_reader *record_reader_open(const char *dir, char why[static RECORD_WHY_MAX]);
void record_reader_close(struct record_reader *r);

// Begins to go through the exchanges that match (`filter` NULL: all) and have begun by now, newest
// first unless `oldest_first`, with seq > after_seq only. Returns 0 or an SQLite error.
struct record_query {
    const struct filter *filter;
    bool oldest_first;
    int64_t after_seq;
};
int record_reader_query(struct record_reader *r, const struct record_query *query);
// The next match: 1, or 0 when there is none, or an SQLite error below 0 (negated).
int record_reader_next(struct record_reader *r, struct record_exchange *x);

// Whether one exchange matches.
bool record_reader_match(struct record_reader *r, const struct filter *filter,
                         const struct record_exchange *x);
// Ends a query before its end, and lets go of everything handed out.
void record_reader_end(struct record_reader *r);

// The exchange in this row: 1, 0 when there is none, or an SQLite error below 0.
int record_reader_get(struct record_reader *r, int64_t seq, struct record_exchange *x);
// Whether it is still there.
bool record_reader_exists(struct record_reader *r, const struct record_exchange *x);
// The row of the newest exchange, 0 when there is none.
int64_t record_reader_newest(struct record_reader *r);
// The row of the next exchange behind `after_seq` that has not ended, 0 when there is none.
int64_t record_reader_running(struct record_reader *r, int64_t after_seq);
// A number that changes when others have written.
int64_t record_reader_version(struct record_reader *r);

// The exchange that a person means by `text`: a whole id; the beginning of one, or
// RECORD_ID_SUFFIX_MIN characters or more of its end, that only one has; "last"; or "last-N", the
// Nth before it. Returns 1, or 0: `why` says what is wrong, in lines, the first of which says it
// all: where several are meant, the others name them. It can be shown as it is.
int record_reader_find(struct record_reader *r, const char *text, struct record_exchange *x,
                       char why[static RECORD_WHY_MAX]);

// The kept body, piece by piece from byte `at` on: 1 and a piece, 0 at its end, < 0 on errors.
int record_reader_piece(struct record_reader *r, int64_t seq, enum record_side side, uint64_t at,
                        struct slice *piece);
// All of the kept body. False: out of memory, damaged, or over RECORD_DECODED_MAX.
bool record_reader_body(struct record_reader *r, int64_t seq, enum record_side side,
                        struct slice *body);
// The kept body as its Content-Encoding says (gzip, deflate, br, zstd, also several); as it is when
// it has none, an unknown one, or is not coded so. What is cut short is decoded as far as it goes.
// False: out of memory, or damaged.
struct record_decoded {
    struct slice body;
    bool decoded;       // a coding was undone
    bool whole;         // that is all of the body that passed
    bool over;          // it would become too large (decode.h), and is cut
    struct slice wrong; // the coding that the body is said to have and has not; or empty
};
bool record_reader_decoded(struct record_reader *r, const struct record_exchange *x,
                           enum record_side side, struct record_decoded *out);

// What is decoded in all, and what was cut for it.
struct decode_budget;
void record_reader_decode_all(struct record_reader *r); // from now on: all, whatever it takes
struct decode_budget *record_reader_budget(struct record_reader *r);
// Something of the exchange that was handed out last was cut.
void record_reader_note_cut(struct record_reader *r);
struct record_cut {
    uint64_t exchanges;
    char ids[3][EXCHANGE_ID_LEN + 1]; // of the first ones
};
void record_reader_cut(const struct record_reader *r, struct record_cut *cut);

// One message of a WebSocket: 1, 0 when there is no such message, or an SQLite error below 0.
int record_reader_message(struct record_reader *r, int64_t seq, uint64_t number,
                          struct record_message *m);

// How many of its messages there are.
uint64_t record_reader_messages(struct record_reader *r, int64_t seq);

// What the processes that write this record had to let go, and the last that went wrong.
struct record_losses {
    uint64_t shed, shed_bytes; // exchanges of which nothing is there; bytes of bodies
    struct slice trouble;      // empty: nothing
    int64_t trouble_writer;
};
int record_reader_losses(struct record_reader *r, struct record_losses *losses);
// What the tables take: bytes of the database in use, and exchanges in it.
int record_reader_size(struct record_reader *r, uint64_t *bytes, uint64_t *exchanges);
// Whether the process of this writer still lives.
bool record_reader_writer_alive(struct record_reader *r, int64_t writer);
