// SPDX-License-Identifier: MIT
// The running exchanges. Their events name them by slot.
#include <stdlib.h>
#include "recorder_internal.h"

enum {
    SLOTS_FIRST = 64,
};

size_t recorder_spare(const struct recorder *r)
{
    return (r->running + 1) * (FACTS_MAX + EVENT_OVERHEAD) +
           (r->unrouted + 1) * (sizeof(struct event_routed) + ROUTED_TEXTS_MAX + EVENT_OVERHEAD);
}

static bool grow(struct recorder *r)
{
    uint32_t count = r->slot_count ? r->slot_count * 2 : SLOTS_FIRST;
    if (count > SPOOL_SLOTS_MAX)
        return false;
    struct slot *slots = realloc(r->slots, count * sizeof(*slots));
    if (!slots)
        return false;
    for (uint32_t i = r->slot_count; i < count; i++)
        slots[i] = (struct slot){.next = i + 1 < count ? i + 2 : 0};
    r->free = r->slot_count + 1;
    r->slots = slots;
    r->slot_count = count;
    return true;
}

uint32_t recorder_take_slot(struct recorder *r, const struct exchange *x)
{
    if (!r->free && !grow(r))
        return 0;
    uint32_t number = r->free;
    struct slot *s = &r->slots[number - 1];
    r->free = s->next;
    *s = (struct slot){.x = x};
    r->running++;
    r->unrouted++;
    return number;
}

void recorder_free_slot(struct recorder *r, struct exchange *x, uint32_t index)
{
    r->unrouted -= r->slots[index].routed ? 0 : 1;
    r->slots[index] = (struct slot){.next = r->free};
    r->free = index + 1;
    r->running--;
    x->note[EXCHANGE_NOTE_RECORDER] = NULL;
}

struct slot *recorder_slot_of(struct recorder *r, const struct exchange *x, uint32_t *index)
{
    uintptr_t number = (uintptr_t)x->note[EXCHANGE_NOTE_RECORDER];
    *index = (uint32_t)(number - 1);
    return number ? &r->slots[number - 1] : NULL;
}
