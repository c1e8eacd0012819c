// SPDX-License-Identifier: MIT
// A hand-made record for tests of readers: the real tables, rows by SQL.
#pragma once
#include "common/record/record.h"
#include "common/record/schema.h"

struct record_rows {
    char dir[64]; // a temporary directory
    sqlite3 *db;
};

// A row's values. 0 and NULL stand for the defaults at the right, of a small, complete exchange.
struct record_row {
    int64_t writer;                               // 1
    const char *id;                               // unique
    const char *tunnel;                           // "web"
    int64_t began_ns;                             // its seq in seconds
    const char *method, *host, *target, *outcome; // outcome "": NULL, running
    int status;
    int64_t duration_ns;
    unsigned flags;
    struct slice request_head, response_head;
    uint64_t bytes[2], kept[2]; // by side
};

// Creates the directory, the tables and writer 1. Failures end the test.
void record_rows_init(struct record_rows *rows);
void record_rows_deinit(struct record_rows *rows); // removes the directory

// Runs a statement, formatted by sqlite3_mprintf (%Q quotes a text).
void record_rows_sql(struct record_rows *rows, const char *format, ...);
// The first column of a query's first row.
int64_t record_rows_number(struct record_rows *rows, const char *sql);
// Adds an exchange and returns its seq.
int64_t record_rows_add(struct record_rows *rows, const struct record_row *row);
// Adds a body in chunks of `chunk` bytes and sets the exchange's bytes and kept to its length.
void record_rows_body(struct record_rows *rows, int64_t seq, enum record_side side,
                      struct slice body, size_t chunk);
