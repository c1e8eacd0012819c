// SPDX-License-Identifier: MIT
// Bodies, recorded or decoded, and WebSocket messages.
#include "common/record/row.h"
#include "decode.h"
#include "reader_internal.h"

// Binds the exchange and side of a body; the exchange must still have its id.
static int bind_side(const struct record_reader *r, sqlite3_stmt *s, int64_t seq,
                     enum record_side side)
{
    int error = sqlite3_bind_int64(s, 1, seq);
    if (!error)
        error = sqlite3_bind_int(s, 2, (int)side);
    return error ? error : reader_bind_id(s, 9, r, seq);
}

// Appends a body stored in the row of its exchange. Returns 1, 0 when it is stored elsewhere, or a
// negated SQLite error.
static int small_body(struct record_reader *r, int64_t seq, enum record_side side, struct buf *to)
{
    int error = SQLITE_OK;
    sqlite3_stmt *s = reader_statement(r, READER_SMALL, &error);
    if (s)
        error = bind_side(r, s, seq, side);
    if (error)
        return -error;
    int status = sqlite3_step(s);
    struct slice body = {0};
    if (status == SQLITE_ROW)
        body = record_column(s, 0);
    bool copied = buf_append(to, body.p, body.len);
    (void)sqlite3_reset(s);
    if (!copied)
        return -SQLITE_NOMEM;
    return status == SQLITE_ROW ? body.len > 0 : status == SQLITE_DONE ? 0 : -status;
}

// Gets the stored piece that contains byte `at`, from there on.
static int piece_at(struct record_reader *r, sqlite3_stmt *s, uint64_t at, struct slice *piece)
{
    int status = sqlite3_step(s);
    if (status != SQLITE_ROW)
        return status == SQLITE_DONE ? 0 : -status;
    int64_t start = sqlite3_column_int64(s, 0);
    struct slice bytes = record_column(s, 1);
    uint64_t skipped = at - (uint64_t)start;
    if (start < 0 || skipped >= bytes.len)
        return 0;
    *piece = slice_of(bytes.p + skipped, bytes.len - skipped);
    return reader_copy(&r->piece, piece) ? 1 : -SQLITE_NOMEM;
}

int record_reader_piece(struct record_reader *r, int64_t seq, enum record_side side, uint64_t at,
                        struct slice *piece)
{
    int error = SQLITE_OK;
    r->piece.start = r->piece.end = 0;
    int found = small_body(r, seq, side, &r->piece);
    size_t len = buf_len(&r->piece);
    *piece = (struct slice){0};
    if (found < 0 || (found && at >= len))
        return found < 0 ? found : 0;
    if (found) {
        *piece = slice_of(buf_at(&r->piece) + at, len - at);
        return 1;
    }
    sqlite3_stmt *s = reader_statement(r, READER_PIECE, &error);
    if (!s)
        return -error;
    error = at > INT64_MAX ? SQLITE_RANGE : bind_side(r, s, seq, side);
    if (!error)
        error = sqlite3_bind_int64(s, 3, (int64_t)at);
    int status = error ? -error : piece_at(r, s, at, piece);
    (void)sqlite3_reset(s);
    return status;
}

enum load {
    LOAD_WHOLE,
    LOAD_CUT, // RECORD_DECODED_MAX was reached
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

// Returns how much of a body was kept when the exchange was read; UINT64_MAX when it is not the one
// handed out last.
static uint64_t known_kept(const struct record_reader *r, int64_t seq, enum record_side side)
{
    return r->current && r->current->seq == seq ? r->current->body[side].kept : UINT64_MAX;
}

static enum load load_body(struct record_reader *r, int64_t seq, enum record_side side,
                           struct slice *body)
{
    int status = SQLITE_OK;
    struct buf *whole = &r->whole[side];
    enum load load = LOAD_WHOLE;
    whole->start = whole->end = 0;
    *body = (struct slice){0};
    const uint64_t kept = known_kept(r, seq, side);
    if (kept == 0)
        return LOAD_WHOLE;
    int found =
        kept == UINT64_MAX || kept <= RECORD_SMALL_BODY_BYTES ? small_body(r, seq, side, whole) : 0;
    if (found < 0)
        return LOAD_FAILED;
    if (found) {
        *body = slice_of(whole->bytes, buf_len(whole));
        return LOAD_WHOLE;
    }
    sqlite3_stmt *s = reader_statement(r, READER_BODY, &status);
    if (!s || bind_side(r, s, seq, side))
        return LOAD_FAILED;
    while (load == LOAD_WHOLE && (status = sqlite3_step(s)) == SQLITE_ROW)
        load = take_piece(s, whole);
    (void)sqlite3_reset(s);
    if (load == LOAD_WHOLE && status != SQLITE_DONE)
        load = LOAD_FAILED;
    if (kept < buf_len(whole))
        whole->end = whole->start + kept; // the body has grown since the exchange was read
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
    if (x->body[side].kept == 0 && x->duration_ns >= 0) { // most requests have no body
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
    const size_t len = out->body.len;
    const size_t room = decode_allowance(&r->budget, len, RECORD_DECODED_MAX);
    if (!decode_body(&codings, out->body, room, r->work[side], &d))
        return false;
    decode_charge(&r->budget, len, d.work);
    if (d.over)
        record_reader_note_cut(r);
    *out = (struct record_decoded){d.body, d.decoded, d.whole && all, d.over, d.wrong};
    return true;
}

void record_reader_decode_all(struct record_reader *r)
{
    r->budget.unbounded = true;
}

struct decode_budget *record_reader_budget(struct record_reader *r)
{
    return &r->budget;
}

void record_reader_note_cut(struct record_reader *r)
{
    struct record_cut *cut = &r->cut;
    int64_t seq = r->current ? r->current->seq : 0;
    if (seq <= 0 || (seq >= r->counted_first && seq <= r->counted_last))
        return;
    r->counted_first = r->counted_first && r->counted_first < seq ? r->counted_first : seq;
    r->counted_last = r->counted_last > seq ? r->counted_last : seq;
    if (cut->exchanges < sizeof(cut->ids) / sizeof(cut->ids[0]))
        memcpy(cut->ids[cut->exchanges], r->current->id, sizeof(cut->ids[0]));
    cut->exchanges++;
}

void record_reader_cut(const struct record_reader *r, struct record_cut *cut)
{
    *cut = r->cut;
}

static void take_message(sqlite3_stmt *s, struct record_message *m)
{
    int64_t size = sqlite3_column_int64(s, 4);
    m->side = sqlite3_column_int(s, 0) == RECORD_RESPONSE ? RECORD_RESPONSE : RECORD_REQUEST;
    m->opcode = (unsigned)sqlite3_column_int(s, 1) & 15;
    m->compressed = sqlite3_column_int(s, 2) & 1;
    m->at_ns = record_number(s, 3, 0);
    m->size = size < 0 ? 0 : (uint64_t)size;
    m->bytes = record_column(s, 5);
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
    if (!error)
        error = reader_bind_id(s, 9, r, seq);
    int status = error ? error : sqlite3_step(s);
    if (status == SQLITE_ROW) {
        take_message(s, m);
        if (!reader_copy(&r->message, &m->bytes))
            status = SQLITE_NOMEM;
    }
    (void)sqlite3_reset(s);
    return status == SQLITE_ROW ? 1 : status == SQLITE_DONE ? 0 : -status;
}

uint64_t record_reader_messages(struct record_reader *r, int64_t seq)
{
    int error = SQLITE_OK;
    int64_t count = 0;
    sqlite3_stmt *s = reader_statement(r, READER_MESSAGES, &error);
    if (s && sqlite3_bind_int64(s, 1, seq) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        count = sqlite3_column_int64(s, 0);
    if (s)
        (void)sqlite3_reset(s);
    return count > 0 ? (uint64_t)count : 0;
}
