// SPDX-License-Identifier: MIT
// A bounded queue of events from one thread to another, without copies and almost without locks:
// blocks that one fills and the other empties. The writer never waits.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct queue;

enum {
    QUEUE_BLOCK_BYTES = 256 * 1024,
    QUEUE_BLOCKS = 144,           // at most: 36 MiB
    QUEUE_EVENT_MAX = 128 * 1024, // bytes of one event
    QUEUE_SPARE_EVENT_MAX = 2048, // the same of those that room is spared for
    QUEUE_QUIET_BLOCKS = 2,       // that are kept for later when there is little to do
    QUEUE_URGENT_BYTES =
        256 << 10, // that wait: who gathers shall not wait for more; they stay in the cache
};

// NULL when out of memory.
struct queue *queue_new(void);
void queue_free(struct queue *q);

// The writer's. Room for an event, aligned to 8, to be followed by queue_commit. NULL when it
// would leave less than `spare` bytes, or when out of memory.
void *queue_reserve(struct queue *q, size_t len, size_t spare);
void queue_commit(struct queue *q, size_t len);

// The reader's. The next event, valid until queue_release; NULL when there is none.
const void *queue_peek(struct queue *q, size_t *len);
void queue_release(struct queue *q);
// Waits for an event, for at most `ms`, and then for `gather_ms` more, unless QUEUE_URGENT_BYTES
// wait, the queue is hurried, or it is woken.
void queue_wait(struct queue *q, unsigned ms, unsigned gather_ms);
// Waits for `ms`, whatever comes, or until the queue is woken.
void queue_pause(struct queue *q, unsigned ms);
// There is little to do: gives most of the memory back.
void queue_shrink(struct queue *q);
// Wakes the reader: something else is to be done.
void queue_wake(struct queue *q);

// How much has been written, and whether so much has been read: of either thread.
size_t queue_mark(struct queue *q);
bool queue_has_passed(struct queue *q, size_t mark);

// Somebody waits for what is in the queue: from one call to the other there is no time to gather.
// queue_wake follows when it is in. All of either thread.
void queue_flush_begin(struct queue *q);
void queue_flush_end(struct queue *q, size_t times);
size_t queue_flushes(struct queue *q); // how often it is hurried now

// Bytes that wait; of either thread.
size_t queue_used(struct queue *q);
