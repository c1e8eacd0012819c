// SPDX-License-Identifier: MIT
// Overwrites what deleted rows leave behind, while other programs read and write the record. SQLite
// overwrites a row that it deletes (secure_delete), but not copies of it: those left in place when
// the row moved to another page, and old pages in the write-ahead log. These functions do not wait:
// SQLITE_BUSY means that a reader or writer is active, and that the caller retries later.
#pragma once
#include "common/record/schema.h"

enum {
    RECORD_READER_STALLED = SQLITE_BUSY_SNAPSHOT, // no other call returns this to a writer
    RECORD_NO_PAGE_MAP = SQLITE_FORMAT, // the file has no pointer map: its pages' use is unknown
    SCRUB_LOG_BYTES_MAX = 64 << 20,     // the log must be emptied before it grows beyond this
    SCRUB_PAGES = 2048,                 // per step: writers wait for some milliseconds
};

// Whether an error means that a reader or writer was active, and the call may be retried.
bool record_is_busy(int error);
// Writes the log back into the database and truncates it (PRAGMA wal_checkpoint(TRUNCATE)). The
// busy timeout is 0 meanwhile, since writers would wait as well, and `busy_ms` afterwards.
int record_checkpoint(sqlite3 *db, int busy_ms);
// Call before a transaction that writes. RECORD_READER_STALLED: the log is longer than
// SCRUB_LOG_BYTES_MAX, and a reader that holds an old snapshot keeps it from being truncated.
int record_log_has_room(sqlite3 *db, const char *dir, int busy_ms);
// Truncates the log and overwrites unused bytes of SCRUB_PAGES pages from `*page` on. `*page`
// becomes the next page, or 0 after the last. RECORD_NO_PAGE_MAP: another program created the file,
// and it cannot be scrubbed; `*page` becomes 0.
int record_scrub(sqlite3 *db, const char *dir, uint32_t *page, int busy_ms);
