// SPDX-License-Identifier: MIT
// The tables of a record (docs/record.md).
#pragma once
#include <sqlite3.h>
#include "record.h"

enum {
    RECORD_VERSION = 4,              // PRAGMA user_version
    RECORD_APPLICATION = 0x61646974, // PRAGMA application_id: "adit"
};

// Deletes the seq ranges of tunnel ?1 that are empty after exchanges from row ?2 to row ?3 were
// deleted. A range spans fewer than RECORD_SEQ_RANGE_ROWS rows, so it begins at most that far
// before ?2.
_Static_assert(RECORD_SEQ_RANGE_ROWS == 127 + 1, "the statement has the number in its text");
#define RECORD_CLEAR_SEQ_RANGES                                                                  \
    "DELETE FROM span WHERE tunnel=?1 AND first BETWEEN ?2 - 127 AND ?3 AND NOT EXISTS(SELECT 1" \
    " FROM exchange e WHERE e.seq BETWEEN span.first AND span.last AND e.tunnel=span.tunnel)"

// Reads one number by a statement without parameters. Returns SQLITE_OK, SQLITE_DONE when there is
// no row, or an error; `*out` is set by SQLITE_OK alone.
int record_get_number(sqlite3 *db, const char *sql, int64_t *out);

// Creates the tables of an empty database, or migrates an older version. Returns SQLITE_OK or an
// error; SQLITE_MISMATCH for a later version or another program's database.
int record_migrate(sqlite3 *db);
