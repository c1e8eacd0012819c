// SPDX-License-Identifier: MIT
// A row of the table exchange as a struct record_exchange.
#pragma once
#include "record.h"

// What a query selects for record_row_read, in its order, and from where, by the version of the
// schema: what a version did not have is NULL.
extern const char *const record_row_select[RECORD_VERSION + 1];

// Reads the row a statement is at. Slices point into the statement, until its next step.
void record_row_read(sqlite3_stmt *s, struct record_exchange *x);

// A column's bytes; empty when it is NULL.
struct slice record_column(sqlite3_stmt *s, int column);
