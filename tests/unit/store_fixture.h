// SPDX-License-Identifier: MIT
// A store in a directory of its own, and a second connection to the same record.
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/record/write/store.h"
#include "tests/support/check.h"
#include "tests/support/record_rows.h"

enum {
    PAGES = (3200 << 10) / STORE_PAGE_BYTES // the record's limit in tests of limits
};

struct fixture {
    struct record_rows rows; // the second connection
    struct store_config config;
    struct store_file file;
    struct store *store;
};

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    (void)snprintf(f->rows.dir, sizeof(f->rows.dir), "/tmp/adit-test-XXXXXX");
    assert_non_null(mkdtemp(f->rows.dir));
    f->config = (struct store_config){.dir = f->rows.dir, .program = "test"};
    *state = f;
    return 0;
}

static inline void open_store(struct fixture *f)
{
    char path[STATE_PATH_MAX + 16];
    assert_int_equal(store_open(&f->config, &f->store, &f->file), SQLITE_OK);
    record_path(f->rows.dir, path);
    if (!f->rows.db)
        assert_int_equal(sqlite3_open(path, &f->rows.db), SQLITE_OK);
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    store_close(f->store);
    record_rows_deinit(&f->rows);
    free(f);
    return 0;
}

static inline int64_t number(struct fixture *f, const char *sql)
{
    return record_rows_number(&f->rows, sql);
}

static inline bool holds(struct fixture *f, const char *condition)
{
    char sql[600];
    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM exchange WHERE %s", condition);
    return number(f, sql) == 1;
}

// Every exchange is in a range of its tunnel, and no range is empty.
static inline void check_ranges(struct fixture *f)
{
    CHECK(number(f, "SELECT count(*) FROM exchange e WHERE NOT EXISTS(SELECT 1 FROM span s WHERE"
                    " s.tunnel=e.tunnel AND e.seq BETWEEN s.first AND s.last AND"
                    " e.id BETWEEN s.first_id AND s.last_id)") == 0);
    CHECK(number(f, "SELECT count(*) FROM span s WHERE NOT EXISTS(SELECT 1 FROM exchange e WHERE"
                    " s.tunnel=e.tunnel AND e.seq BETWEEN s.first AND s.last)") == 0);
    CHECK(number(f, "SELECT coalesce(max(last - first), 0) FROM span") < RECORD_SEQ_RANGE_ROWS);
}

static const struct slice no_bodies[2];

static inline struct record_exchange exchange(const char *tunnel, int64_t began_ns)
{
    return (struct record_exchange){
        .id = "0123456789abcdef",
        .began_ns = began_ns,
        .tunnel = slice_str(tunnel),
        .protocol = SLICE("HTTP/1.1"),
        .method = SLICE("GET"),
        .target = SLICE("/"),
        .request_head = SLICE("a: b\r\n"),
        .outcome = SLICE("complete"),
        .size = 100,
        .body = {{.first_ns = -1, .last_ns = -1}, {.first_ns = -1, .last_ns = -1}},
        .sent_on_ns = -1,
        .connect_ns = -1,
        .answered_ns = -1,
        .duration_ns = -1,
    };
}

// Writes an exchange with `chunks` chunks of response body in its own transaction. Returns its seq.
static inline int64_t add(struct fixture *f, struct record_exchange x, int chunks)
{
    static char bytes[RECORD_CHUNK_BYTES];
    x.size += (uint64_t)chunks * sizeof(bytes);
    x.body[RECORD_RESPONSE].kept = (uint64_t)chunks * sizeof(bytes);
    assert_int_equal(store_begin(f->store), SQLITE_OK);
    assert_int_equal(store_exchange(f->store, &x, x.size, no_bodies), SQLITE_OK);
    for (int i = 0; i < chunks; i++)
        assert_int_equal(store_body(f->store, x.seq, RECORD_RESPONSE, (uint64_t)i * sizeof(bytes),
                                    slice_of(bytes, sizeof(bytes))),
                         SQLITE_OK);
    assert_int_equal(store_commit(f->store), SQLITE_OK);
    return x.seq;
}

static inline void trim_all(struct fixture *f, int64_t now_ns)
{
    enum store_excess rest = STORE_EXCESS_SOME;
    for (int i = 0; rest != STORE_EXCESS_NONE; i++) {
        CHECK(i < 1000);
        CHECK(store_trim(f->store, now_ns, 0, &rest) == SQLITE_OK);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
