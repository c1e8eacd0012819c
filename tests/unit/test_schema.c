// SPDX-License-Identifier: MIT
// Records of earlier versions are migrated with all their data.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/record/read/reader.h"
#include "common/record/schema.h"
#include "common/record/write/store.h"
#include "tests/support/check.h"
#include "tests/support/record_rows.h"

// The tables of version 1.
static const char version_1[] =
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
    " size INTEGER NOT NULL, bytes BLOB, PRIMARY KEY(exchange, number)) WITHOUT ROWID;";

static const char rows_1[] =
    "PRAGMA application_id=1633970548; PRAGMA user_version=1;"
    "INSERT INTO writer(program, version, pid, began_ns, ended_ns) VALUES('adit http', '0', 1, 1, "
    "2);"
    "INSERT INTO tunnel(name) VALUES('web');"
    "INSERT INTO span VALUES(1, 1, 2, '0000000000000001', '0000000000000002');"
    "INSERT INTO exchange(seq, id, writer, tunnel, began_ns, protocol, method, scheme, host, "
    "target,"
    " status, outcome, flags, size, duration_ns, request_bytes, request_kept, request_stalled_ns,"
    " response_bytes, response_kept, response_stalled_ns, request_head, response_head, interim,"
    " response_body) VALUES"
    "(1, '0000000000000001', 1, 1, 5, 'HTTP/1.0', 'GET', 'http', 'h', '/1', 404, 'complete', 24, "
    "100,"
    " 9, 0, 0, 0, 3, 3, 0, CAST('A: 1' || char(13, 10) AS BLOB), x'', CAST('103' || char(13, 10) ||"
    " 'B: 2' || char(13, 10, 13, 10) AS BLOB), x'616263'),"
    "(2, '0000000000000002', 1, 1, 6, 'HTTP/1.1', 'GET', 'http', 'h', '/2', NULL, NULL, 0, 100, "
    "NULL,"
    " 0, 0, 0, 0, 0, 0, x'', NULL, NULL, NULL);";

struct fixture {
    struct record_rows rows;
    struct store_config config;
    struct store_file file;
    struct store *store;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char path[STATE_PATH_MAX + 16];
    assert_non_null(f);
    (void)snprintf(f->rows.dir, sizeof(f->rows.dir), "/tmp/adit-test-XXXXXX");
    assert_non_null(mkdtemp(f->rows.dir));
    record_path(f->rows.dir, path);
    assert_int_equal(sqlite3_open(path, &f->rows.db), SQLITE_OK);
    record_rows_sql(&f->rows, "PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; BEGIN;");
    assert_int_equal(sqlite3_exec(f->rows.db, version_1, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(f->rows.db, rows_1, NULL, NULL, NULL), SQLITE_OK);
    record_rows_sql(&f->rows, "COMMIT");
    f->config = (struct store_config){.dir = f->rows.dir, .program = "test"};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    store_close(f->store);
    record_rows_deinit(&f->rows);
    free(f);
    return 0;
}

static bool is(struct slice got, const char *expected)
{
    return slice_eq(got, slice_str(expected));
}

static void expect_rows(struct record_reader *r)
{
    struct record_exchange x;
    struct slice body;
    assert_int_equal(record_reader_get(r, 1, &x), 1);
    assert_true(is(x.target, "/1") && x.status == 404 && is(x.reason, "Not Found"));
    assert_true(is(x.request_head, "A: 1\r\n") && is(x.interim, "103\r\nB: 2\r\n\r\n"));
    assert_true(is(x.response_protocol, "HTTP/1.0")); // the request's, since version 1 has none
    assert_true(x.detail.len == 0 && x.bad_head.len == 0);
    assert_true(record_reader_body(r, 1, RECORD_RESPONSE, &body) && is(body, "abc"));
    assert_int_equal(record_reader_get(r, 2, &x), 1);
    assert_true(is(x.outcome, "recorder gone") && x.reason.len == 0);
    assert_int_equal(x.response_protocol.len, 0);
}

static void what_version_1_has_written_is_brought_up(void **state)
{
    struct fixture *f = *state;
    char why[RECORD_WHY_MAX] = "";
    assert_int_equal(store_open(&f->config, &f->store, &f->file), SQLITE_OK);
    assert_int_equal(record_rows_number(&f->rows, "PRAGMA user_version"), RECORD_VERSION);
    struct record_reader *r = record_reader_open(f->rows.dir, why);
    assert_non_null(r);
    expect_rows(r);
    record_reader_close(r);
}

static void a_version_below_0_is_left_as_it_is(void **state)
{
    struct fixture *f = *state;
    for (int version = -1; version > -40; version--) {
        record_rows_sql(&f->rows, "PRAGMA user_version=%d", version);
        assert_int_equal(store_open(&f->config, &f->store, &f->file), SQLITE_MISMATCH);
    }
    record_rows_sql(&f->rows, "PRAGMA user_version=1");
    assert_int_equal(store_open(&f->config, &f->store, &f->file), SQLITE_OK);
}

// A reader may lack the permission to write. Another program may migrate the record meanwhile.
static void what_version_1_has_written_is_read_as_it_is(void **state)
{
    struct fixture *f = *state;
    char why[RECORD_WHY_MAX] = "";
    record_rows_sql(&f->rows, "UPDATE exchange SET outcome='recorder gone' WHERE seq=2");
    struct record_reader *r = record_reader_open(f->rows.dir, why);
    assert_string_equal(why, "");
    assert_non_null(r);
    expect_rows(r);
    assert_int_equal(record_rows_number(&f->rows, "PRAGMA user_version"), 1);
    record_reader_end(r);
    assert_int_equal(store_open(&f->config, &f->store, &f->file), SQLITE_OK);
    expect_rows(r);
    record_reader_close(r);
}

// A program of the earlier version goes on writing the columns that it knows.
static void version_1_goes_on_writing_what_was_brought_up(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(store_open(&f->config, &f->store, &f->file), SQLITE_OK);
    record_rows_sql(&f->rows, "UPDATE exchange SET status=200, outcome='complete' WHERE seq=2");
    assert_int_equal(record_rows_number(&f->rows, "SELECT count(*) FROM exchange WHERE reason IS"
                                                  " NULL AND bad_head IS NULL AND detail IS NULL"),
                     2);
}

// Created and migrated tables are the same.
static void both_ways_lead_to_the_same_tables(void **state)
{
    struct fixture *f = *state;
    struct record_rows fresh;
    static const char sum[] = "SELECT count(*) * 1000000 + sum(length(sql)) FROM sqlite_schema";
    assert_int_equal(store_open(&f->config, &f->store, &f->file), SQLITE_OK);
    record_rows_init(&fresh);
    assert_int_equal(record_rows_number(&f->rows, sum), record_rows_number(&fresh, sum));
    record_rows_deinit(&fresh);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_version_1_has_written_is_brought_up),
        TEST(a_version_below_0_is_left_as_it_is),
        TEST(what_version_1_has_written_is_read_as_it_is),
        TEST(version_1_goes_on_writing_what_was_brought_up),
        TEST(both_ways_lead_to_the_same_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
