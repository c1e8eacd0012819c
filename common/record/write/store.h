// SPDX-License-Identifier: MIT
// Writes a record (docs/record.md), from one thread at a time. Several processes may write the same
// record. Functions return SQLITE_OK or an SQLite error.
#pragma once
#include <sys/types.h>
#include "common/record/schema.h"
#include "common/record/spool/spool.h"

struct store;

enum {
    STORE_BUSY_MS = 3000,       // another process may lock the record for this long
    STORE_CACHE_KIB = 2 * 1024, // page cache
    STORE_WAL_BYTES = 16 << 20, // the log is truncated to this size after a checkpoint
    STORE_DELETE_STEP = 250,    // exchanges deleted in one transaction
    STORE_PAGE_BYTES = 8192,
    STORE_SLACK_PART = 8,            // an eighth of the limit: tolerated before anything is urgent
    STORE_VACUUM_PAGES = 500,        // returned to the file system in one step
    STORE_TIDY_MS = 60 * 1000,       // between two steps of store_tidy under load
    STORE_SCRUB_MS = 10 * 60 * 1000, // between two passes of scrubbing, at least
    STORE_AGE_MS = 10 * 60 * 1000,   // between two looks at the ages of all rows,
    STORE_AGE_ROWS = 4096,           // so many at a time
    STORE_UNREPORTED_ROWS = 16384,   // in which reports are looked for after a crash
    STORE_WRITERS_BEFORE = 1000,     // numbers tried for a writer while others hold their locks
};

struct store_config {
    const char *dir, *program;
    const char *spool;             // the id of the writer's spool; NULL: it has none
    struct spool_position indexed; // up to here it is in another record, or nowhere
    uint64_t bytes;                // limit of the record's size; 0: none
    uint64_t age_ms;               // limit of an exchange's age; 0: none
};

// The identity of a database file, whatever its name.
struct store_file {
    dev_t device;
    ino_t inode;
};

// Opens a record, creating it if needed, and registers this process as a writer. Exchanges left
// running by dead processes end as "recorder gone". The strings must outlive the store. `*file` is
// set even on errors, if there is a file.
int store_open(const struct store_config *config, struct store **out, struct store_file *file);
// Marks the writer as ended, if possible, and closes. NULL is fine.
void store_close(struct store *s);
// The spool is not indexed to its end: store_close leaves this, and the writer's end, to whoever
// indexes the rest.
void store_keep_spool(struct store *s);

// Opens a record in the place of a writer that died, to index the rest of its spool
// (`config->spool`), which begins at `*indexed`. `facts` are those of the spool's files; NULL: they
// have none, and a record that does not know the spool is closed again: SQLITE_NOTFOUND. Its
// running exchanges end as "recorder gone" when the store is closed, unless store_keep_spool was
// called.
int store_open_after(const struct store_config *config, const struct spool_segment_head *facts,
                     struct store **out, struct spool_position *indexed);
// Calls `each` for every exchange of the writer of which more may be in its spool: those that run,
// and the last STORE_UNREPORTED_ROWS that lack the peer's report. Ends with what `each` returns,
// unless that is SQLITE_OK.
int store_each_open(struct store *s, int (*each)(void *ctx, const struct record_exchange *x),
                    void *ctx);
// Within a transaction: everything of the writer's spool before this position is in the record.
int store_indexed(struct store *s, struct spool_position position);
// Adds to the counters of a writer that died; its losses are at least these.
int store_add_counts(struct store *s, uint64_t exchanges, uint64_t shed, uint64_t shed_bytes);
// Frees cached pages.
void store_release_memory(struct store *s);
// The row of this process in the table writer.
int64_t store_writer(const struct store *s);

// Renames a damaged record to `name`, which contains the time. False: it cannot, or another process
// has done so already and a different file is in place.
bool store_put_aside(const char *dir, const struct store_file *file,
                     char name[static STATE_PATH_MAX + 64]);

// A transaction. After an error within it, only store_rollback is legal; after
// SQLITE_READONLY_DBMOVED (the file was moved or removed), only store_close.
int store_begin(struct store *s);
int store_commit(struct store *s);
void store_rollback(struct store *s);

// Inserts an exchange (x->seq is 0, and set) or updates it. `growth` is the change of its size. An
// update ignores what columns.h calls fixed, and keeps old values where columns.h says so. An
// insert stores whole bodies of at most RECORD_SMALL_BODY_BYTES from `bodies` in the row; others
// are passed to store_body.
int store_exchange(struct store *s, struct record_exchange *x, uint64_t growth,
                   const struct slice bodies[static 2]);
int store_body(struct store *s, int64_t seq, enum record_side side, uint64_t at,
               struct slice bytes);
int store_message(struct store *s, int64_t seq, uint64_t number, const struct record_message *m);
// Stores this writer's totals, and its last error in words (NULL: none).
int store_counts(struct store *s, uint64_t exchanges, uint64_t shed, uint64_t shed_bytes,
                 const char *trouble);

// Deletes one step of exchanges beyond the limits, in a transaction of its own: too old ones, or
// the oldest of the tunnel that takes the most. Of the record's limit all spools take `spooled`.
enum store_excess {
    STORE_EXCESS_NONE,
    STORE_EXCESS_SOME,     // more is to be deleted
    STORE_EXCESS_PRESSING, // rows alone exceed the limit by more than 1 in STORE_SLACK_PART
};
int store_trim(struct store *s, int64_t now_ns, uint64_t spooled, enum store_excess *excess);
// Scrubs what was deleted and truncates the log (scrub.h): one step each STORE_TIDY_MS, and at each
// call with `quiet`. `*more`: a pass is under way. A step that readers prevent is retried later.
int store_tidy(struct store *s, int64_t now_ns, bool quiet, bool *more);
