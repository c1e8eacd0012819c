// SPDX-License-Identifier: MIT
// What the files of the recorder share. From the bottom: recorder_slots.c (running exchanges),
// recorder_facts.c (what an exchange is by now), recorder_progress.c (exchanges that last),
// recorder_events.c (what observers hear), recorder.c (start and end).
#pragma once
#include <string.h>
#include "common/record/record.h"
#include "event.h"
#include "flush_listener.h"
#include "queue_shares.h"
#include "record_writer.h"
#include "recorder.h"
#include "redact.h"

enum {
    END_MOST = sizeof(struct event_facts) + 2 * sizeof(struct event_body) + EXCHANGE_DETAIL_MAX,
    ROUTED_TEXTS_MAX = 1024, // bytes of texts of an EVENT_ROUTED
    EVENT_OVERHEAD = 16      // bytes that an event takes in the queue besides itself, at most
};

// By which it is seen whether there is something new to tell of an exchange.
struct progress {
    uint64_t bytes[2];
    int64_t stalled_ns;
    unsigned facts; // its flags, and which of its times have come
};

// An exchange that runs.
struct slot {
    uint64_t taken[2]; // bytes of bodies that were to be kept, whether or not there was room
    uint32_t next;     // of the free ones
    bool routed, bodies, websocket, shed;
    uint8_t share;
    const struct exchange *x; // NULL: free
    struct progress progress; // by its last EVENT_PROGRESS
};

struct recorder {
    struct exchange_observer observer;
    struct recorder_config config;
    struct redact redact;
    uint64_t body_bytes;
    struct queue *queue;
    struct record_writer *writer;
    struct flush_listener *readers;
    struct slot *slots;
    uint32_t slot_count, free; // free: 1 + the first one; 0: none
    size_t running, unrouted;
    uv_async_t notify; // the record writer has something to say
    struct loop *loop;
    struct timeout progress_timeout; // at the exchanges that run; stopped while there are none
    uv_idle_t progress_idle;         // goes on with that, once in a turn of the loop
    uint32_t progress_next;          // slots that it has looked at
    bool progress_runs;              // it is not through with them
    bool progress_told;              // something was told of them
    int handles;                     // that are not closed yet
    struct queue_shares shares;
};

static inline char *recorder_put(char *out, struct slice text)
{
    if (text.len > 0)
        memcpy(out, text.p, text.len);
    return out + text.len;
}

static inline void recorder_commit(struct recorder *r, const void *event, const char *end)
{
    queue_commit(r->queue, (size_t)(end - (const char *)event));
}

static inline struct slice recorder_at_most(const char *text, size_t most)
{
    return slice_of(text, strnlen(text, most));
}

// Room for what must still be said of exchanges that have begun.
size_t recorder_spare(const struct recorder *r);
// The number of a free slot and 1; 0: out of memory.
uint32_t recorder_take_slot(struct recorder *r, const struct exchange *x);
void recorder_free_slot(struct recorder *r, struct exchange *x, uint32_t index);
// The slot of an exchange, and its index. NULL: it is not recorded.
struct slot *recorder_slot_of(struct recorder *r, const struct exchange *x, uint32_t *index);

// ns since the exchange began; -1 for a time of 0, which did not happen.
int64_t recorder_since(const struct exchange *x, uint64_t ns);
// With a stall that goes on.
uint64_t recorder_stalled_ns(const struct exchange_direction *d, uint64_t now_ns);
// The flags and the rest of an EVENT_CLOSED or EVENT_PROGRESS. The latter commits it.
uint16_t recorder_end_flags(const struct exchange *x, const struct slot *s);
void recorder_put_end(struct recorder *r, struct event_facts *e, const struct exchange *x,
                      uint64_t now_ns);

// Sees to it that exchanges that last are looked at, while there are any.
void recorder_progress_start(struct recorder *r);

extern const struct exchange_observer recorder_events; // but for its ctx
