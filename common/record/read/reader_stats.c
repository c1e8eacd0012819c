// SPDX-License-Identifier: MIT
// Facts about the record as a whole: rows, sizes, losses.
#include "common/record/row.h"
#include "reader_internal.h"

bool record_reader_exists(struct record_reader *r, const struct record_exchange *x)
{
    int error = SQLITE_OK;
    sqlite3_stmt *s = reader_statement(r, READER_EXISTS, &error);
    bool there = s && sqlite3_bind_int64(s, 1, x->seq) == SQLITE_OK &&
                 sqlite3_bind_text(s, 9, x->id, -1, SQLITE_TRANSIENT) == SQLITE_OK &&
                 sqlite3_step(s) == SQLITE_ROW;
    if (s)
        (void)sqlite3_reset(s);
    return there;
}

// Returns the single number of a statement, 0 when there is none.
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
