// SPDX-License-Identifier: MIT
// Turns observers' calls into events in the queue. What does not fit is shed, except the last event
// of an exchange that has begun (recorder_spare).
#include "proto/http/http1.h"
#include "recorder_internal.h"
#include "redact_request.h"

// Writes redacted field lines behind an event and sets its flag. Returns their end.
static char *put_lines(const struct recorder *r, const struct http_head *head, struct event *e,
                       char *out)
{
    bool any = false;
    char *end = redact_lines(&r->redact, head, out, &any);
    e->flags |= any ? EVENT_REDACTED : 0;
    return end;
}

static void on_begun(void *ctx, struct exchange *x, const struct http_head *request)
{
    struct recorder *r = ctx;
    const struct field *f =
        r->config.visitor_is_forwarded ? head_find(request, SLICE("x-forwarded-for")) : NULL;
    const struct slice visitor = f ? f->value : (struct slice){0};
    size_t max = redact_request_bound(request, visitor);
    uint32_t number = max <= QUEUE_EVENT_MAX ? recorder_take_slot(r, x) : 0;
    struct event_begun *e = number ? queue_reserve(r->queue, max, recorder_spare(r)) : NULL;
    if (!e) {
        if (number)
            recorder_free_slot(r, x, number - 1);
        record_writer_shed(r->writer, 1, 0);
        return;
    }
    recorder_progress_start(r);
    x->note[EXCHANGE_NOTE_RECORDER] = (void *)(uintptr_t)number;
    *e = (struct event_begun){
        .event = {.slot = number - 1, .kind = EVENT_BEGUN},
        .began_ns = x->facts.begun_wall_ns,
    };
    if (request->minor_version == 0)
        e->event.flags = EVENT_HTTP_10;
    if (request->http2)
        e->event.flags = EVENT_HTTP_2;
    recorder_commit(r, e, redact_request(&r->redact, e, request, visitor));
}

static void discard(struct recorder *r, struct exchange *x, uint32_t index)
{
    struct event *e = queue_reserve(r->queue, sizeof(*e), 0);
    if (e) {
        *e = (struct event){.slot = index, .kind = EVENT_DISCARDED};
        recorder_commit(r, e, (const char *)(e + 1));
    }
    recorder_free_slot(r, x, index);
}

// A text that may come from the visitor; "[redacted]" if it contains the token.
static struct slice redacted_text(const struct recorder *r, const char *text, size_t max)
{
    const struct slice s = recorder_text(text, max);
    return token_search_finds(&r->redact.token, s) ? SLICE("[redacted]") : s;
}

static void on_routed(void *ctx, struct exchange *x)
{
    struct recorder *r = ctx;
    uint32_t index;
    struct slot *s = recorder_slot_of(r, x, &index);
    enum exchange_record level = x->record > r->config.level ? x->record : r->config.level;
    if (!s)
        return;
    if (level == EXCHANGE_RECORD_NONE) {
        discard(r, x, index);
        return;
    }
    s->bodies = level == EXCHANGE_RECORD_ALL;
    s->share = queue_shares_of(&r->shares, x);
    s->routed = true;
    r->unrouted--;
    const struct slice visitor = redacted_text(r, x->facts.visitor, 64);
    const struct slice tunnel = redacted_text(r, x->facts.tunnel, 63);
    const struct slice scheme = recorder_text(x->facts.scheme, 16);
    const struct slice upstream = redacted_text(r, x->facts.upstream, 300);
    const struct slice replay = recorder_text(x->facts.replay_of, 16);
    const struct slice owner = recorder_text(x->facts.owner, RECORD_OWNER_MAX);
    const struct slice address = recorder_text(x->facts.tunnel_address, RECORD_ADDRESS_MAX);
    size_t len = sizeof(struct event_routed) + visitor.len + tunnel.len + scheme.len +
                 upstream.len + replay.len + owner.len + address.len;
    struct event_routed *e = queue_reserve(r->queue, len, 0);
    if (!e) { // room is spared: out of memory
        discard(r, x, index);
        record_writer_shed(r->writer, 1, 0);
        return;
    }
    *e = (struct event_routed){
        .event = {.slot = index, .kind = EVENT_ROUTED, .flags = s->bodies ? 0 : EVENT_HEADS_ONLY},
        .tunnel_id = x->facts.tunnel_id,
        .visitor_len = (uint16_t)visitor.len,
        .tunnel_len = (uint16_t)tunnel.len,
        .scheme_len = (uint16_t)scheme.len,
        .upstream_len = (uint16_t)upstream.len,
        .replay_len = (uint16_t)replay.len,
        .owner_len = (uint16_t)owner.len,
        .address_len = (uint16_t)address.len,
        .share = s->share,
    };
    memcpy(e->id, x->facts.id, sizeof(e->id));
    char *out = recorder_put((char *)(e + 1), visitor);
    out = recorder_put(out, tunnel);
    out = recorder_put(out, scheme);
    out = recorder_put(out, upstream);
    out = recorder_put(out, replay);
    out = recorder_put(out, owner);
    recorder_commit(r, e, recorder_put(out, address));
}

static void on_head(void *ctx, struct exchange *x, const struct http_head *response)
{
    struct recorder *r = ctx;
    uint32_t index;
    struct slot *s = recorder_slot_of(r, x, &index);
    if (!s)
        return;
    if (response->status == 101)
        s->websocket = slice_ieq(response->upgrade, SLICE("websocket"));
    const struct slice reason = response->reason;
    const bool has_reason = !slice_eq(reason, http1_reason(response->status));
    size_t max =
        sizeof(struct event_head) + redact_lines_bound(response) + redact_text_bound(reason);
    struct event_head *e = queue_reserve(r->queue, max, recorder_spare(r));
    if (!e) {
        s->shed = true;
        return;
    }
    *e = (struct event_head){
        .event = {.slot = index, .kind = EVENT_HEAD, .flags = s->websocket ? EVENT_WEBSOCKET : 0},
        .status = response->status,
    };
    e->event.flags |=
        (has_reason ? EVENT_REASON : 0) | (response->minor_version ? 0 : EVENT_HTTP_10);
    e->event.flags |= response->http2 ? EVENT_HTTP_2 : 0;
    char *end = put_lines(r, response, &e->event, (char *)(e + 1));
    e->lines_len = (uint32_t)(end - (char *)(e + 1));
    bool any = false;
    char *reason_end = has_reason ? redact_text(&r->redact, reason, end, &any) : end;
    e->reason_len = (uint32_t)(reason_end - end);
    e->event.flags |= any ? EVENT_REDACTED : 0;
    recorder_commit(r, e, reason_end);
}

static void on_bad_head(void *ctx, struct exchange *x, struct slice bytes)
{
    struct recorder *r = ctx;
    uint32_t index;
    struct slot *s = recorder_slot_of(r, x, &index);
    const size_t max = RECORD_BAD_HEAD_BYTES;
    struct event_bad_head *e =
        s ? queue_reserve(r->queue, sizeof(*e) + max, recorder_spare(r)) : NULL;
    bool any = false;
    if (!e) {
        if (s)
            s->shed = true;
        return;
    }
    *e = (struct event_bad_head){.event = {.slot = index, .kind = EVENT_BAD_HEAD}};
    e->len = (uint32_t)redact_bytes(&r->redact, bytes, (char *)(e + 1), max, &any);
    e->event.flags = any ? EVENT_REDACTED : 0;
    recorder_commit(r, e, (const char *)(e + 1) + e->len);
}

// Queues a piece of a body. False: there is no room.
static bool put_data(struct recorder *r, struct exchange *x, uint32_t index,
                     enum exchange_side from, struct slice bytes)
{
    size_t len = sizeof(struct event_data) + bytes.len;
    bool room = queue_shares_take(&r->shares, r->queue, r->slots[index].share, len);
    struct event_data *e = room ? queue_reserve(r->queue, len, recorder_spare(r)) : NULL;
    if (!e)
        return false;
    *e = (struct event_data){
        .event = {.slot = index, .kind = EVENT_DATA, .side = (uint8_t)from},
        .len = (uint32_t)bytes.len,
        .at_ns = recorder_since(x, x->direction[from].last_ns),
    };
    memcpy(e + 1, bytes.p, bytes.len);
    recorder_commit(r, e, (const char *)(e + 1) + bytes.len);
    return true;
}

// A body is recorded up to the limit, or up to the first piece that finds no room: without gaps. A
// WebSocket's bytes are all queued, since its messages are cut to the limit by ws_capture.
static void on_data(void *ctx, struct exchange *x, enum exchange_side from, struct slice bytes)
{
    struct recorder *r = ctx;
    uint32_t index;
    struct slot *s = recorder_slot_of(r, x, &index);
    if (!s || !s->bodies)
        return;
    uint64_t max = s->websocket || r->body_bytes == 0 ? UINT64_MAX : r->body_bytes;
    uint64_t room = max - s->taken[from];
    bytes.len = bytes.len < room ? bytes.len : (size_t)room;
    s->taken[from] += bytes.len;
    while (bytes.len > 0 && !s->shed) {
        size_t len = bytes.len < RECORD_CHUNK_BYTES ? bytes.len : RECORD_CHUNK_BYTES;
        s->shed = !put_data(r, x, index, from, slice_of(bytes.p, len));
        bytes.p += s->shed ? 0 : len;
        bytes.len -= s->shed ? 0 : len;
    }
    if (bytes.len > 0)
        record_writer_shed(r->writer, 0, bytes.len);
}

static void on_finished(void *ctx, struct exchange *x, enum exchange_side from,
                        const struct http_head *trailers)
{
    struct recorder *r = ctx;
    uint32_t index;
    if (!trailers || trailers->field_count == 0)
        return;
    struct slot *s = recorder_slot_of(r, x, &index);
    if (!s)
        return;
    size_t max = sizeof(struct event_trailers) + redact_lines_bound(trailers);
    struct event_trailers *e = queue_reserve(r->queue, max, recorder_spare(r));
    if (!e) {
        s->shed = true;
        return;
    }
    *e = (struct event_trailers){
        .event = {.slot = index, .kind = EVENT_TRAILERS, .side = (uint8_t)from},
    };
    char *end = put_lines(r, trailers, &e->event, (char *)(e + 1));
    e->lines_len = (uint32_t)(end - (char *)(e + 1));
    recorder_commit(r, e, end);
}

static void on_closed(void *ctx, struct exchange *x, enum exchange_outcome why)
{
    struct recorder *r = ctx;
    uint32_t index;
    struct slot *s = recorder_slot_of(r, x, &index);
    if (!s)
        return;
    struct event_facts *e = queue_reserve(r->queue, FACTS_MAX, 0);
    if (e) { // otherwise memory is out, and the row runs until the process ends
        *e = (struct event_facts){
            .event = {.slot = index, .kind = EVENT_CLOSED, .flags = recorder_facts_flags(x, s)},
            .outcome = (uint8_t)why,
        };
        recorder_put_facts(r, e, x, x->facts.ended_ns);
    }
    recorder_free_slot(r, x, index);
}

static void on_discarded(void *ctx, struct exchange *x)
{
    struct recorder *r = ctx;
    uint32_t index;
    if (recorder_slot_of(r, x, &index))
        discard(r, x, index);
}

// Bodies that are not kept have their digests in the record, too.
static bool wants_digests(void *ctx, const struct exchange *x)
{
    uint32_t index;
    return recorder_slot_of(ctx, x, &index) != NULL;
}

const struct exchange_observer recorder_events = {
    .begun = on_begun,
    .routed = on_routed,
    .head = on_head,
    .bad_head = on_bad_head,
    .data = on_data,
    .finished = on_finished,
    .closed = on_closed,
    .discarded = on_discarded,
    .wants_digests = wants_digests,
};

void recorder_report(struct recorder *r, uint64_t tunnel_id, const struct report *report)
{
    struct event_report *e =
        r ? queue_reserve(r->queue, sizeof(*e) + 2 * sizeof(struct event_peer_body),
                          recorder_spare(r))
          : NULL;
    if (!e)
        return; // the exchange stays "unverified"
    *e = (struct event_report){
        .event = {.kind = EVENT_REPORTED},
        .tunnel_id = tunnel_id,
        .sent_on_ns = report->sent_on_ns,
        .connect_ns = report->connect_ns,
        .answered_ns = report->answered_ns,
        .duration_ns = report->duration_ns,
        .outcome = report->outcome,
    };
    memcpy(e->id, report->id, sizeof(e->id));
    struct event_peer_body *peer = (struct event_peer_body *)(e + 1);
    unsigned flags = 0;
    for (int side = 0; side < 2; side++) {
        const struct report_body *b = &report->body[side];
        flags |= b->whole ? (unsigned)EVENT_REQUEST_WHOLE << side : 0;
        if (b->bytes == 0)
            continue; // the receiver knows the digest of an empty body
        flags |= (unsigned)EVENT_REQUEST_BODY << side;
        peer->bytes = b->bytes;
        memcpy(peer->digest, b->digest, sizeof(peer->digest));
        peer++;
    }
    e->event.flags = (uint16_t)flags;
    recorder_commit(r, e, (const char *)peer);
}
