// SPDX-License-Identifier: MIT
// What deleted rows leave behind. SQLite overwrites a row that it deletes (secure_delete), but not
// the copies that it left when it moved the row to another page before, nor old pages in its log.
// These functions do, beside programs that read and write. They do not wait: SQLITE_BUSY says that
// somebody reads or writes, and that it is to be tried again.
#pragma once
#include "record.h"

enum {
    SCRUB_PAGES = 2048, // that are looked through while writers wait: some milliseconds
};

// Writes the log back into the database and empties it. `busy_ms` becomes the database's timeout
// again, which is none meanwhile: writers would wait as well.
int record_empty_log(sqlite3 *db, int busy_ms);
// Empties the log and overwrites what is not in use of SCRUB_PAGES pages from `*page` on, which is
// moved on; it becomes 0 behind the last page.
int record_scrub(sqlite3 *db, const char *dir, uint32_t *page, int busy_ms);
