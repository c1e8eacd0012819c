// SPDX-License-Identifier: MIT
// The statements of the store: prepared once, bound, run.
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
