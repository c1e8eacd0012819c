// SPDX-License-Identifier: MIT
// When rows are written: at once while little is recorded; under load only when processors have
// nothing else to do, when a reader waits, or when spools take their part of the record's size.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "record_writer_internal.h"

enum {
    WINDOW_MS = 100, // the load is measured over this time,
    HIGH_BYTES =
        128 << 10,    // and high above so many bytes of events (2,000 small exchanges a second)
    SAMPLE_MS = 500,  // between two looks at the processors
    TICK_MS = 10,     // of /proc/stat,
    LINE_BYTES = 512, // and of its lines
    SCAN_MS = 1000,   // between two looks at other programs' spools
    RELEASE_BYTES = 1 << 20 // of events, after which spare memory is released
};

// Sixteenths of the record's size that spools take when
enum {
    SIXTEENTHS_LATE = 6,   // rows are written whatever the load,
    SIXTEENTHS_URGENT = 7, // without pauses,
    SIXTEENTHS_DROP = 9,   // rows of the largest share are dropped,
    SIXTEENTHS_FULL = 11,  // no more is appended.
    SIXTEENTH_BYTES_MIN = 256 << 10
};
#define UNLIMITED_BYTES (2ULL << 30) // a record without a limit counts as of this size

static uint64_t record_bytes(const struct record_writer *w)
{
    return w->config.store.bytes ? w->config.store.bytes : UNLIMITED_BYTES;
}

// Of a larger record no larger part waits: a reader would have to wait for it.
static uint64_t record_bytes_to_wait(const struct record_writer *w)
{
    uint64_t all = record_bytes(w);
    return all < UNLIMITED_BYTES ? all : UNLIMITED_BYTES;
}

static uint64_t sixteenths(uint64_t bytes, unsigned count)
{
    uint64_t one = bytes / 16;
    return (one > SIXTEENTH_BYTES_MIN ? one : SIXTEENTH_BYTES_MIN) * count;
}

uint64_t record_writer_spool_part(const struct record_writer *w)
{
    return sixteenths(record_bytes_to_wait(w), SIXTEENTHS_LATE);
}

bool record_writer_is_full(struct record_writer *w)
{
    return spool_bytes(w->spool) >= sixteenths(record_bytes(w), SIXTEENTHS_FULL);
}

// The own spool alone counts: what others take is known late, and the newest would be dropped for
// it.
bool record_writer_must_drop(struct record_writer *w)
{
    return spool_bytes(w->spool) >= sixteenths(record_bytes(w), SIXTEENTHS_DROP);
}

uint64_t record_writer_spooled(struct record_writer *w)
{
    struct load *l = &w->load;
    uint64_t now = record_writer_now_ms();
    uint64_t own = spool_bytes(w->spool);
    if (l->scanned_ms == 0 || now - l->scanned_ms >= SCAN_MS) {
        uint64_t all = spool_bytes_of_all(w->config.store.dir);
        atomic_store(&w->others, all > own ? all - own : 0);
        l->scanned_ms = now;
    }
    return own + atomic_load(&w->others);
}

static void measure(struct record_writer *w, uint64_t now)
{
    struct load *l = &w->load;
    uint64_t passed = now - l->since_ms;
    if (passed < WINDOW_MS)
        return;
    uint64_t appended = spool_appended(w->spool);
    l->high = (appended - l->appended) * WINDOW_MS > HIGH_BYTES * passed;
    l->since_ms = now;
    l->appended = appended;
}

// Reads the processors' times. False: they are not known.
static bool read_processors(struct processor_times *times)
{
    char line[LINE_BYTES] = "";
    FILE *file = fopen("/proc/stat", "re");
    const char *at = file && fgets(line, sizeof(line), file) ? line + strcspn(line, " ") : line;
    // user, nice, system, idle, iowait, irq, softirq, steal
    for (int i = 0; i < 8; i++) {
        char *end = NULL;
        uint64_t ticks = strtoull(at, &end, 10);
        times->total += ticks;
        times->idle += i == 3 || i == 4 ? ticks : 0;
        at = end;
    }
    if (file)
        (void)fclose(file);
    return times->total > 0;
}

static uint64_t thread_time_ms(void)
{
    struct timespec used;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

bool record_writer_were_idle(const struct processor_times *before,
                             const struct processor_times *after)
{
    uint64_t idle =
        after->idle > before->idle ? after->idle - before->idle : 0; // iowait may shrink
    uint64_t own = after->own - before->own;
    return after->total > before->total && (idle + own) * 4 >= (after->total - before->total) * 3;
}

static void sample(struct load *l, uint64_t now)
{
    if (l->sampled_ms != 0 && now - l->sampled_ms < SAMPLE_MS)
        return;
    struct processor_times times = {.own = thread_time_ms() / TICK_MS};
    bool known = read_processors(&times) && l->sampled_ms != 0 &&
                 now - l->sampled_ms < 4 * (uint64_t)SAMPLE_MS;
    l->processors_idle = known && record_writer_were_idle(&l->sampled, &times);
    l->sampled_ms = now;
    l->sampled = times;
}

bool record_writer_should_release(struct record_writer *w)
{
    return spool_appended(w->spool) - w->load.released >= RELEASE_BYTES;
}

bool record_writer_has_readers(struct record_writer *w)
{
    flush_waiters_drop_left(&w->waiters);
    return flush_mailbox_pending(&w->asked) > 0 || w->waiters.count > 0;
}

enum pace record_writer_pace(struct record_writer *w, uint64_t now_ms)
{
    measure(w, now_ms);
    if (atomic_load(&w->closing) || record_writer_has_readers(w) || !w->load.high ||
        spool_bytes(w->spool) >= sixteenths(record_bytes_to_wait(w), SIXTEENTHS_URGENT))
        return PACE_FULL;
    sample(&w->load, now_ms);
    if (w->load.processors_idle)
        return PACE_FULL;
    return record_writer_spooled(w) >= record_writer_spool_part(w) ? PACE_GENTLE : PACE_WAIT;
}
