// SPDX-License-Identifier: MIT
// Single exchanges: by their row, or by an id as users type it.
#include <stdio.h>
#include <time.h>
#include "common/base/printable.h"
#include "common/record/row.h"
#include "reader_internal.h"

enum {
    IDS_SHOWN = 5,       // candidates listed for an ambiguous id
    METHOD_SHOWN = 10,   // bytes of a candidate's method
    TARGET_SHOWN = 40,   // bytes of its target
    DESCRIBED_MAX = 112, // bytes of its line
};

_Static_assert((IDS_SHOWN + 2) * DESCRIBED_MAX < RECORD_WHY_MAX, "all of them have their line");

static bool is_running(sqlite3_stmt *s, struct record_reader *r, struct record_exchange *x)
{
    reader_exchange(r, s, x);
    return x->outcome.len == 0;
}

// Copies an exchange, and hands the copy out. False: out of memory.
static bool hand_out(struct record_reader *r, struct record_exchange *x)
{
    size_t bytes = 0;
    struct reader_row *row = reader_row_new(x, &bytes);
    if (!row)
        return false;
    reader_rows_free(r->found);
    r->found = row;
    r->current = &row->x;
    *x = row->x;
    return true;
}

// Reads the single row of a bound statement. A running exchange of a dead writer is read again: the
// writer may have ended it after our first read and before it died.
static int read_one(struct record_reader *r, sqlite3_stmt *s, struct record_exchange *x)
{
    int status = sqlite3_step(s);
    if (status == SQLITE_ROW && is_running(s, r, x) && !record_reader_writer_alive(r, x->writer)) {
        (void)sqlite3_reset(s);
        status = sqlite3_step(s);
        if (status == SQLITE_ROW && is_running(s, r, x))
            x->outcome = SLICE("recorder gone");
    }
    if (status == SQLITE_ROW && !hand_out(r, x))
        status = SQLITE_NOMEM;
    (void)sqlite3_reset(s);
    return status == SQLITE_ROW ? 1 : status == SQLITE_DONE ? 0 : -status;
}

int record_reader_get(struct record_reader *r, int64_t seq, struct record_exchange *x)
{
    int error = SQLITE_OK;
    sqlite3_stmt *s = reader_statement(r, READER_GET, &error);
    if (s)
        error = sqlite3_bind_int64(s, 1, seq);
    return error ? -error : read_one(r, s, x);
}

static int fail(int error, char why[static RECORD_WHY_MAX])
{
    (void)snprintf(why, RECORD_WHY_MAX, "cannot read the record: %s", sqlite3_errstr(error));
    return 0;
}

// Ids that an ambiguous text may mean: those that begin with it, then those that end with it, the
// newest first.
struct candidates {
    size_t count;
    char id[IDS_SHOWN + 1][EXCHANGE_ID_LEN + 1];
};

static void add_candidate(struct candidates *c, struct slice id)
{
    if (c->count > IDS_SHOWN || id.len != EXCHANGE_ID_LEN || !exchange_id_is_valid(id))
        return;
    for (size_t i = 0; i < c->count; i++)
        if (memcmp(c->id[i], id.p, id.len) == 0)
            return;
    memcpy(c->id[c->count++], id.p, id.len);
}

// Adds the ids of a statement, until there are more than can be listed.
static int add_all(struct candidates *c, sqlite3_stmt *s)
{
    int status = SQLITE_ROW;
    while (c->count <= IDS_SHOWN && (status = sqlite3_step(s)) == SQLITE_ROW)
        add_candidate(c, record_column(s, 0));
    (void)sqlite3_reset(s);
    return status == SQLITE_ROW || status == SQLITE_DONE ? SQLITE_OK : status;
}

// Searches the newest rows for ids that end with a text. No index helps, but only the first columns
// of each row are read (docs/record.md says how long that takes).
static int add_ends(struct record_reader *r, struct slice end, struct candidates *c)
{
    int error = SQLITE_OK;
    sqlite3_stmt *s = reader_statement(r, READER_ENDS, &error);
    if (s)
        error = reader_bind_end(s, 1, end);
    if (!error)
        error = sqlite3_bind_int(s, 2, READER_END_ROWS);
    return error ? error : add_all(c, s);
}

static int find_candidates(struct record_reader *r, struct slice text, struct candidates *c)
{
    int error = SQLITE_OK;
    sqlite3_stmt *s = reader_statement(r, READER_IDS, &error);
    if (s && !(error = reader_bind_prefix(s, 1, text)))
        error = sqlite3_bind_int(s, 3, IDS_SHOWN + 1);
    if (!error)
        error = add_all(c, s);
    if (!error && text.len >= RECORD_ID_SUFFIX_MIN && text.len < EXCHANGE_ID_LEN)
        error = add_ends(r, text, c);
    return error;
}

// Reads the newest exchange with an id.
static int read_id(struct record_reader *r, const char *id, struct record_exchange *x)
{
    int error = SQLITE_OK;
    sqlite3_stmt *s = reader_statement(r, READER_BY_ID, &error);
    if (s)
        error = sqlite3_bind_text(s, 1, id, -1, SQLITE_TRANSIENT);
    return error ? -error : read_one(r, s, x);
}

// Writes the line of a candidate.
static void describe(const struct record_exchange *x, char out[static DESCRIBED_MAX])
{
    char time[32] = "-";
    struct tm tm;
    time_t seconds = (time_t)(x->began_ns / 1000000000);
    int method = x->method.len < METHOD_SHOWN ? (int)x->method.len : METHOD_SHOWN;
    int target = x->target.len < TARGET_SHOWN ? (int)x->target.len : TARGET_SHOWN;
    if (x->began_ns >= 0 && localtime_r(&seconds, &tm) &&
        strftime(time, sizeof(time), "%Y-%m-%d %H:%M:%S", &tm) == 0)
        time[0] = 0;
    (void)snprintf(out, DESCRIBED_MAX, "%s  %s  %.*s %.*s%s", x->id, time, method, x->method.p,
                   target, x->target.p, x->target.len > TARGET_SHOWN ? "..." : "");
    printable_sanitize_line(out, strlen(out));
}

static void list_candidates(struct record_reader *r, const struct candidates *c, struct slice text,
                            char why[static RECORD_WHY_MAX])
{
    char line[DESCRIBED_MAX];
    struct record_exchange x = {0};
    size_t len =
        (size_t)snprintf(why, RECORD_WHY_MAX, "%s ids begin or end with %.*s; give more of one:",
                         c->count > IDS_SHOWN ? "many" : "several", (int)text.len, text.p);
    for (size_t i = 0; i < c->count && i < IDS_SHOWN && len < RECORD_WHY_MAX; i++) {
        if (read_id(r, c->id[i], &x) != 1)
            continue; // deleted meanwhile
        describe(&x, line);
        len += (size_t)snprintf(why + len, RECORD_WHY_MAX - len, "\n  %s", line);
    }
    if (c->count > IDS_SHOWN && len < RECORD_WHY_MAX)
        (void)snprintf(why + len, RECORD_WHY_MAX - len, "\n  ...");
}

// Completes an id from its beginning or end. False: `why` says why not.
static int complete_id(struct record_reader *r, struct slice text,
                       char id[static EXCHANGE_ID_LEN + 1], char why[static RECORD_WHY_MAX])
{
    struct candidates c = {0};
    int error = find_candidates(r, text, &c);
    if (error)
        return fail(error, why);
    if (c.count > 1)
        list_candidates(r, &c, text, why);
    else if (c.count == 0)
        (void)snprintf(why, RECORD_WHY_MAX,
                       "no exchange here has an id that begins%s with %.*s%s; the command requests "
                       "lists them",
                       text.len < RECORD_ID_SUFFIX_MIN ? "" : " or ends", (int)text.len, text.p,
                       text.len < RECORD_ID_SUFFIX_MIN ? " (an end needs 4 characters)" : "");
    memcpy(id, c.id[0], EXCHANGE_ID_LEN + 1);
    return c.count == 1;
}

// Parses an id or a part of one, in either case.
static bool id_from_text(const char *text, char id[static EXCHANGE_ID_LEN + 1], size_t *len)
{
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
    *len = strlen(text);
    if (*len == 0 || *len > EXCHANGE_ID_LEN)
        return false;
    for (size_t i = 0; i < *len; i++) {
        id[i] = ascii_lower(text[i]);
        if (!strchr(digits, id[i]))
            return false;
    }
    id[*len] = 0;
    return true;
}

// Parses "last" (0), "last-N" and "last~N" (N exchanges before it).
static bool is_last(const char *text, uint64_t *before)
{
    size_t len = SLICE("last").len;
    *before = 0;
    if (strncmp(text, "last", len) != 0)
        return false;
    return !text[len] ||
           ((text[len] == '-' || text[len] == '~') &&
            slice_to_u64(slice_str(text + len + 1), before) && *before <= READER_END_ROWS);
}

static int find_last(struct record_reader *r, uint64_t before, struct record_exchange *x,
                     char why[static RECORD_WHY_MAX])
{
    int error = SQLITE_OK;
    sqlite3_stmt *s = reader_statement(r, READER_LAST, &error);
    if (s)
        error = sqlite3_bind_int64(s, 1, (int64_t)before);
    int status = error ? -error : read_one(r, s, x);
    if (status == 0)
        (void)snprintf(why, RECORD_WHY_MAX, "%s",
                       before > 0 ? "there are not that many exchanges here"
                                  : "nothing is recorded here yet");
    return status < 0 ? fail(-status, why) : status;
}

int record_reader_find(struct record_reader *r, const char *text, struct record_exchange *x,
                       char why[static RECORD_WHY_MAX])
{
    char typed[EXCHANGE_ID_LEN + 1];
    char id[EXCHANGE_ID_LEN + 1] = {0};
    size_t len = 0;
    uint64_t before = 0;
    if (is_last(text, &before))
        return find_last(r, before, x, why);
    if (!id_from_text(text, typed, &len)) {
        (void)snprintf(why, RECORD_WHY_MAX,
                       "this is not an id: ids are %d letters and digits, of which the beginning "
                       "or the last %d or more are enough; \"last\" means the newest, \"last-1\" "
                       "the one before it",
                       EXCHANGE_ID_LEN, RECORD_ID_SUFFIX_MIN);
        return 0;
    }
    if (!complete_id(r, slice_of(typed, len), id, why))
        return 0;
    int status = read_id(r, id, x);
    if (status == 0)
        (void)snprintf(why, RECORD_WHY_MAX, "this exchange has just been deleted");
    return status < 0 ? fail(-status, why) : status;
}
