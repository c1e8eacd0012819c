// SPDX-License-Identifier: MIT
// A row of the table exchange as a struct record_exchange.
#pragma once
#include "schema.h"

// What a query selects for record_row_read, in its order, and from where, by the version of the
// schema: what a version did not have is NULL.
extern const char *const record_row_select[RECORD_VERSION + 1];

// Reads the row a statement is at. Slices point into the statement, until its next step.
void record_row_read(sqlite3_stmt *s, struct record_exchange *x);

// The most that a time or a count of a record is taken for (36 years in ns): what a damaged or
// doctored one holds cannot overflow the sum of a few.
#define RECORD_NUMBER_MAX ((int64_t)1 << 60)
// A column that holds a time or count: NULL and what is below 0 are `otherwise`.
int64_t record_number(sqlite3_stmt *s, int column, int64_t otherwise);

// A column's bytes; empty when it is NULL.
struct slice record_column(sqlite3_stmt *s, int column);
