// SPDX-License-Identifier: MIT
// What deleted rows leave behind. SQLite overwrites a row that it deletes (secure_delete), but not
// the copies that it left when it moved the row to another page before, nor old pages in its log.
// These functions do, beside programs that read and write. They do not wait: SQLITE_BUSY says that
// somebody reads or writes, and that it is to be tried again.
#pragma once
#include "common/record/schema.h"

enum {
    RECORD_READER_STALLED = SQLITE_BUSY_SNAPSHOT, // which a writer does not get otherwise
    RECORD_NO_PAGE_MAP = SQLITE_FORMAT, // the file does not tell which of its pages hold rows
    SCRUB_LOG_BYTES_MAX =
        64 << 20,       // of the log, beyond which nothing is written before it is emptied
    SCRUB_PAGES = 2048, // that are looked through while writers wait: some milliseconds
};

// Writes the log back into the database and empties it. `busy_ms` becomes the database's timeout
// again, which is none meanwhile: writers would wait as well.
int record_checkpoint(sqlite3 *db, int busy_ms);
// To be called before a transaction that writes: whether the log has room for it. While somebody
// reads the record and stands still the log can only grow; beyond SCRUB_LOG_BYTES_MAX this is
// RECORD_READER_STALLED.
int record_log_has_room(sqlite3 *db, const char *dir, int busy_ms);
// Empties the log and overwrites what is not in use of SCRUB_PAGES pages from `*page` on, which is
// moved on; it becomes 0 behind the last page. RECORD_NO_PAGE_MAP: that cannot be done, and `*page`
// is 0; another program has made the file.
int record_scrub(sqlite3 *db, const char *dir, uint32_t *page, int busy_ms);
