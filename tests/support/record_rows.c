// SPDX-License-Identifier: MIT
#include "record_rows.h"
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "check.h"

void record_rows_init(struct record_rows *rows)
{
    char path[STATE_PATH_MAX + 16];
    (void)snprintf(rows->dir, sizeof(rows->dir), "/tmp/adit-test-XXXXXX");
    CHECK(mkdtemp(rows->dir) != NULL);
    record_path(rows->dir, path);
    CHECK(sqlite3_open(path, &rows->db) == SQLITE_OK);
    record_rows_sql(rows, "PRAGMA journal_mode=WAL");
    CHECK(record_migrate(rows->db) == SQLITE_OK);
    record_rows_sql(rows, "INSERT INTO writer(program, version, pid, began_ns)"
                          " VALUES('adit http', '0', 1, 1)");
}

void record_rows_deinit(struct record_rows *rows)
{
    char path[sizeof(rows->dir) + sizeof(((struct dirent *)0)->d_name) + 1];
    CHECK(sqlite3_close(rows->db) == SQLITE_OK);
    DIR *dir = opendir(rows->dir);
    CHECK(dir != NULL);
    for (const struct dirent *entry; (entry = readdir(dir));) {
        (void)snprintf(path, sizeof(path), "%s/%s", rows->dir, entry->d_name);
        if (entry->d_name[0] != '.')
            CHECK(unlink(path) == 0 || rmdir(path) == 0); // a spool that is indexed is empty
    }
    (void)closedir(dir);
    CHECK(rmdir(rows->dir) == 0);
}

void record_rows_sql(struct record_rows *rows, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *sql = sqlite3_vmprintf(format, args);
    va_end(args);
    CHECK(sql != NULL);
    check_context("%s", sql);
    CHECK(sqlite3_exec(rows->db, sql, NULL, NULL, NULL) == SQLITE_OK);
    check_context("%s", "");
    sqlite3_free(sql);
}

static const char * or (const char *text, const char *otherwise)
{
    return text ? text : otherwise;
}

static sqlite3_stmt *prepare(struct record_rows *rows, const char *sql)
{
    sqlite3_stmt *s = NULL;
    CHECK(sqlite3_prepare_v2(rows->db, sql, -1, &s, NULL) == SQLITE_OK);
    return s;
}

static void run(sqlite3_stmt *s)
{
    CHECK(sqlite3_step(s) == SQLITE_DONE);
    CHECK(sqlite3_finalize(s) == SQLITE_OK);
}

int64_t record_rows_number(struct record_rows *rows, const char *sql)
{
    check_context("%s: %s", sql, sqlite3_errmsg(rows->db));
    sqlite3_stmt *s = prepare(rows, sql);
    CHECK(sqlite3_step(s) == SQLITE_ROW);
    int64_t number = sqlite3_column_int64(s, 0);
    CHECK(sqlite3_finalize(s) == SQLITE_OK);
    check_context("%s", "");
    return number;
}

static void bind_blob(sqlite3_stmt *s, int at, struct slice bytes)
{
    CHECK(sqlite3_bind_blob(s, at, bytes.p ? bytes.p : "", (int)bytes.len, SQLITE_TRANSIENT) ==
          SQLITE_OK);
}

int64_t record_rows_add(struct record_rows *rows, const struct record_row *row)
{
    int64_t seq = record_rows_number(rows, "SELECT ifnull(max(seq), 0) + 1 FROM exchange");
    char id[EXCHANGE_ID_LEN + 1];
    (void)snprintf(id, sizeof(id), "%016lld", (long long)seq);
    record_rows_sql(rows, "INSERT OR IGNORE INTO tunnel(name) VALUES(%Q)", or (row->tunnel, "web"));
    record_rows_sql(rows,
                    "INSERT INTO span SELECT id, %lld, %lld, %Q, %Q FROM tunnel WHERE name = %Q",
                    seq, seq, or (row->id, id), or (row->id, id), or (row->tunnel, "web"));
    bool runs = row->outcome && !row->outcome[0];
    record_rows_sql(
        rows,
        "INSERT INTO exchange(seq, id, writer, tunnel, began_ns, protocol, method, scheme, host,"
        " target, status, outcome, flags, size, duration_ns, request_bytes, request_kept,"
        " request_stalled_ns, response_bytes, response_kept, response_stalled_ns, request_head)"
        " VALUES(%lld, %Q, %lld, (SELECT id FROM tunnel WHERE name = %Q), %lld, 'HTTP/1.1', %Q,"
        " 'http', %Q, %Q, %d, nullif(%Q, ''), %u, 1000, %lld, %llu, %llu, 0, %llu, %llu, 0, x'')",
        seq, or (row->id, id), row->writer ? row->writer : 1, or (row->tunnel, "web"),
        row->began_ns ? row->began_ns : seq * 1000000000, or (row->method, "GET"),
        or (row->host, "web.localhost:7080"), or (row->target, "/"),
        row->status ? row->status : 200, or (row->outcome, "complete"), row->flags,
        row->duration_ns ? row->duration_ns : 1000000, row->bytes[0], row->kept[0], row->bytes[1],
        row->kept[1]);
    if (runs)
        record_rows_sql(rows, "UPDATE exchange SET status=NULL, duration_ns=NULL WHERE seq=%lld",
                        seq);
    sqlite3_stmt *s =
        prepare(rows, "UPDATE exchange SET request_head = ?1, response_head = ?2 WHERE seq = ?3");
    bind_blob(s, 1, row->request_head);
    bind_blob(s, 2, row->response_head);
    CHECK(sqlite3_bind_int64(s, 3, seq) == SQLITE_OK);
    run(s);
    return seq;
}

void record_rows_body(struct record_rows *rows, int64_t seq, enum record_side side,
                      struct slice body, size_t chunk)
{
    const char *name = side == RECORD_REQUEST ? "request" : "response";
    for (size_t at = 0; at < body.len; at += chunk) {
        sqlite3_stmt *s = prepare(rows, "INSERT INTO body VALUES(?1, ?2, ?3, ?4)");
        CHECK(sqlite3_bind_int64(s, 1, seq) == SQLITE_OK);
        CHECK(sqlite3_bind_int(s, 2, (int)side) == SQLITE_OK);
        CHECK(sqlite3_bind_int64(s, 3, (int64_t)at) == SQLITE_OK);
        bind_blob(s, 4, slice_of(body.p + at, body.len - at < chunk ? body.len - at : chunk));
        run(s);
    }
    record_rows_sql(rows, "UPDATE exchange SET %s_bytes = %lld, %s_kept = %lld WHERE seq = %lld",
                    name, (long long)body.len, name, (long long)body.len, seq);
}
