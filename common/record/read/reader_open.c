// SPDX-License-Identifier: MIT
// Opens a record without creating or changing anything.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "reader_internal.h"

enum {
    BUSY_MS = 5000,
    URI_MAX = 3 * (STATE_PATH_MAX + 16) + 32,
    LATER_VERSION = -2 // of read_version
};

static void explain(char why[static RECORD_WHY_MAX], const char *problem, const char *dir,
                    const char *then)
{
    (void)snprintf(why, RECORD_WHY_MAX, "%s %.300s%s", problem, dir, then);
}

// Writes SQLite's URI of an immutable file, for which it uses neither locks nor a WAL.
static void immutable_uri(const char *path, char out[static URI_MAX])
{
    static const char hex[] = "0123456789ABCDEF";
    size_t len = (size_t)snprintf(out, URI_MAX, "file:");
    for (; *path && len < URI_MAX - 24; path++) {
        unsigned char c = (unsigned char)*path;
        if (c > 0x20 && c < 0x7f && !strchr("%?#", c)) {
            out[len++] = (char)c;
            continue;
        }
        out[len++] = '%';
        out[len++] = hex[c >> 4];
        out[len++] = hex[c & 15];
    }
    (void)snprintf(out + len, URI_MAX - len, "?immutable=1");
}

// Returns the record's version, 0 when it has no tables yet, or LATER_VERSION. `*error` gets an
// SQLite error.
static int read_version(sqlite3 *db, int *error)
{
    int64_t version = 0;
    int64_t application = 0;
    int64_t tables = 0;
    (void)sqlite3_busy_timeout(db, BUSY_MS);
    *error = record_get_number(db, "SELECT count(*) FROM sqlite_schema", &tables);
    if (!*error)
        *error = record_get_number(db, "PRAGMA application_id", &application);
    if (!*error)
        *error = record_get_number(db, "PRAGMA user_version", &version);
    if (!*error && tables > 0 && application != RECORD_APPLICATION)
        *error = SQLITE_NOTADB;
    if (*error || tables == 0)
        return 0;
    return version < 0 || version > RECORD_VERSION ? LATER_VERSION : (int)version;
}

static bool has_wal(const char *path)
{
    char wal[STATE_PATH_MAX + 32];
    struct stat st;
    (void)snprintf(wal, sizeof(wal), "%s-wal", path);
    return stat(wal, &st) == 0 ? st.st_size > 0 : errno != ENOENT;
}

static int open_as(struct record_reader *r, const char *name, int flags, int *version)
{
    int error = sqlite3_open_v2(name, &r->db,
                                SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                                    SQLITE_OPEN_NOFOLLOW | flags,
                                NULL);
    if (!error)
        *version = read_version(r->db, &error);
    return error;
}

// SQLite needs files beside a database in WAL mode. When they are missing and we may not create
// them, no writer is active; without a WAL the database file is complete, and opened as immutable.
static int open_database(struct record_reader *r, const char *path, int *version)
{
    char uri[URI_MAX];
    int error = open_as(r, path, 0, version);
    if (!error || has_wal(path))
        return error;
    int primary = error & 0xff;
    if (primary != SQLITE_CANTOPEN && primary != SQLITE_READONLY)
        return error;
    (void)sqlite3_close(r->db);
    r->db = NULL;
    immutable_uri(path, uri);
    return open_as(r, uri, SQLITE_OPEN_URI, version);
}

// Earlier versions are read without migration: a reader may lack permission to write.
static bool explain_version(int version, const char *dir, char why[static RECORD_WHY_MAX])
{
    if (version == LATER_VERSION)
        explain(why, "a later version of adit has written the record in", dir, ": use that one");
    else if (version <= 0)
        explain(why, "there is no record yet in", dir, "");
    return version > 0;
}

static bool open_record(struct record_reader *r, char why[static RECORD_WHY_MAX])
{
    char path[STATE_PATH_MAX + 16];
    char then[160];
    record_path(r->dir, path);
    if (access(path, R_OK)) {
        (void)snprintf(then, sizeof(then), ": %s", strerror(errno));
        explain(why, errno == ENOENT ? "there is no record yet in" : "cannot read the record in",
                r->dir, errno == ENOENT ? "" : then);
        return false;
    }
    int error = open_database(r, path, &r->version);
    if (error) {
        bool owner = (error & 0xff) == SQLITE_CANTOPEN || (error & 0xff) == SQLITE_READONLY;
        (void)snprintf(then, sizeof(then), ": %s%s",
                       r->db ? sqlite3_errstr(error) : "out of memory",
                       owner ? ". Try as the user who owns it" : "");
        explain(why, "cannot read the record in", r->dir, then);
        return false;
    }
    return explain_version(r->version, r->dir, why);
}

struct record_reader *record_reader_open(const char *dir, char why[static RECORD_WHY_MAX])
{
    struct record_reader *r = calloc(1, sizeof(*r));
    int n = r ? snprintf(r->dir, sizeof(r->dir), "%s", dir) : -1;
    if (n < 0 || (size_t)n >= sizeof(r->dir)) {
        explain(why, "cannot read the record in", dir, r ? ": its path is too long" : "");
        free(r);
        return NULL;
    }
    r->lock_fd = -1;
    if (!open_record(r, why)) {
        record_reader_close(r);
        return NULL;
    }
    // These only tune; failure does not matter.
    (void)sqlite3_exec(r->db,
                       "PRAGMA query_only=1; PRAGMA mmap_size=2147418112; PRAGMA cache_size=-8192",
                       NULL, NULL, NULL);
    return r;
}

void record_reader_close(struct record_reader *r)
{
    if (!r)
        return;
    record_reader_end(r);
    for (size_t i = 0; i < READER_STATEMENTS; i++)
        (void)sqlite3_finalize(r->statements[i]);
    (void)sqlite3_close(r->db);
    if (r->lock_fd >= 0)
        (void)close(r->lock_fd);
    buf_free(&r->dead_writers);
    buf_free(&r->piece);
    buf_free(&r->message);
    buf_free(&r->trouble);
    for (int side = 0; side < 2; side++) {
        buf_free(&r->whole[side]);
        buf_free(&r->work[side][0]);
        buf_free(&r->work[side][1]);
    }
    free(r);
}
