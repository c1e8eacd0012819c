// SPDX-License-Identifier: MIT
#include "row.h"
#include "proto/http/http1.h"

#define SELECT(answer)                                                                    \
    "SELECT e.seq, e.id, e.began_ns, e.writer, w.program, t.name, e.visitor, e.protocol," \
    " e.method, e.scheme, e.host, e.target, e.upstream, e.request_head, e.interim,"       \
    " e.response_head, e.status, e.outcome, e.error, e.replay_of, e.flags,"               \
    " e.request_bytes, e.request_kept, e.request_digest, e.request_first_ns,"             \
    " e.request_last_ns, e.request_stalled_ns, e.request_trailers,"                       \
    " e.response_bytes, e.response_kept, e.response_digest, e.response_first_ns,"         \
    " e.response_last_ns, e.response_stalled_ns, e.response_trailers,"                    \
    " e.sent_on_ns, e.connect_ns, e.service_first_ns, e.answered_ns, e.duration_ns,"      \
    " e.far_outcome, e.far_flags, e.far_request_bytes, e.far_request_digest,"             \
    " e.far_response_bytes, e.far_response_digest, e.far_sent_on_ns, e.far_connect_ns,"   \
    " e.far_answered_ns, e.far_duration_ns" answer                                        \
    " FROM exchange e LEFT JOIN writer w ON w.id = e.writer"                              \
    " LEFT JOIN tunnel t ON t.id = e.tunnel "

const char *const record_row_select[RECORD_VERSION + 1] = {
    [1] = SELECT(", NULL, NULL, NULL, NULL"),
    [2] = SELECT(", e.response_protocol, e.reason, e.detail, e.bad_head"),
    [3] = SELECT(", e.response_protocol, e.reason, e.detail, e.bad_head"),
};

// The columns are read one after the other, as they are named above.
struct row {
    sqlite3_stmt *s;
    int at;
};

// Strings are kept as UTF-8, so taken as bytes they are not converted, whatever they hold.
struct slice record_column(sqlite3_stmt *s, int column)
{
    const char *p = sqlite3_column_blob(s, column);
    return slice_of(p, p ? (size_t)sqlite3_column_bytes(s, column) : 0);
}

static struct slice next_text(struct row *r)
{
    return record_column(r->s, r->at++);
}

int64_t record_number(sqlite3_stmt *s, int column, int64_t otherwise)
{
    if (sqlite3_column_type(s, column) == SQLITE_NULL)
        return otherwise;
    int64_t n = sqlite3_column_int64(s, column);
    return n < 0 ? otherwise : n < RECORD_MOST ? n : RECORD_MOST;
}

// A time; -1 when it did not happen.
static int64_t next_time(struct row *r)
{
    return record_number(r->s, r->at++, -1);
}

// Since 1970, or before it.
static int64_t next_wall_time(struct row *r)
{
    const int64_t most = 4 * (RECORD_MOST - 1);
    int64_t ns = sqlite3_column_int64(r->s, r->at++);
    if (ns > most)
        return most;
    return ns < -most ? -most : ns;
}

static uint64_t next_count(struct row *r)
{
    return (uint64_t)record_number(r->s, r->at++, 0);
}

static bool next_digest(struct row *r, uint8_t out[RECORD_DIGEST_BYTES])
{
    struct slice digest = next_text(r);
    if (digest.len != RECORD_DIGEST_BYTES)
        return false;
    memcpy(out, digest.p, RECORD_DIGEST_BYTES);
    return true;
}

static void read_body(struct row *r, struct record_body *b)
{
    b->bytes = next_count(r);
    b->kept = next_count(r);
    b->has_digest = next_digest(r, b->digest);
    b->first_ns = next_time(r);
    b->last_ns = next_time(r);
    b->stalled_ns = (int64_t)next_count(r);
    b->trailers = next_text(r);
}

static void read_peer(struct row *r, struct record_report *peer)
{
    peer->outcome = next_text(r);
    peer->known = peer->outcome.len > 0 || sqlite3_column_type(r->s, r->at) != SQLITE_NULL;
    uint64_t flags = next_count(r);
    peer->whole[RECORD_REQUEST] = flags & RECORD_REQUEST_WHOLE;
    peer->whole[RECORD_RESPONSE] = flags & RECORD_RESPONSE_WHOLE;
    for (int side = RECORD_REQUEST; side <= RECORD_RESPONSE; side++) {
        peer->bytes[side] = next_count(r);
        (void)next_digest(r, peer->digest[side]);
    }
    peer->sent_on_ns = next_time(r);
    peer->connect_ns = next_time(r);
    peer->answered_ns = next_time(r);
    peer->duration_ns = next_time(r);
}

static void read_what(struct row *r, struct record_exchange *x)
{
    x->program = next_text(r);
    x->tunnel = next_text(r);
    x->visitor = next_text(r);
    x->protocol = next_text(r);
    x->method = next_text(r);
    x->scheme = next_text(r);
    x->host = next_text(r);
    x->target = next_text(r);
    x->upstream = next_text(r);
    x->request_head = next_text(r);
    x->interim = next_text(r);
    x->response_head = next_text(r);
}

// Records of before have neither the protocol of a response nor its phrase.
static void read_answer(struct row *r, struct record_exchange *x)
{
    x->response_protocol = next_text(r);
    if (x->response_protocol.len == 0 && x->status)
        x->response_protocol = x->protocol;
    bool registered = sqlite3_column_type(r->s, r->at) == SQLITE_NULL;
    x->reason = next_text(r);
    if (registered)
        x->reason = http1_reason(x->status);
    x->detail = next_text(r);
    x->bad_head = next_text(r);
}

void record_row_read(sqlite3_stmt *s, struct record_exchange *x)
{
    struct row r = {s, 0};
    memset(x, 0, sizeof(*x));
    x->seq = sqlite3_column_int64(s, r.at++);
    struct slice id = next_text(&r);
    memcpy(x->id, id.p ? id.p : "", id.len < EXCHANGE_ID_LEN ? id.len : EXCHANGE_ID_LEN);
    x->began_ns = next_wall_time(&r);
    x->writer = sqlite3_column_int64(s, r.at++);
    read_what(&r, x);
    uint64_t status = next_count(&r);
    x->status = status <= 999 ? (uint16_t)status : 0;
    x->outcome = next_text(&r);
    x->error = next_text(&r);
    x->replay_of = next_text(&r);
    x->flags = (unsigned)next_count(&r);
    read_body(&r, &x->body[RECORD_REQUEST]);
    read_body(&r, &x->body[RECORD_RESPONSE]);
    x->sent_on_ns = next_time(&r);
    x->connect_ns = next_time(&r);
    x->service_first_ns = next_time(&r);
    x->answered_ns = next_time(&r);
    x->duration_ns = next_time(&r);
    read_peer(&r, &x->peer);
    read_answer(&r, x);
}
