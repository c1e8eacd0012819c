// SPDX-License-Identifier: MIT
// Single exchanges, and what a record says of itself.
#include <stdio.h>
#include "reader_internal.h"
#include "row.h"

enum {
    IDS_SHOWN = 3, // of those that a beginning could mean
};

static bool runs(sqlite3_stmt *s, struct record_reader *r, struct record_exchange *x)
{
    reader_exchange(r, s, x);
    return x->outcome.len == 0;
}

// What a statement is at is handed out.
static bool show(struct record_reader *r, struct record_exchange *x)
{
    size_t bytes = 0;
    struct reader_row *row = reader_row_new(x, &bytes);
    if (!row)
        return false;
    reader_rows_free(r->single);
    r->single = row;
    r->shown = &row->x;
    *x = row->x;
    return true;
}

// The one row of a statement whose values are bound. That of a dead writer is read once more: the
// writer may have ended the exchange before it died and after we read it.
static int read_one(struct record_reader *r, sqlite3_stmt *s, struct record_exchange *x)
{
    int status = sqlite3_step(s);
    if (status == SQLITE_ROW && runs(s, r, x) && !record_reader_writer_lives(r, x->writer)) {
        (void)sqlite3_reset(s);
        status = sqlite3_step(s);
        if (status == SQLITE_ROW && runs(s, r, x))
            x->outcome = SLICE("recorder gone");
    }
    if (status == SQLITE_ROW && !show(r, x))
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

bool record_reader_is_there(struct record_reader *r, const struct record_exchange *x)
{
    int error = SQLITE_OK;
    sqlite3_stmt *s = reader_statement(r, READER_IS_THERE, &error);
    bool there = s && sqlite3_bind_int64(s, 1, x->seq) == SQLITE_OK &&
                 sqlite3_bind_text(s, 9, x->id, -1, SQLITE_TRANSIENT) == SQLITE_OK &&
                 sqlite3_step(s) == SQLITE_ROW;
    if (s)
        (void)sqlite3_reset(s);
    return there;
}

// The one number that a statement gives; 0 when it gives none.
static int64_t read_number(struct record_reader *r, enum reader_statement which)
{
    int error = SQLITE_OK;
    int64_t number = 0;
    sqlite3_stmt *s = reader_statement(r, which, &error);
    if (s && sqlite3_step(s) == SQLITE_ROW)
        number = sqlite3_column_int64(s, 0);
    if (s)
        (void)sqlite3_reset(s);
    return number;
}

int64_t record_reader_newest(struct record_reader *r)
{
    return read_number(r, READER_NEWEST);
}

int64_t record_reader_version(struct record_reader *r)
{
    return read_number(r, READER_VERSION);
}

int64_t record_reader_running(struct record_reader *r, int64_t after_seq)
{
    int error = SQLITE_OK;
    int64_t seq = 0;
    sqlite3_stmt *s = reader_statement(r, READER_RUNNING_SEQ, &error);
    if (s && sqlite3_bind_int64(s, 1, after_seq) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
        seq = sqlite3_column_int64(s, 0);
    if (s)
        (void)sqlite3_reset(s);
    return seq;
}

static int trouble(int error, char why[static RECORD_WHY_MAX])
{
    (void)snprintf(why, RECORD_WHY_MAX, "cannot read the record: %s", sqlite3_errstr(error));
    return 0;
}

// The whole id that a beginning of one means.
static int complete_id(struct record_reader *r, struct slice text, char id[static 17],
                       char why[static RECORD_WHY_MAX])
{
    char found[IDS_SHOWN + 1][EXCHANGE_ID_LEN + 1] = {{0}};
    int count = 0;
    int error = SQLITE_OK;
    sqlite3_stmt *s = reader_statement(r, READER_IDS, &error);
    if (s && !(error = reader_bind_prefix(s, 1, text)))
        error = sqlite3_bind_int(s, 3, IDS_SHOWN + 1);
    while (!error && count <= IDS_SHOWN && (error = sqlite3_step(s)) == SQLITE_ROW) {
        struct slice value = record_column(s, 0);
        if (value.len == EXCHANGE_ID_LEN && exchange_id_is(value))
            memcpy(found[count++], value.p, value.len);
        error = SQLITE_OK;
    }
    if (s)
        (void)sqlite3_reset(s);
    if (error && error != SQLITE_DONE)
        return trouble(error, why);
    if (count == 0)
        (void)snprintf(why, RECORD_WHY_MAX, "no exchange here has an id that begins with %.*s",
                       (int)text.len, text.p);
    else if (count > 1)
        (void)snprintf(why, RECORD_WHY_MAX,
                       "several begin with %.*s, give more of it: %s, %s%s%s%s", (int)text.len,
                       text.p, found[0], found[1], count > 2 ? ", " : "", found[2],
                       count > IDS_SHOWN ? ", …" : "");
    memcpy(id, found[0], EXCHANGE_ID_LEN + 1);
    return count == 1;
}

// What a person may type: the digits in either case.
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

int record_reader_find(struct record_reader *r, const char *text, struct record_exchange *x,
                       char why[static RECORD_WHY_MAX])
{
    char typed[EXCHANGE_ID_LEN + 1];
    char id[EXCHANGE_ID_LEN + 1] = {0};
    size_t len = 0;
    int error = SQLITE_OK;
    bool last = strcmp(text, "last") == 0;
    if (!last && !id_from_text(text, typed, &len)) {
        (void)snprintf(why, RECORD_WHY_MAX,
                       "this is not an id: ids are %d letters and digits; a beginning is enough, "
                       "and \"last\" means the newest",
                       EXCHANGE_ID_LEN);
        return 0;
    }
    if (!last && !complete_id(r, slice_of(typed, len), id, why))
        return 0;
    sqlite3_stmt *s = reader_statement(r, last ? READER_LAST : READER_BY_ID, &error);
    if (s && !last)
        error = sqlite3_bind_text(s, 1, id, -1, SQLITE_TRANSIENT);
    int status = error ? -error : read_one(r, s, x);
    if (status < 0)
        return trouble(-status, why);
    if (status == 0)
        (void)snprintf(why, RECORD_WHY_MAX, "the record is empty");
    return status;
}

static uint64_t count_of(double n)
{
    return n > 0 && n < 0x1p63 ? (uint64_t)n : 0;
}

int record_reader_losses(struct record_reader *r, struct record_losses *losses)
{
    int error = SQLITE_OK;
    *losses = (struct record_losses){0};
    sqlite3_stmt *s = reader_statement(r, READER_LOSSES, &error);
    int status = s ? sqlite3_step(s) : error;
    if (status != SQLITE_ROW) {
        if (s)
            (void)sqlite3_reset(s);
        return status;
    }
    losses->shed = count_of(sqlite3_column_double(s, 0));
    losses->shed_bytes = count_of(sqlite3_column_double(s, 1));
    losses->trouble_writer = sqlite3_column_int64(s, 2);
    losses->trouble = record_column(s, 3);
    bool copied = reader_copy(&r->trouble, &losses->trouble);
    (void)sqlite3_reset(s);
    return copied ? SQLITE_OK : SQLITE_NOMEM;
}

int record_reader_size(struct record_reader *r, uint64_t *bytes, uint64_t *exchanges)
{
    int error = SQLITE_OK;
    *bytes = *exchanges = 0;
    sqlite3_stmt *s = reader_statement(r, READER_SIZE, &error);
    int status = s ? sqlite3_step(s) : error;
    if (status == SQLITE_ROW) {
        *exchanges = (uint64_t)sqlite3_column_int64(s, 0);
        *bytes = (uint64_t)(sqlite3_column_int64(s, 1) * sqlite3_column_int64(s, 2));
    }
    if (s)
        (void)sqlite3_reset(s);
    return status == SQLITE_ROW ? SQLITE_OK : status;
}
