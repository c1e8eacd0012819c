// SPDX-License-Identifier: MIT
// Shared by the files of the record writer, from the bottom: record_writer_messages.c (messages to
// the program), record_writer_pace.c (use of the processor), record_writer_batch.c (one
// transaction), record_writer_loop.c (one turn of a thread), record_writer.c (the two threads).
#pragma once
#include <stdatomic.h>
#include "flush_waiters.h"
#include "pending_row.h"
#include "record_writer.h"
#include "write_delay.h"

enum {
    SLICE_EVENTS = 32, // events taken, and
    SLICE_ROWS = 8,    // rows written, between two checks of the time slice
    TROUBLE_MAX = 512  // bytes of an error in words
};

enum {
    NORMAL_THREAD,
    IDLE_THREAD, // SCHED_IDLE
    WRITER_THREADS
};

struct writer_thread {
    struct record_writer *writer;
    uv_thread_t thread;
};

struct record_writer {
    struct record_writer_config config;
    struct queue *queue;
    struct writer_thread threads[WRITER_THREADS];
    atomic_bool closing, failing;
    atomic_size_t expedite_mark;       // events before this mark of the queue are expedited,
    atomic_uint_fast64_t expedited_ms; // since this time
    atomic_uint_fast64_t shed, shed_bytes;

    uv_mutex_t lock; // protects the fields up to the next empty line
    uv_cond_t turn_changed;
    const struct writer_thread *active; // the thread whose turn it is
    bool ended;                         // all is written, both threads return
    bool abandoned;                     // the program no longer listens to `config.notify`
    char messages[2 * RECORD_WRITER_MESSAGE_MAX]; // each with its NUL
    size_t messages_len;

    // Used by the active thread alone.
    struct store *store;    // NULL: not open
    struct store_file file; // opened last
    struct pending_rows pending;
    struct flush_waiters waiters;
    char trouble[TROUBLE_MAX]; // the error that persists; empty: none
    char last_trouble[TROUBLE_MAX];
    uint64_t written_counts[3]; // exchanges, shed, shed bytes, as in the record
    bool shed_announced;
    bool trim_pending;      // more is to be deleted
    bool scrub_pending;     // more is to be scrubbed
    bool retry_batch;       // the last batch failed and is still pending
    bool idle_turn;         // the idle thread is active
    bool busy;              // the load is above LOAD_BUSY_PART
    bool was_busy;          // since memory was released
    bool memory_released;   // spare memory was released, and traffic has stayed low since
    bool late;              // events had waited for LATE_MS when they were taken
    uint64_t cpu_ns;        // the thread's CPU time when it was last read
    uint64_t load_ns;       // CPU time used since load_since_ns
    uint64_t load_since_ns; // begin of the load's window
    uint64_t slice_began_ns;
    size_t quiet_bytes; // of events taken since quiet_since_ms
    uint64_t quiet_since_ms;
    struct write_delay delay;
};

uint64_t record_writer_now_ms(void);

// Queues a message for the program and wakes its loop. A message that does not fit is dropped.
void record_writer_post(struct record_writer *w, const char *text);
// Messages about an error that persists (once for each error), its end, the first loss, a damaged
// record that now has this name, and, after the last batch, exchanges that were never written.
void record_writer_announce_trouble(struct record_writer *w, int error);
void record_writer_announce_recovery(struct record_writer *w);
void record_writer_announce_shed(struct record_writer *w);
void record_writer_announce_damaged(struct record_writer *w, const char *name);
void record_writer_announce_lost(struct record_writer *w);
bool record_writer_is_damage(int error);

// Whether record_writer_expedite was called for events that still wait in the queue.
bool record_writer_is_expedited(struct record_writer *w);
// Whether the idle thread is too slow: for expedited events, or for any.
bool record_writer_is_late(struct record_writer *w);
// At the end of its time slice the idle thread lets other threads run.
void record_writer_yield(struct record_writer *w);
// Begins to measure the CPU time of the calling thread. record_writer_measure_load adds it to the
// load.
void record_writer_start_load(struct record_writer *w);
void record_writer_measure_load(struct record_writer *w);
// Sleeps while a burst of traffic lasts (write_delay.h).
void record_writer_delay(struct record_writer *w);

// Takes a batch of events and writes it, then trims and scrubs. SQLITE_OK or an error; the batch is
// then pending and the next call retries it.
int record_writer_run_batch(struct record_writer *w);
// Writes the writer's counters to the record if they changed, or always.
int record_writer_write_counts(struct record_writer *w, bool always);

// One turn: batches while there is a backlog, then a wait for events. The last turn writes all that
// is left, and closes the store.
void record_writer_run_turn(struct writer_thread *t);
void record_writer_run_last_turn(struct writer_thread *t);
