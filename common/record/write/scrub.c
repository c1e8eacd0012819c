// SPDX-License-Identifier: MIT
// Finds unused bytes by the file format (https://sqlite.org/fileformat.html) and overwrites them in
// the file itself; SQLite's only other way is to rewrite the whole file (VACUUM). While the log is
// empty and we hold the write lock, no other process writes the file, and readers give no meaning
// to the bytes that are overwritten.
#include "scrub.h"
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

enum {
    HEADER_BYTES = 100, // of the file (§1.3)
    PAGE_BYTES_AT = 16,
    RESERVED_AT = 20,
    LARGEST_ROOT_AT = 52, // 0: no pointer map (§1.8)
    MAP_ENTRY = 5,
    MAP_ROOT = 1, // types of pages that are b-trees
    MAP_TREE = 5,
    LEAF = 8, // bit of a b-tree page's type
    PAGE_BYTES_MAX = 65536,
    LOCK_AT = 0x40000000 // the page with this byte is never used (§1.4)
};

struct scrub {
    sqlite3_file *file;
    uint32_t page_bytes, usable, pages;
    uint32_t map_page; // the page in `map`
    unsigned char map[PAGE_BYTES_MAX], page[PAGE_BYTES_MAX];
};

static int64_t log_bytes(const char *dir)
{
    char path[STATE_PATH_MAX + 16];
    char wal[STATE_PATH_MAX + 32];
    struct stat st;
    record_path(dir, path);
    (void)snprintf(wal, sizeof(wal), "%s-wal", path);
    if (stat(wal, &st))
        return errno == ENOENT ? 0 : INT64_MAX;
    return st.st_size;
}

bool record_is_busy(int error)
{
    return (error & 0xff) == SQLITE_BUSY || (error & 0xff) == SQLITE_LOCKED;
}

int record_log_has_room(sqlite3 *db, const char *dir, int busy_ms)
{
    if (log_bytes(dir) <= SCRUB_LOG_BYTES_MAX)
        return SQLITE_OK;
    int error = record_checkpoint(db, busy_ms);
    return (error & 0xff) == SQLITE_BUSY ? RECORD_READER_STALLED : error;
}

int record_checkpoint(sqlite3 *db, int busy_ms)
{
    (void)sqlite3_busy_timeout(db, 0);
    int error = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    (void)sqlite3_busy_timeout(db, busy_ms);
    return error;
}

static unsigned get_u16(const unsigned char *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static uint32_t get_u32(const unsigned char *p)
{
    return (uint32_t)get_u16(p) << 16 | get_u16(p + 2);
}

static int read_page(struct scrub *s, uint32_t number, unsigned char *out)
{
    return s->file->pMethods->xRead(s->file, out, (int)s->page_bytes,
                                    (sqlite3_int64)(number - 1) * s->page_bytes);
}

// False: the file cannot be scrubbed.
static bool open_file(struct scrub *s, sqlite3 *db)
{
    unsigned char head[HEADER_BYTES];
    sqlite3_int64 size = 0;
    if (sqlite3_file_control(db, NULL, SQLITE_FCNTL_FILE_POINTER, &s->file) || !s->file ||
        !s->file->pMethods || s->file->pMethods->xRead(s->file, head, HEADER_BYTES, 0) ||
        s->file->pMethods->xFileSize(s->file, &size))
        return false;
    s->page_bytes = get_u16(head + PAGE_BYTES_AT);
    if (s->page_bytes == 1)
        s->page_bytes = PAGE_BYTES_MAX;
    s->usable = s->page_bytes - head[RESERVED_AT];
    if (s->page_bytes < 512 || s->usable < 480 || get_u32(head + LARGEST_ROOT_AT) == 0)
        return false;
    s->pages = (uint32_t)(size / s->page_bytes);
    return true;
}

static uint32_t map_page_of(const struct scrub *s, uint32_t number)
{
    uint32_t each = s->usable / MAP_ENTRY + 1;
    uint32_t at = (number - 2) / each * each + 2;
    return at == LOCK_AT / s->page_bytes + 1 ? at + 1 : at;
}

// Whether a page is a b-tree. Others were overwritten by secure_delete when they were freed.
static int is_tree(struct scrub *s, uint32_t number, bool *tree)
{
    uint32_t map = map_page_of(s, number);
    *tree = false;
    if (number <= map || number == LOCK_AT / s->page_bytes + 1)
        return SQLITE_OK;
    if (s->map_page != map) {
        int error = read_page(s, map, s->map);
        if (error)
            return error;
        s->map_page = map;
    }
    size_t at = (size_t)(number - map - 1) * MAP_ENTRY;
    if (at < s->usable)
        *tree = s->map[at] == MAP_ROOT || s->map[at] == MAP_TREE;
    return SQLITE_OK;
}

// Zeroes [from, to) of the page. Whether any byte was not zero.
static bool zero_range(struct scrub *s, uint32_t from, uint32_t to)
{
    bool any = false;
    for (uint32_t i = from; i < to && !any; i++)
        any = s->page[i] != 0;
    if (any)
        memset(s->page + from, 0, to - from);
    return any;
}

// Zeroes a b-tree page's unallocated space and its freeblocks (§1.6). A page that does not follow
// the format is left alone.
static bool zero_unused(struct scrub *s)
{
    const unsigned char *p = s->page;
    uint32_t rows_at = (p[0] & LEAF ? 8 : 12) + 2 * get_u16(p + 3);
    uint32_t content_at = get_u16(p + 5) ? get_u16(p + 5) : PAGE_BYTES_MAX;
    bool known = p[0] == 2 || p[0] == 5 || p[0] == 10 || p[0] == 13;
    if (!known || content_at > s->usable || rows_at > content_at)
        return false;
    bool any = zero_range(s, rows_at, content_at);
    uint32_t last = content_at;
    for (uint32_t at = get_u16(p + 1); at >= last && at + 4 <= s->usable; at = get_u16(p + at)) {
        uint32_t end = at + get_u16(p + at + 2);
        if (end < at + 4 || end > s->usable)
            break;
        any = zero_range(s, at + 4, end) || any;
        last = end;
    }
    return any;
}

static int scrub_page(struct scrub *s, uint32_t number)
{
    bool tree = false;
    int error = is_tree(s, number, &tree);
    if (error || !tree)
        return error;
    error = read_page(s, number, s->page);
    if (error || !zero_unused(s))
        return error;
    return s->file->pMethods->xWrite(s->file, s->page, (int)s->page_bytes,
                                     (sqlite3_int64)(number - 1) * s->page_bytes);
}

// Commits an unchanged first page: the change counter makes other connections drop their cached
// pages, which still have the old bytes and would be written back with the next change.
static int bump_change_counter(sqlite3 *db)
{
    char sql[64];
    sqlite3_stmt *version = NULL;
    int error = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &version, NULL);
    if (error)
        return error;
    error = sqlite3_step(version);
    int number = sqlite3_column_int(version, 0);
    (void)sqlite3_finalize(version);
    if (error != SQLITE_ROW)
        return error;
    (void)snprintf(sql, sizeof(sql), "PRAGMA user_version=%d", number);
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int scrub_pages(struct scrub *s, sqlite3 *db, uint32_t *page)
{
    int error = SQLITE_OK;
    uint32_t next = *page < 2 ? 2 : *page;
    *page = 0;
    if (!open_file(s, db))
        return RECORD_NO_PAGE_MAP;
    uint32_t end = s->pages - next < SCRUB_PAGES ? s->pages + 1 : next + SCRUB_PAGES;
    for (; !error && next < end; next++)
        error = scrub_page(s, next);
    if (next <= s->pages)
        *page = next;
    return error ? error : bump_change_counter(db);
}

int record_scrub(sqlite3 *db, const char *dir, uint32_t *page, int busy_ms)
{
    static const char *const ends[] = {"COMMIT", "ROLLBACK"};
    int error = record_checkpoint(db, busy_ms);
    if (error)
        return error;
    struct scrub *s = sqlite3_malloc(sizeof(*s));
    if (!s)
        return SQLITE_NOMEM;
    memset(s, 0, offsetof(struct scrub, map));
    error = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (!error) {
        uint32_t next = *page;
        error = log_bytes(dir) == 0 ? scrub_pages(s, db, &next) : SQLITE_BUSY;
        int ended = sqlite3_exec(db, ends[error != SQLITE_OK], NULL, NULL, NULL);
        error = error ? error : ended;
        *page = error && error != RECORD_NO_PAGE_MAP ? *page : next;
    }
    sqlite3_free(s);
    (void)sqlite3_db_release_memory(db); // our own cached pages
    return error;
}
