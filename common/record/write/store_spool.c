// SPDX-License-Identifier: MIT
// The table spool: up to where each spool is indexed, and so what is still to be done after a
// crash.
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include "common/record/row.h"
#include "store_internal.h"

// A statement that is used once. NULL: an error.
static sqlite3_stmt *prepare(struct store *s, const char *sql, int *error)
{
    sqlite3_stmt *q = NULL;
    *error = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL);
    return q;
}

// Runs and finalizes it. SQLITE_ROW is read as SQLITE_OK.
static int finish(sqlite3_stmt *q)
{
    int error = sqlite3_step(q);
    (void)sqlite3_finalize(q);
    return error == SQLITE_DONE || error == SQLITE_ROW ? SQLITE_OK : error;
}

int store_insert_spool(struct store *s)
{
    int error = SQLITE_OK;
    if (!s->spool[0])
        return SQLITE_OK;
    sqlite3_stmt *q = prepare(
        s, "INSERT OR REPLACE INTO spool(id, writer, segment, position) VALUES(?1,?2,?3,?4)",
        &error);
    if (!q)
        return error;
    (void)sqlite3_bind_text(q, 1, s->spool, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(q, 2, s->writer);
    (void)sqlite3_bind_int64(q, 3, s->config.indexed.segment);
    (void)sqlite3_bind_int64(q, 4, (int64_t)s->config.indexed.offset);
    return finish(q);
}

int store_find_spool(struct store *s, int64_t *writer, struct spool_position *indexed)
{
    int error = SQLITE_OK;
    sqlite3_stmt *q = prepare(s, "SELECT writer, segment, position FROM spool WHERE id=?1", &error);
    if (!q)
        return error;
    (void)sqlite3_bind_text(q, 1, s->spool, -1, SQLITE_STATIC);
    error = sqlite3_step(q);
    if (error == SQLITE_ROW) {
        int64_t segment = sqlite3_column_int64(q, 1);
        int64_t offset = sqlite3_column_int64(q, 2);
        *writer = sqlite3_column_int64(q, 0);
        indexed->segment = segment >= 0 && segment <= UINT32_MAX ? (uint32_t)segment : 0;
        indexed->offset = offset >= 0 ? (uint64_t)offset : 0;
        error = SQLITE_OK;
    }
    (void)sqlite3_finalize(q);
    return error;
}

int store_delete_spool(struct store *s)
{
    int error = SQLITE_OK;
    if (!s->spool[0])
        return SQLITE_OK;
    sqlite3_stmt *q = prepare(s, "DELETE FROM spool WHERE id=?1", &error);
    if (!q)
        return error;
    (void)sqlite3_bind_text(q, 1, s->spool, -1, SQLITE_STATIC);
    return finish(q);
}

static bool is_missing(const struct store *s, const char *id)
{
    char path[STATE_PATH_MAX + SPOOL_ID_MAX + 16];
    (void)snprintf(path, sizeof(path), "%s/" SPOOL_PARENT "/%.*s", s->config.dir, SPOOL_ID_MAX, id);
    return access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

bool store_has_spool(struct store *s, int64_t writer, int *error)
{
    char gone[SPOOL_ID_MAX] = "";
    bool left = false;
    sqlite3_stmt *q = prepare(s, "SELECT id FROM spool WHERE writer=?1", error);
    if (!q)
        return false;
    (void)sqlite3_bind_int64(q, 1, writer);
    int status = sqlite3_step(q);
    if (status == SQLITE_ROW) {
        const char *id = (const char *)sqlite3_column_text(q, 0);
        left = !is_missing(s, id ? id : "");
        (void)snprintf(gone, sizeof(gone), "%s", id && !left ? id : "");
    }
    (void)sqlite3_finalize(q);
    *error = status == SQLITE_ROW || status == SQLITE_DONE ? SQLITE_OK : status;
    if (*error || left || !gone[0])
        return left;
    q = prepare(s, "DELETE FROM spool WHERE id=?1", error);
    if (!q)
        return false;
    (void)sqlite3_bind_text(q, 1, gone, -1, SQLITE_STATIC);
    *error = finish(q);
    return false;
}

// Adds what record_row_read leaves out. A slot that no program writes becomes UINT32_MAX.
static int read_rest(struct store *s, struct record_exchange *x)
{
    int error = SQLITE_OK;
    sqlite3_stmt *q = prepare(s,
                              "SELECT slot, link, (SELECT max(number) FROM message WHERE"
                              " exchange=?1) FROM exchange WHERE seq=?1",
                              &error);
    if (!q)
        return error;
    (void)sqlite3_bind_int64(q, 1, x->seq);
    error = sqlite3_step(q);
    int64_t slot = sqlite3_column_int64(q, 0);
    x->slot = slot >= 0 && slot < UINT32_MAX ? (uint32_t)slot : UINT32_MAX;
    x->link = (uint64_t)sqlite3_column_int64(q, 1);
    x->messages = (uint64_t)(record_number(q, 2, -1) + 1);
    (void)sqlite3_finalize(q);
    return error == SQLITE_ROW ? SQLITE_OK : error;
}

int store_each_open(struct store *s, int (*each)(void *ctx, const struct record_exchange *x),
                    void *ctx)
{
    char sql[2048];
    struct record_exchange x;
    int error = SQLITE_OK;
    (void)snprintf(sql, sizeof(sql),
                   "%sWHERE e.seq IN (SELECT seq FROM exchange WHERE writer=?1 AND outcome IS NULL"
                   " AND slot IS NOT NULL UNION SELECT seq FROM exchange WHERE seq >"
                   " (SELECT max(seq) FROM exchange) - %d AND writer=?1 AND far_outcome IS NULL"
                   " AND link IS NOT NULL) ORDER BY e.seq",
                   record_row_select[RECORD_VERSION], STORE_UNREPORTED_ROWS);
    sqlite3_stmt *q = prepare(s, sql, &error);
    if (!q)
        return error;
    (void)sqlite3_bind_int64(q, 1, s->writer);
    while (!error && (error = sqlite3_step(q)) == SQLITE_ROW) {
        record_row_read(q, &x);
        error = read_rest(s, &x);
        if (!error)
            error = each(ctx, &x);
    }
    (void)sqlite3_finalize(q);
    return error == SQLITE_DONE ? SQLITE_OK : error;
}

int store_indexed(struct store *s, struct spool_position position)
{
    sqlite3_stmt *q = s->spool[0] ? store_statement(s, SAVE_POSITION) : NULL;
    if (!q)
        return s->spool[0] ? sqlite3_extended_errcode(s->db) : SQLITE_OK;
    (void)sqlite3_bind_text(q, 1, s->spool, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(q, 2, position.segment);
    (void)sqlite3_bind_int64(q, 3, (int64_t)position.offset);
    return store_run(s, q);
}

int store_add_counts(struct store *s, uint64_t exchanges, uint64_t shed, uint64_t shed_bytes)
{
    sqlite3_stmt *q = store_statement(s, ADD_COUNTS);
    if (!q)
        return sqlite3_extended_errcode(s->db);
    (void)sqlite3_bind_int64(q, 1, s->writer);
    (void)sqlite3_bind_int64(q, 2, (int64_t)exchanges);
    (void)sqlite3_bind_int64(q, 3, (int64_t)shed);
    (void)sqlite3_bind_int64(q, 4, (int64_t)shed_bytes);
    return store_run(s, q);
}
