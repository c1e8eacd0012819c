// SPDX-License-Identifier: MIT
// The store's statements: their text, and how they are prepared, bound and run.
#include "common/record/columns.h"
#include "store_internal.h"

// The columns for deleting an exchange; the fifth is the size of its bodies in the table body.
#define VICTIM                                                                       \
    "SELECT e.seq, e.tunnel, e.size, e.began_ns, e.request_kept + e.response_kept -" \
    " coalesce(length(e.request_body), 0) - coalesce(length(e.response_body), 0), e.flags FROM "

// The largest tunnel of the largest owner of the address that takes the most. A tunnel without an
// address counts as its owner's, one without an owner as its own.
#define FULLEST(those)                                                                          \
    "SELECT id FROM (SELECT id, bytes, coalesce('o' || owner, 't' || id) AS o, coalesce('a' ||" \
    " address, 'o' || owner, 't' || id) AS a FROM tunnel t WHERE " those                        \
    ") ORDER BY sum(bytes) OVER (PARTITION BY a) DESC, sum(bytes) OVER (PARTITION BY a, o)"     \
    " DESC, bytes DESC LIMIT 1"

#define NAME(column)      ", " #column
#define PARAMETER(column) ", :" #column
#define REPLACE(column)   ", " #column "=:" #column
#define KEEP(column)      ", " #column "=coalesce(:" #column ", " #column ")"
#define EXCHANGE_COLUMNS(C)      \
    RECORD_COLUMNS_REPLACED(C)   \
    RECORD_COLUMNS_REPLACED_4(C) \
    RECORD_COLUMNS_KEPT(C) RECORD_COLUMNS_KEPT_2(C) RECORD_COLUMNS_FIXED(C)

static const char *const texts[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    // SQLite numbers named parameters as they first appear: in both statements as in columns.h.
    [INSERT_EXCHANGE] = "INSERT INTO exchange(interim" EXCHANGE_COLUMNS(NAME) RECORD_COLUMNS_UNREAD(
        NAME) ") VALUES(:interim" EXCHANGE_COLUMNS(PARAMETER) RECORD_COLUMNS_UNREAD(PARAMETER) ")",
    [UPDATE_EXCHANGE] =
        "UPDATE exchange SET interim=coalesce(CAST(interim || :interim AS BLOB), :interim,"
        " interim)" RECORD_COLUMNS_REPLACED(REPLACE) RECORD_COLUMNS_REPLACED_4(REPLACE)
            RECORD_COLUMNS_KEPT(KEEP) RECORD_COLUMNS_KEPT_2(KEEP) " WHERE id=:id AND seq=:seq",
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
    [NEXT_ROWS] = "SELECT max(seq) FROM (SELECT seq FROM exchange WHERE seq>?1 ORDER BY seq"
                  " LIMIT ?2)",
    [OLD_AMONG] = VICTIM "exchange e WHERE e.seq > ?3 AND e.seq <= ?4 AND e.outcome IS NOT NULL"
                         " AND e.began_ns < ?2 ORDER BY e.seq LIMIT ?1",
    [FULLEST_TUNNEL] = FULLEST("bytes > 0"),
    [FULLEST_ENDED] =
        FULLEST("EXISTS(SELECT 1 FROM span s CROSS JOIN exchange e ON e.seq BETWEEN s.first AND"
                " s.last WHERE s.tunnel=t.id AND e.tunnel=t.id AND e.outcome IS NOT NULL)"),
    [OLDEST_OF_TUNNEL] = VICTIM "span s CROSS JOIN exchange e ON e.seq BETWEEN s.first AND s.last"
                                " WHERE s.tunnel=?2 AND e.tunnel=?2 AND e.outcome IS NOT NULL"
                                " ORDER BY s.first LIMIT ?1",
    [INSERT_SEQ_RANGE] =
        "INSERT INTO span(tunnel, first, last, first_id, last_id)"
        " VALUES(?1,?2,?3,?4,?5) ON CONFLICT DO UPDATE SET"
        " last=max(last, excluded.last), first_id=min(first_id, excluded.first_id),"
        " last_id=max(last_id, excluded.last_id)",
    [CLEAR_SEQ_RANGES] = RECORD_CLEAR_SEQ_RANGES,
    [DELETE_EXCHANGE] = "DELETE FROM exchange WHERE seq=?1",
    [DELETE_BODY] = "DELETE FROM body WHERE exchange=?1",
    [DELETE_MESSAGE] = "DELETE FROM message WHERE exchange=?1",
    [SAVE_POSITION] = "UPDATE spool SET segment=?2, position=?3 WHERE id=?1",
    [ADD_COUNTS] = "UPDATE writer SET exchanges=exchanges+?2, shed=max(shed, ?3),"
                   " shed_bytes=max(shed_bytes, ?4) WHERE id=?1",
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

void store_bind_text(sqlite3_stmt *q, int at, struct slice text)
{
    if (text.len > 0)
        (void)sqlite3_bind_text64(q, at, text.p, text.len, SQLITE_STATIC, SQLITE_UTF8);
    else
        (void)sqlite3_bind_null(q, at);
}

void store_bind_blob(sqlite3_stmt *q, int at, struct slice bytes)
{
    if (bytes.len > 0)
        (void)sqlite3_bind_blob64(q, at, bytes.p, bytes.len, SQLITE_STATIC);
    else
        (void)sqlite3_bind_null(q, at);
}

void store_bind_ns(sqlite3_stmt *q, int at, int64_t ns)
{
    if (ns >= 0)
        (void)sqlite3_bind_int64(q, at, ns);
    else
        (void)sqlite3_bind_null(q, at);
}
