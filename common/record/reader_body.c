// SPDX-License-Identifier: MIT
// Bodies, messages and field lines out of a record.
#include "decode.h"
#include "reader_internal.h"
#include "row.h"

static int bind_side(sqlite3_stmt *s, int64_t seq, enum record_side side)
{
    int error = sqlite3_bind_int64(s, 1, seq);
    return error ? error : sqlite3_bind_int(s, 2, (int)side);
}

// A body that is in the row of its exchange, valid until this is called again: 1, 0 when it is
// elsewhere, or an SQLite error below 0.
static int small_body(struct record_reader *r, int64_t seq, enum record_side side,
                      struct slice *body)
{
    int error = SQLITE_OK;
    sqlite3_stmt *s = reader_statement(r, READER_SMALL, &error);
    *body = (struct slice){0};
    if (s)
        error = bind_side(s, seq, side);
    if (error)
        return -error;
    int status = sqlite3_step(s);
    if (status == SQLITE_ROW)
        *body = record_column(s, 0);
    if (body->len == 0)
        (void)sqlite3_reset(s);
    return status == SQLITE_ROW ? body->len > 0 : status == SQLITE_DONE ? 0 : -status;
}

int record_reader_piece(struct record_reader *r, int64_t seq, enum record_side side, uint64_t at,
                        struct slice *piece)
{
    struct slice small;
    int found = small_body(r, seq, side, &small);
    int error = SQLITE_OK;
    *piece = (struct slice){0};
    if (found < 0 || (found && at >= small.len))
        return found < 0 ? found : 0;
    if (found) {
        *piece = slice_of(small.p + at, small.len - at);
        return 1;
    }
    sqlite3_stmt *s = reader_statement(r, READER_PIECE, &error);
    if (!s)
        return -error;
    error = at > INT64_MAX ? SQLITE_RANGE : bind_side(s, seq, side);
    if (!error)
        error = sqlite3_bind_int64(s, 3, (int64_t)at);
    int status = error ? error : sqlite3_step(s);
    if (status != SQLITE_ROW) {
        (void)sqlite3_reset(s);
        return status == SQLITE_DONE ? 0 : -status;
    }
    int64_t start = sqlite3_column_int64(s, 0);
    struct slice bytes = record_column(s, 1);
    uint64_t skipped = at - (uint64_t)start;
    if (start < 0 || skipped >= bytes.len)
        return 0;
    *piece = slice_of(bytes.p + skipped, bytes.len - skipped);
    return 1;
}

enum load {
    LOAD_WHOLE,
    LOAD_CUT, // at RECORD_DECODED_MAX
    LOAD_FAILED
};

static enum load take_piece(sqlite3_stmt *s, struct buf *body)
{
    struct slice bytes = record_column(s, 1);
    size_t room = RECORD_DECODED_MAX - buf_len(body);
    if (sqlite3_column_int64(s, 0) != (int64_t)buf_len(body))
        return LOAD_FAILED;
    if (!buf_append(body, bytes.p, bytes.len < room ? bytes.len : room))
        return LOAD_FAILED;
    return bytes.len > room ? LOAD_CUT : LOAD_WHOLE;
}

static enum load load_body(struct record_reader *r, int64_t seq, enum record_side side,
                           struct slice *body)
{
    int status = SQLITE_OK;
    struct buf *whole = &r->whole[side];
    enum load load = LOAD_WHOLE;
    struct slice small;
    whole->start = whole->end = 0;
    *body = (struct slice){0};
    int found = small_body(r, seq, side, &small);
    if (found < 0 || (found && !buf_append(whole, small.p, small.len)))
        return LOAD_FAILED;
    if (found) {
        *body = slice_of(whole->bytes, buf_len(whole));
        return LOAD_WHOLE;
    }
    sqlite3_stmt *s = reader_statement(r, READER_BODY, &status);
    if (!s || bind_side(s, seq, side))
        return LOAD_FAILED;
    while (load == LOAD_WHOLE && (status = sqlite3_step(s)) == SQLITE_ROW)
        load = take_piece(s, whole);
    (void)sqlite3_reset(s);
    if (load == LOAD_WHOLE && status != SQLITE_DONE)
        load = LOAD_FAILED;
    *body = slice_of(whole->bytes, buf_len(whole));
    return load;
}

bool record_reader_body(struct record_reader *r, int64_t seq, enum record_side side,
                        struct slice *body)
{
    return load_body(r, seq, side, body) == LOAD_WHOLE;
}

bool record_reader_decoded(struct record_reader *r, const struct record_exchange *x,
                           enum record_side side, struct record_decoded *out)
{
    struct decode_codings codings = {0};
    struct slice lines = side == RECORD_REQUEST ? x->request_head : x->response_head;
    struct slice name;
    struct slice value;
    struct decoded d;
    *out = (struct record_decoded){0};
    if (x->body[side].kept == 0 && x->duration_ns >= 0) { // most requests: nothing to look for
        out->whole = x->body[side].bytes == 0;
        return true;
    }
    enum load load = load_body(r, x->seq, side, &out->body);
    if (load == LOAD_FAILED)
        return false;
    while (record_next_field(&lines, &name, &value))
        if (slice_ieq(name, SLICE("content-encoding")))
            decode_add(&codings, value);
    bool all = load == LOAD_WHOLE && x->body[side].kept >= x->body[side].bytes;
    codings.partial = !all;
    if (!decode_body(&codings, out->body, RECORD_DECODED_MAX, r->work[side], &d))
        return false;
    *out = (struct record_decoded){d.body, d.decoded, d.whole && all, d.wrong};
    return true;
}

int record_reader_message(struct record_reader *r, int64_t seq, uint64_t number,
                          struct record_message *m)
{
    int error = SQLITE_OK;
    sqlite3_stmt *s = reader_statement(r, READER_MESSAGE, &error);
    *m = (struct record_message){0};
    if (!s)
        return -error;
    error = number > INT64_MAX ? SQLITE_RANGE : sqlite3_bind_int64(s, 1, seq);
    if (!error)
        error = sqlite3_bind_int64(s, 2, (int64_t)number);
    int status = error ? error : sqlite3_step(s);
    if (status != SQLITE_ROW) {
        (void)sqlite3_reset(s);
        return status == SQLITE_DONE ? 0 : -status;
    }
    int64_t size = sqlite3_column_int64(s, 4);
    m->side = sqlite3_column_int(s, 0) == RECORD_RESPONSE ? RECORD_RESPONSE : RECORD_REQUEST;
    m->opcode = (unsigned)sqlite3_column_int(s, 1) & 15;
    m->compressed = sqlite3_column_int(s, 2) & 1;
    m->at_ns = record_number(s, 3, 0);
    m->size = size < 0 ? 0 : (uint64_t)size;
    m->bytes = record_column(s, 5);
    return 1;
}
