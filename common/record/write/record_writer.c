// SPDX-License-Identifier: MIT
// Two threads take turns. The ordinary one writes while there is little to write, and so at once.
// When writing takes more than a small part of a processor the other one does it, which is
// SCHED_IDLE: it gets what traffic leaves over, and a processor that runs it counts as idle for
// those who wake up (a high nice value does not bring that about, and cost a tenth of the
// throughput). Where there is nothing left over it falls behind; then it takes little, and the
// ordinary one has a turn again. A single thread cannot do this: who is SCHED_IDLE may not leave it
// without a privilege.
//
// That a thread is SCHED_IDLE counts among those of its own session or control group only: beside
// others it may be given a whole share, and then they wait for it as long as a time slice is. So
// the idle one stops for a moment, again and again, and whoever waits goes first. And it begins
// only when the traffic is over, or when that lasts (write_delay.h).
#include "record_writer.h"
#include <malloc.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "common/io/loop.h"
#include "flush_asks.h"
#include "pending_row.h"
#include "scrub.h"
#include "write_delay.h"

enum {
    MUCH_BYTES = 64 * 1024,       // of events, that are written without gathering more
    EFFORT_MS = 50,               // over which the effort is looked at
    EFFORT_PART = 16,             // of a processor, that is little
    STINT_US = 200,               // that the idle hand works at a time
    STINT_EVENTS = 32,            // and how many events it takes, or
    STINT_ROWS = 8,               // exchanges it writes, before it looks how late it is
    TRIM_MS = 100,                // that deleting may take before events are looked at again
    TRIM_PRESSING_MS = 1000,      // the same where more comes than that can delete
    IDLE_BATCH_BYTES = 512 << 10, // of events that the idle hand takes before it may be relieved
    HURRY_MS = 200,               // that it may take for what is in a hurry
    LATE_MS = 1200,               // that anything may wait for it
    QUIET_MS = 500,               // with few events, after which memory is given back:
    QUIET_BYTES = 64 * 1024,      // what is told of exchanges that stall, for one
    TRIM_EVERY_MS = 60 * 1000,    // while nothing happens
    TIDY_MS = 500,                // from one step of tidying up to the next, while it is quiet
    TEXT_MAX = 512
};

enum {
    ORDINARY_HAND,
    IDLE_HAND,
    HANDS
};

struct writer_thread {
    struct record_writer *writer;
    uv_thread_t thread;
};

struct record_writer {
    struct record_writer_config config;
    struct queue *queue;
    struct writer_thread hands[HANDS];
    atomic_bool closing, failing;
    atomic_size_t hurry;           // up to this mark of the queue what waits is in a hurry
    atomic_uint_fast64_t hurry_ms; // since then
    atomic_uint_fast64_t shed, shed_bytes;
    uv_mutex_t lock; // of what follows
    uv_cond_t turns;
    const struct writer_thread *writing;   // whose turn it is
    bool ended, abandoned;                 // nobody is there any more to be told
    char said[2 * RECORD_WRITER_TEXT_MAX]; // texts, each with its zero
    size_t said_len;
    // the hand's whose turn it is
    struct store *store;
    struct store_file file; // that was opened last
    struct pending_rows pending;
    struct flush_asks asks;
    char trouble[TEXT_MAX]; // empty: all is well
    char last_trouble[TEXT_MAX];
    uint64_t counted[3]; // that were written: exchanges, shed, bytes
    bool told_shed, too_much;
    uint64_t effort_ns, effort_since_ns; // of a processor, and since when it is counted
    uint64_t cpu_ns;                     // of the hand's thread, when that was counted last
    bool again;                          // a batch could not be written
    bool was_busy;                       // since it rested
    bool rests;                          // what it does not need has been given back
    bool untidy;                         // there is more to tidy up while it rests
    uint64_t quiet_since_ms;             // since when what has come is counted
    size_t quiet_bytes;
    bool behind;     // what was taken last had waited for LATE_MS
    bool busy, idle; // what is written is much; it is the idle hand that writes it
    struct write_delay hold;
    uint64_t stint_ns; // since when it has been at work
};

void record_writer_shed(struct record_writer *s, uint64_t exchanges, uint64_t bytes)
{
    atomic_fetch_add_explicit(&s->shed, exchanges, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->shed_bytes, bytes, memory_order_relaxed);
}

void record_writer_hurry(struct record_writer *s)
{
    if (!queue_has_passed(s->queue, atomic_load(&s->hurry)))
        return; // what was told before is first
    atomic_store(&s->hurry_ms, uv_hrtime() / 1000000);
    atomic_store(&s->hurry, queue_mark(s->queue));
}

bool record_writer_is_failing(struct record_writer *s, uint64_t *exchanges, uint64_t *bytes)
{
    *exchanges = atomic_load(&s->shed);
    *bytes = atomic_load(&s->shed_bytes);
    return atomic_load(&s->failing);
}

// What does not fit behind what has not been read yet is left out: there are a few lines an hour.
static void say(struct record_writer *s, const char *text)
{
    size_t len = strlen(text) + 1;
    uv_mutex_lock(&s->lock);
    if (len <= sizeof(s->said) - s->said_len) {
        memcpy(s->said + s->said_len, text, len);
        s->said_len += len;
    }
    if (!s->abandoned)
        (void)uv_async_send(s->config.told);
    uv_mutex_unlock(&s->lock);
}

bool record_writer_told(struct record_writer *s, char text[static RECORD_WRITER_TEXT_MAX])
{
    uv_mutex_lock(&s->lock);
    size_t len = s->said_len > 0 ? strlen(s->said) + 1 : 0;
    memcpy(text, s->said, len);
    s->said_len -= len;
    memmove(s->said, s->said + len, s->said_len);
    uv_mutex_unlock(&s->lock);
    return len > 0;
}

static uint64_t thread_cpu_ns(void)
{
    struct timespec used;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000 + (uint64_t)used.tv_nsec;
}

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

static bool is_hurried(struct record_writer *s)
{
    return !queue_has_passed(s->queue, atomic_load(&s->hurry));
}

// The idle hand has not got to it in time: to what is in a hurry, or to anything.
static bool is_late(struct record_writer *s)
{
    return s->behind || (is_hurried(s) && now_ms() - atomic_load(&s->hurry_ms) >= HURRY_MS);
}

static const char *phrase(int error)
{
    if (error == SQLITE_READONLY_DBMOVED)
        return "its file was moved or removed";
    if (error == RECORD_READER_STANDS)
        return "a program reads it and stands still, and until that ends (a pager perhaps, or "
               "sqlite3) its log could only grow";
    switch (error & 0xff) {
    case SQLITE_FULL: return "the disk is full";
    case SQLITE_READONLY: return "it may only be read";
    case SQLITE_PERM:
        return "another user owns or may write one of its files: chown them, and chmod 600 them";
    case SQLITE_CANTOPEN: return "it cannot be opened";
    case SQLITE_BUSY: return "another process keeps it locked";
    case SQLITE_MISMATCH: return "a later version of adit has made it, or another program";
    case SQLITE_IOERR: return "the disk fails";
    default: return sqlite3_errstr(error & 0xff);
    }
}

static bool is_damage(int error)
{
    return (error & 0xff) == SQLITE_CORRUPT || (error & 0xff) == SQLITE_NOTADB;
}

static void close_store(struct record_writer *s)
{
    store_close(s->store);
    s->store = NULL;
}

// A damaged record is put aside, and another begun: what passes now matters more.
static void put_aside(struct record_writer *s)
{
    char name[STATE_PATH_MAX + 64];
    char text[RECORD_WRITER_TEXT_MAX];
    close_store(s);
    pending_rows_lose_rows(&s->pending);
    if (!store_put_aside(s->config.store.dir, &s->file, name))
        return;
    (void)snprintf(
        text, sizeof(text),
        "the record was damaged and is now %s; a new one is begun. What was in it may be "
        "read in part by sqlite3 and .recover",
        name);
    say(s, text);
}

// Its file is not in its place any more: what is to come goes into another.
static void begin_anew(struct record_writer *s)
{
    close_store(s);
    pending_rows_lose_rows(&s->pending);
}

// Says what is the matter once, and again when it is something else.
static void in_trouble(struct record_writer *s, int error)
{
    char text[RECORD_WRITER_TEXT_MAX];
    const char *why = phrase(error);
    if (is_damage(error))
        put_aside(s);
    if (error == SQLITE_READONLY_DBMOVED)
        begin_anew(s);
    if (strcmp(s->trouble, why) == 0)
        return;
    (void)snprintf(s->trouble, sizeof(s->trouble), "%s", why);
    memcpy(s->last_trouble, s->trouble, sizeof(s->trouble));
    if (is_damage(error))
        return;
    (void)snprintf(text, sizeof(text),
                   "the record in %s cannot be written: %s. Traffic goes on; it is tried again "
                   "every second",
                   s->config.store.dir, why);
    say(s, text);
}

static void out_of_trouble(struct record_writer *s)
{
    char text[RECORD_WRITER_TEXT_MAX];
    if (!s->trouble[0])
        return;
    s->trouble[0] = 0;
    uint64_t shed = atomic_load(&s->shed) + s->pending.lost;
    bool cut = atomic_load(&s->shed_bytes) > 0;
    (void)snprintf(text, sizeof(text),
                   "the record is written again; %llu exchanges are missing so far%s",
                   (unsigned long long)shed, cut ? ", and of others some of their bodies" : "");
    s->told_shed = s->told_shed || shed > 0 || cut;
    say(s, text);
}

// What is to be counted by now. False: it has been written.
static bool count(struct record_writer *s, uint64_t counts[static 3])
{
    counts[0] = s->pending.begun;
    counts[1] = atomic_load(&s->shed) + s->pending.lost;
    counts[2] = atomic_load(&s->shed_bytes);
    return memcmp(counts, s->counted, sizeof(s->counted)) != 0;
}

static int write_counts(struct record_writer *s, bool always)
{
    uint64_t counts[3];
    if (!count(s, counts) && !always)
        return SQLITE_OK;
    int error = store_counts(s->store, counts[0], counts[1], counts[2],
                             s->last_trouble[0] ? s->last_trouble : NULL);
    if (!error)
        memcpy(s->counted, counts, sizeof(counts));
    return error;
}

// The shortest sleep there is lets whoever waits for the processor go first.
static void pace(struct record_writer *s)
{
    const struct timespec moment = {.tv_nsec = 1};
    if (!s->idle || queue_hurries(s->queue) > 0 || uv_hrtime() - s->stint_ns < STINT_US * 1000ULL)
        return;
    (void)nanosleep(&moment, NULL);
    s->stint_ns = uv_hrtime();
}

// Nothing is left when somebody waits for it, or when no other transaction follows.
static enum pending_rows_leave what_to_leave(struct record_writer *s)
{
    if (queue_hurries(s->queue) > 0 || atomic_load(&s->closing))
        return PENDING_ROWS_LEAVE_NONE;
    return s->idle ? PENDING_ROWS_LEAVE_UNREPORTED : PENDING_ROWS_LEAVE_RUNNING;
}

static int write_batch(struct record_writer *s)
{
    bool more = true;
    const enum pending_rows_leave leave = what_to_leave(s);
    int error = store_begin(s->store);
    if (error)
        return error;
    while (!error && more) {
        error = pending_rows_write(&s->pending, s->store, leave, STINT_ROWS, &more);
        pace(s);
    }
    if (!error)
        error = write_counts(s, s->trouble[0] != 0);
    if (!error)
        error = store_commit(s->store);
    if (error) {
        store_rollback(s->store);
        pending_rows_unwritten(&s->pending);
        return error;
    }
    pending_rows_written(&s->pending, now_ms());
    return SQLITE_OK;
}

static void take_event(struct record_writer *s, const struct event *event)
{
    if (event->kind != EVENT_FLUSH)
        (void)pending_rows_event(&s->pending, event);
    else
        flush_asks_add(&s->asks, ((const struct event_flush *)(const void *)event)->fd);
}

static void take_events(struct record_writer *s)
{
    size_t bytes = 0;
    size_t len = 0;
    size_t count = 0;
    const void *event = NULL;
    int64_t began_ns = 0; // of the exchange that began last
    const size_t most = s->idle ? IDLE_BATCH_BYTES : RECORDER_BATCH_BYTES;
    while (bytes + pending_rows_messages(&s->pending) < most &&
           (event = queue_peek(s->queue, &len))) {
        if (((const struct event *)event)->kind == EVENT_BEGIN)
            began_ns = ((const struct event_begin *)event)->began_ns;
        take_event(s, event);
        queue_release(s->queue);
        bytes += len;
        if (++count % STINT_EVENTS == 0)
            pace(s);
    }
    s->quiet_bytes += bytes;
    s->behind = began_ns && wall_clock_ns() - began_ns >= LATE_MS * 1000000LL;
}

// The first time that something did not fit is worth a line; how much it was is in the record.
static void tell_shed(struct record_writer *s)
{
    if (s->told_shed || s->trouble[0] || (!atomic_load(&s->shed) && !atomic_load(&s->shed_bytes)))
        return;
    s->told_shed = true;
    say(s, "exchanges come faster than they can be recorded: some are not kept, or not whole. "
           "Traffic is not slowed. How many is shown by: requests");
}

static int trim(struct record_writer *s)
{
    uint64_t begun = now_ms();
    uint64_t most = TRIM_MS;
    enum store_rest rest = STORE_REST_MORE;
    int error = SQLITE_OK;
    while (!error && rest != STORE_REST_NONE && now_ms() - begun < most) {
        error = store_trim(s->store, wall_clock_ns(), &rest);
        bool pressing = rest == STORE_REST_PRESSING && !atomic_load(&s->closing);
        most = pressing ? TRIM_PRESSING_MS : TRIM_MS;
    }
    s->too_much = rest != STORE_REST_NONE;
    return error;
}

// At the end: what could not be written is told, for nobody will try again.
static void tell_lost(struct record_writer *s)
{
    char text[RECORD_WRITER_TEXT_MAX];
    uint64_t lost = pending_rows_count_dirty(&s->pending);
    const struct event *event = NULL;
    size_t len = 0;
    for (; (event = queue_peek(s->queue, &len)); queue_release(s->queue))
        lost += event->kind == EVENT_ROUTED ? 1 : 0;
    if (lost == 0)
        return;
    (void)snprintf(text, sizeof(text), "the last %llu exchanges could not be recorded: %s",
                   (unsigned long long)lost, s->trouble);
    say(s, text);
}

// All that has been taken is written. A reader that has heard so finds room to ask again. A report
// that will not come any more is waited for no longer than when there is traffic.
static void answer_readers(struct record_writer *s)
{
    pending_rows_stop_waiting(&s->pending, now_ms());
    queue_calm(s->queue, flush_asks_unwritten(&s->asks));
    flush_asks_written(&s->asks, s->pending.waited);
    flush_asks_reported(&s->asks, pending_rows_waited(&s->pending));
}

static int turn(struct record_writer *s)
{
    uint64_t counts[3];
    int error = SQLITE_OK;
    if (!s->store)
        error = store_open(&s->config.store, &s->store, &s->file);
    if (error)
        return error;
    if (!s->again)
        take_events(s);
    if (s->pending.dirty || count(s, counts))
        error = write_batch(s);
    s->again = error != SQLITE_OK;
    if (!error)
        answer_readers(s);
    if (!error)
        error = trim(s);
    if (!error)
        error = store_tidy(s->store, wall_clock_ns(), s->rests, &s->untidy);
    return error;
}

// Whether writing takes more of a processor than it may take from others: known as soon as it has
// taken that much, and forgotten when it has taken less for a while.
static void judge_effort(struct record_writer *s)
{
    uint64_t now = uv_hrtime();
    uint64_t cpu = thread_cpu_ns();
    s->effort_ns += cpu - s->cpu_ns;
    s->cpu_ns = cpu;
    bool much = s->effort_ns * EFFORT_PART > EFFORT_MS * 1000000ULL;
    s->busy = s->busy || much;
    s->was_busy = s->was_busy || much;
    if (now - s->effort_since_ns < EFFORT_MS * 1000000ULL)
        return;
    s->busy = much;
    s->effort_ns = 0;
    s->effort_since_ns = now;
}

// Whether another batch is to be written at once, by the same hand.
static bool goes_on(struct record_writer *s, bool last)
{
    size_t used = queue_used(s->queue);
    if (last)
        return used > 0;
    bool quick = is_late(s) || queue_hurries(s->queue) > 0;
    if (s->idle && quick)
        return false; // the ordinary hand is quicker
    return used > MUCH_BYTES && !atomic_load(&s->closing) && s->busy == s->idle;
}

// How long nothing needs to be done while no events come.
static unsigned wait_ms(const struct record_writer *s)
{
    if (s->too_much)
        return 1;
    if (s->pending.dirty)
        return RECORDER_GATHER_MS;
    return !s->rests ? QUIET_MS : s->untidy ? TIDY_MS : TRIM_EVERY_MS;
}

// Gives back what it needs only while there is much to do.
static void rest(struct record_writer *s)
{
    queue_shrink(s->queue);
    pending_rows_shrink(&s->pending);
    if (s->store)
        store_rest(s->store);
    if (s->was_busy)
        (void)malloc_trim(0); // for a moment nobody can allocate: only when there was much to do
    s->was_busy = false;
    s->rests = true;
}

static void look_whether_it_is_quiet(struct record_writer *s)
{
    uint64_t now = now_ms();
    if (now - s->quiet_since_ms < QUIET_MS)
        return;
    bool quiet = s->quiet_bytes <= QUIET_BYTES;
    s->quiet_since_ms = now;
    s->quiet_bytes = 0;
    if (!quiet)
        s->rests = false;
    else if (!s->rests)
        rest(s);
}

static void wait_for_events(struct record_writer *s)
{
    unsigned ms = wait_ms(s);
    uint64_t begun = now_ms();
    queue_wait(s->queue, ms, RECORDER_GATHER_MS);
    write_delay_quiet(&s->hold, now_ms() - begun);
    if (!s->rests && ms == QUIET_MS && queue_used(s->queue) == 0)
        rest(s);
    else
        look_whether_it_is_quiet(s);
}

// Waits for the traffic to be over, as long as that may take.
static void hold_back(struct record_writer *s)
{
    bool holds = write_delay_begin(&s->hold, now_ms(), queue_used(s->queue));
    while (holds && !atomic_load(&s->closing) && !is_hurried(s) && queue_hurries(s->queue) == 0) {
        uv_sleep(WRITE_DELAY_LOOK_MS);
        holds = write_delay_goes_on(&s->hold, now_ms(), queue_used(s->queue));
    }
}

// Writes what there is, as long as there is much.
static void work(struct writer_thread *h, bool last)
{
    struct record_writer *s = h->writer;
    int error = SQLITE_OK;
    s->cpu_ns = thread_cpu_ns();
    s->idle = h == &s->hands[IDLE_HAND];
    if (s->idle)
        hold_back(s);
    s->stint_ns = uv_hrtime();
    do {
        error = turn(s);
        judge_effort(s);
    } while (!error && goes_on(s, last));
    atomic_store(&s->failing, error != SQLITE_OK);
    if (error)
        in_trouble(s, error);
    else
        out_of_trouble(s);
    tell_shed(s);
    if (last)
        return;
    if (error)
        queue_pause(s->queue, RECORDER_RETRY_MS);
    else
        wait_for_events(s);
}

static void end(struct writer_thread *h)
{
    struct record_writer *s = h->writer;
    work(h, true);
    if (s->store)
        (void)write_counts(s, false);
    tell_lost(s);
    close_store(s);
}

// Waits until it is this hand's turn. False: there will be no other.
static bool wait_for_turn(struct writer_thread *h)
{
    struct record_writer *s = h->writer;
    uv_mutex_lock(&s->lock);
    while (!s->ended && s->writing != h)
        uv_cond_wait(&s->turns, &s->lock);
    bool ended = s->ended;
    uv_mutex_unlock(&s->lock);
    return !ended;
}

// The ordinary hand ends it: nobody has to wait for one that may get no time.
static void pass_on(struct record_writer *s, bool closing)
{
    uv_mutex_lock(&s->lock);
    bool quick = closing || is_late(s) || queue_hurries(s->queue) > 0;
    s->writing = &s->hands[s->busy && !quick ? IDLE_HAND : ORDINARY_HAND];
    uv_cond_broadcast(&s->turns);
    uv_mutex_unlock(&s->lock);
}

static void run(void *arg)
{
    struct writer_thread *h = arg;
    struct record_writer *s = h->writer;
    const struct sched_param none = {0};
    if (h == &s->hands[IDLE_HAND])
        (void)sched_setscheduler(0, SCHED_IDLE, &none); // of this thread alone
    while (wait_for_turn(h)) {
        if (!atomic_load(&s->closing)) {
            work(h, false);
            pass_on(s, atomic_load(&s->closing));
        } else if (h == &s->hands[IDLE_HAND]) {
            pass_on(s, true);
        } else {
            end(h);
            uv_mutex_lock(&s->lock);
            s->ended = true;
            uv_cond_broadcast(&s->turns);
            uv_mutex_unlock(&s->lock);
        }
    }
}

// Both hands, or none.
static bool start_threads(struct record_writer *s)
{
    for (int i = 0; i < HANDS; i++) {
        s->hands[i].writer = s;
        if (!uv_thread_create(&s->hands[i].thread, run, &s->hands[i]))
            continue;
        uv_mutex_lock(&s->lock);
        s->ended = true;
        uv_cond_broadcast(&s->turns);
        uv_mutex_unlock(&s->lock);
        while (i-- > 0)
            (void)uv_thread_join(&s->hands[i].thread);
        return false;
    }
    pass_on(s, false);
    return true;
}

struct record_writer *record_writer_new(const struct record_writer_config *config, struct queue *q)
{
    struct record_writer *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); // nobody asks, and it takes a lock each time
    s->config = *config;
    s->queue = q;
    pending_rows_init(&s->pending, config->body_bytes);
    if (uv_mutex_init(&s->lock))
        goto no_lock;
    if (uv_cond_init(&s->turns))
        goto no_over;
    s->effort_since_ns = uv_hrtime();
    if (!start_threads(s))
        goto no_thread;
    return s;
no_thread:
    uv_cond_destroy(&s->turns);
no_over:
    uv_mutex_destroy(&s->lock);
no_lock:
    free(s);
    return NULL;
}

bool record_writer_stop(struct record_writer *s, unsigned ms)
{
    uint64_t end = uv_hrtime() + (uint64_t)ms * 1000000;
    atomic_store(&s->closing, true);
    queue_wake(s->queue);
    uv_mutex_lock(&s->lock);
    for (uint64_t now = uv_hrtime(); !s->ended && now < end; now = uv_hrtime())
        (void)uv_cond_timedwait(&s->turns, &s->lock, end - now);
    bool ended = s->ended;
    s->abandoned = !ended;
    uv_mutex_unlock(&s->lock);
    for (int i = 0; ended && i < HANDS; i++)
        (void)uv_thread_join(&s->hands[i].thread);
    return ended;
}

void record_writer_free(struct record_writer *s)
{
    if (!s)
        return;
    uv_cond_destroy(&s->turns);
    uv_mutex_destroy(&s->lock);
    pending_rows_deinit(&s->pending);
    flush_asks_deinit(&s->asks);
    free(s);
}
