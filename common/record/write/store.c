// SPDX-License-Identifier: MIT
// Transactions and the rows of exchanges, bodies and messages.
#include "common/record/columns.h"
#include "scrub.h"
#include "store_internal.h"

enum {
    UPDATE_SEQ = COLUMN_id + 1 // UPDATE_EXCHANGE has :seq behind :id
};

int store_begin(struct store *s)
{
    store_tunnels_begin(s);
    if (store_is_moved(s))
        return SQLITE_READONLY_DBMOVED;
    int error = record_log_has_room(s->db, s->config.dir, STORE_BUSY_MS);
    return error ? error : store_run(s, store_statement(s, BEGIN));
}

int store_commit(struct store *s)
{
    int error = store_tunnels_write(s);
    return error ? error : store_run(s, store_statement(s, COMMIT));
}

// Cached tunnels may have been inserted by this transaction.
void store_rollback(struct store *s)
{
    (void)store_run(s, store_statement(s, ROLLBACK));
    store_tunnels_forget(s);
}

static void bind_number(sqlite3_stmt *q, int column, int64_t number)
{
    (void)sqlite3_bind_int64(q, column + 1, number);
}

static void bind_text(sqlite3_stmt *q, int column, struct slice text)
{
    store_bind_text(q, column + 1, text);
}

static void bind_blob(sqlite3_stmt *q, int column, struct slice bytes)
{
    store_bind_blob(q, column + 1, bytes);
}

static void bind_ns(sqlite3_stmt *q, int column, int64_t ns)
{
    store_bind_ns(q, column + 1, ns);
}

static void bind_digest(sqlite3_stmt *q, int column, bool known, const uint8_t *digest)
{
    bind_blob(q, column, slice_of((const char *)digest, known ? RECORD_DIGEST_BYTES : 0));
}

static void bind_body(sqlite3_stmt *q, const struct record_body_columns *c,
                      const struct record_body *b)
{
    bind_number(q, c->bytes, (int64_t)b->bytes);
    bind_number(q, c->kept, (int64_t)b->kept);
    bind_digest(q, c->digest, b->has_digest, b->digest);
    bind_ns(q, c->first_ns, b->first_ns);
    bind_ns(q, c->last_ns, b->last_ns);
    bind_number(q, c->stalled_ns, b->stalled_ns);
    bind_blob(q, c->trailers, b->trailers);
}

#define BIND_NULL(name) (void)sqlite3_bind_null(q, COLUMN_##name + 1);

static void bind_peer(sqlite3_stmt *q, const struct record_report *peer)
{
    if (!peer->known) {
        RECORD_COLUMNS_PEER(BIND_NULL)
        return;
    }
    bind_text(q, COLUMN_far_outcome, peer->outcome);
    bind_number(q, COLUMN_far_flags,
                (peer->whole[0] ? RECORD_REQUEST_WHOLE : 0) |
                    (peer->whole[1] ? RECORD_RESPONSE_WHOLE : 0));
    bind_ns(q, COLUMN_far_sent_on_ns, peer->sent_on_ns);
    bind_ns(q, COLUMN_far_connect_ns, peer->connect_ns);
    bind_ns(q, COLUMN_far_answered_ns, peer->answered_ns);
    bind_ns(q, COLUMN_far_duration_ns, peer->duration_ns);
    for (int side = 0; side < 2; side++) {
        bind_number(q, record_body_columns[side].peer_bytes, (int64_t)peer->bytes[side]);
        bind_digest(q, record_body_columns[side].peer_digest, true, peer->digest[side]);
    }
}

// An empty phrase differs from NULL, which is the registered one.
static void bind_reason(sqlite3_stmt *q, struct slice reason)
{
    if (reason.p)
        (void)sqlite3_bind_text64(q, COLUMN_reason + 1, reason.p, reason.len, SQLITE_STATIC,
                                  SQLITE_UTF8);
    else
        (void)sqlite3_bind_null(q, COLUMN_reason + 1);
}

// Columns that inserts and updates write.
static void bind_exchange(sqlite3_stmt *q, const struct record_exchange *x)
{
    if (x->status)
        bind_number(q, COLUMN_status, x->status);
    else
        (void)sqlite3_bind_null(q, COLUMN_status + 1);
    bind_text(q, COLUMN_outcome, x->outcome);
    bind_text(q, COLUMN_error, x->error);
    bind_number(q, COLUMN_flags, x->flags);
    bind_number(q, COLUMN_size, (int64_t)x->size);
    bind_ns(q, COLUMN_sent_on_ns, x->sent_on_ns);
    bind_ns(q, COLUMN_connect_ns, x->connect_ns);
    bind_ns(q, COLUMN_service_first_ns, x->service_first_ns);
    bind_ns(q, COLUMN_answered_ns, x->answered_ns);
    bind_ns(q, COLUMN_duration_ns, x->duration_ns);
    for (int side = 0; side < 2; side++)
        bind_body(q, &record_body_columns[side], &x->body[side]);
    bind_blob(q, COLUMN_interim, x->interim);
    bind_blob(q, COLUMN_response_head, x->response_head);
    bind_text(q, COLUMN_response_protocol, x->response_protocol);
    bind_reason(q, x->reason);
    bind_text(q, COLUMN_detail, x->detail);
    bind_blob(q, COLUMN_bad_head, x->bad_head);
    bind_blob(q, COLUMN_ws_state, x->ws_state);
    bind_peer(q, &x->peer);
}

// Columns that only an insert writes.
static void bind_fixed(sqlite3_stmt *q, const struct record_exchange *x, int64_t writer,
                       int64_t tunnel)
{
    bind_number(q, COLUMN_writer, writer);
    bind_number(q, COLUMN_tunnel, tunnel);
    bind_number(q, COLUMN_began_ns, x->began_ns);
    bind_text(q, COLUMN_visitor, x->visitor);
    bind_text(q, COLUMN_protocol, x->protocol);
    bind_text(q, COLUMN_method, x->method);
    bind_text(q, COLUMN_scheme, x->scheme);
    bind_text(q, COLUMN_host, x->host);
    bind_text(q, COLUMN_target, x->target);
    bind_text(q, COLUMN_upstream, x->upstream);
    bind_text(q, COLUMN_replay_of, x->replay_of);
    if (x->outcome.len == 0)
        bind_number(q, COLUMN_slot, x->slot);
    else
        (void)sqlite3_bind_null(q, COLUMN_slot + 1);
    if (x->link)
        bind_number(q, COLUMN_link, (int64_t)x->link);
    else
        (void)sqlite3_bind_null(q, COLUMN_link + 1);
    (void)sqlite3_bind_blob64(q, COLUMN_request_head + 1,
                              x->request_head.len ? x->request_head.p : "", x->request_head.len,
                              SQLITE_STATIC);
}

int store_exchange(struct store *s, struct record_exchange *x, uint64_t growth,
                   const struct slice bodies[static 2])
{
    bool insert = x->seq == 0;
    struct store_tunnel *tunnel = NULL;
    int error = store_tunnel_of(s, x, &tunnel);
    sqlite3_stmt *q = store_statement(s, insert ? INSERT_EXCHANGE : UPDATE_EXCHANGE);
    if (error || !q)
        return error ? error : sqlite3_extended_errcode(s->db);
    bind_exchange(q, x);
    (void)sqlite3_bind_text(q, COLUMN_id + 1, x->id, -1, SQLITE_STATIC);
    if (insert) {
        bind_fixed(q, x, s->writer, tunnel->id);
        bind_blob(q, COLUMN_request_body, bodies[RECORD_REQUEST]);
        bind_blob(q, COLUMN_response_body, bodies[RECORD_RESPONSE]);
    } else {
        bind_number(q, UPDATE_SEQ, x->seq);
    }
    error = store_run(s, q);
    if (error)
        return error;
    tunnel->growth += growth;
    if (!insert)
        return SQLITE_OK;
    x->seq = sqlite3_last_insert_rowid(s->db);
    return store_tunnel_add(s, tunnel, x->seq, x->id);
}

int store_body(struct store *s, int64_t seq, enum record_side side, uint64_t at, struct slice bytes)
{
    sqlite3_stmt *q = store_statement(s, INSERT_BODY);
    if (!q)
        return sqlite3_extended_errcode(s->db);
    (void)sqlite3_bind_int64(q, 1, seq);
    (void)sqlite3_bind_int(q, 2, (int)side);
    (void)sqlite3_bind_int64(q, 3, (int64_t)at);
    store_bind_blob(q, 4, bytes);
    return store_run(s, q);
}

int store_message(struct store *s, int64_t seq, uint64_t number, const struct record_message *m)
{
    sqlite3_stmt *q = store_statement(s, INSERT_MESSAGE);
    if (!q)
        return sqlite3_extended_errcode(s->db);
    (void)sqlite3_bind_int64(q, 1, seq);
    (void)sqlite3_bind_int64(q, 2, (int64_t)number);
    (void)sqlite3_bind_int(q, 3, (int)m->side);
    (void)sqlite3_bind_int(q, 4, (int)m->opcode);
    (void)sqlite3_bind_int(q, 5, m->compressed);
    (void)sqlite3_bind_int64(q, 6, m->at_ns);
    (void)sqlite3_bind_int64(q, 7, (int64_t)m->size);
    store_bind_blob(q, 8, m->bytes);
    return store_run(s, q);
}

int store_counts(struct store *s, uint64_t exchanges, uint64_t shed, uint64_t shed_bytes,
                 const char *trouble)
{
    sqlite3_stmt *q = store_statement(s, COUNT_WRITER);
    if (!q)
        return sqlite3_extended_errcode(s->db);
    (void)sqlite3_bind_int64(q, 1, s->writer);
    (void)sqlite3_bind_int64(q, 2, (int64_t)exchanges);
    (void)sqlite3_bind_int64(q, 3, (int64_t)shed);
    (void)sqlite3_bind_int64(q, 4, (int64_t)shed_bytes);
    (void)sqlite3_bind_text(q, 5, trouble, -1, SQLITE_STATIC);
    return store_run(s, q);
}
