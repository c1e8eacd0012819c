// SPDX-License-Identifier: MIT
// Reads a row of the table exchange into a struct record_exchange.
#pragma once
#include "schema.h"

// The SELECT and FROM clauses of a query for record_row_read, by the record's version. Columns that
// a version lacks are NULL.
extern const char *const record_row_select[RECORD_VERSION + 1];

// Reads the current row of a statement. Slices point into the statement, valid until its next step.
void record_row_read(sqlite3_stmt *s, struct record_exchange *x);

// Times and counts are capped at this value (36 years in ns): the sum of a few cannot overflow,
// whatever a damaged or forged record holds.
#define RECORD_NUMBER_MAX ((int64_t)1 << 60)
// A column's time or count; `otherwise` for NULL and negative values.
int64_t record_number(sqlite3_stmt *s, int column, int64_t otherwise);

// A column's bytes; empty for NULL.
struct slice record_column(sqlite3_stmt *s, int column);
