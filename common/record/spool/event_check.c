// SPDX-License-Identifier: MIT
#include "event_check.h"
#include <string.h>
#include "common/record/record.h"
#include "spool_format.h"

enum {
    STATUS_MIN = 100,
    STATUS_MAX = 999,

    FLAGS_WHOLE = EVENT_REQUEST_WHOLE | EVENT_RESPONSE_WHOLE,
    FLAGS_BODY = EVENT_REQUEST_BODY | EVENT_RESPONSE_BODY,
    FLAGS_FACTS = EVENT_REFUSED | EVENT_UPGRADED | EVENT_REUSED | EVENT_SHED | EVENT_NO_DIGEST |
                  EVENT_NO_RESPONSE_DIGEST | FLAGS_WHOLE | FLAGS_BODY,
};

// Longer than any event.
#define INVALID UINT64_MAX

static bool is_status(unsigned status)
{
    return status >= STATUS_MIN && status <= STATUS_MAX;
}

static bool is_id(const char id[static EXCHANGE_ID_LEN])
{
    return exchange_id_is_valid(slice_of(id, EXCHANGE_ID_LEN));
}

static uint64_t bodies(const struct event *e, size_t size)
{
    return (e->flags & EVENT_REQUEST_BODY ? size : 0) + (e->flags & EVENT_RESPONSE_BODY ? size : 0);
}

// The bytes that follow the fixed part by what this says; INVALID if it cannot be. Sums of 32-bit
// lengths do not overflow 64 bits.

static uint64_t behind_begun(const void *event)
{
    const struct event_begun *e = event;
    return (uint64_t)e->method_len + e->scheme_len + e->host_len + e->target_len + e->lines_len +
           e->visitor_len;
}

static uint64_t behind_routed(const void *event)
{
    const struct event_routed *e = event;
    if (!is_id(e->id) || e->unused || e->tunnel_len > EVENT_TUNNEL_MAX ||
        e->owner_len > RECORD_OWNER_MAX || e->address_len > RECORD_ADDRESS_MAX)
        return INVALID;
    return (uint64_t)e->visitor_len + e->tunnel_len + e->scheme_len + e->upstream_len +
           e->replay_len + e->owner_len + e->address_len;
}

static uint64_t behind_discarded(const void *event)
{
    (void)event;
    return 0;
}

static uint64_t behind_head(const void *event)
{
    const struct event_head *e = event;
    if (!is_status(e->status) || e->unused ||
        (e->reason_len > 0 && !(e->event.flags & EVENT_REASON)))
        return INVALID;
    return (uint64_t)e->lines_len + e->reason_len;
}

static uint64_t behind_data(const void *event)
{
    const struct event_data *e = event;
    return e->len <= RECORD_CHUNK_BYTES && !e->unused ? e->len : INVALID;
}

static uint64_t behind_trailers(const void *event)
{
    return ((const struct event_trailers *)event)->lines_len;
}

static uint64_t behind_bad_head(const void *event)
{
    const struct event_bad_head *e = event;
    return e->len <= RECORD_BAD_HEAD_BYTES ? e->len : INVALID;
}

static uint64_t behind_facts(const void *event)
{
    const struct event_facts *e = event;
    const unsigned outcomes = e->event.kind == EVENT_CLOSED ? EXCHANGE_MEMORY + 1 : 1;
    if ((e->status && !is_status(e->status)) || e->outcome >= outcomes || e->answer >= ANSWERS ||
        e->detail_len > EXCHANGE_DETAIL_MAX || e->unused)
        return INVALID;
    return bodies(&e->event, sizeof(struct event_body)) + e->detail_len;
}

static uint64_t behind_reported(const void *event)
{
    const struct event_report *e = event;
    static const uint8_t none[sizeof(e->unused)];
    if (!is_id(e->id) || e->outcome >= REPORT_OUTCOMES ||
        memcmp(e->unused, none, sizeof(none)) != 0)
        return INVALID;
    return bodies(&e->event, sizeof(struct event_peer_body));
}

static const struct {
    size_t size; // of the fixed part
    unsigned sides, flags;
    uint64_t (*behind)(const void *event);
} rules[] = {
    [EVENT_BEGUN] = {sizeof(struct event_begun), 1, EVENT_REDACTED | EVENT_HTTP_10 | EVENT_HTTP_2,
                     behind_begun},
    [EVENT_ROUTED] = {sizeof(struct event_routed), 1, EVENT_HEADS_ONLY, behind_routed},
    [EVENT_DISCARDED] = {sizeof(struct event), 1, 0, behind_discarded},
    [EVENT_HEAD] = {sizeof(struct event_head), 1,
                    EVENT_REDACTED | EVENT_HTTP_10 | EVENT_HTTP_2 | EVENT_WEBSOCKET | EVENT_REASON,
                    behind_head},
    [EVENT_DATA] = {sizeof(struct event_data), 2, 0, behind_data},
    [EVENT_TRAILERS] = {sizeof(struct event_trailers), 2, EVENT_REDACTED, behind_trailers},
    [EVENT_BAD_HEAD] = {sizeof(struct event_bad_head), 1, EVENT_REDACTED, behind_bad_head},
    [EVENT_PROGRESS] = {sizeof(struct event_facts), 1, FLAGS_FACTS, behind_facts},
    [EVENT_CLOSED] = {sizeof(struct event_facts), 1, FLAGS_FACTS, behind_facts},
    [EVENT_REPORTED] = {sizeof(struct event_report), 1, FLAGS_WHOLE | FLAGS_BODY, behind_reported},
};

bool event_is_valid(const void *event, size_t len, uint32_t slots_max)
{
    const struct event *e = event;
    if (len < sizeof(*e) || len > SPOOL_EVENT_BYTES || e->kind >= sizeof(rules) / sizeof(rules[0]))
        return false;
    return e->slot < slots_max && e->side < rules[e->kind].sides &&
           (e->flags & ~rules[e->kind].flags) == 0 && len >= rules[e->kind].size &&
           rules[e->kind].behind(event) == len - rules[e->kind].size;
}
