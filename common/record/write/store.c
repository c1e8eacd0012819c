// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/base/version.h"
#include "common/io/loop.h"
#include "common/record/lock.h"
#include "scrub.h"
#include "store_internal.h"

// Of an exchange that is to be deleted; how much of its bodies is in `body`, too.
#define VICTIM                                                                       \
    "SELECT e.seq, e.tunnel, e.size, e.began_ns, e.request_kept + e.response_kept -" \
    " coalesce(length(e.request_body), 0) - coalesce(length(e.response_body), 0), e.flags FROM "

// Of the address that takes the most, of its owner that does, of the tunnel that does. What has no
// address counts by its owner, and what has none by itself.
#define FULLEST(those)                                                                          \
    "SELECT id FROM (SELECT id, bytes, coalesce('o' || owner, 't' || id) AS o, coalesce('a' ||" \
    " address, 'o' || owner, 't' || id) AS a FROM tunnel t WHERE " those                        \
    ") ORDER BY sum(bytes) OVER (PARTITION BY a) DESC, sum(bytes) OVER (PARTITION BY a, o)"     \
    " DESC, bytes DESC LIMIT 1"

static const char *const texts[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    // The columns of both in the order of bind_exchange.
    [INSERT_EXCHANGE] =
        "INSERT INTO exchange(status, outcome, error, flags, size, sent_on_ns, connect_ns,"
        " answered_ns, duration_ns, request_bytes, request_kept, request_digest, request_first_ns,"
        " request_last_ns, request_stalled_ns, request_trailers, response_bytes, response_kept,"
        " response_digest, response_first_ns, response_last_ns, response_stalled_ns,"
        " response_trailers, interim, response_head, far_outcome, far_flags, far_sent_on_ns,"
        " far_connect_ns, far_answered_ns, far_duration_ns, far_request_bytes, far_request_digest,"
        " far_response_bytes, far_response_digest, id, writer, tunnel, began_ns, visitor, protocol,"
        " method, scheme, host, target, upstream, replay_of, request_head, service_first_ns,"
        " request_body, response_body, response_protocol, reason, detail, bad_head)"
        " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19,?20,?21,?22,"
        "?23,?24,?25,?26,?27,?28,?29,?30,?31,?32,?33,?34,?35,?36,?37,?38,?39,?40,?41,?42,?43,?44,"
        "?45,?46,?47,?48,?49,?50,?51,?52,?53,?54,?55)",
    [UPDATE_EXCHANGE] =
        "UPDATE exchange SET status=?1, outcome=?2, error=?3, flags=?4, size=?5, sent_on_ns=?6,"
        " connect_ns=?7, answered_ns=?8, duration_ns=?9, request_bytes=?10, request_kept=?11,"
        " request_digest=?12, request_first_ns=?13, request_last_ns=?14, request_stalled_ns=?15,"
        " request_trailers=coalesce(?16, request_trailers), response_bytes=?17, response_kept=?18,"
        " response_digest=?19, response_first_ns=?20, response_last_ns=?21,"
        " response_stalled_ns=?22, response_trailers=coalesce(?23, response_trailers),"
        " interim=coalesce(interim || ?24, ?24, interim),"
        " response_head=coalesce(?25, response_head), far_outcome=?26, far_flags=?27,"
        " far_sent_on_ns=?28, far_connect_ns=?29, far_answered_ns=?30, far_duration_ns=?31,"
        " far_request_bytes=?32, far_request_digest=?33, far_response_bytes=?34,"
        " far_response_digest=?35, service_first_ns=?38,"
        " response_protocol=coalesce(?39, response_protocol), reason=coalesce(?40, reason),"
        " detail=coalesce(?41, detail), bad_head=coalesce(?42, bad_head)"
        " WHERE seq=?36 AND id=?37",
    [INSERT_BODY] = "INSERT INTO body(exchange, side, at, bytes) VALUES(?1,?2,?3,?4)",
    [INSERT_MESSAGE] =
        "INSERT INTO message(exchange, number, side, opcode, flags, at_ns, size, bytes)"
        " VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
    [FIND_TUNNEL] = "SELECT id FROM tunnel WHERE name=?1",
    [INSERT_TUNNEL] = "INSERT INTO tunnel(name) VALUES(?1)",
    [OWN_TUNNEL] = "UPDATE tunnel SET owner=?2, address=?3 WHERE id=?1 AND"
                   " (owner IS NOT ?2 OR address IS NOT ?3)",
    [GROW_TUNNEL] = "UPDATE tunnel SET bytes=bytes+?2 WHERE id=?1",
    [COUNT_WRITER] = "UPDATE writer SET exchanges=?2, shed=?3, shed_bytes=?4, trouble=?5 WHERE"
                     " id=?1",
    [PAGES] = "SELECT page_count - freelist_count, freelist_count FROM pragma_page_count,"
              " pragma_freelist_count",
    [OLDEST] = VICTIM "exchange e WHERE e.outcome IS NOT NULL ORDER BY e.seq LIMIT ?1",
    [FULLEST_TUNNEL] = FULLEST("bytes > 0"),
    [FULLEST_ENDED] =
        FULLEST("EXISTS(SELECT 1 FROM span s CROSS JOIN exchange e ON e.seq BETWEEN s.first AND"
                " s.last WHERE s.tunnel=t.id AND e.tunnel=t.id AND e.outcome IS NOT NULL)"),
    [OLDEST_OF_TUNNEL] = VICTIM "span s CROSS JOIN exchange e ON e.seq BETWEEN s.first AND s.last"
                                " WHERE s.tunnel=?2 AND e.tunnel=?2 AND e.outcome IS NOT NULL"
                                " ORDER BY s.first LIMIT ?1",
    [INSERT_SPAN] = "INSERT INTO span(tunnel, first, last, first_id, last_id)"
                    " VALUES(?1,?2,?3,?4,?5) ON CONFLICT DO UPDATE SET"
                    " last=max(last, excluded.last), first_id=min(first_id, excluded.first_id),"
                    " last_id=max(last_id, excluded.last_id)",
    [CLEAR_SPANS] = RECORD_CLEAR_SPANS,
    [DELETE_EXCHANGE] = "DELETE FROM exchange WHERE seq=?1",
    [DELETE_BODY] = "DELETE FROM body WHERE exchange=?1",
    [DELETE_MESSAGE] = "DELETE FROM message WHERE exchange=?1",
};

sqlite3_stmt *store_statement(struct store *s, enum statement which)
{
    sqlite3_stmt **at = &s->statements[which];
    if (!*at && sqlite3_prepare_v3(s->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT, at, NULL))
        return NULL;
    return *at;
}

int store_run(struct store *s, sqlite3_stmt *statement)
{
    if (!statement)
        return sqlite3_extended_errcode(s->db);
    int error = sqlite3_step(statement);
    (void)sqlite3_reset(statement);
    return error == SQLITE_DONE || error == SQLITE_ROW ? SQLITE_OK : error;
}

static int exec(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int error_of_open(void)
{
    switch (errno) {
    case ENOSPC: return SQLITE_FULL;
    case EROFS: return SQLITE_READONLY;
    case EPERM: return SQLITE_PERM; // it is not ours alone
    default: return SQLITE_CANTOPEN;
    }
}

static const char *const beside[] = {"", "-wal", "-shm", "-journal"};

enum {
    BESIDE = sizeof(beside) / sizeof(beside[0])
};

// What SQLite opens by itself is looked at before: what it finds beside the database it believes.
static int check_files(const char *path)
{
    char file[STATE_PATH_MAX + 32];
    for (size_t i = 0; i < BESIDE; i++) {
        (void)snprintf(file, sizeof(file), "%s%s", path, beside[i]);
        if (private_flaw_at(file, geteuid()))
            return SQLITE_PERM;
    }
    return SQLITE_OK;
}

// Makes the database where there is none. One that is there is not opened: to close it would take
// away the locks that another connection of this process has.
static int find_file(const char *path, struct store_file *file)
{
    struct stat st;
    const char *why = NULL;
    int error = check_files(path);
    if (error)
        return error;
    if (lstat(path, &st)) {
        int fd = errno == ENOENT ? private_open(path, O_RDWR | O_CREAT, &why) : -1;
        if (fd < 0)
            return error_of_open();
        (void)close(fd);
        if (lstat(path, &st))
            return SQLITE_IOERR;
    }
    *file = (struct store_file){st.st_dev, st.st_ino};
    return faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) ? error_of_open() : SQLITE_OK;
}

// The modes of the files that SQLite makes beside it are those of the database. While it is opened
// nobody moves it.
static int open_files(struct store *s, struct store_file *file)
{
    char path[STATE_PATH_MAX + 16];
    record_path(s->config.dir, path);
    s->lock_file = record_lock_open(s->config.dir);
    if (s->lock_file < 0)
        return error_of_open();
    if (!record_lock_wait(s->lock_file, RECORD_LOCK_PLACE, STORE_BUSY_MS))
        return SQLITE_BUSY;
    int error = find_file(path, file);
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

// Before it is known to be ours and of our version nothing is written into it.
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

// What processes that are gone have left running will never end otherwise.
static int sweep(struct store *s)
{
    sqlite3_stmt *each = NULL;
    char sql[200];
    int error = sqlite3_prepare_v2(s->db, "SELECT id FROM writer WHERE ended_ns IS NULL AND id<>?1",
                                   -1, &each, NULL);
    if (!error)
        error = sqlite3_bind_int64(each, 1, s->writer);
    while (!error && (error = sqlite3_step(each)) == SQLITE_ROW) {
        int64_t id = sqlite3_column_int64(each, 0);
        error = SQLITE_OK;
        if (record_lock_is_held(s->lock_file, id))
            continue;
        (void)snprintf(sql, sizeof(sql),
                       "UPDATE exchange SET outcome='recorder gone' WHERE writer=%lld AND outcome"
                       " IS NULL; UPDATE writer SET ended_ns=%lld WHERE id=%lld",
                       (long long)id, (long long)wall_clock_ns(), (long long)id);
        error = exec(s->db, sql);
    }
    (void)sqlite3_finalize(each);
    return error == SQLITE_DONE ? SQLITE_OK : error;
}

static int insert_writer(struct store *s)
{
    sqlite3_stmt *insert = NULL;
    int error = sqlite3_prepare_v2(
        s->db, "INSERT INTO writer(program, version, pid, began_ns) VALUES(?1,?2,?3,?4)", -1,
        &insert, NULL);
    if (!error) {
        (void)sqlite3_bind_text(insert, 1, s->config.program, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(insert, 2, adit_version(), -1, SQLITE_STATIC);
        (void)sqlite3_bind_int64(insert, 3, getpid());
        (void)sqlite3_bind_int64(insert, 4, wall_clock_ns());
        error = sqlite3_step(insert) == SQLITE_DONE ? SQLITE_OK : sqlite3_extended_errcode(s->db);
    }
    (void)sqlite3_finalize(insert);
    s->writer = sqlite3_last_insert_rowid(s->db);
    return error;
}

// A number whose lock is taken belongs to a process that writes a record which was here before.
static int become_writer(struct store *s)
{
    char sql[80];
    int error = insert_writer(s);
    for (int i = 0; !error && !record_lock_take(s->lock_file, s->writer); i++) {
        (void)snprintf(sql, sizeof(sql), "DELETE FROM writer WHERE id=%lld", (long long)s->writer);
        error = i < STORE_WRITERS_BEFORE ? exec(s->db, sql) : SQLITE_CANTOPEN;
        if (!error)
            error = insert_writer(s);
    }
    return error;
}

static int enter(struct store *s)
{
    int error = exec(s->db, "BEGIN IMMEDIATE");
    if (error)
        return error;
    error = become_writer(s);
    if (!error)
        error = sweep(s);
    int ended = exec(s->db, error ? "ROLLBACK" : "COMMIT");
    return error ? error : ended;
}

int store_open(const struct store_config *config, struct store **out, struct store_file *file)
{
    struct store *s = calloc(1, sizeof(*s));
    *out = NULL;
    *file = (struct store_file){0};
    if (!s)
        return SQLITE_NOMEM;
    s->config = *config;
    s->lock_file = -1;
    int error = open_files(s, file);
    if (!error)
        error = set_up(s);
    if (!error)
        error = enter(s);
    if (error) {
        s->writer = 0;
        store_close(s);
        return error;
    }
    record_lock_leave(s->lock_file, RECORD_LOCK_PLACE);
    *out = s;
    return SQLITE_OK;
}

static bool is_moved(struct store *s)
{
    int moved = 0;
    return !sqlite3_file_control(s->db, NULL, SQLITE_FCNTL_HAS_MOVED, &moved) && moved;
}

// The last to close a database removes its log, by name: another one's by now, if it was moved.
static void keep_log(struct store *s)
{
    int keep = 1;
    (void)sqlite3_file_control(s->db, NULL, SQLITE_FCNTL_PERSIST_WAL, &keep);
}

void store_close(struct store *s)
{
    char sql[80];
    if (!s)
        return;
    if (s->db && is_moved(s))
        keep_log(s);
    for (size_t i = 0; i < STATEMENTS; i++)
        (void)sqlite3_finalize(s->statements[i]);
    if (s->writer) {
        (void)snprintf(sql, sizeof(sql), "UPDATE writer SET ended_ns=%lld WHERE id=%lld",
                       (long long)wall_clock_ns(), (long long)s->writer);
        (void)exec(s->db, sql);
    }
    (void)sqlite3_close(s->db);
    if (s->lock_file >= 0)
        (void)close(s->lock_file);
    free(s);
}

void store_rest(struct store *s)
{
    (void)sqlite3_db_release_memory(s->db);
}

int64_t store_writer(const struct store *s)
{
    return s->writer;
}

static bool is_in_place(const char *path, const struct store_file *file)
{
    struct stat st;
    return stat(path, &st) == 0 && st.st_dev == file->device && st.st_ino == file->inode;
}

static bool put_aside(const char *path, const char *name)
{
    char old[STATE_PATH_MAX + 32];
    char moved[STATE_PATH_MAX + 80];
    if (private_move(path, name))
        return false;
    for (size_t i = 1; i < BESIDE; i++) {
        (void)snprintf(old, sizeof(old), "%s%s", path, beside[i]);
        (void)snprintf(moved, sizeof(moved), "%s%s", name, beside[i]);
        (void)private_move(old, moved);
    }
    return true;
}

bool store_put_aside(const char *dir, const struct store_file *file,
                     char name[static STATE_PATH_MAX + 64])
{
    char path[STATE_PATH_MAX + 16];
    int lock = record_lock_open(dir);
    bool done = false;
    record_path(dir, path);
    (void)snprintf(name, STATE_PATH_MAX + 64, "%s.damaged-%lld", path,
                   (long long)(wall_clock_ns() / 1000000));
    if (lock >= 0 && record_lock_wait(lock, RECORD_LOCK_PLACE, STORE_BUSY_MS))
        done = is_in_place(path, file) && put_aside(path, name);
    if (lock >= 0)
        (void)close(lock);
    return done;
}

int store_begin(struct store *s)
{
    store_tunnels_begin(s);
    if (is_moved(s))
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

static void bind_text(sqlite3_stmt *q, int at, struct slice text)
{
    if (text.len > 0)
        (void)sqlite3_bind_text64(q, at, text.p, text.len, SQLITE_STATIC, SQLITE_UTF8);
    else
        (void)sqlite3_bind_null(q, at);
}

static void bind_blob(sqlite3_stmt *q, int at, struct slice bytes)
{
    if (bytes.len > 0)
        (void)sqlite3_bind_blob64(q, at, bytes.p, bytes.len, SQLITE_STATIC);
    else
        (void)sqlite3_bind_null(q, at);
}

static void bind_ns(sqlite3_stmt *q, int at, int64_t ns)
{
    if (ns >= 0)
        (void)sqlite3_bind_int64(q, at, ns);
    else
        (void)sqlite3_bind_null(q, at);
}

static void bind_digest(sqlite3_stmt *q, int at, bool known, const uint8_t *digest)
{
    bind_blob(q, at, slice_of((const char *)digest, known ? RECORD_DIGEST_BYTES : 0));
}

static void bind_side(sqlite3_stmt *q, int at, const struct record_body *b)
{
    (void)sqlite3_bind_int64(q, at, (int64_t)b->bytes);
    (void)sqlite3_bind_int64(q, at + 1, (int64_t)b->kept);
    bind_digest(q, at + 2, b->has_digest, b->digest);
    bind_ns(q, at + 3, b->first_ns);
    bind_ns(q, at + 4, b->last_ns);
    (void)sqlite3_bind_int64(q, at + 5, b->stalled_ns);
    bind_blob(q, at + 6, b->trailers);
}

static void bind_peer(sqlite3_stmt *q, int at, const struct record_report *peer)
{
    if (!peer->known) {
        for (int i = 0; i < 10; i++)
            (void)sqlite3_bind_null(q, at + i);
        return;
    }
    bind_text(q, at, peer->outcome);
    (void)sqlite3_bind_int(q, at + 1,
                           (peer->whole[0] ? RECORD_REQUEST_WHOLE : 0) |
                               (peer->whole[1] ? RECORD_RESPONSE_WHOLE : 0));
    bind_ns(q, at + 2, peer->sent_on_ns);
    bind_ns(q, at + 3, peer->connect_ns);
    bind_ns(q, at + 4, peer->answered_ns);
    bind_ns(q, at + 5, peer->duration_ns);
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
    bind_text(q, 2, x->outcome);
    bind_text(q, 3, x->error);
    (void)sqlite3_bind_int64(q, 4, x->flags);
    (void)sqlite3_bind_int64(q, 5, (int64_t)x->size);
    bind_ns(q, 6, x->sent_on_ns);
    bind_ns(q, 7, x->connect_ns);
    bind_ns(q, 8, x->answered_ns);
    bind_ns(q, 9, x->duration_ns);
    bind_side(q, 10, &x->body[RECORD_REQUEST]);
    bind_side(q, 17, &x->body[RECORD_RESPONSE]);
    bind_blob(q, 24, x->interim);
    bind_blob(q, 25, x->response_head);
    bind_peer(q, 26, &x->peer);
}

static void bind_answer(sqlite3_stmt *q, int at, const struct record_exchange *x)
{
    bind_text(q, at, x->response_protocol);
    if (x->reason.p)
        (void)sqlite3_bind_text64(q, at + 1, x->reason.p, x->reason.len, SQLITE_STATIC,
                                  SQLITE_UTF8);
    else
        (void)sqlite3_bind_null(q, at + 1);
    bind_text(q, at + 2, x->detail);
    bind_blob(q, at + 3, x->bad_head);
}

static void bind_asked(sqlite3_stmt *q, const struct store *s, const struct record_exchange *x)
{
    const struct slice texts_of[] = {x->visitor, x->protocol, x->method,   x->scheme,
                                     x->host,    x->target,   x->upstream, x->replay_of};
    (void)sqlite3_bind_text(q, 36, x->id, -1, SQLITE_STATIC);
    (void)sqlite3_bind_int64(q, 37, s->writer);
    (void)sqlite3_bind_int64(q, 39, x->began_ns);
    for (int i = 0; i < 8; i++)
        bind_text(q, 40 + i, texts_of[i]);
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
        bind_ns(q, 49, x->service_first_ns);
        bind_answer(q, 52, x);
        bind_blob(q, 50, bodies[RECORD_REQUEST]);
        bind_blob(q, 51, bodies[RECORD_RESPONSE]);
    } else {
        (void)sqlite3_bind_int64(q, 36, x->seq);
        // Rows are used again when the newest are deleted.
        (void)sqlite3_bind_text(q, 37, x->id, -1, SQLITE_STATIC);
        bind_ns(q, 38, x->service_first_ns);
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
    bind_blob(q, 4, bytes);
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
    bind_blob(q, 8, m->bytes);
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
