// SPDX-License-Identifier: MIT
#include "row.h"
#include "columns.h"
#include "proto/http/http1.h"

// Results are numbered as in columns.h; these follow.
enum {
    RESULT_PROGRAM = COLUMNS_READ,
    RESULT_TUNNEL,
    RESULT_SEQ,
};

#define E(column)       ", e." #column
#define MISSING(column) ", NULL"
#define COLUMNS(since_2, since_4)      \
    RECORD_COLUMNS_REPLACED(E)         \
    RECORD_COLUMNS_REPLACED_4(since_4) \
    RECORD_COLUMNS_KEPT(E) RECORD_COLUMNS_KEPT_2(since_2) RECORD_COLUMNS_FIXED(E)
#define JOINS                                                \
    " FROM exchange e LEFT JOIN writer w ON w.id = e.writer" \
    " LEFT JOIN tunnel t ON t.id = e.tunnel "
#define SELECT(since_2, since_4) \
    "SELECT e.interim" COLUMNS(since_2, since_4) ", w.program, t.name, e.seq" JOINS

const char *const record_row_select[RECORD_VERSION + 1] = {
    [1] = SELECT(MISSING, MISSING),
    [2] = SELECT(E, MISSING),
    [3] = SELECT(E, MISSING),
    [4] = SELECT(E, E),
};

#define BODY_COLUMNS(side)                                                             \
    {                                                                                  \
        .bytes = COLUMN_##side##_bytes, .kept = COLUMN_##side##_kept,                  \
        .digest = COLUMN_##side##_digest, .first_ns = COLUMN_##side##_first_ns,        \
        .last_ns = COLUMN_##side##_last_ns, .stalled_ns = COLUMN_##side##_stalled_ns,  \
        .trailers = COLUMN_##side##_trailers, .peer_bytes = COLUMN_far_##side##_bytes, \
        .peer_digest = COLUMN_far_##side##_digest                                      \
    }

const struct record_body_columns record_body_columns[2] = {
    [RECORD_REQUEST] = BODY_COLUMNS(request),
    [RECORD_RESPONSE] = BODY_COLUMNS(response),
};

// Text is stored as UTF-8: read as a blob it is not converted, even if it is invalid.
struct slice record_column(sqlite3_stmt *s, int column)
{
    const char *p = sqlite3_column_blob(s, column);
    return slice_of(p, p ? (size_t)sqlite3_column_bytes(s, column) : 0);
}

static bool is_null(sqlite3_stmt *s, int column)
{
    return sqlite3_column_type(s, column) == SQLITE_NULL;
}

int64_t record_number(sqlite3_stmt *s, int column, int64_t otherwise)
{
    if (is_null(s, column))
        return otherwise;
    int64_t n = sqlite3_column_int64(s, column);
    return n < 0 ? otherwise : n < RECORD_NUMBER_MAX ? n : RECORD_NUMBER_MAX;
}

// -1 for NULL: did not happen.
static int64_t time_at(sqlite3_stmt *s, int column)
{
    return record_number(s, column, -1);
}

// ns since 1970; may be negative.
static int64_t wall_time_at(sqlite3_stmt *s, int column)
{
    const int64_t most = 4 * (RECORD_NUMBER_MAX - 1);
    int64_t ns = sqlite3_column_int64(s, column);
    if (ns > most)
        return most;
    return ns < -most ? -most : ns;
}

static uint64_t count_at(sqlite3_stmt *s, int column)
{
    return (uint64_t)record_number(s, column, 0);
}

static bool digest_at(sqlite3_stmt *s, int column, uint8_t out[RECORD_DIGEST_BYTES])
{
    struct slice digest = record_column(s, column);
    if (digest.len != RECORD_DIGEST_BYTES)
        return false;
    memcpy(out, digest.p, RECORD_DIGEST_BYTES);
    return true;
}

static void read_body(sqlite3_stmt *s, const struct record_body_columns *c, struct record_body *b)
{
    b->bytes = count_at(s, c->bytes);
    b->kept = count_at(s, c->kept);
    b->has_digest = digest_at(s, c->digest, b->digest);
    b->first_ns = time_at(s, c->first_ns);
    b->last_ns = time_at(s, c->last_ns);
    b->stalled_ns = (int64_t)count_at(s, c->stalled_ns);
    b->trailers = record_column(s, c->trailers);
}

static void read_peer(sqlite3_stmt *s, struct record_report *peer)
{
    peer->outcome = record_column(s, COLUMN_far_outcome);
    peer->known = peer->outcome.len > 0 || !is_null(s, COLUMN_far_flags);
    uint64_t flags = count_at(s, COLUMN_far_flags);
    peer->whole[RECORD_REQUEST] = flags & RECORD_REQUEST_WHOLE;
    peer->whole[RECORD_RESPONSE] = flags & RECORD_RESPONSE_WHOLE;
    for (int side = RECORD_REQUEST; side <= RECORD_RESPONSE; side++) {
        peer->bytes[side] = count_at(s, record_body_columns[side].peer_bytes);
        (void)digest_at(s, record_body_columns[side].peer_digest, peer->digest[side]);
    }
    peer->sent_on_ns = time_at(s, COLUMN_far_sent_on_ns);
    peer->connect_ns = time_at(s, COLUMN_far_connect_ns);
    peer->answered_ns = time_at(s, COLUMN_far_answered_ns);
    peer->duration_ns = time_at(s, COLUMN_far_duration_ns);
}

static void read_request(sqlite3_stmt *s, struct record_exchange *x)
{
    x->visitor = record_column(s, COLUMN_visitor);
    x->protocol = record_column(s, COLUMN_protocol);
    x->method = record_column(s, COLUMN_method);
    x->scheme = record_column(s, COLUMN_scheme);
    x->host = record_column(s, COLUMN_host);
    x->target = record_column(s, COLUMN_target);
    x->upstream = record_column(s, COLUMN_upstream);
    x->request_head = record_column(s, COLUMN_request_head);
    x->replay_of = record_column(s, COLUMN_replay_of);
}

// Version 1 has no response_protocol and no reason: NULL stands for the request's protocol and the
// registered phrase.
static void read_response(sqlite3_stmt *s, struct record_exchange *x)
{
    uint64_t status = count_at(s, COLUMN_status);
    x->status = status <= 999 ? (uint16_t)status : 0;
    x->interim = record_column(s, COLUMN_interim);
    x->response_head = record_column(s, COLUMN_response_head);
    x->response_protocol = record_column(s, COLUMN_response_protocol);
    if (x->response_protocol.len == 0 && x->status)
        x->response_protocol = x->protocol;
    x->reason =
        is_null(s, COLUMN_reason) ? http1_reason(x->status) : record_column(s, COLUMN_reason);
    x->detail = record_column(s, COLUMN_detail);
    x->bad_head = record_column(s, COLUMN_bad_head);
}

void record_row_read(sqlite3_stmt *s, struct record_exchange *x)
{
    memset(x, 0, sizeof(*x));
    x->seq = sqlite3_column_int64(s, RESULT_SEQ);
    struct slice id = record_column(s, COLUMN_id);
    memcpy(x->id, id.p ? id.p : "", id.len < EXCHANGE_ID_LEN ? id.len : EXCHANGE_ID_LEN);
    x->began_ns = wall_time_at(s, COLUMN_began_ns);
    x->writer = sqlite3_column_int64(s, COLUMN_writer);
    x->program = record_column(s, RESULT_PROGRAM);
    x->tunnel = record_column(s, RESULT_TUNNEL);
    read_request(s, x);
    read_response(s, x);
    x->outcome = record_column(s, COLUMN_outcome);
    x->error = record_column(s, COLUMN_error);
    x->flags = (unsigned)count_at(s, COLUMN_flags);
    x->size = count_at(s, COLUMN_size);
    for (int side = RECORD_REQUEST; side <= RECORD_RESPONSE; side++)
        read_body(s, &record_body_columns[side], &x->body[side]);
    x->sent_on_ns = time_at(s, COLUMN_sent_on_ns);
    x->connect_ns = time_at(s, COLUMN_connect_ns);
    x->service_first_ns = time_at(s, COLUMN_service_first_ns);
    x->answered_ns = time_at(s, COLUMN_answered_ns);
    x->duration_ns = time_at(s, COLUMN_duration_ns);
    read_peer(s, &x->peer);
    x->ws_state = record_column(s, COLUMN_ws_state);
}
