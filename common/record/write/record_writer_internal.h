// SPDX-License-Identifier: MIT
// Shared by the files of the record writer, from the bottom: record_writer_messages.c (messages to
// the program), record_writer_pace.c (when rows are written), record_writer_batch.c (one
// transaction), record_writer_index.c and record_writer_spool.c (the two threads), record_writer.c
// (start and stop).
#pragma once
#include <stdatomic.h>
#include "flush_mailbox.h"
#include "flush_waiters.h"
#include "indexer.h"
#include "record_writer.h"

enum {
    TROUBLE_MAX = 512 // bytes of an error in words
};

enum writer_thread {
    SPOOL_THREAD,
    INDEX_THREAD,
    WRITER_THREADS
};

// When the index thread writes rows.
enum pace {
    PACE_WAIT,   // later
    PACE_GENTLE, // now, but half of the time at most
    PACE_FULL,   // now
};

// The processors' times since some beginning, in ticks (proc(5)).
struct processor_times {
    uint64_t idle, total; // with nothing to do; in all
    uint64_t own;         // with the index thread
};

// The load, as the index thread has measured it.
struct load {
    uint64_t since_ms, appended; // the begin of the window, and the bytes appended then
    bool high;                   // bytes came fast in the last window
    uint64_t released;           // appended when memory was last released
    uint64_t sampled_ms;         // the processors' times were last read
    struct processor_times sampled;
    bool processors_idle;
    uint64_t scanned_ms; // the sizes of all spools were last read
};

struct record_writer {
    struct record_writer_config config;
    struct queue *queue;
    struct spool *spool;
    char spool_id[SPOOL_ID_MAX];
    uv_thread_t threads[WRITER_THREADS];
    atomic_bool closing;
    atomic_uint_fast64_t shed, shed_bytes;
    atomic_uint_fast64_t lost;   // exchanges, by the index thread
    atomic_uint_fast64_t others; // bytes of other programs' spools
    atomic_bool shed_announced;
    atomic_bool disk_full; // for the spool thread, when it last appended
    struct flush_mailbox asked;

    uv_mutex_t lock;                           // protects the fields up to the next empty line
    uv_cond_t changed;                         // one of these
    bool tried;                                // opening the record was tried,
    bool usable;                               // and it could be opened: events may be spooled
    bool spooled;                              // the spool thread has ended
    bool ended;                                // the index thread has ended
    bool index_waits;                          // the index thread waits for the next append
    uint64_t news;                             // what the index thread is woken for
    uint64_t appends;                          // of the spool thread
    bool abandoned;                            // the program no longer listens to `config.notify`
    char trouble[WRITER_THREADS][TROUBLE_MAX]; // a thread's error that persists; empty: none
    char last_trouble[TROUBLE_MAX];
    char messages[2 * RECORD_WRITER_MESSAGE_MAX]; // each with its NUL
    size_t messages_len;

    // The spool thread's.
    uint64_t quiet_since_ms;
    size_t quiet_bytes; // appended since then
    bool shrunk;        // spare memory of the queue was released

    // The index thread's.
    struct store_file file; // opened last
    struct indexer indexer; // its store: NULL: not open
    struct flush_waiters waiters;
    struct load load;
    uint64_t recover_ms;        // the next look at spools of dead programs
    int recover_error;          // that was announced
    bool retry_batch;           // the last batch failed and is still pending
    bool dropped;               // of this batch the largest share
    uint64_t discarded_ms;      // of a spool that had filled the disk, the oldest segment
    bool trim_pending;          // more is to be deleted
    bool scrub_pending;         // more is to be scrubbed
    bool memory_released;       // spare memory was released, and little was recorded since
    uint64_t written_counts[3]; // exchanges, shed, shed bytes, as in the record
    uint64_t unrouted_since_ms; // rows cannot be written; 0: none
    uint64_t sealed_ms;         // a segment was begun
    uint64_t breaks;            // of the spool, that were announced
    uint64_t closing_since_ms;
    bool all_spooled; // the spool thread has ended
};

static inline uint64_t record_writer_now_ms(void)
{
    return uv_hrtime() / 1000000;
}

// Queues a message for the program and wakes its loop. A message that does not fit is dropped.
void record_writer_post(struct record_writer *w, const char *text);
// Messages about an error that persists (once for each error), its end, the first loss, a damaged
// record that now has this name, and, at the end, exchanges that were never written.
void record_writer_announce_trouble(struct record_writer *w, enum writer_thread thread, int error);
void record_writer_announce_recovery(struct record_writer *w, enum writer_thread thread);
void record_writer_announce_shed(struct record_writer *w);
void record_writer_announce_damaged(struct record_writer *w, const char *name);
void record_writer_announce_lost(struct record_writer *w);
void record_writer_announce_left(struct record_writer *w);
// A part of the spool was damaged; the spool of a dead program cannot be indexed.
void record_writer_announce_break(struct record_writer *w);
void record_writer_announce_unrecovered(struct record_writer *w, int error);
bool record_writer_is_damage(int error);
// errno as an SQLite error.
int record_writer_error_of(int number);

// The part of the record's size that spools may take: beyond it rows are written whatever the load.
uint64_t record_writer_spool_part(const struct record_writer *w);
// Whether the spool takes so much that no more is appended.
bool record_writer_is_full(struct record_writer *w);
// Whether it takes so much that rows of the largest share are dropped.
bool record_writer_must_drop(struct record_writer *w);
// Whether readers wait, for rows or for reports. Those that have left are dropped.
bool record_writer_has_readers(struct record_writer *w);
// Looks at the load, and says what to do at this time of record_writer_now_ms.
enum pace record_writer_pace(struct record_writer *w, uint64_t now_ms);
// Whether so much was recorded since memory was last released that it is worth while again.
bool record_writer_should_release(struct record_writer *w);
// Whether the processors had nothing to do for three quarters of the time between two samples; the
// index thread's own work does not count as theirs.
bool record_writer_were_idle(const struct processor_times *before,
                             const struct processor_times *after);
// Bytes that all spools of the record take.
uint64_t record_writer_spooled(struct record_writer *w);

// Takes batches of the spool and writes their rows. SQLITE_OK or an error; the rows are
// then pending and the next call retries them.
int record_writer_write(struct record_writer *w);
// Writes the writer's counters to the record if they changed.
int record_writer_write_counts(struct record_writer *w);
// Deletes beyond the limits, scrubs and truncates. `wrote_ms`: the time that writing rows took.
int record_writer_tidy(struct record_writer *w, uint64_t wrote_ms);
// With everything in the record: begins a segment and drops the one before, which has the same.
void record_writer_seal(struct record_writer *w);
// After this error of the record: discards the oldest part of a spool that is full, or that has
// filled the disk. Returns whether rows may have room now.
bool record_writer_make_room(struct record_writer *w, int error);

// The threads. `arg` is the writer.
void record_writer_spool_main(void *arg);
void record_writer_index_main(void *arg);
// Wakes the index thread.
void record_writer_tell(struct record_writer *w);
