// SPDX-License-Identifier: MIT
// Records that a recovery makes of a spool, and the one that a program would have made.
#pragma once
#include "common/record/write/pending_row.h"
#include "common/record/write/recover.h"
#include "spool_fixture.h"
#include "tests/support/record_rows.h"

// Returns the contents of a record as text. Bodies are compared whole: their chunks depend on the
// transactions.
static inline char *dump(const char *dir)
{
    static const char *const queries[] = {
        "SELECT program, exchanges, shed, shed_bytes, ended_ns IS NULL FROM writer ORDER BY id",
        "SELECT * FROM tunnel ORDER BY id",
        ("SELECT seq, id, writer, tunnel, began_ns, visitor, protocol, method, scheme, host, "
         "target,"
         " upstream, status, outcome, error, flags, size, sent_on_ns, connect_ns, service_first_ns,"
         " answered_ns, duration_ns, request_bytes, request_kept, quote(request_digest),"
         " request_first_ns, request_last_ns, request_stalled_ns, response_bytes, response_kept,"
         " quote(response_digest), response_first_ns, response_last_ns, response_stalled_ns"
         " FROM exchange ORDER BY seq"),
        ("SELECT seq, replay_of, far_outcome, far_flags, far_sent_on_ns, request_head, interim,"
         " response_head, request_trailers, response_trailers, response_protocol, reason, detail,"
         " bad_head FROM exchange ORDER BY seq"),
        ("SELECT exchange, side, sum(length(bytes)), max(at + length(bytes)), group_concat(bytes, "
         "'')"
         " FROM (SELECT * FROM bodies WHERE length(bytes) > 0 ORDER BY exchange, side, at)"
         " GROUP BY exchange, side"),
        "SELECT exchange, number, side, opcode, flags, at_ns, size, bytes FROM message",
        ("SELECT count(*) FROM exchange e WHERE NOT EXISTS(SELECT 1 FROM span s WHERE"
         " s.tunnel=e.tunnel AND e.seq BETWEEN s.first AND s.last)"),
        "SELECT * FROM spool",
    };
    char path[STATE_PATH_MAX + 16];
    char *text = NULL;
    size_t len = 0;
    sqlite3 *db = NULL;
    FILE *out = open_memstream(&text, &len);
    record_path(dir, path);
    CHECK(out && sqlite3_open(path, &db) == SQLITE_OK);
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        sqlite3_stmt *q = NULL;
        check_context("%s", queries[i]);
        CHECK(sqlite3_prepare_v2(db, queries[i], -1, &q, NULL) == SQLITE_OK);
        while (sqlite3_step(q) == SQLITE_ROW) {
            for (int c = 0; c < sqlite3_column_count(q); c++) {
                const unsigned char *cell = sqlite3_column_text(q, c);
                (void)fprintf(out, "%s|", cell ? (const char *)cell : "null");
            }
            (void)fputc('\n', out);
        }
        (void)sqlite3_finalize(q);
        (void)fputs("--\n", out);
    }
    check_context("%s", "");
    (void)sqlite3_close(db);
    (void)fclose(out);
    return text;
}

static inline int write_rows(struct pending_rows *pending, struct store *store)
{
    int error = store_begin(store);
    if (!error)
        error = pending_rows_write(pending, store);
    if (!error)
        error = store_counts(store, pending->begun, 3, 50, NULL);
    return error;
}

static inline void apply(struct pending_rows *pending, const struct events *v, size_t from,
                         size_t to)
{
    for (size_t i = from; i < to; i++) {
        size_t len = v->at[i + 1] - v->at[i] - sizeof(struct spool_entry_head);
        void *copy = malloc(len);
        CHECK(copy);
        memcpy(copy, buf_at(&v->bytes) + v->at[i] + sizeof(struct spool_entry_head), len);
        CHECK(pending_rows_event(pending, copy));
        free(copy);
    }
}

// Makes the record that a writer makes of all events at once.
static inline void make_expected(char dir[static 64], const struct events *v)
{
    struct store *store = NULL;
    struct store_file file;
    struct pending_rows pending;
    make_dir(dir);
    const struct store_config config = {.dir = dir, .program = "test"};
    CHECK(store_open(&config, &store, &file) == SQLITE_OK);
    pending_rows_init(&pending, 0);
    apply(&pending, v, 0, v->count);
    CHECK(write_rows(&pending, store) == SQLITE_OK);
    CHECK(store_commit(store) == SQLITE_OK);
    pending_rows_committed(&pending, 0);
    pending_rows_deinit(&pending);
    store_close(store);
}

static inline char *expected(const struct events *v)
{
    char dir[64];
    make_expected(dir, v);
    char *text = dump(dir);
    remove_all(dir);
    return text;
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

static inline void check_recovers(const char *dir, const char *text)
{
    CHECK(record_recover(dir, &whole) == SQLITE_OK);
    char *now = dump(dir);
    if (strcmp(now, text) != 0)
        (void)fprintf(stderr, "expected:\n%s\nrecovered:\n%s\n", text, now);
    CHECK(strcmp(now, text) == 0);
    free(now);
}

static inline bool is_spool_empty(const char *dir)
{
    char path[PATH_BYTES];
    path_of(path, dir, "", "");
    return rmdir(path) == 0;
}

// Recovers from positions that a program can have stored, with segments of `segment` bytes.
static inline void check_positions(const struct events *v, uint64_t segment, size_t step)
{
    char *text = expected(v);
    size_t tried = 0;
    for (size_t batches = 0; batches <= v->count; batches += step) {
        char dir[64];
        make_dir(dir);
        struct spool *s = begin_spool(dir, segment * SPOOL_SEGMENT_PART);
        append_all(s, v, 1);
        bool writes = index_and_die(dir, s, batches);
        tried += writes;
        (void)spool_free(s, NULL);
        if (writes) {
            check_context("position %zu of %zu", batches, v->count);
            check_recovers(dir, text);
            check_recovers(dir, text); // nothing is left to do
            CHECK(is_spool_empty(dir));
        }
        remove_all(dir);
    }
    CHECK(tried > v->count / step / 2);
    check_context("%s", "");
    free(text);
}

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

// How often a recovery may go on.
struct patience {
    int left;
    unsigned percent;
    bool fell; // the progress did
};

static inline bool is_over(void *ctx)
{
    struct patience *p = ctx;
    return p->left-- <= 0;
}

static inline void note_progress(void *ctx, unsigned percent)
{
    struct patience *p = ctx;
    p->fell = p->fell || percent < p->percent || percent > 100;
    p->percent = percent;
}
