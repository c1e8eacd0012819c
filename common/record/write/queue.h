// SPDX-License-Identifier: MIT
// A bounded queue of events from one producer thread to one consumer thread. Events are written and
// read in place. The producer never waits, and allocates with mmap alone.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue;

enum {
    QUEUE_BLOCK_BYTES = 256 * 1024,
    QUEUE_BLOCKS = 144,             // at most: 36 MiB
    QUEUE_EVENT_MAX = 128 * 1024,   // bytes of an event
    QUEUE_SPARE_EVENT_MAX = 2048,   // bytes of an event for which `spare` reserves room
    QUEUE_QUIET_BLOCKS = 2,         // empty blocks that queue_shrink keeps
    QUEUE_URGENT_BYTES = 1 << 20,   // end the consumer's gathering
    QUEUE_PUBLISH_BYTES = 16 << 10, // committed bytes are published at the latest
};

// NULL: out of memory.
struct queue *queue_new(void);
void queue_free(struct queue *q);

// Producer. Returns room for an event of at most `len` bytes, aligned to 8; queue_commit adds it
// with its final length. NULL: less than `spare` bytes would remain, or memory is out.
void *queue_reserve(struct queue *q, size_t len, size_t spare);
void queue_commit(struct queue *q, size_t len);
// Producer. Shows the consumer what was committed, and wakes it if it waits: once for many events,
// since each time costs atomic operations.
void queue_publish(struct queue *q);

// Consumer. The oldest events, as far as they lie together in memory: entries of a spool's batch
// (spool_format.h), of `*len` bytes in all, valid until queue_release. NULL: the queue is empty.
const void *queue_peek(struct queue *q, size_t *len);
// Consumer. Releases the first `len` bytes, which end where an entry ends.
void queue_release(struct queue *q, size_t len);
// Consumer. Waits for an event for `ms` at most, then gathers more for `gather_ms`, unless
// QUEUE_URGENT_BYTES wait, or queue_wake is called.
void queue_wait(struct queue *q, unsigned ms, unsigned gather_ms);
// Consumer. Waits for `ms`, events or not, or until queue_wake.
void queue_pause(struct queue *q, unsigned ms);
// Consumer. Returns empty blocks to the system.
void queue_shrink(struct queue *q);

// Producer. The queue's end as a mark: behind all that was committed.
size_t queue_mark(struct queue *q);

// The functions below may be called by either thread.

// Whether all events before a mark were released.
bool queue_has_passed(struct queue *q, size_t mark);

// Wakes the consumer.
void queue_wake(struct queue *q);

// Bytes that wait and are published.
size_t queue_used(struct queue *q);
