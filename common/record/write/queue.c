// SPDX-License-Identifier: MIT
// A list of blocks. The consumer reads the block that the producer fills, up to `filled`; when
// there is a next block it moves on and returns the old one to a stack of spare blocks. A queue
// that is emptied in time alternates between the same two blocks, which stay in the cache.
//
// The consumer may lose the processor anywhere, for long: the producer therefore waits for no lock.
// Blocks come from mmap, since malloc would share a lock with other threads' free.
#include "queue.h"
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include "common/io/loop.h"
#include "common/record/spool/spool_format.h"

struct block {
    _Atomic(struct block *) next;
    _Atomic size_t filled;
    char bytes[] __attribute__((aligned(8)));
};

enum {
    POLL_FAILED_MS = 10,
    ROOM = QUEUE_BLOCK_BYTES - sizeof(struct block),
    CACHE_LINE = 64,
    PREFETCH_BYTES = 1024 // fetched into the cache ahead of writing
};

// Producer and consumer have cache lines of their own; fields that both write change seldom.
struct queue {
    // Producer.
    _Alignas(CACHE_LINE) struct block *filling;
    size_t fill_at, prefetch_at;
    size_t committed; // bytes that are not published yet
    size_t out_seen;  // a past value of `out`
    atomic_size_t in; // total bytes published
    // Consumer.
    _Alignas(CACHE_LINE) struct block *reading;
    size_t read_at;
    atomic_size_t out; // total bytes released
    // Both.
    _Alignas(CACHE_LINE) atomic_size_t blocks; // that may still be taken
    atomic_bool asleep;                        // the consumer waits for the first event
    atomic_bool hurried;                       // queue_wake was called
    int wakeup;                                // eventfd of the consumer
    uv_mutex_t lock;                           // protects the spare blocks
    struct block *spare;
    size_t spare_count;
};

static size_t aligned(size_t len)
{
    return (len + 7) & ~(size_t)7;
}

static struct block *take_spare(struct queue *q)
{
    if (uv_mutex_trylock(&q->lock))
        return NULL;
    struct block *b = q->spare;
    if (b) {
        q->spare = atomic_load(&b->next);
        q->spare_count--;
    }
    uv_mutex_unlock(&q->lock);
    return b;
}

// A spare block, or a new one. NULL: QUEUE_BLOCKS are in use, or memory is out.
static struct block *take_block(struct queue *q)
{
    if (atomic_load(&q->blocks) == 0)
        return NULL;
    struct block *b = take_spare(q);
    if (!b) {
        void *memory = mmap(NULL, QUEUE_BLOCK_BYTES, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        if (memory == MAP_FAILED)
            return NULL;
        b = memory;
    }
    atomic_fetch_sub(&q->blocks, 1);
    atomic_init(&b->next, NULL);
    atomic_init(&b->filled, 0);
    return b;
}

static void free_blocks(struct block *b)
{
    while (b) {
        struct block *next = atomic_load(&b->next);
        (void)munmap(b, QUEUE_BLOCK_BYTES);
        b = next;
    }
}

static void give_back(struct queue *q, struct block *b)
{
    uv_mutex_lock(&q->lock);
    atomic_store(&b->next, q->spare);
    q->spare = b;
    q->spare_count++;
    uv_mutex_unlock(&q->lock);
    atomic_fetch_add(&q->blocks, 1);
}

void queue_shrink(struct queue *q)
{
    struct block *gone = NULL;
    uv_mutex_lock(&q->lock);
    while (q->spare_count > QUEUE_QUIET_BLOCKS) {
        struct block *b = q->spare;
        q->spare = atomic_load(&b->next);
        q->spare_count--;
        atomic_store(&b->next, gone);
        gone = b;
    }
    uv_mutex_unlock(&q->lock);
    free_blocks(gone);
}

struct queue *queue_new(void)
{
    struct queue *q = aligned_alloc(CACHE_LINE, sizeof(*q));
    if (!q)
        return NULL;
    memset(q, 0, sizeof(*q));
    if (uv_mutex_init(&q->lock)) {
        free(q);
        return NULL;
    }
    q->wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    atomic_init(&q->blocks, QUEUE_BLOCKS);
    q->filling = q->reading = q->wakeup < 0 ? NULL : take_block(q);
    if (!q->filling) {
        queue_free(q);
        return NULL;
    }
    return q;
}

void queue_free(struct queue *q)
{
    if (!q)
        return;
    free_blocks(q->reading);
    free_blocks(q->spare);
    if (q->wakeup >= 0)
        (void)close(q->wakeup);
    uv_mutex_destroy(&q->lock);
    free(q);
}

// Whether `spare` bytes of small events fit behind an event of `need` bytes. Each block may lose up
// to QUEUE_SPARE_EVENT_MAX at its end.
static bool leaves_spare(struct queue *q, size_t need, size_t spare)
{
    size_t blocks = atomic_load(&q->blocks);
    size_t at = q->fill_at + need;
    if (at > ROOM) {
        if (blocks == 0)
            return false;
        blocks--;
        at = need;
    }
    return ROOM - at + blocks * (ROOM - QUEUE_SPARE_EVENT_MAX) >= spare + QUEUE_SPARE_EVENT_MAX;
}

static void wake(struct queue *q)
{
    const uint64_t one = 1;
    ssize_t n = write(q->wakeup, &one, sizeof(one)); // EAGAIN: the counter is full, which wakes too
    (void)n;
}

void queue_wake(struct queue *q)
{
    atomic_store(&q->hurried, true);
    wake(q);
}

// Whether `need` more bytes cross QUEUE_URGENT_BYTES. The consumer's cache line is read only when
// its past value suggests so.
static bool becomes_urgent(struct queue *q, size_t need)
{
    size_t in = atomic_load_explicit(&q->in, memory_order_relaxed);
    if (in - q->out_seen + need < QUEUE_URGENT_BYTES)
        return false;
    q->out_seen = atomic_load(&q->out);
    size_t before = in - q->out_seen;
    return before < QUEUE_URGENT_BYTES && before + need >= QUEUE_URGENT_BYTES;
}

// The memory of the next events is usually not in the cache: fetches it while the program does
// something else.
static void prefetch(struct queue *q)
{
    size_t end = q->fill_at + PREFETCH_BYTES < ROOM ? q->fill_at + PREFETCH_BYTES : ROOM;
    if (q->prefetch_at < q->fill_at)
        q->prefetch_at = q->fill_at;
    for (; q->prefetch_at < end; q->prefetch_at += CACHE_LINE)
        __builtin_prefetch(q->filling->bytes + q->prefetch_at, 1);
}

void queue_publish(struct queue *q)
{
    const size_t len = q->committed;
    if (len == 0)
        return;
    bool urgent = becomes_urgent(q, len);
    q->committed = 0;
    atomic_store_explicit(&q->filling->filled, q->fill_at, memory_order_release);
    atomic_fetch_add(&q->in, len); // sequentially consistent, with `asleep` in queue_wait
    if (urgent || (atomic_load(&q->asleep) && atomic_exchange(&q->asleep, false)))
        wake(q);
}

void *queue_reserve(struct queue *q, size_t len, size_t spare)
{
    size_t need = sizeof(struct spool_entry_head) + aligned(len);
    if (len > QUEUE_EVENT_MAX || (spare > 0 && !leaves_spare(q, need, spare)))
        return NULL;
    if (q->fill_at + need > ROOM) {
        struct block *b = take_block(q);
        if (!b)
            return NULL;
        queue_publish(q);
        // Released last: a consumer that sees the new block sees all of the old one.
        atomic_store_explicit(&q->filling->next, b, memory_order_release);
        q->filling = b;
        q->fill_at = q->prefetch_at = 0;
    }
    return q->filling->bytes + q->fill_at + sizeof(struct spool_entry_head);
}

void queue_commit(struct queue *q, size_t len)
{
    struct spool_entry_head *head =
        (struct spool_entry_head *)(void *)(q->filling->bytes + q->fill_at);
    size_t need = sizeof(*head) + aligned(len);
    head->len = len;
    // Text that was redacted here may have been longer.
    memset(q->filling->bytes + q->fill_at + sizeof(*head) + len, 0, aligned(len) - len);
    q->fill_at += need;
    q->committed += need;
    prefetch(q);
    if (q->committed >= QUEUE_PUBLISH_BYTES)
        queue_publish(q);
}

const void *queue_peek(struct queue *q, size_t *len)
{
    struct block *b = q->reading;
    size_t end = atomic_load_explicit(&b->filled, memory_order_acquire);
    if (q->read_at < end) {
        *len = end - q->read_at;
        return b->bytes + q->read_at;
    }
    struct block *next = atomic_load_explicit(&b->next, memory_order_acquire);
    if (!next)
        return NULL;
    if (q->read_at < atomic_load_explicit(&b->filled, memory_order_acquire))
        return queue_peek(q, len); // filled further before the next block was added
    q->reading = next;
    q->read_at = 0;
    give_back(q, b);
    return queue_peek(q, len);
}

void queue_release(struct queue *q, size_t len)
{
    q->read_at += len;
    // Only the consumer writes `out`: no atomic addition is needed.
    size_t out = atomic_load_explicit(&q->out, memory_order_relaxed);
    atomic_store_explicit(&q->out, out + len, memory_order_release);
}

size_t queue_mark(struct queue *q)
{
    return atomic_load(&q->in) + q->committed;
}

bool queue_has_passed(struct queue *q, size_t mark)
{
    return atomic_load(&q->out) - mark <= SIZE_MAX / 2; // the counters may wrap
}

size_t queue_used(struct queue *q)
{
    size_t out = atomic_load(&q->out);
    return atomic_load(&q->in) - out;
}

// Waits until the time or a wake-up, which it consumes. False: no wake-up.
static bool sleep_until(struct queue *q, uint64_t end_ns)
{
    struct pollfd wakeup = {.fd = q->wakeup, .events = POLLIN};
    uint64_t now = uv_hrtime();
    uint64_t left_ms = now < end_ns ? (end_ns - now + 999999) / 1000000 : 0;
    uint64_t count = 0;
    if (poll(&wakeup, 1, left_ms < 1000000 ? (int)left_ms : 1000000) < 0 && left_ms > 0)
        uv_sleep(POLL_FAILED_MS); // out of file descriptors, say
    return read(q->wakeup, &count, sizeof(count)) == sizeof(count);
}

void queue_wait(struct queue *q, unsigned ms, unsigned gather_ms)
{
    bool woken = false;
    uint64_t end = uv_hrtime() + (uint64_t)ms * 1000000;
    atomic_store(&q->asleep, true);
    while (!woken && queue_used(q) == 0 && !atomic_load(&q->hurried) && uv_hrtime() < end)
        woken = sleep_until(q, end);
    atomic_store(&q->asleep, false);
    (void)sleep_until(q, 0); // consumes the wake-up of the first event
    end = uv_hrtime() + (uint64_t)gather_ms * 1000000;
    if (queue_used(q) > 0 && queue_used(q) < QUEUE_URGENT_BYTES && !atomic_load(&q->hurried))
        (void)sleep_until(q, end);
    atomic_store(&q->hurried, false);
}

void queue_pause(struct queue *q, unsigned ms)
{
    (void)sleep_until(q, uv_hrtime() + (uint64_t)ms * 1000000);
}
