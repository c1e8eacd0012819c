// SPDX-License-Identifier: MIT
// Passes over the running exchanges, which queue EVENT_PROGRESS for long ones that have changed.
#include "recorder_internal.h"

static void on_timeout(struct timeout *t);

static struct progress progress_now(const struct exchange *x, uint16_t flags, uint64_t now_ns)
{
    const uint64_t times[] = {x->facts.sent_on_ns, x->facts.connect_ns, x->facts.heard_ns,
                              x->facts.answered_ns};
    struct progress progress = {.facts = flags};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        progress.facts |= times[i] ? 1U << (16 + i) : 0;
    for (int side = 0; side < 2; side++) {
        progress.bytes[side] = x->direction[side].bytes;
        progress.stalled_ns += (int64_t)recorder_stalled_ns(&x->direction[side], now_ns);
    }
    return progress;
}

// A stall counts as changed when it has grown by 1 in RECORDER_STALL_PART, not at every pass.
static bool has_changed(const struct progress *before, const struct progress *now)
{
    int64_t grown = now->stalled_ns - before->stalled_ns;
    return before->facts != now->facts || before->bytes[0] != now->bytes[0] ||
           before->bytes[1] != now->bytes[1] || grown > before->stalled_ns / RECORDER_STALL_PART;
}

// If the event finds no room, the next pass tries again.
static void tell_progress(struct recorder *r, uint32_t index, uint64_t now_ns)
{
    struct slot *s = &r->slots[index];
    if (!s->x || !s->routed || now_ns - s->x->facts.begun_ns < RECORDER_LONG_MS * 1000000ULL)
        return;
    const uint16_t flags = recorder_facts_flags(s->x, s);
    const struct progress progress = progress_now(s->x, flags, now_ns);
    struct event_facts *e = has_changed(&s->progress, &progress)
                                ? queue_reserve(r->queue, FACTS_MAX, recorder_spare(r))
                                : NULL;
    if (!e)
        return;
    *e = (struct event_facts){.event = {.slot = index, .kind = EVENT_PROGRESS, .flags = flags}};
    recorder_put_facts(r, e, s->x, now_ns);
    s->progress = progress;
}

// Visits some slots per turn of the loop, so that sockets do not wait.
static void on_idle(uv_idle_t *idle)
{
    struct recorder *r = idle->data;
    const uint64_t now_ns = uv_hrtime();
    const uint32_t left = r->slot_count - r->progress_next;
    const uint32_t end =
        r->progress_next + (left < RECORDER_PROGRESS_SLOTS ? left : RECORDER_PROGRESS_SLOTS);
    while (r->progress_next < end)
        tell_progress(r, r->progress_next++, now_ns);
    r->progress_runs = r->progress_next < r->slot_count;
    if (r->progress_runs)
        return;
    (void)uv_idle_stop(idle);
    if (r->running > 0)
        timeout_start(r->loop, &r->progress_timeout, RECORDER_PROGRESS_MS, on_timeout);
}

static void on_timeout(struct timeout *t)
{
    struct recorder *r = container_of(t, struct recorder, progress_timeout);
    r->progress_next = 0;
    r->progress_runs = true;
    (void)uv_idle_start(&r->progress_idle, on_idle);
}

void recorder_progress_start(struct recorder *r)
{
    if (!timeout_runs(&r->progress_timeout) && !r->progress_runs)
        timeout_start(r->loop, &r->progress_timeout, RECORDER_PROGRESS_MS, on_timeout);
}
