// SPDX-License-Identifier: MIT
// Tells from time to time what is known of exchanges that last.
#include "recorder_internal.h"

static void on_look(struct timeout *t);

static struct told told_now(const struct exchange *x, uint16_t flags, uint64_t now_ns)
{
    const uint64_t times[] = {x->sent_on_ns, x->connect_ns, x->heard_ns, x->answered_ns};
    struct told told = {.facts = flags};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        told.facts |= times[i] ? 1U << (16 + i) : 0;
    for (int side = 0; side < 2; side++) {
        told.bytes[side] = x->direction[side].bytes;
        told.stalled_ns += (int64_t)recorder_stalled_ns(&x->direction[side], now_ns);
    }
    return told;
}

// A stall that lasts is told again when it has grown by a part of it, not at every look.
static bool is_news(const struct told *before, const struct told *now)
{
    int64_t grown = now->stalled_ns - before->stalled_ns;
    return before->facts != now->facts || before->bytes[0] != now->bytes[0] ||
           before->bytes[1] != now->bytes[1] || grown > before->stalled_ns / RECORDER_STALL_PART;
}

// Tells what is known of an exchange that lasts, if it has changed. Where there is no room for that
// the next look tells it.
static void look_at(struct recorder *r, uint32_t index, uint64_t now_ns)
{
    struct slot *s = &r->slots[index];
    if (!s->x || !s->routed || now_ns - s->x->begun_ns < RECORDER_LASTS_MS * 1000000ULL)
        return;
    const uint16_t flags = recorder_end_flags(s->x, s);
    const struct told told = told_now(s->x, flags, now_ns);
    struct event_end *e =
        is_news(&s->told, &told) ? queue_reserve(r->queue, END_MOST, recorder_spare(r)) : NULL;
    if (!e)
        return;
    e->event = (struct event){.slot = index, .kind = EVENT_PROGRESS, .flags = flags};
    recorder_put_end(r, e, s->x, now_ns);
    s->told = told;
    r->progress = true;
}

// They may be many: a turn of the loop looks at some.
static void on_look_on(uv_idle_t *idle)
{
    struct recorder *r = idle->data;
    const uint64_t now_ns = uv_hrtime();
    const uint32_t left = r->slot_count - r->looked;
    const uint32_t end = r->looked + (left < RECORDER_LOOK_SLOTS ? left : RECORDER_LOOK_SLOTS);
    while (r->looked < end)
        look_at(r, r->looked++, now_ns);
    r->looks = r->looked < r->slot_count;
    if (r->looks)
        return;
    (void)uv_idle_stop(idle);
    if (r->progress)
        record_writer_hurry(r->writer);
    if (r->running > 0)
        timeout_start(r->loop, &r->look, RECORDER_LOOK_MS, on_look);
}

static void on_look(struct timeout *t)
{
    struct recorder *r = container_of(t, struct recorder, look);
    r->looked = 0;
    r->progress = false;
    r->looks = true;
    (void)uv_idle_start(&r->look_on, on_look_on);
}

void recorder_progress_start(struct recorder *r)
{
    if (!timeout_runs(&r->look) && !r->looks)
        timeout_start(r->loop, &r->look, RECORDER_LOOK_MS, on_look);
}
