// SPDX-License-Identifier: MIT
#include "erase.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "common/base/private_file.h"
#include "scrub.h"

enum {
    BUSY_MS = 10000,
    RETRY_MS = 20,                                      // between attempts on a busy record
    TRIM_ROWS = ERASE_BATCH_BYTES / RECORD_CHUNK_BYTES, // of bodies per transaction
};

enum statement {
    GET_SIZE,
    ERASE_EXCHANGE,
    ERASE_BODY,
    ERASE_MESSAGES,
    SHRINK_TUNNEL,
    FIND_PIECES,
    FIND_MESSAGES,
    TRIM_BODY,
    TRIM_MESSAGES,
    TRIM_EXCHANGE,
    CLEAR_SEQ_RANGES,
    FREE_PAGES,
    STATEMENTS
};

struct record_eraser {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    int64_t began_ns; // of the transaction
    char dir[STATE_PATH_MAX];
};

// ?1 is the row, ?2 the id. A running exchange matches only if its recorder is gone (?3).
#define MATCHES_TARGET "seq = ?1 AND id = ?2 AND (outcome IS NOT NULL OR ?3)"

static const char *const texts[STATEMENTS] = {
    [GET_SIZE] = "SELECT size FROM exchange WHERE " MATCHES_TARGET,
    [ERASE_EXCHANGE] = "DELETE FROM exchange WHERE " MATCHES_TARGET " RETURNING size, tunnel",
    [ERASE_BODY] = "DELETE FROM body WHERE exchange = ?1",
    [ERASE_MESSAGES] = "DELETE FROM message WHERE exchange = ?1",
    [SHRINK_TUNNEL] = "UPDATE tunnel SET bytes = max(0, bytes - ?2) WHERE id = ?1",
    // The last pieces of an exchange's bodies, or its last messages: the side (2: messages), the
    // position to cut from, the bytes and the rows cut.
    [FIND_PIECES] = "SELECT side, min(at), sum(length(bytes)), count(*) FROM (SELECT side, at,"
                    " bytes FROM body WHERE exchange = ?1 AND side = (SELECT max(side) FROM body"
                    " WHERE exchange = ?1) ORDER BY at DESC LIMIT ?2)",
    [FIND_MESSAGES] = "SELECT 2, min(number), sum(length(bytes)), count(*) FROM (SELECT number,"
                      " bytes FROM message WHERE exchange = ?1 ORDER BY number DESC LIMIT ?2)",
    [TRIM_BODY] = "DELETE FROM body WHERE exchange = ?1 AND side = ?2 AND at >= ?3",
    [TRIM_EXCHANGE] = "UPDATE exchange SET size = max(0, size - ?4),"
                      " request_kept = CASE ?2 WHEN 0 THEN ?3 ELSE request_kept END,"
                      " response_kept = CASE ?2 WHEN 1 THEN ?3 ELSE response_kept END"
                      " WHERE seq = ?1 RETURNING tunnel",
    [TRIM_MESSAGES] = "DELETE FROM message WHERE exchange = ?1 AND ?2 = 2 AND number >= ?3",
    [CLEAR_SEQ_RANGES] = RECORD_CLEAR_SEQ_RANGES,
    [FREE_PAGES] = "PRAGMA freelist_count",
};

static int64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// A statement with its first `count` parameters bound. NULL: an error.
static sqlite3_stmt *bind_numbers(struct record_eraser *e, enum statement which,
                                  const int64_t *numbers, int count)
{
    sqlite3_stmt **s = &e->statements[which];
    if (*s)
        (void)sqlite3_reset(*s);
    else if (sqlite3_prepare_v3(e->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT, s, NULL))
        return NULL;
    for (int i = 0; i < count; i++)
        (void)sqlite3_bind_int64(*s, i + 1, numbers[i]);
    return *s;
}

// Runs a statement and reads its row of numbers, if it has one. SQLITE_ROW, SQLITE_DONE or an
// error.
static int run(sqlite3_stmt *s, int64_t *columns)
{
    if (!s)
        return SQLITE_ERROR;
    int status = sqlite3_step(s);
    int result = status;
    for (int i = 0; status == SQLITE_ROW && i < sqlite3_column_count(s) && columns; i++)
        columns[i] = sqlite3_column_int64(s, i);
    while (status == SQLITE_ROW)
        status = sqlite3_step(s);
    (void)sqlite3_reset(s);
    return status == SQLITE_DONE ? result : status;
}

static int execute(struct record_eraser *e, enum statement which, const int64_t *numbers, int count)
{
    int status = run(bind_numbers(e, which, numbers, count), NULL);
    return status == SQLITE_ROW || status == SQLITE_DONE ? SQLITE_OK : status;
}

static int begin_transaction(struct record_eraser *e)
{
    int error = record_log_has_room(e->db, e->dir, BUSY_MS);
    if (!error)
        error = sqlite3_exec(e->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    e->began_ns = now_ns();
    return error;
}

// Ends the transaction, then pauses for as long as it took: SQLite's lock is not fair, and writers
// that wait poll for it.
static int end_transaction(struct record_eraser *e, int error)
{
    int ended = sqlite3_exec(e->db, error ? "ROLLBACK" : "COMMIT", NULL, NULL, NULL);
    int64_t took = now_ns() - e->began_ns;
    struct timespec pause = {took / 1000000000, took % 1000000000};
    (void)nanosleep(&pause, NULL);
    return error ? error : ended;
}

static sqlite3_stmt *bind_target(struct record_eraser *e, enum statement which,
                                 const struct erase_target *t)
{
    sqlite3_stmt *s = bind_numbers(e, which, &t->seq, 1);
    if (s) {
        (void)sqlite3_bind_text(s, 2, t->id, -1, SQLITE_TRANSIENT);
        (void)sqlite3_bind_int(s, 3, t->recorder_gone);
    }
    return s;
}

static int shrink_tunnel(struct record_eraser *e, int64_t tunnel, int64_t bytes)
{
    return execute(e, SHRINK_TUNNEL, (int64_t[]){tunnel, bytes}, 2);
}

static int erase_one(struct record_eraser *e, const struct erase_target *t, uint64_t *count,
                     uint64_t *bytes)
{
    int64_t row[2] = {0}; // size, tunnel
    int status = run(bind_target(e, ERASE_EXCHANGE, t), row);
    if (status != SQLITE_ROW)
        return status == SQLITE_DONE ? SQLITE_OK : status;
    int error = execute(e, ERASE_BODY, &t->seq, 1);
    if (!error)
        error = execute(e, ERASE_MESSAGES, &t->seq, 1);
    if (!error)
        error = shrink_tunnel(e, row[1], row[0]);
    if (!error)
        error = execute(e, CLEAR_SEQ_RANGES, (int64_t[]){row[1], t->seq, t->seq}, 3);
    *count += 1;
    *bytes += row[0] > 0 ? (uint64_t)row[0] : 0;
    return error;
}

// Deletes what a FIND_ statement found, and subtracts it from the exchange and its tunnel.
static int delete_found(struct record_eraser *e, int64_t seq, const int64_t found[3])
{
    int64_t tunnel = 0;
    int64_t numbers[4] = {seq, found[0], found[1], found[2]};
    int error = execute(e, found[0] == 2 ? TRIM_MESSAGES : TRIM_BODY, numbers, 3);
    if (error)
        return error;
    int status = run(bind_numbers(e, TRIM_EXCHANGE, numbers, 4), &tunnel);
    if (status != SQLITE_ROW)
        return status == SQLITE_DONE ? SQLITE_ERROR : status;
    return shrink_tunnel(e, tunnel, found[2]);
}

// Deletes the last pieces of an exchange above ERASE_BATCH_BYTES. `*more`: it may still be larger.
static int trim_once(struct record_eraser *e, const struct erase_target *t, uint64_t *bytes,
                     bool *more)
{
    int64_t size = 0;
    int64_t found[4] = {0};
    *more = false;
    int status = run(bind_target(e, GET_SIZE, t), &size);
    if (status != SQLITE_ROW || size <= ERASE_BATCH_BYTES)
        return status == SQLITE_ROW || status == SQLITE_DONE ? SQLITE_OK : status;
    int64_t which[2] = {t->seq, TRIM_ROWS};
    status = run(bind_numbers(e, FIND_PIECES, which, 2), found);
    if (status == SQLITE_ROW && found[3] == 0)
        status = run(bind_numbers(e, FIND_MESSAGES, which, 2), found);
    if (status != SQLITE_ROW || found[3] == 0)
        return status == SQLITE_ROW ? SQLITE_OK : status;
    *bytes += (uint64_t)found[2];
    *more = true;
    return delete_found(e, t->seq, found);
}

static int trim_all(struct record_eraser *e, const struct erase_target *t, uint64_t *bytes)
{
    bool more = true;
    int error = SQLITE_OK;
    while (!error && more) {
        error = begin_transaction(e);
        if (!error)
            error = end_transaction(e, trim_once(e, t, bytes, &more));
    }
    return error;
}

int record_erase(struct record_eraser *e, const struct erase_target *targets, size_t n,
                 uint64_t *count, uint64_t *bytes)
{
    int error = SQLITE_OK;
    uint64_t counted = 0;
    uint64_t counted_bytes = 0;
    for (size_t i = 0; !error && i < n; i++)
        error = trim_all(e, &targets[i], bytes);
    if (!error)
        error = begin_transaction(e);
    if (error)
        return error;
    for (size_t i = 0; !error && i < n; i++)
        error = erase_one(e, &targets[i], &counted, &counted_bytes);
    error = end_transaction(e, error);
    if (!error) {
        *count += counted;
        *bytes += counted_bytes;
    }
    return error;
}

static int vacuum(struct record_eraser *e)
{
    char sql[64];
    int64_t before = INT64_MAX;
    int64_t left = 0;
    (void)snprintf(sql, sizeof(sql), "PRAGMA incremental_vacuum(%d)", ERASE_VACUUM_PAGES);
    for (;;) {
        int status = run(bind_numbers(e, FREE_PAGES, NULL, 0), &left);
        if (status != SQLITE_ROW)
            return status;
        if (left == 0 || left >= before) // no incremental vacuum in this file: it keeps its pages
            return SQLITE_OK;
        before = left;
        int error = begin_transaction(e);
        if (!error)
            error = end_transaction(e, sqlite3_exec(e->db, sql, NULL, NULL, NULL));
        if (error)
            return error;
    }
}

// Scrubs all pages, then truncates the log, which has a page of the last step.
static int scrub(struct record_eraser *e, bool *left)
{
    const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000L};
    int64_t since_ns = now_ns();
    uint32_t page = 1;
    bool logged = true;
    bool mapped = true;
    *left = false;
    while (page != 0 || logged) {
        int error =
            page ? record_scrub(e->db, e->dir, &page, BUSY_MS) : record_checkpoint(e->db, BUSY_MS);
        mapped = mapped && error != RECORD_NO_PAGE_MAP;
        logged = page != 0 || error;
        error = error == RECORD_NO_PAGE_MAP ? SQLITE_OK : error;
        if (error && !record_is_busy(error))
            return error;
        *left = error && now_ns() - since_ns > ERASE_WAIT_MS * 1000000LL;
        if (*left)
            return SQLITE_OK;
        (void)nanosleep(&pause, NULL); // lets writers proceed
        since_ns = error ? since_ns : now_ns();
    }
    return mapped ? SQLITE_OK : RECORD_NO_PAGE_MAP;
}

int record_erase_finish(struct record_eraser *e, bool *left)
{
    int error = vacuum(e);
    return error ? error : scrub(e, left);
}

size_t record_erase_damaged(const char *dir, bool remove)
{
    static const char prefix[] = "record.db.damaged-";
    size_t count = 0;
    DIR *d = opendir(dir);
    struct dirent *entry = NULL;
    while (d && (entry = readdir(d))) {
        if (strncmp(entry->d_name, prefix, sizeof(prefix) - 1) != 0)
            continue;
        count += !remove || private_remove(dirfd(d), entry->d_name) == 0;
    }
    if (d)
        (void)closedir(d);
    return count;
}

int record_eraser_open(const char *dir, struct record_eraser **out)
{
    char path[STATE_PATH_MAX + 16];
    struct record_eraser *e = calloc(1, sizeof(*e));
    *out = e;
    if (!e)
        return SQLITE_NOMEM;
    record_path(dir, path);
    (void)snprintf(e->dir, sizeof(e->dir), "%s", dir);
    int error = sqlite3_open_v2(
        path, &e->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
    if (!error)
        error = sqlite3_busy_timeout(e->db, BUSY_MS);
    if (!error)
        error = sqlite3_exec(e->db, "PRAGMA synchronous=NORMAL;PRAGMA secure_delete=ON", NULL, NULL,
                             NULL);
    if (error) {
        record_eraser_close(e);
        *out = NULL;
    }
    return error;
}

void record_eraser_close(struct record_eraser *e)
{
    if (!e)
        return;
    for (size_t i = 0; i < STATEMENTS; i++)
        (void)sqlite3_finalize(e->statements[i]);
    (void)sqlite3_close(e->db);
    free(e);
}
