// SPDX-License-Identifier: MIT
// Deletes the oldest exchanges. Beyond the size limit these are the oldest of the tunnel that takes
// the most, so that a busy tunnel does not displace the exchanges of others.
#include <stdio.h>
#include "scrub.h"
#include "store_internal.h"

struct victim {
    int64_t seq, tunnel, size, began_ns, kept, flags;
};

static int get_pages(struct store *s, uint64_t *used, uint64_t *unused)
{
    sqlite3_stmt *q = store_statement(s, PAGES);
    int error = q ? sqlite3_step(q) : sqlite3_extended_errcode(s->db);
    if (error == SQLITE_ROW) {
        *used = (uint64_t)sqlite3_column_int64(q, 0);
        *unused = (uint64_t)sqlite3_column_int64(q, 1);
    }
    (void)sqlite3_reset(q);
    return error == SQLITE_ROW ? SQLITE_OK : error;
}

// Up to STORE_DELETE_STEP ended exchanges in the order of their rows: the first ones of all
// (OLDEST), of a tunnel (OLDEST_OF_TUNNEL, `of`), or of those that the look at all rows has come to
// and that began before a time (OLD_AMONG, `of`).
static int get_victims(struct store *s, enum statement which, int64_t of, struct victim *victims,
                       size_t *count)
{
    sqlite3_stmt *q = store_statement(s, which);
    *count = 0;
    if (!q)
        return sqlite3_extended_errcode(s->db);
    (void)sqlite3_bind_int(q, 1, STORE_DELETE_STEP);
    if (which != OLDEST)
        (void)sqlite3_bind_int64(q, 2, of);
    if (which == OLD_AMONG) {
        (void)sqlite3_bind_int64(q, 3, s->aged_seq);
        (void)sqlite3_bind_int64(q, 4, s->aged_end);
    }
    int error = sqlite3_step(q);
    for (; error == SQLITE_ROW; error = sqlite3_step(q)) {
        int64_t seq = sqlite3_column_int64(q, 0);
        if (*count == 0 || seq > victims[*count - 1].seq) // ranges may overlap
            victims[(*count)++] = (struct victim){seq,
                                                  sqlite3_column_int64(q, 1),
                                                  sqlite3_column_int64(q, 2),
                                                  sqlite3_column_int64(q, 3),
                                                  sqlite3_column_int64(q, 4),
                                                  sqlite3_column_int64(q, 5)};
    }
    (void)sqlite3_reset(q);
    return error == SQLITE_DONE ? SQLITE_OK : error;
}

static int get_fullest(struct store *s, enum statement which, int64_t *tunnel)
{
    sqlite3_stmt *q = store_statement(s, which);
    int error = q ? sqlite3_step(q) : sqlite3_extended_errcode(s->db);
    *tunnel = error == SQLITE_ROW ? sqlite3_column_int64(q, 0) : 0;
    (void)sqlite3_reset(q);
    return error == SQLITE_ROW || error == SQLITE_DONE ? SQLITE_OK : error;
}

static int delete_rows(struct store *s, enum statement which, int64_t seq)
{
    sqlite3_stmt *q = store_statement(s, which);
    if (q)
        (void)sqlite3_bind_int64(q, 1, seq);
    return store_run(s, q);
}

// Most exchanges have no rows in the tables body and message: those deletions are skipped.
static int delete_one(struct store *s, const struct victim *v)
{
    int error = v->kept > 0 ? delete_rows(s, DELETE_BODY, v->seq) : SQLITE_OK;
    if (!error && v->flags & RECORD_UPGRADED)
        error = delete_rows(s, DELETE_MESSAGE, v->seq);
    return error ? error : delete_rows(s, DELETE_EXCHANGE, v->seq);
}

static int shrink_tunnel(struct store *s, int64_t tunnel, int64_t bytes)
{
    sqlite3_stmt *grow = store_statement(s, GROW_TUNNEL);
    if (grow) {
        (void)sqlite3_bind_int64(grow, 1, tunnel);
        (void)sqlite3_bind_int64(grow, 2, -bytes);
    }
    return store_run(s, grow);
}

static int delete_all(struct store *s, const struct victim *victims, size_t count)
{
    int64_t bytes = 0; // of consecutive victims of one tunnel
    size_t first = 0;
    int error = store_begin(s);
    if (error)
        return error;
    for (size_t i = 0; !error && i < count; i++) {
        error = delete_one(s, &victims[i]);
        bytes += victims[i].size;
        if (error || (i + 1 < count && victims[i + 1].tunnel == victims[i].tunnel))
            continue;
        error = shrink_tunnel(s, victims[i].tunnel, bytes);
        if (!error)
            error = store_tunnel_remove(s, victims[i].tunnel, victims[first].seq, victims[i].seq);
        bytes = 0;
        first = i + 1;
    }
    if (!error)
        error = store_commit(s);
    if (error)
        store_rollback(s);
    s->scrub_at_ns = s->has_deleted ? s->scrub_at_ns : 0;
    s->unclean = s->has_deleted = true;
    return error;
}

static int64_t oldest_allowed(const struct store *s, int64_t now_ns)
{
    return now_ns - (int64_t)(s->config.age_ms * 1000000);
}

// Rows are in the order in which exchanges began, but for those that came late.
static int trim_age(struct store *s, int64_t now_ns, bool *more)
{
    struct victim victims[STORE_DELETE_STEP];
    size_t count = 0;
    size_t old = 0;
    int error = get_victims(s, OLDEST, 0, victims, &count);
    while (old < count && victims[old].began_ns < oldest_allowed(s, now_ns))
        old++;
    *more = old == STORE_DELETE_STEP;
    return error || old == 0 ? error : delete_all(s, victims, old);
}

// Finds the next rows of the look at all rows. `any`: there are some.
static int get_next_rows(struct store *s, bool *any)
{
    sqlite3_stmt *q = store_statement(s, NEXT_ROWS);
    *any = false;
    if (!q)
        return sqlite3_extended_errcode(s->db);
    (void)sqlite3_bind_int64(q, 1, s->aged_seq);
    (void)sqlite3_bind_int(q, 2, STORE_AGE_ROWS);
    int error = sqlite3_step(q);
    if (error == SQLITE_ROW) {
        *any = sqlite3_column_type(q, 0) != SQLITE_NULL;
        s->aged_end = sqlite3_column_int64(q, 0);
    }
    (void)sqlite3_reset(q);
    return error == SQLITE_ROW ? SQLITE_OK : error;
}

// Exchanges from the spool of a program that had died come late, behind younger ones. Therefore all
// rows are looked at now and then, a few at a time: a whole record may have to come from the disk.
static int trim_late(struct store *s, int64_t now_ns, bool *more)
{
    struct victim victims[STORE_DELETE_STEP];
    size_t count = 0;
    bool due =
        s->aged_ns == 0 || now_ns < s->aged_ns || now_ns - s->aged_ns >= STORE_AGE_MS * 1000000LL;
    if (!due)
        return SQLITE_OK;
    int error = get_next_rows(s, more);
    if (!error && *more)
        error = get_victims(s, OLD_AMONG, oldest_allowed(s, now_ns), victims, &count);
    if (!error && count > 0)
        error = delete_all(s, victims, count);
    if (error)
        return error;
    s->aged_seq = !*more ? 0 : count == STORE_DELETE_STEP ? victims[count - 1].seq : s->aged_end;
    s->aged_ns = *more ? s->aged_ns : now_ns;
    return SQLITE_OK;
}

// How many of the oldest free more than `over` bytes.
static size_t count_to_free(const struct victim *victims, size_t count, uint64_t over)
{
    size_t n = 0;
    uint64_t gained = 0;
    for (; n < count && gained <= over; n++)
        gained += (uint64_t)victims[n].size;
    return n;
}

static int trim_bytes(struct store *s, uint64_t over, bool *more)
{
    struct victim victims[STORE_DELETE_STEP];
    size_t count = 0;
    int64_t fullest = 0;
    int error = get_fullest(s, FULLEST_TUNNEL, &fullest);
    if (!error && fullest)
        error = get_victims(s, OLDEST_OF_TUNNEL, fullest, victims, &count);
    if (!error && count == 0) // all exchanges of that tunnel run
        error = get_fullest(s, FULLEST_ENDED, &fullest);
    if (!error && count == 0 && fullest)
        error = get_victims(s, OLDEST_OF_TUNNEL, fullest, victims, &count);
    *more = count > 0;
    return error || count == 0 ? error
                               : delete_all(s, victims, count_to_free(victims, count, over));
}

// The file shrinks only if the limit was lowered: under a constant limit free pages are soon
// reused.
static int vacuum(struct store *s, uint64_t too_many, bool *more)
{
    char sql[64];
    (void)snprintf(sql, sizeof(sql), "PRAGMA incremental_vacuum(%d)", STORE_VACUUM_PAGES);
    *more = too_many > STORE_VACUUM_PAGES;
    int error = record_log_has_room(s->db, s->config.dir, STORE_BUSY_MS);
    return error ? error : sqlite3_exec(s->db, sql, NULL, NULL, NULL);
}

// Spools leave the rows at least half of the limit.
static uint64_t pages_of_rows(const struct store *s, uint64_t spooled)
{
    uint64_t bytes = s->config.bytes;
    bytes -= spooled < bytes / 2 ? spooled : bytes / 2;
    return bytes / STORE_PAGE_BYTES;
}

int store_trim(struct store *s, int64_t now_ns, uint64_t spooled, enum store_excess *excess)
{
    uint64_t used = 0;
    uint64_t unused = 0;
    uint64_t limit = pages_of_rows(s, spooled);
    uint64_t whole = pages_of_rows(s, 0);
    uint64_t slack = limit / STORE_SLACK_PART;
    bool more = false;
    int error = s->config.age_ms ? trim_age(s, now_ns, &more) : SQLITE_OK;
    if (!error && !more && limit > 0)
        error = get_pages(s, &used, &unused);
    if (!error && used > limit)
        error = trim_bytes(s, (used - limit) * STORE_PAGE_BYTES, &more);
    else if (!error && limit > 0 && unused > 0 && used + unused > limit + slack)
        error = vacuum(s, used + unused - limit - slack, &more);
    if (!error && !more && s->config.age_ms)
        error = trim_late(s, now_ns, &more);
    *excess = !more                                     ? STORE_EXCESS_NONE
              : used > whole + whole / STORE_SLACK_PART ? STORE_EXCESS_PRESSING
                                                        : STORE_EXCESS_SOME;
    return error;
}

// The first pass also finds what other processes, or earlier runs, have deleted.
int store_tidy(struct store *s, int64_t now_ns, bool quiet, bool *more)
{
    if (s->tidied_ns == 0 || now_ns < s->tidied_ns) {
        s->tidied_ns = now_ns;
        s->scrub_at_ns = s->has_deleted ? 0 : now_ns + STORE_SCRUB_MS * 1000000LL;
        s->unclean = true;
    }
    if (s->scrub_page == 0 && s->unclean && now_ns >= s->scrub_at_ns) {
        s->scrub_page = 1;
        s->scrub_at_ns = now_ns + STORE_SCRUB_MS * 1000000LL;
        s->unclean = false;
    }
    *more = s->scrub_page != 0;
    if (now_ns - s->tidied_ns < STORE_TIDY_MS * 1000000LL && !(quiet && *more))
        return SQLITE_OK;
    s->tidied_ns = now_ns;
    int error = s->scrub_page ? record_scrub(s->db, s->config.dir, &s->scrub_page, STORE_BUSY_MS)
                              : SQLITE_OK;
    error = error == RECORD_NO_PAGE_MAP ? SQLITE_OK : error;
    if (!error && s->scrub_page == 0) // the last step left a page in the log
        error = record_checkpoint(s->db, STORE_BUSY_MS);
    *more = s->scrub_page != 0;
    return record_is_busy(error) ? SQLITE_OK : error;
}
