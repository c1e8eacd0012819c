// SPDX-License-Identifier: MIT
// Writes a record (docs/record.md): for the one thread that records. Several processes may write
// the same one. Functions return SQLITE_OK or an SQLite error.
#pragma once
#include <sys/types.h>
#include "common/record/schema.h"

struct store;

enum {
    STORE_BUSY_MS = 3000,       // that another process may keep the record to itself
    STORE_CACHE_KIB = 2 * 1024, // of pages in memory
    STORE_WAL_BYTES = 16 << 20, // to which the log is cut when it has been written back
    STORE_DELETE_STEP = 250,    // exchanges that are deleted in one transaction
    STORE_PAGE_BYTES = 8192,
    STORE_SLACK_PART = 8,
    STORE_VACUUM_PAGES = 500,        // that are given back to the disk in one step
    STORE_TIDY_MS = 60 * 1000,       // after which the log is emptied, and pages are scrubbed
    STORE_SCRUB_MS = 10 * 60 * 1000, // at least, from one look through all pages to the next
    STORE_WRITERS_BEFORE = 1000,     // processes that may still write a record that was moved
};

struct store_config {
    const char *dir, *program;
    uint64_t bytes;  // of the whole record; 0: no limit
    uint64_t age_ms; // 0: no limit
};

// Which file a database was, whatever became of its name.
struct store_file {
    dev_t device;
    ino_t inode;
};

// Opens it, makes it when it is missing, and enters this process as a writer. What processes that
// are gone have left running ends as "recorder gone". The strings must outlive the store. `file`
// is told on errors too, if there is one.
int store_open(const struct store_config *config, struct store **out, struct store_file *file);
// Says goodbye if it can, and closes.
void store_close(struct store *s);
// Gives back the memory that only makes it faster.
void store_release_memory(struct store *s);
int64_t store_writer(const struct store *s);

// Moves a record that is damaged out of the way, with a name that tells when. False when it could
// not, or when another file is there by now: another process has done so already.
bool store_put_aside(const char *dir, const struct store_file *file,
                     char name[static STATE_PATH_MAX + 64]);

// One transaction. After an error of anything in it there is nothing to do but store_rollback;
// after SQLITE_READONLY_DBMOVED of store_begin, store_close: the file was moved or removed.
int store_begin(struct store *s);
int store_commit(struct store *s);
void store_rollback(struct store *s);

// Inserts (x->seq 0: it is set) or updates an exchange, of which `size` has changed by `growth`. An
// update leaves alone what says what was asked, and what is empty now. An insert takes `bodies`
// that are whole and small (RECORD_SMALL_BODY_BYTES) into the row; others go through store_body.
int store_exchange(struct store *s, struct record_exchange *x, uint64_t growth,
                   const struct slice bodies[static 2]);
int store_body(struct store *s, int64_t seq, enum record_side side, uint64_t at,
               struct slice bytes);
int store_message(struct store *s, int64_t seq, uint64_t number, const struct record_message *m);
// What this writer has recorded and had to let go so far, and what is wrong (NULL: nothing).
int store_counts(struct store *s, uint64_t exchanges, uint64_t shed, uint64_t shed_bytes,
                 const char *trouble);

// Deletes some of what is too old or too much, the oldest of the tunnel that takes the most, in a
// transaction of its own.
enum store_excess {
    STORE_EXCESS_NONE,
    STORE_EXCESS_SOME,     // there is more to delete
    STORE_EXCESS_PRESSING, // it is beyond its limit by more than a STORE_SLACK_PART of it
};
int store_trim(struct store *s, int64_t now_ns, enum store_excess *excess);
// Sees to it that what was deleted is in no file any more (scrub.h), a step at a time: one in
// STORE_TIDY_MS, and whenever it is called with `quiet`, when there is nothing else to do. `*more`:
// there is more to do then. Where readers are in its way it tries again later.
int store_tidy(struct store *s, int64_t now_ns, bool quiet, bool *more);
