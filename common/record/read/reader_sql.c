// SPDX-License-Identifier: MIT
// The reader's statements, and the binding of their values.
#include <stdio.h>
#include "common/record/row.h"
#include "reader_internal.h"

enum {
    SQL_MAX = 2048
};

#define BOUNDS "WHERE e.seq > ?1 AND e.seq < ?6 AND e.began_ns BETWEEN ?2 AND ?3"
// Rows found through the spans that may contain an id. A unary + keeps SQLite from building an
// index for the comparison.
#define ROWS_IN_SPANS "span s CROSS JOIN exchange x ON x.seq BETWEEN s.first AND s.last"
#define OF_ID                                                                             \
    BOUNDS " AND e.seq IN (SELECT x.seq FROM " ROWS_IN_SPANS " WHERE s.last_id >= ?4 AND" \
           " s.first_id < ?5 AND x.id >= ?4 AND x.id < ?5"                                \
           " UNION ALL SELECT seq FROM exchange WHERE ?7 IS NOT NULL AND seq > ?1 AND"    \
           " seq < ?6 AND id GLOB ?7)"

#define IS_IT "EXISTS(SELECT 1 FROM exchange WHERE seq = ?1 AND (?9 IS NULL OR id = ?9))"

static const struct {
    bool of_exchange; // the text follows record_row_select
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
    [READER_EXISTS] = {false, "SELECT 1 FROM exchange WHERE seq = ?1 AND id = ?9"},
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
    if (r->current && r->current->seq == seq)
        return sqlite3_bind_text(s, at, r->current->id, -1, SQLITE_TRANSIENT);
    return sqlite3_bind_null(s, at);
}
