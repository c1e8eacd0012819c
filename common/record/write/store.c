// SPDX-License-Identifier: MIT
// Transactions, and the rows that they write.
#include "scrub.h"
#include "store_internal.h"

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

// What was found or made in the transaction may be gone with it.
void store_rollback(struct store *s)
{
    (void)store_run(s, store_statement(s, ROLLBACK));
    store_tunnels_forget(s);
}

static void bind_digest(sqlite3_stmt *q, int at, bool known, const uint8_t *digest)
{
    store_bind_blob(q, at, slice_of((const char *)digest, known ? RECORD_DIGEST_BYTES : 0));
}

static void bind_side(sqlite3_stmt *q, int at, const struct record_body *b)
{
    (void)sqlite3_bind_int64(q, at, (int64_t)b->bytes);
    (void)sqlite3_bind_int64(q, at + 1, (int64_t)b->kept);
    bind_digest(q, at + 2, b->has_digest, b->digest);
    store_bind_ns(q, at + 3, b->first_ns);
    store_bind_ns(q, at + 4, b->last_ns);
    (void)sqlite3_bind_int64(q, at + 5, b->stalled_ns);
    store_bind_blob(q, at + 6, b->trailers);
}

static void bind_peer(sqlite3_stmt *q, int at, const struct record_report *peer)
{
    if (!peer->known) {
        for (int i = 0; i < 10; i++)
            (void)sqlite3_bind_null(q, at + i);
        return;
    }
    store_bind_text(q, at, peer->outcome);
    (void)sqlite3_bind_int(q, at + 1,
                           (peer->whole[0] ? RECORD_REQUEST_WHOLE : 0) |
                               (peer->whole[1] ? RECORD_RESPONSE_WHOLE : 0));
    store_bind_ns(q, at + 2, peer->sent_on_ns);
    store_bind_ns(q, at + 3, peer->connect_ns);
    store_bind_ns(q, at + 4, peer->answered_ns);
    store_bind_ns(q, at + 5, peer->duration_ns);
    for (int side = 0; side < 2; side++) {
        (void)sqlite3_bind_int64(q, at + 6 + 2 * side, (int64_t)peer->bytes[side]);
        bind_digest(q, at + 7 + 2 * side, true, peer->digest[side]);
    }
}

// What changes while an exchange runs.
static void bind_exchange(sqlite3_stmt *q, const struct record_exchange *x)
{
    if (x->status)
        (void)sqlite3_bind_int(q, 1, x->status);
    else
        (void)sqlite3_bind_null(q, 1);
    store_bind_text(q, 2, x->outcome);
    store_bind_text(q, 3, x->error);
    (void)sqlite3_bind_int64(q, 4, x->flags);
    (void)sqlite3_bind_int64(q, 5, (int64_t)x->size);
    store_bind_ns(q, 6, x->sent_on_ns);
    store_bind_ns(q, 7, x->connect_ns);
    store_bind_ns(q, 8, x->answered_ns);
    store_bind_ns(q, 9, x->duration_ns);
    bind_side(q, 10, &x->body[RECORD_REQUEST]);
    bind_side(q, 17, &x->body[RECORD_RESPONSE]);
    store_bind_blob(q, 24, x->interim);
    store_bind_blob(q, 25, x->response_head);
    bind_peer(q, 26, &x->peer);
}

static void bind_answer(sqlite3_stmt *q, int at, const struct record_exchange *x)
{
    store_bind_text(q, at, x->response_protocol);
    if (x->reason.p)
        (void)sqlite3_bind_text64(q, at + 1, x->reason.p, x->reason.len, SQLITE_STATIC,
                                  SQLITE_UTF8);
    else
        (void)sqlite3_bind_null(q, at + 1);
    store_bind_text(q, at + 2, x->detail);
    store_bind_blob(q, at + 3, x->bad_head);
}

static void bind_asked(sqlite3_stmt *q, const struct store *s, const struct record_exchange *x)
{
    const struct slice texts_of[] = {x->visitor, x->protocol, x->method,   x->scheme,
                                     x->host,    x->target,   x->upstream, x->replay_of};
    (void)sqlite3_bind_text(q, 36, x->id, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(q, 37, s->writer);
    (void)sqlite3_bind_int64(q, 39, x->began_ns);
    for (int i = 0; i < 8; i++)
        store_bind_text(q, 40 + i, texts_of[i]);
    (void)sqlite3_bind_blob64(q, 48, x->request_head.len ? x->request_head.p : "",
                              x->request_head.len, SQLITE_STATIC);
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
    if (insert) {
        bind_asked(q, s, x);
        (void)sqlite3_bind_int64(q, 38, tunnel->id);
        store_bind_ns(q, 49, x->service_first_ns);
        bind_answer(q, 52, x);
        store_bind_blob(q, 50, bodies[RECORD_REQUEST]);
        store_bind_blob(q, 51, bodies[RECORD_RESPONSE]);
    } else {
        (void)sqlite3_bind_int64(q, 36, x->seq);
        // Rows are used again when the newest are deleted.
        (void)sqlite3_bind_text(q, 37, x->id, -1, SQLITE_STATIC);
        store_bind_ns(q, 38, x->service_first_ns);
        bind_answer(q, 39, x);
    }
    error = store_run(s, q);
    if (error)
        return error;
    tunnel->growth += growth;
    if (!insert)
        return SQLITE_OK;
    x->seq = sqlite3_last_insert_rowid(s->db);
    return store_tunnel_has(s, tunnel, x->seq, x->id);
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
