// SPDX-License-Identifier: MIT
// Shared by the files of the recorder, from the bottom: recorder_slots.c (running exchanges),
// recorder_facts.c (an exchange's facts so far), recorder_progress.c (long exchanges),
// recorder_events.c (observers), recorder.c (start, stop, flush requests).
#pragma once
#include <string.h>
#include "common/record/record.h"
#include "common/record/spool/event_check.h"
#include "flush_listener.h"
#include "queue_shares.h"
#include "record_writer.h"
#include "recorder.h"
#include "redact.h"

enum {
    FACTS_MAX = sizeof(struct event_facts) + 2 * sizeof(struct event_body) + EXCHANGE_DETAIL_MAX,
    ROUTED_TEXTS_MAX = 1024, // bytes of an EVENT_ROUTED's texts
    EVENT_OVERHEAD = 16      // bytes of the queue per event, at most
};

// The facts in the last EVENT_PROGRESS, to be compared with those of the next pass.
struct progress {
    uint64_t bytes[2];
    int64_t stalled_ns;
    unsigned facts; // the event's flags, and a bit for each time that is known
};

// A running exchange.
struct slot {
    uint64_t taken[2]; // bytes of bodies to record, queued or shed
    uint32_t next;     // 1 + the next free slot; 0: none
    bool routed, bodies, websocket, shed;
    uint8_t share;
    const struct exchange *x; // NULL: the slot is free
    struct progress progress;
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
    uint32_t slot_count, free; // free: 1 + the first free slot; 0: none
    size_t running, unrouted;  // exchanges
    uv_async_t notify;         // the record writer has a message
    struct loop *loop;
    struct loop_task publish;        // of the turn's events
    struct timeout progress_timeout; // runs between two passes over the slots, while any is taken
    uv_idle_t progress_idle;         // runs during a pass, one step per turn of the loop
    uint32_t progress_next;          // the pass's next slot
    bool progress_runs;              // a pass is under way
    int handles;                     // libuv handles not closed yet
    struct queue_shares shares;
};

// Copies text and returns its end.
static inline char *recorder_put(char *out, struct slice text)
{
    if (text.len > 0)
        memcpy(out, text.p, text.len);
    return out + text.len;
}

// Commits the event that was reserved last; it ends at `end`. The record writer sees it when the
// loop's turn ends.
static inline void recorder_commit(struct recorder *r, const void *event, const char *end)
{
    queue_commit(r->queue, (size_t)(end - (const char *)event));
    loop_queue(r->loop, &r->publish);
}

static inline struct slice recorder_text(const char *text, size_t max)
{
    return slice_of(text, strnlen(text, max));
}

// Bytes of the queue to spare for the EVENT_ROUTED and EVENT_CLOSED of exchanges that have begun:
// these always fit.
size_t recorder_spare(const struct recorder *r);
// Returns 1 + the index of a free slot; 0: out of memory.
uint32_t recorder_take_slot(struct recorder *r, const struct exchange *x);
void recorder_free_slot(struct recorder *r, struct exchange *x, uint32_t index);
// The slot of an exchange, and its index. NULL: the exchange is not recorded.
struct slot *recorder_slot_of(struct recorder *r, const struct exchange *x, uint32_t *index);

// ns from the exchange's begin to `ns`; -1 for 0: did not happen.
int64_t recorder_since(const struct exchange *x, uint64_t ns);
// Total time stalled, a current stall included.
uint64_t recorder_stalled_ns(const struct exchange_direction *d, uint64_t now_ns);
// The flags of an EVENT_PROGRESS or EVENT_CLOSED.
uint16_t recorder_facts_flags(const struct exchange *x, const struct slot *s);
// Fills in all but the event's head and outcome, and commits it. It was reserved with FACTS_MAX.
void recorder_put_facts(struct recorder *r, struct event_facts *e, const struct exchange *x,
                        uint64_t now_ns);

// Starts the passes over the slots, unless they run.
void recorder_progress_start(struct recorder *r);

extern const struct exchange_observer recorder_events; // without its ctx
