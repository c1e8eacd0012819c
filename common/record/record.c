// SPDX-License-Identifier: MIT
#include "record.h"
#include <sqlite3.h>
#include <stdio.h>

void record_path(const char *dir, char out[static STATE_PATH_MAX + 16])
{
    (void)snprintf(out, STATE_PATH_MAX + 16, "%s/record.db", dir);
}

_Static_assert(RECORD_E_BUSY == SQLITE_BUSY && RECORD_E_MEMORY == SQLITE_NOMEM, "SQLite's own");

const char *record_errstr(int error)
{
    return sqlite3_errstr(error);
}
