// SPDX-License-Identifier: MIT
#include "reader.h"
#include <stdio.h>
#include "common/record/row.h"
#include "reader_internal.h"

enum {
    SQL_MAX = 2048,
    READER_TOGETHER = 64 // exchanges that a filter looks at in one transaction
};

#define BOUNDS "WHERE e.seq > ?1 AND e.seq < ?6 AND e.began_ns BETWEEN ?2 AND ?3"
// Rows, found through the spans that may have such ids (+: and through no index made for it).
#define ROWS_IN_SPANS "span s CROSS JOIN exchange x ON x.seq BETWEEN s.first AND s.last"
#define OF_ID                                                                             \
    BOUNDS " AND e.seq IN (SELECT x.seq FROM " ROWS_IN_SPANS " WHERE s.last_id >= ?4 AND" \
           " s.first_id < ?5 AND x.id >= ?4 AND x.id < ?5"                                \
           " UNION ALL SELECT seq FROM exchange WHERE ?7 IS NOT NULL AND seq > ?1 AND"    \
           " seq < ?6 AND id GLOB ?7)"

#define IS_IT "EXISTS(SELECT 1 FROM exchange WHERE seq = ?1 AND (?9 IS NULL OR id = ?9))"

static const struct {
    bool of_exchange; // follows record_row_select
    const char *sql;
} texts[READER_STATEMENTS] = {
    [READER_FORWARD] = {true, BOUNDS " ORDER BY e.seq"},
    [READER_BACKWARD] = {true, BOUNDS " ORDER BY e.seq DESC"},
    [READER_FORWARD_ID] = {true, OF_ID " ORDER BY e.seq"},
    [READER_BACKWARD_ID] = {true, OF_ID " ORDER BY e.seq DESC"},
    [READER_GET] = {true, "WHERE e.seq = ?1"},
    [READER_LAST] = {true, "ORDER BY e.seq DESC LIMIT 1 OFFSET ?1"},
    [READER_BY_ID] = {true, "WHERE e.seq = (SELECT max(x.seq) FROM " ROWS_IN_SPANS
                            " WHERE s.first_id <= ?1 AND s.last_id >= ?1 AND +x.id = ?1)"},
    [READER_IDS] = {false, "SELECT DISTINCT x.id FROM " ROWS_IN_SPANS
                           " WHERE s.last_id >= ?1 AND s.first_id < ?2 AND x.id >= ?1 AND"
                           " x.id < ?2 ORDER BY x.id DESC LIMIT ?3"},
    [READER_ENDS] = {false, "SELECT id FROM exchange WHERE seq > (SELECT max(seq) FROM exchange)"
                            " - ?2 AND id GLOB ?1 ORDER BY seq DESC"},
    [READER_RUNNING] = {false, "SELECT DISTINCT writer FROM exchange WHERE outcome IS NULL"
                               " ORDER BY writer"},
    [READER_RUNNING_SEQ] = {false, "SELECT min(seq) FROM exchange WHERE outcome IS NULL"
                                   " AND +seq > ?1"},
    [READER_SMALL] = {false, "SELECT CASE ?2 WHEN 0 THEN request_body ELSE response_body END"
                             " FROM exchange WHERE seq = ?1 AND (?9 IS NULL OR id = ?9)"},
    [READER_PIECE] = {false, "SELECT at, bytes FROM body WHERE exchange = ?1 AND side = ?2"
                             " AND at <= ?3 AND " IS_IT " ORDER BY at DESC LIMIT 1"},
    [READER_BODY] = {false, "SELECT at, bytes FROM body WHERE exchange = ?1 AND side = ?2"
                            " AND " IS_IT " ORDER BY at"},
    [READER_MESSAGE] = {false, "SELECT side, opcode, flags, at_ns, size, bytes FROM message"
                               " WHERE exchange = ?1 AND number = ?2 AND " IS_IT},
    [READER_MESSAGES] = {false, "SELECT max(number) + 1 FROM message WHERE exchange = ?1"},
    [READER_IS_THERE] = {false, "SELECT 1 FROM exchange WHERE seq = ?1 AND id = ?9"},
    [READER_LOSSES] = {false,
                       "SELECT l.shed, l.bytes, w.id, w.trouble FROM (SELECT total(shed) AS shed,"
                       " total(shed_bytes) AS bytes FROM writer) l LEFT JOIN writer w"
                       " ON w.id = (SELECT max(id) FROM writer WHERE trouble IS NOT NULL)"},
    [READER_SIZE] = {false, "SELECT (SELECT count(*) FROM exchange),"
                            " (SELECT page_count FROM pragma_page_count)"
                            " - (SELECT freelist_count FROM pragma_freelist_count),"
                            " (SELECT page_size FROM pragma_page_size)"},
    [READER_NEWEST] = {false, "SELECT max(seq) FROM exchange"},
    [READER_VERSION] = {false, "PRAGMA data_version"},
};

sqlite3_stmt *reader_statement(struct record_reader *r, enum reader_statement which, int *error)
{
    sqlite3_stmt **s = &r->statements[which];
    char sql[SQL_MAX];
    *error = SQLITE_OK;
    if (*s) {
        (void)sqlite3_reset(*s);
        return *s;
    }
    (void)snprintf(sql, sizeof(sql), "%s%s",
                   texts[which].of_exchange ? record_row_select[r->version] : "", texts[which].sql);
    *error = sqlite3_prepare_v3(r->db, sql, -1, SQLITE_PREPARE_PERSISTENT, s, NULL);
    return *s;
}

static bool is_gone(const struct record_reader *r, int64_t writer)
{
    size_t low = 0;
    size_t high = buf_len(&r->gone) / sizeof(int64_t);
    while (low < high) {
        int64_t at = 0;
        size_t middle = low + (high - low) / 2;
        memcpy(&at, buf_at(&r->gone) + middle * sizeof(at), sizeof(at));
        if (at == writer)
            return true;
        if (at < writer)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

void reader_exchange(struct record_reader *r, sqlite3_stmt *s, struct record_exchange *x)
{
    record_row_read(s, x);
    if (x->outcome.len == 0 && buf_len(&r->gone) > 0 && is_gone(r, x->writer))
        x->outcome = SLICE("recorder gone");
}

int reader_bind_prefix(sqlite3_stmt *s, int first, struct slice prefix)
{
    char end[FILTER_TEXT_MAX];
    size_t len = prefix.len < sizeof(end) ? prefix.len : sizeof(end);
    int error = sqlite3_bind_text(s, first, prefix.p, (int)len, SQLITE_TRANSIENT);
    memcpy(end, prefix.p ? prefix.p : "", len);
    while (len > 0 && end[len - 1] == '\xff')
        len--;
    if (len > 0)
        end[len - 1] = (char)((unsigned char)end[len - 1] + 1);
    return error ? error : sqlite3_bind_text(s, first + 1, end, (int)len, SQLITE_TRANSIENT);
}

int reader_bind_end(sqlite3_stmt *s, int at, struct slice end)
{
    char pattern[EXCHANGE_ID_LEN + 2];
    int len = snprintf(pattern, sizeof(pattern), "*%.*s", (int)end.len, end.p);
    return end.len == 0 ? sqlite3_bind_null(s, at)
                        : sqlite3_bind_text(s, at, pattern, len, SQLITE_TRANSIENT);
}

int reader_bind_id(sqlite3_stmt *s, int at, const struct record_reader *r, int64_t seq)
{
    if (r->shown && r->shown->seq == seq)
        return sqlite3_bind_text(s, at, r->shown->id, -1, SQLITE_TRANSIENT);
    return sqlite3_bind_null(s, at);
}

void record_reader_end(struct record_reader *r)
{
    for (size_t i = 0; i < READER_STATEMENTS; i++)
        if (r->statements[i])
            (void)sqlite3_reset(r->statements[i]);
    reader_rows_free(r->query.rows);
    reader_rows_free(r->row);
    reader_rows_free(r->single);
    r->row = r->single = NULL;
    r->shown = NULL;
    memset(&r->query, 0, sizeof(r->query));
    r->gone.start = r->gone.end = 0;
}

int record_reader_query(struct record_reader *r, const struct record_query *query)
{
    record_reader_end(r);
    r->query.runs = true;
    r->query.oldest_first = query->oldest_first;
    r->query.filter = query->filter;
    r->query.after = query->after_seq;
    r->query.before = record_reader_newest(r) + 1;
    r->query.by_id = query->filter && filter_bounds(query->filter).id.len > 0;
    return SQLITE_OK;
}

static sqlite3_stmt *bound_query(struct record_reader *r, int *error)
{
    struct filter_bounds b = {.since_ns = INT64_MIN, .until_ns = INT64_MAX};
    if (r->query.filter)
        b = filter_bounds(r->query.filter);
    enum reader_statement which = r->query.oldest_first ? READER_FORWARD : READER_BACKWARD;
    if (r->query.by_id)
        which = r->query.oldest_first ? READER_FORWARD_ID : READER_BACKWARD_ID;
    sqlite3_stmt *s = reader_statement(r, which, error);
    if (!s)
        return NULL;
    *error = sqlite3_bind_int64(s, 1, r->query.after);
    if (!*error)
        *error = sqlite3_bind_int64(s, 6, r->query.before);
    if (!*error)
        *error = sqlite3_bind_int64(s, 2, b.since_ns);
    if (!*error)
        *error = sqlite3_bind_int64(s, 3, b.until_ns);
    if (!*error && r->query.by_id)
        *error = reader_bind_prefix(s, 4, b.id);
    if (!*error && r->query.by_id)
        *error = reader_bind_end(s, 7, b.id_ends ? b.id : (struct slice){0});
    return *error ? NULL : s;
}

// Takes the row that a statement is at. False: out of memory.
static bool take_row(struct record_reader *r, sqlite3_stmt *s, struct reader_row ***last,
                     size_t *bytes)
{
    struct record_exchange x;
    reader_exchange(r, s, &x);
    struct reader_row *row = reader_row_new(&x, bytes);
    if (!row)
        return false;
    if (r->query.oldest_first)
        r->query.after = x.seq;
    else
        r->query.before = x.seq;
    **last = row;
    *last = &row->next;
    return true;
}

// Reads the next rows. Those of one id, or a beginning of ids, are found through spans once: where
// they are many, the filter alone finds the rest.
static int read_rows(struct record_reader *r)
{
    struct reader_row **last = &r->query.rows;
    size_t bytes = 0;
    size_t count = 0;
    int error = reader_look_for_writers(r);
    sqlite3_stmt *s = error ? NULL : bound_query(r, &error);
    int status = SQLITE_ROW;
    while (!error && count < READER_BATCH_ROWS && bytes < READER_BATCH_BYTES &&
           (status = sqlite3_step(s)) == SQLITE_ROW) {
        error = take_row(r, s, &last, &bytes) ? SQLITE_OK : SQLITE_NOMEM;
        count++;
    }
    if (s)
        (void)sqlite3_reset(s);
    r->query.by_id = false;
    r->query.through = status == SQLITE_DONE;
    return error || status == SQLITE_ROW || status == SQLITE_DONE ? error : status;
}

struct subject {
    struct record_reader *r;
    const struct record_exchange *x;
};

static struct slice subject_body(void *ctx, enum record_side side)
{
    const struct subject *subject = ctx;
    struct record_decoded d;
    // What cannot be read matches nothing.
    bool read = record_reader_decoded(subject->r, subject->x, side, &d);
    return read ? d.body : (struct slice){0};
}

bool record_reader_match(struct record_reader *r, const struct filter *filter,
                         const struct record_exchange *x)
{
    struct subject ctx = {r, x};
    struct filter_subject subject = {x, subject_body, &ctx};
    return !filter || filter_match(filter, &subject);
}

// What a filter looks at it reads in few transactions, for a lock takes longer than a small body.
// None is open when an exchange is handed out.
static void let_go(struct record_reader *r)
{
    if (!sqlite3_get_autocommit(r->db))
        (void)sqlite3_exec(r->db, "COMMIT", NULL, NULL, NULL);
}

static void hold_on(struct record_reader *r, size_t looked)
{
    const struct record_body *b = r->shown->body;
    bool large = b[RECORD_REQUEST].kept + b[RECORD_RESPONSE].kept > READER_BATCH_BYTES;
    if (!r->query.filter || (looked % READER_TOGETHER != 0 && !large))
        return;
    let_go(r);
    (void)sqlite3_exec(r->db, "BEGIN", NULL, NULL, NULL);
}

static int next_row(struct record_reader *r, struct record_exchange *x)
{
    for (size_t looked = 0; r->query.runs; looked++) {
        bool read = !r->query.rows && !r->query.through;
        if (read)
            let_go(r);
        int error = read ? read_rows(r) : SQLITE_OK;
        struct reader_row *row = r->query.rows;
        if (error || !row) {
            record_reader_end(r);
            return -error;
        }
        r->query.rows = row->next;
        row->next = NULL;
        reader_rows_free(r->row);
        r->row = row;
        r->shown = &row->x;
        *x = row->x;
        hold_on(r, looked);
        if (record_reader_match(r, r->query.filter, x))
            return 1;
    }
    return 0;
}

int record_reader_next(struct record_reader *r, struct record_exchange *x)
{
    int status = next_row(r, x);
    let_go(r);
    return status;
}
