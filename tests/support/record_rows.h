// SPDX-License-Identifier: MIT
// A record made by hand, for tests of what reads records: the real tables, rows by SQL.
#pragma once
#include "common/record/record.h"
#include "common/record/schema.h"

struct record_rows {
    char dir[64]; // of its own, below /tmp
    sqlite3 *db;
};

// What a row has; what is 0 or NULL gets a value that makes a small, complete exchange.
struct record_row {
    int64_t writer;                               // 1
    const char *id;                               // one of its own
    const char *tunnel;                           // "web"
    int64_t began_ns;                             // its seq in seconds
    const char *method, *host, *target, *outcome; // outcome "": NULL, it runs
    int status;
    int64_t duration_ns;
    unsigned flags;
    struct slice request_head, response_head;
    uint64_t bytes[2], kept[2]; // by side
};

// Makes the directory, the tables and a writer, 1. Failures end the test.
void record_rows_init(struct record_rows *rows);
void record_rows_deinit(struct record_rows *rows); // removes everything

// Runs a statement; printf-like with the forms of sqlite3_mprintf (%Q is a quoted text).
void record_rows_sql(struct record_rows *rows, const char *format, ...);
// The one number that a query gives.
int64_t record_rows_number(struct record_rows *rows, const char *sql);
// Adds an exchange and returns its seq.
int64_t record_rows_add(struct record_rows *rows, const struct record_row *row);
// Adds a body in chunks of `chunk` bytes, and says so in the exchange: bytes and kept are its
// length.
void record_rows_body(struct record_rows *rows, int64_t seq, enum record_side side,
                      struct slice body, size_t chunk);
