// SPDX-License-Identifier: MIT
// The tables (docs/record.md, which says what each column means).
#include "schema.h"
#include <stdio.h>

// steps[n] migrates version n to n + 1. A released step never changes: records exist.
static const char *const steps[RECORD_VERSION] = {
    "CREATE TABLE writer("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, program TEXT NOT NULL, version TEXT NOT NULL,"
    " pid INTEGER NOT NULL, began_ns INTEGER NOT NULL, ended_ns INTEGER,"
    " exchanges INTEGER NOT NULL DEFAULT 0, shed INTEGER NOT NULL DEFAULT 0,"
    " shed_bytes INTEGER NOT NULL DEFAULT 0, trouble TEXT);"

    "CREATE TABLE tunnel("
    " id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, bytes INTEGER NOT NULL DEFAULT 0);"

    "CREATE TABLE exchange("
    " seq INTEGER PRIMARY KEY, id TEXT NOT NULL, writer INTEGER NOT NULL, tunnel INTEGER NOT NULL,"
    " began_ns INTEGER NOT NULL, visitor TEXT, protocol TEXT NOT NULL, method TEXT NOT NULL,"
    " scheme TEXT, host TEXT, target TEXT NOT NULL, upstream TEXT, status INTEGER, outcome TEXT,"
    " error TEXT, replay_of TEXT, flags INTEGER NOT NULL, size INTEGER NOT NULL,"
    " sent_on_ns INTEGER, connect_ns INTEGER, service_first_ns INTEGER, answered_ns INTEGER,"
    " duration_ns INTEGER,"
    " request_bytes INTEGER NOT NULL, request_kept INTEGER NOT NULL, request_digest BLOB,"
    " request_first_ns INTEGER, request_last_ns INTEGER, request_stalled_ns INTEGER NOT NULL,"
    " response_bytes INTEGER NOT NULL, response_kept INTEGER NOT NULL, response_digest BLOB,"
    " response_first_ns INTEGER, response_last_ns INTEGER, response_stalled_ns INTEGER NOT NULL,"
    " far_outcome TEXT, far_flags INTEGER, far_sent_on_ns INTEGER, far_connect_ns INTEGER,"
    " far_answered_ns INTEGER, far_duration_ns INTEGER, far_request_bytes INTEGER,"
    " far_request_digest BLOB, far_response_bytes INTEGER, far_response_digest BLOB,"
    " request_head BLOB NOT NULL, interim BLOB, response_head BLOB, request_trailers BLOB,"
    " response_trailers BLOB, request_body BLOB, response_body BLOB);"
    "CREATE INDEX exchange_running ON exchange(writer) WHERE outcome IS NULL;"

    "CREATE TABLE span("
    " tunnel INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,"
    " first_id TEXT NOT NULL, last_id TEXT NOT NULL, PRIMARY KEY(tunnel, first)) WITHOUT ROWID;"

    "CREATE TABLE body("
    " exchange INTEGER NOT NULL, side INTEGER NOT NULL, at INTEGER NOT NULL, bytes BLOB NOT NULL,"
    " PRIMARY KEY(exchange, side, at)) WITHOUT ROWID;"
    "CREATE VIEW bodies(exchange, side, at, bytes) AS"
    " SELECT seq, 0, 0, request_body FROM exchange WHERE request_body IS NOT NULL"
    " UNION ALL SELECT seq, 1, 0, response_body FROM exchange WHERE response_body IS NOT NULL"
    " UNION ALL SELECT exchange, side, at, bytes FROM body;"

    "CREATE TABLE message("
    " exchange INTEGER NOT NULL, number INTEGER NOT NULL, side INTEGER NOT NULL,"
    " opcode INTEGER NOT NULL, flags INTEGER NOT NULL, at_ns INTEGER NOT NULL,"
    " size INTEGER NOT NULL, bytes BLOB, PRIMARY KEY(exchange, number)) WITHOUT ROWID;",

    "ALTER TABLE exchange ADD COLUMN response_protocol TEXT;"
    "ALTER TABLE exchange ADD COLUMN reason TEXT;"
    "ALTER TABLE exchange ADD COLUMN detail TEXT;"
    "ALTER TABLE exchange ADD COLUMN bad_head BLOB;",

    ("ALTER TABLE tunnel ADD COLUMN owner TEXT;"
     "ALTER TABLE tunnel ADD COLUMN address TEXT;"),

    "ALTER TABLE exchange ADD COLUMN slot INTEGER;"
    "ALTER TABLE exchange ADD COLUMN link INTEGER;"
    "ALTER TABLE exchange ADD COLUMN ws_state BLOB;"
    "CREATE TABLE spool("
    " id TEXT PRIMARY KEY, writer INTEGER NOT NULL, segment INTEGER NOT NULL,"
    " position INTEGER NOT NULL) WITHOUT ROWID;",
};

int record_get_number(sqlite3 *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *s = NULL;
    int error = sqlite3_prepare_v2(db, sql, -1, &s, NULL);
    if (!error && (error = sqlite3_step(s)) == SQLITE_ROW) {
        *out = sqlite3_column_int64(s, 0);
        error = SQLITE_OK;
    }
    (void)sqlite3_finalize(s);
    return error;
}

static int migrate_in_transaction(sqlite3 *db)
{
    int64_t version = 0;
    int64_t application = 0;
    int64_t tables = 0;
    char sql[80];
    int error = record_get_number(db, "PRAGMA user_version", &version);
    if (!error)
        error = record_get_number(db, "PRAGMA application_id", &application);
    if (!error)
        error = record_get_number(db, "SELECT count(*) FROM sqlite_schema", &tables);
    if (error)
        return error;
    if (version < 0 || version > RECORD_VERSION ||
        (tables > 0 && application != RECORD_APPLICATION))
        return SQLITE_MISMATCH;
    for (int64_t v = version; !error && v < RECORD_VERSION; v++)
        error = sqlite3_exec(db, steps[v], NULL, NULL, NULL);
    if (error || version == RECORD_VERSION)
        return error;
    (void)snprintf(sql, sizeof(sql), "PRAGMA application_id=%d;PRAGMA user_version=%d",
                   RECORD_APPLICATION, RECORD_VERSION);
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

int record_migrate(sqlite3 *db)
{
    int error = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (error)
        return error;
    error = migrate_in_transaction(db);
    int ended = sqlite3_exec(db, error ? "ROLLBACK" : "COMMIT", NULL, NULL, NULL);
    return error ? error : ended;
}
