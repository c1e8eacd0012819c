// SPDX-License-Identifier: MIT
// The tables of a record (docs/record.md).
#pragma once
#include <sqlite3.h>
#include "record.h"

enum {
    RECORD_VERSION = 3,              // of the schema: PRAGMA user_version
    RECORD_APPLICATION = 0x61646974, // "adit": PRAGMA application_id
};

// Deletes the spans of tunnel ?1 that have become empty when exchanges from row ?2 to row ?3 were
// deleted. None begins RECORD_SEQ_RANGE_ROWS before those.
_Static_assert(RECORD_SEQ_RANGE_ROWS == 127 + 1, "as it is written here");
#define RECORD_CLEAR_SEQ_RANGES                                                                  \
    "DELETE FROM span WHERE tunnel=?1 AND first BETWEEN ?2 - 127 AND ?3 AND NOT EXISTS(SELECT 1" \
    " FROM exchange e WHERE e.seq BETWEEN span.first AND span.last AND e.tunnel=span.tunnel)"

// Creates the tables of an empty database or brings older ones up to RECORD_VERSION. Returns
// SQLITE_OK or an error; SQLITE_MISMATCH: it is a later version's, or not a record.
int record_migrate(sqlite3 *db);
