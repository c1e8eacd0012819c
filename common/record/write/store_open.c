// SPDX-License-Identifier: MIT
// Opens a record, registers this process as a writer of it, and closes it.
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "common/base/version.h"
#include "common/io/loop.h"
#include "common/record/lock.h"
#include "store_internal.h"

static int exec(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

// SQLite gives the files that it creates beside the database the same mode. RECORD_LOCK_FILES keeps
// other processes from moving the files meanwhile.
static int open_files(struct store *s, struct store_file *file)
{
    char path[STATE_PATH_MAX + 16];
    record_path(s->config.dir, path);
    s->lock_file = record_lock_open(s->config.dir);
    if (s->lock_file < 0)
        return store_open_error();
    if (!record_lock_wait(s->lock_file, RECORD_LOCK_FILES, STORE_BUSY_MS))
        return SQLITE_BUSY;
    int error = store_find_file(path, file);
    if (error)
        return error;
    error = sqlite3_open_v2(
        path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
    if (error)
        return error;
    (void)sqlite3_extended_result_codes(s->db, 1);
    return sqlite3_busy_timeout(s->db, STORE_BUSY_MS);
}

static int count_tables(struct store *s, int *count)
{
    sqlite3_stmt *q = NULL;
    int error = sqlite3_prepare_v2(s->db, "SELECT count(*) FROM sqlite_schema", -1, &q, NULL);
    if (!error && (error = sqlite3_step(q)) == SQLITE_ROW) {
        *count = sqlite3_column_int(q, 0);
        error = SQLITE_OK;
    }
    (void)sqlite3_finalize(q);
    return error;
}

// A database is written to only after record_migrate found it to be ours and of a known version.
static int set_up(struct store *s)
{
    char sql[300];
    int tables = 0;
    int error = count_tables(s, &tables);
    (void)snprintf(sql, sizeof(sql), "PRAGMA page_size=%d;PRAGMA auto_vacuum=INCREMENTAL;",
                   STORE_PAGE_BYTES);
    if (!error && tables == 0)
        error = exec(s->db, sql);
    if (!error)
        error = record_migrate(s->db);
    (void)snprintf(sql, sizeof(sql),
                   "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA cache_size=-%d;"
                   "PRAGMA temp_store=MEMORY;PRAGMA secure_delete=ON;PRAGMA journal_size_limit=%d;",
                   STORE_CACHE_KIB, STORE_WAL_BYTES);
    return error ? error : exec(s->db, sql);
}

// Ends a writer, and exchanges that it left running.
static int end_writer(struct store *s, int64_t id)
{
    char sql[200];
    (void)snprintf(sql, sizeof(sql),
                   "UPDATE exchange SET outcome='recorder gone', ws_state=NULL WHERE writer=%lld"
                   " AND outcome IS NULL; UPDATE writer SET ended_ns=%lld WHERE id=%lld",
                   (long long)id, (long long)wall_clock_ns(), (long long)id);
    return exec(s->db, sql);
}

// Ends what dead processes left running, except those whose spool tells more.
static int end_orphans(struct store *s)
{
    sqlite3_stmt *each = NULL;
    int error = sqlite3_prepare_v2(s->db, "SELECT id FROM writer WHERE ended_ns IS NULL AND id<>?1",
                                   -1, &each, NULL);
    if (!error)
        error = sqlite3_bind_int64(each, 1, s->writer);
    while (!error && (error = sqlite3_step(each)) == SQLITE_ROW) {
        int64_t id = sqlite3_column_int64(each, 0);
        error = SQLITE_OK;
        if (record_lock_is_held(s->lock_file, id))
            continue;
        if (store_has_spool(s, id, &error) || error)
            continue;
        error = end_writer(s, id);
    }
    (void)sqlite3_finalize(each);
    return error == SQLITE_DONE ? SQLITE_OK : error;
}

// The writer's facts: of this process.
static struct spool_segment_head own_facts(const struct store *s)
{
    struct spool_segment_head facts = {.pid = (uint32_t)getpid(), .began_ns = wall_clock_ns()};
    (void)snprintf(facts.program, sizeof(facts.program), "%s", s->config.program);
    (void)snprintf(facts.version, sizeof(facts.version), "%s", adit_version());
    return facts;
}

static int insert_writer(struct store *s, const struct spool_segment_head *facts)
{
    sqlite3_stmt *insert = NULL;
    int error = sqlite3_prepare_v2(
        s->db, "INSERT INTO writer(program, version, pid, began_ns) VALUES(?1,?2,?3,?4)", -1,
        &insert, NULL);
    if (!error) {
        (void)sqlite3_bind_text(insert, 1, facts->program, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(insert, 2, facts->version, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int64(insert, 3, facts->pid);
        (void)sqlite3_bind_int64(insert, 4, facts->began_ns);
        error = sqlite3_step(insert) == SQLITE_DONE ? SQLITE_OK : sqlite3_extended_errcode(s->db);
    }
    (void)sqlite3_finalize(insert);
    s->writer = sqlite3_last_insert_rowid(s->db);
    return error;
}

// A number whose lock is held belongs to a process that still writes an older record of this
// directory: tries the next one.
static int become_writer(struct store *s, const struct spool_segment_head *facts)
{
    char sql[80];
    int error = insert_writer(s, facts);
    for (int i = 0; !error && !record_lock_take(s->lock_file, s->writer); i++) {
        (void)snprintf(sql, sizeof(sql), "DELETE FROM writer WHERE id=%lld", (long long)s->writer);
        error = i < STORE_WRITERS_BEFORE ? exec(s->db, sql) : SQLITE_CANTOPEN;
        if (!error)
            error = insert_writer(s, facts);
    }
    return error ? error : store_insert_spool(s);
}

static int register_writer(struct store *s)
{
    int error = exec(s->db, "BEGIN IMMEDIATE");
    if (error)
        return error;
    const struct spool_segment_head facts = own_facts(s);
    error = become_writer(s, &facts);
    if (!error)
        error = end_orphans(s);
    int ended = exec(s->db, error ? "ROLLBACK" : "COMMIT");
    return error ? error : ended;
}

bool store_is_moved(struct store *s)
{
    int moved = 0;
    return !sqlite3_file_control(s->db, NULL, SQLITE_FCNTL_HAS_MOVED, &moved) && moved;
}

// The last connection to close removes the log by name. If the database was moved, that log may
// belong to its successor.
static void keep_log(struct store *s)
{
    int keep = 1;
    (void)sqlite3_file_control(s->db, NULL, SQLITE_FCNTL_PERSIST_WAL, &keep);
}

// Takes the place of the writer of a spool; a record that does not know the spool gets a writer.
static int replace_writer(struct store *s, const struct spool_segment_head *facts,
                          struct spool_position *indexed)
{
    int error = exec(s->db, "BEGIN IMMEDIATE");
    if (error)
        return error;
    error = store_find_spool(s, &s->writer, indexed);
    if (error == SQLITE_DONE)
        error = facts ? become_writer(s, facts) : SQLITE_NOTFOUND;
    else if (!error && !record_lock_take(s->lock_file, s->writer))
        error = SQLITE_BUSY;
    int ended = exec(s->db, error ? "ROLLBACK" : "COMMIT");
    return error ? error : ended;
}

static int open_store(const struct store_config *config, struct store **out,
                      struct store_file *file)
{
    struct store *s = calloc(1, sizeof(*s));
    *out = s;
    *file = (struct store_file){0};
    if (!s)
        return SQLITE_NOMEM;
    s->config = *config;
    (void)snprintf(s->spool, sizeof(s->spool), "%s", config->spool ? config->spool : "");
    s->lock_file = -1;
    int error = open_files(s, file);
    return error ? error : set_up(s);
}

// `error` is that of the last step of opening.
static int finish_open(struct store **out, int error)
{
    if (error && *out) {
        (*out)->writer = 0;
        store_close(*out);
        *out = NULL;
    }
    if (!error)
        record_lock_release((*out)->lock_file, RECORD_LOCK_FILES);
    return error;
}

int store_open(const struct store_config *config, struct store **out, struct store_file *file)
{
    int error = open_store(config, out, file);
    return finish_open(out, error ? error : register_writer(*out));
}

int store_open_after(const struct store_config *config, const struct spool_segment_head *facts,
                     struct store **out, struct spool_position *indexed)
{
    struct store_file file;
    *indexed = (struct spool_position){0};
    int error = open_store(config, out, &file);
    return finish_open(out, error ? error : replace_writer(*out, facts, indexed));
}

void store_keep_spool(struct store *s)
{
    s->keeps_spool = true;
}

static void end_own_writer(struct store *s)
{
    int error = exec(s->db, "BEGIN IMMEDIATE");
    if (error)
        return;
    error = store_delete_spool(s);
    if (!error)
        error = end_writer(s, s->writer);
    (void)exec(s->db, error ? "ROLLBACK" : "COMMIT");
}

void store_close(struct store *s)
{
    if (!s)
        return;
    if (s->db && store_is_moved(s))
        keep_log(s);
    for (size_t i = 0; i < STATEMENTS; i++)
        (void)sqlite3_finalize(s->statements[i]);
    if (s->writer && !s->keeps_spool)
        end_own_writer(s);
    (void)sqlite3_close(s->db);
    if (s->lock_file >= 0)
        (void)close(s->lock_file);
    free(s);
}

void store_release_memory(struct store *s)
{
    (void)sqlite3_db_release_memory(s->db);
}

int64_t store_writer(const struct store *s)
{
    return s->writer;
}
