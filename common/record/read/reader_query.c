// SPDX-License-Identifier: MIT
// Queries: the exchanges that a filter matches, read in batches.
#include "reader_internal.h"

enum {
    TRANSACTION_EXCHANGES = 64 // exchanges that a filter examines in one transaction
};

int record_reader_query(struct record_reader *r, const struct record_query *query)
{
    record_reader_end(r);
    r->query.active = true;
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

// Copies the current row to the end of the batch. False: out of memory.
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

// Reads the next batch. Spans are used for the first batch of a query by id only: when that is not
// enough, ids are too many for spans to help, and the filter alone decides.
static int read_rows(struct record_reader *r)
{
    struct reader_row **last = &r->query.rows;
    size_t bytes = 0;
    size_t count = 0;
    int error = reader_find_dead_writers(r);
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
    r->query.exhausted = status == SQLITE_DONE;
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
    // A body that cannot be read matches nothing.
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

// A filter that reads bodies examines many exchanges in one transaction, since taking a lock costs
// more than reading a small body. No transaction is open when an exchange is handed out.
static void end_transaction(struct record_reader *r)
{
    if (!sqlite3_get_autocommit(r->db))
        (void)sqlite3_exec(r->db, "COMMIT", NULL, NULL, NULL);
}

static void renew_transaction(struct record_reader *r, size_t examined)
{
    const struct record_body *b = r->current->body;
    bool large = b[RECORD_REQUEST].kept + b[RECORD_RESPONSE].kept > READER_BATCH_BYTES;
    if (!r->query.filter || (examined % TRANSACTION_EXCHANGES != 0 && !large))
        return;
    end_transaction(r);
    (void)sqlite3_exec(r->db, "BEGIN", NULL, NULL, NULL);
}

static int next_row(struct record_reader *r, struct record_exchange *x)
{
    for (size_t examined = 0; r->query.active; examined++) {
        bool read = !r->query.rows && !r->query.exhausted;
        if (read)
            end_transaction(r);
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
        r->current = &row->x;
        *x = row->x;
        renew_transaction(r, examined);
        if (record_reader_match(r, r->query.filter, x))
            return 1;
    }
    return 0;
}

int record_reader_next(struct record_reader *r, struct record_exchange *x)
{
    int status = next_row(r, x);
    end_transaction(r);
    return status;
}
