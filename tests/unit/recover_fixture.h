// SPDX-License-Identifier: MIT
// Spools of programs that died, what they had indexed before, and the rows that become of them.
#pragma once
#include "common/record/write/pending_row.h"
#include "common/record/write/recover.h"
#include "spool_fixture.h"
#include "tests/support/record_rows.h"

static inline int write_rows(struct pending_rows *pending, struct store *store)
{
    int error = store_begin(store);
    if (!error)
        error = pending_rows_write(pending, store);
    if (!error)
        error = store_counts(store, pending->begun, 3, 50, NULL);
    return error;
}

// Appends all events, each `step` of them as a batch.
static inline void append_all(struct spool *s, const struct events *v, size_t step)
{
    for (size_t at = 0; at < v->count; at += step)
        CHECK(append_events(s, v, at, at + step < v->count ? at + step : v->count) == 0);
}

// A program that indexes `batches` of its spool, and dies. False: it would not have written now.
static inline bool index_and_die(const char *dir, struct spool *s, size_t batches)
{
    struct store *store = NULL;
    struct store_file file;
    struct pending_rows pending;
    struct spool_reader reader;
    const struct event *event = NULL;
    const struct store_config config = {.dir = dir, .program = "test", .spool = spool_id(s)};
    CHECK(store_open(&config, &store, &file) == SQLITE_OK);
    pending_rows_init(&pending, 0);
    spool_reader_init(&reader, s, (struct spool_position){0});
    for (size_t i = 0; i < batches; i++) {
        CHECK(spool_reader_batch(&reader) == 1);
        while ((event = spool_reader_event(&reader)))
            CHECK(pending_rows_event(&pending, event));
    }
    bool writes = pending.unrouted == 0;
    if (writes && batches > 0) {
        CHECK(write_rows(&pending, store) == SQLITE_OK);
        CHECK(store_indexed(store, reader.at) == SQLITE_OK);
        CHECK(store_commit(store) == SQLITE_OK);
        pending_rows_committed(&pending, 0);
        spool_drop(s, reader.at);
    }
    pending_rows_deinit(&pending);
    spool_reader_deinit(&reader);
    store_keep_spool(store);
    store_close(store);
    return writes;
}

static const struct record_recovery whole = {0};

static inline int64_t count(const char *dir, const char *sql)
{
    struct record_rows rows = {0};
    char path[STATE_PATH_MAX + 16];
    record_path(dir, path);
    CHECK(sqlite3_open(path, &rows.db) == SQLITE_OK);
    int64_t number = record_rows_number(&rows, sql);
    (void)sqlite3_close(rows.db);
    return number;
}
