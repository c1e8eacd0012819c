// SPDX-License-Identifier: MIT
// The part in the loop: what observers hear becomes events in the queue. An exchange that has begun
// has room for its end there, whatever else must be left out.
#include "recorder.h"
#include <stdlib.h>
#include "common/base/log.h"
#include "common/record/flush.h"
#include "common/record/record.h"
#include "event.h"
#include "flush_listener.h"
#include "proto/http/http1.h"
#include "queue_shares.h"
#include "record_writer.h"
#include "redact.h"
#include "redact_begin.h"

enum {
    SLOTS_FIRST = 64,
    END_MOST = sizeof(struct event_end) + 2 * sizeof(struct event_passed) + EXCHANGE_DETAIL_MAX,
    ROUTED_TEXTS_MAX = 1024, // bytes of texts of an EVENT_ROUTED
    EVENT_OVERHEAD = 16      // bytes that an event takes in the queue besides itself, at most
};

// By which it is seen whether there is something new to tell of an exchange.
struct told {
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
    struct told told;         // by its last EVENT_PROGRESS
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
    uv_async_t told; // the record writer has something to say
    struct loop *loop;
    struct timeout look; // at the exchanges that run; stopped while there are none
    uv_idle_t look_on;   // goes on with that, once in a turn of the loop
    uint32_t looked;     // slots that it has looked at
    bool looks;          // it is not through with them
    bool progress;       // something was told of them
    int handles;         // that are not closed yet
    struct queue_shares shares;
};

// Room for what must still be said of exchanges that have begun.
static size_t spare(const struct recorder *r)
{
    return (r->running + 1) * (END_MOST + EVENT_OVERHEAD) +
           (r->unrouted + 1) * (sizeof(struct event_routed) + ROUTED_TEXTS_MAX + EVENT_OVERHEAD);
}

static bool grow(struct recorder *r)
{
    uint32_t count = r->slot_count ? r->slot_count * 2 : SLOTS_FIRST;
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

static void on_look(struct timeout *t);

// The number of a free slot and 1; 0: out of memory.
static uint32_t take_slot(struct recorder *r, const struct exchange *x)
{
    if (!r->free && !grow(r))
        return 0;
    uint32_t number = r->free;
    struct slot *s = &r->slots[number - 1];
    r->free = s->next;
    *s = (struct slot){.x = x};
    r->running++;
    r->unrouted++;
    if (!timeout_runs(&r->look) && !r->looks)
        timeout_start(r->loop, &r->look, RECORDER_LOOK_MS, on_look);
    return number;
}

static void free_slot(struct recorder *r, struct exchange *x, uint32_t index)
{
    r->unrouted -= r->slots[index].routed ? 0 : 1;
    r->slots[index] = (struct slot){.next = r->free};
    r->free = index + 1;
    r->running--;
    x->note[EXCHANGE_NOTE_RECORDER] = NULL;
}

static struct slot *slot_of(struct recorder *r, const struct exchange *x, uint32_t *index)
{
    uintptr_t number = (uintptr_t)x->note[EXCHANGE_NOTE_RECORDER];
    *index = (uint32_t)(number - 1);
    return number ? &r->slots[number - 1] : NULL;
}

static char *put(char *out, struct slice text)
{
    if (text.len > 0)
        memcpy(out, text.p, text.len);
    return out + text.len;
}

// Writes field lines, and says in the event whether a value was left out. Returns where they end.
static char *put_lines(const struct recorder *r, const struct http_head *head, struct event *e,
                       char *out)
{
    bool any = false;
    char *end = redact_lines(&r->redact, head, out, &any);
    e->flags |= any ? EVENT_REDACTED : 0;
    return end;
}

static void commit(struct recorder *r, const void *event, const char *end)
{
    queue_commit(r->queue, (size_t)(end - (const char *)event));
}

static void on_begun(void *ctx, struct exchange *x, const struct http_head *request)
{
    struct recorder *r = ctx;
    const struct field *f =
        r->config.visitor_is_told ? head_find(request, SLICE("x-forwarded-for")) : NULL;
    const struct slice visitor = f ? f->value : (struct slice){0};
    size_t most = redact_begin_most(request, visitor);
    uint32_t number = most <= QUEUE_EVENT_MAX ? take_slot(r, x) : 0;
    struct event_begin *e = number ? queue_reserve(r->queue, most, spare(r)) : NULL;
    if (!e) {
        if (number)
            free_slot(r, x, number - 1);
        record_writer_shed(r->writer, 1, 0);
        return;
    }
    x->note[EXCHANGE_NOTE_RECORDER] = (void *)(uintptr_t)number;
    *e = (struct event_begin){
        .event = {.slot = number - 1, .kind = EVENT_BEGIN},
        .began_ns = x->info.begun_wall_ns,
    };
    if (request->minor_version == 0)
        e->event.flags = EVENT_HTTP_10;
    commit(r, e, redact_begin(&r->redact, e, request, visitor));
}

static void drop(struct recorder *r, struct exchange *x, uint32_t index)
{
    struct event *e = queue_reserve(r->queue, sizeof(*e), 0);
    if (e) {
        *e = (struct event){.slot = index, .kind = EVENT_DROP};
        queue_commit(r->queue, sizeof(*e));
    }
    free_slot(r, x, index);
}

static struct slice at_most(const char *text, size_t most)
{
    return slice_of(text, strnlen(text, most));
}

// What an exchange says of itself, which may be what a visitor has said.
static struct slice said(const struct recorder *r, const char *text, size_t most)
{
    const struct slice s = at_most(text, most);
    return token_search_finds(&r->redact.never, s) ? SLICE("[redacted]") : s;
}

static void on_routed(void *ctx, struct exchange *x)
{
    struct recorder *r = ctx;
    uint32_t index;
    struct slot *s = slot_of(r, x, &index);
    enum exchange_record level = x->record > r->config.level ? x->record : r->config.level;
    if (!s)
        return;
    if (level == EXCHANGE_RECORD_NONE) {
        drop(r, x, index);
        return;
    }
    s->bodies = level == EXCHANGE_RECORD_ALL;
    s->share = queue_shares_of(&r->shares, x);
    s->routed = true;
    r->unrouted--;
    const struct slice visitor = said(r, x->info.visitor, 64);
    const struct slice tunnel = said(r, x->info.tunnel, 63);
    const struct slice scheme = at_most(x->info.scheme, 16);
    const struct slice upstream = said(r, x->info.upstream, 300);
    const struct slice replay = at_most(x->info.replay_of, 16);
    const struct slice owner = at_most(x->info.owner, RECORD_OWNER_MAX);
    const struct slice address = at_most(x->info.tunnel_address, RECORD_ADDRESS_MAX);
    size_t len = sizeof(struct event_routed) + visitor.len + tunnel.len + scheme.len +
                 upstream.len + replay.len + owner.len + address.len;
    struct event_routed *e = queue_reserve(r->queue, len, 0);
    if (!e) { // out of memory
        drop(r, x, index);
        record_writer_shed(r->writer, 1, 0);
        return;
    }
    *e = (struct event_routed){
        .event = {.slot = index, .kind = EVENT_ROUTED, .flags = s->bodies ? 0 : EVENT_HEADS_ONLY},
        .tunnel_id = x->info.tunnel_id,
        .visitor_len = (uint16_t)visitor.len,
        .tunnel_len = (uint16_t)tunnel.len,
        .scheme_len = (uint16_t)scheme.len,
        .upstream_len = (uint16_t)upstream.len,
        .replay_len = (uint16_t)replay.len,
        .owner_len = (uint16_t)owner.len,
        .address_len = (uint16_t)address.len,
        .share = s->share,
    };
    memcpy(e->id, x->info.id, sizeof(e->id));
    char *out = put((char *)(e + 1), visitor);
    out = put(out, tunnel);
    out = put(out, scheme);
    out = put(out, upstream);
    out = put(out, replay);
    out = put(out, owner);
    commit(r, e, put(out, address));
}

static void on_head(void *ctx, struct exchange *x, const struct http_head *response)
{
    struct recorder *r = ctx;
    uint32_t index;
    struct slot *s = slot_of(r, x, &index);
    if (!s)
        return;
    if (response->status == 101)
        s->websocket = slice_ieq(response->upgrade, SLICE("websocket"));
    const struct slice reason = response->reason;
    const bool says = !slice_eq(reason, http1_reason(response->status));
    size_t most =
        sizeof(struct event_head) + redact_lines_most(response) + redact_text_most(reason);
    struct event_head *e = queue_reserve(r->queue, most, spare(r));
    if (!e) {
        s->shed = true;
        return;
    }
    *e = (struct event_head){
        .event = {.slot = index, .kind = EVENT_HEAD, .flags = s->websocket ? EVENT_WEBSOCKET : 0},
        .status = response->status,
    };
    e->event.flags |= (says ? EVENT_REASON : 0) | (response->minor_version ? 0 : EVENT_HTTP_10);
    char *end = put_lines(r, response, &e->event, (char *)(e + 1));
    e->lines_len = (uint32_t)(end - (char *)(e + 1));
    bool any = false;
    char *reason_end = says ? redact_text(&r->redact, reason, end, &any) : end;
    e->reason_len = (uint32_t)(reason_end - end);
    e->event.flags |= any ? EVENT_REDACTED : 0;
    commit(r, e, reason_end);
}

static void on_bad_head(void *ctx, struct exchange *x, struct slice bytes)
{
    struct recorder *r = ctx;
    uint32_t index;
    struct slot *s = slot_of(r, x, &index);
    const size_t most = RECORD_BAD_HEAD_BYTES;
    struct event_bad_head *e = s ? queue_reserve(r->queue, sizeof(*e) + most, spare(r)) : NULL;
    bool any = false;
    if (!e) {
        if (s)
            s->shed = true;
        return;
    }
    *e = (struct event_bad_head){.event = {.slot = index, .kind = EVENT_BAD_HEAD}};
    e->len = (uint32_t)redact_bytes(&r->redact, bytes, (char *)(e + 1), most, &any);
    e->event.flags = any ? EVENT_REDACTED : 0;
    commit(r, e, (const char *)(e + 1) + e->len);
}

static int64_t since(const struct exchange *x, uint64_t ns)
{
    return ns > x->info.begun_ns ? (int64_t)(ns - x->info.begun_ns) : ns ? 0 : -1;
}

// One piece of a body. False: there is no room for it.
static bool put_data(struct recorder *r, struct exchange *x, uint32_t index,
                     enum exchange_side from, struct slice bytes)
{
    size_t len = sizeof(struct event_data) + bytes.len;
    bool room = queue_shares_take(&r->shares, r->queue, r->slots[index].share, len);
    struct event_data *e = room ? queue_reserve(r->queue, len, spare(r)) : NULL;
    if (!e)
        return false;
    *e = (struct event_data){
        .event = {.slot = index, .kind = EVENT_DATA, .side = (uint8_t)from},
        .len = (uint32_t)bytes.len,
        .at_ns = since(x, x->direction[from].last_ns),
    };
    memcpy(e + 1, bytes.p, bytes.len);
    queue_commit(r->queue, len);
    return true;
}

// Of a body its beginning is kept, without gaps; of a WebSocket all bytes are looked at, and its
// messages say themselves how much of them is kept.
static void on_data(void *ctx, struct exchange *x, enum exchange_side from, struct slice bytes)
{
    struct recorder *r = ctx;
    uint32_t index;
    struct slot *s = slot_of(r, x, &index);
    if (!s || !s->bodies)
        return;
    uint64_t most = s->websocket || r->body_bytes == 0 ? UINT64_MAX : r->body_bytes;
    uint64_t room = most - s->taken[from];
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
    struct slot *s = slot_of(r, x, &index);
    if (!s)
        return;
    size_t most = sizeof(struct event_trailers) + redact_lines_most(trailers);
    struct event_trailers *e = queue_reserve(r->queue, most, spare(r));
    if (!e) {
        s->shed = true;
        return;
    }
    *e = (struct event_trailers){
        .event = {.slot = index, .kind = EVENT_TRAILERS, .side = (uint8_t)from},
    };
    char *end = put_lines(r, trailers, &e->event, (char *)(e + 1));
    e->lines_len = (uint32_t)(end - (char *)(e + 1));
    commit(r, e, end);
}

// With a stall that goes on.
static uint64_t stalled_ns(const struct exchange_direction *d, uint64_t now_ns)
{
    return d->stalled_ns + (d->stalled_since_ns ? now_ns - d->stalled_since_ns : 0);
}

// Whether the digest of all of it is known.
static bool has_digest(const struct exchange *x, const struct exchange_direction *d)
{
    return !d->digest.lost && (d->ended || x->info.ended_ns);
}

// Of a body of which bytes have passed.
static void fill_passed(struct event_passed *p, const struct exchange *x,
                        const struct exchange_direction *d, uint64_t now_ns)
{
    p->bytes = d->bytes;
    p->first_ns = since(x, d->first_ns);
    p->last_ns = since(x, d->last_ns);
    p->stalled_ns = (int64_t)stalled_ns(d, now_ns);
    if (!has_digest(x, d) || !digest_value(&d->digest, p->digest))
        memset(p->digest, 0, sizeof(p->digest));
}

// Otherwise nothing is to be said of the body but that it was empty.
static bool has_passed(const struct exchange_direction *d)
{
    return d->bytes > 0 || d->stalled_ns > 0 || d->stalled_since_ns > 0;
}

static uint16_t end_flags(const struct exchange *x, const struct slot *s)
{
    unsigned flags = (x->info.refused ? EVENT_REFUSED : 0) | (x->upgraded ? EVENT_UPGRADED : 0) |
                     (s->shed ? EVENT_SHED : 0);
    if (x->info.upstream[0] && x->info.sent_on_ns && !x->info.connect_ns)
        flags |= EVENT_REUSED;
    for (int side = 0; side < 2; side++) {
        const struct exchange_direction *d = &x->direction[side];
        flags |= (d->ended && !d->digest.lost ? (unsigned)EVENT_REQUEST_WHOLE << side : 0) |
                 (has_passed(d) ? (unsigned)EVENT_REQUEST_PASSED << side : 0) |
                 (has_digest(x, d) ? 0 : (unsigned)EVENT_NO_DIGEST << side);
    }
    return (uint16_t)flags;
}

static void put_end(struct recorder *r, struct event_end *e, const struct exchange *x,
                    uint64_t now_ns)
{
    struct event_passed *passed = (struct event_passed *)(e + 1);
    e->status = x->info.status;
    e->answer = (uint8_t)x->info.answer;
    e->sent_on_ns = since(x, x->info.sent_on_ns);
    e->connect_ns = x->info.connect_ns ? (int64_t)x->info.connect_ns : -1;
    e->heard_ns = since(x, x->info.heard_ns);
    e->answered_ns = since(x, x->info.answered_ns);
    e->duration_ns = since(x, x->info.ended_ns);
    for (int side = 0; side < 2; side++)
        if (has_passed(&x->direction[side]))
            fill_passed(passed++, x, &x->direction[side], now_ns);
    const struct slice detail = at_most(x->info.detail, EXCHANGE_DETAIL_MAX);
    e->detail_len = (uint16_t)detail.len;
    commit(r, e, put((char *)passed, detail));
}

static void on_closed(void *ctx, struct exchange *x, enum exchange_outcome why)
{
    struct recorder *r = ctx;
    uint32_t index;
    struct slot *s = slot_of(r, x, &index);
    if (!s)
        return;
    struct event_end *e = queue_reserve(r->queue, END_MOST, 0);
    if (e) { // else out of memory: the row says for ever that it runs, until the process ends
        e->event = (struct event){.slot = index, .kind = EVENT_END, .flags = end_flags(x, s)};
        e->outcome = (uint8_t)why;
        put_end(r, e, x, x->info.ended_ns);
    }
    free_slot(r, x, index);
}

static struct told told_now(const struct exchange *x, uint16_t flags, uint64_t now_ns)
{
    const uint64_t times[] = {x->info.sent_on_ns, x->info.connect_ns, x->info.heard_ns,
                              x->info.answered_ns};
    struct told told = {.facts = flags};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        told.facts |= times[i] ? 1U << (16 + i) : 0;
    for (int side = 0; side < 2; side++) {
        told.bytes[side] = x->direction[side].bytes;
        told.stalled_ns += (int64_t)stalled_ns(&x->direction[side], now_ns);
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
    if (!s->x || !s->routed || now_ns - s->x->info.begun_ns < RECORDER_LASTS_MS * 1000000ULL)
        return;
    const uint16_t flags = end_flags(s->x, s);
    const struct told told = told_now(s->x, flags, now_ns);
    struct event_end *e =
        is_news(&s->told, &told) ? queue_reserve(r->queue, END_MOST, spare(r)) : NULL;
    if (!e)
        return;
    e->event = (struct event){.slot = index, .kind = EVENT_PROGRESS, .flags = flags};
    put_end(r, e, s->x, now_ns);
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

static void on_discarded(void *ctx, struct exchange *x)
{
    struct recorder *r = ctx;
    uint32_t index;
    if (slot_of(r, x, &index))
        drop(r, x, index);
}

void recorder_report(struct recorder *r, uint64_t tunnel_id, const struct report *report)
{
    struct event_report *e =
        r ? queue_reserve(r->queue, sizeof(*e) + 2 * sizeof(struct event_peer), spare(r)) : NULL;
    if (!e)
        return; // it reads "unverified"
    *e = (struct event_report){
        .event = {.kind = EVENT_REPORT},
        .tunnel_id = tunnel_id,
        .sent_on_ns = report->sent_on_ns,
        .connect_ns = report->connect_ns,
        .answered_ns = report->answered_ns,
        .duration_ns = report->duration_ns,
        .outcome = report->outcome,
    };
    memcpy(e->id, report->id, sizeof(e->id));
    struct event_peer *peer = (struct event_peer *)(e + 1);
    unsigned flags = 0;
    for (int side = 0; side < 2; side++) {
        const struct report_body *b = &report->body[side];
        flags |= b->whole ? (unsigned)EVENT_REQUEST_WHOLE << side : 0;
        if (b->bytes == 0)
            continue; // the digest of nothing is known
        flags |= (unsigned)EVENT_REQUEST_PASSED << side;
        peer->bytes = b->bytes;
        memcpy(peer->digest, b->digest, sizeof(peer->digest));
        peer++;
    }
    e->event.flags = (uint16_t)flags;
    commit(r, e, (const char *)peer);
}

static void tell(struct recorder *r)
{
    char text[RECORD_WRITER_TEXT_MAX];
    while (record_writer_told(r->writer, text))
        log_warn("record: %s", text);
}

static void on_told(uv_async_t *async)
{
    struct recorder *r = async->data;
    tell(r);
    if (r->readers)
        flush_listener_renew(r->readers);
}

// A reader wants to know when all that has happened so far is written.
static void on_asked(void *ctx, int fd)
{
    struct recorder *r = ctx;
    bool room = queue_hurries(r->queue) < FLUSH_ASKS_MAX;
    struct event_flush *e = room ? queue_reserve(r->queue, sizeof(*e), 0) : NULL;
    if (!e) {
        flush_end(fd, FLUSH_BUSY);
        return;
    }
    *e = (struct event_flush){.event = {.kind = EVENT_FLUSH}, .fd = fd};
    queue_hurry(r->queue); // first: it may be answered at once
    queue_commit(r->queue, sizeof(*e));
    queue_wake(r->queue);
}

static void on_closed_handle(uv_handle_t *handle)
{
    struct recorder *r = handle->data;
    if (--r->handles == 0)
        free(r);
}

static void close_handles(struct recorder *r)
{
    uv_close((uv_handle_t *)&r->look_on, on_closed_handle);
    uv_close((uv_handle_t *)&r->told, on_closed_handle);
}

static bool start(struct recorder *r, const struct limits *l)
{
    const struct record_writer_config config = {
        .store = {.dir = r->config.dir,
                  .program = r->config.program,
                  .bytes = l->record_bytes,
                  .age_ms = l->record_age_ms},
        .body_bytes = l->record_body_bytes,
        .told = &r->told,
    };
    r->body_bytes = l->record_body_bytes;
    r->queue = queue_new();
    r->writer = r->queue ? record_writer_new(&config, r->queue) : NULL;
    return r->writer != NULL;
}

struct recorder *recorder_new(struct loop *l, const struct recorder_config *config)
{
    struct recorder *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->config = *config;
    r->loop = l;
    redact_init(&r->redact, config);
    queue_shares_init(&r->shares);
    r->observer = (struct exchange_observer){
        .begun = on_begun,
        .routed = on_routed,
        .head = on_head,
        .bad_head = on_bad_head,
        .data = on_data,
        .finished = on_finished,
        .closed = on_closed,
        .discarded = on_discarded,
        .ctx = r,
    };
    if (uv_async_init(&l->uv, &r->told, on_told)) {
        free(r);
        return NULL;
    }
    (void)uv_idle_init(&l->uv, &r->look_on);
    r->told.data = r->look_on.data = r;
    r->handles = 2;
    uv_unref((uv_handle_t *)&r->told);
    uv_unref((uv_handle_t *)&r->look_on);
    if (start(r, &l->limits)) {
        r->readers = flush_listener_new(l, config->dir, on_asked, r);
        return r;
    }
    queue_free(r->queue);
    close_handles(r);
    return NULL;
}

void recorder_free(struct recorder *r)
{
    if (!r)
        return;
    timeout_stop(&r->look);
    (void)uv_idle_stop(&r->look_on);
    bool ended = record_writer_stop(r->writer, RECORDER_END_MS);
    flush_listener_free(r->readers); // not before all is written: it tells readers that it is
    tell(r);
    free(r->slots);
    if (ended) {
        record_writer_free(r->writer);
        queue_free(r->queue);
    } else {
        log_warn("record: %s does not answer: what was to be written last is left out",
                 r->config.dir);
    }
    redact_never(&r->redact, (struct slice){0});
    close_handles(r);
}

void recorder_never(struct recorder *r, const char *token)
{
    if (r)
        redact_never(&r->redact, slice_str(token));
}

void recorder_status(const struct recorder *r, struct recorder_status *status)
{
    status->failing = record_writer_is_failing(r->writer, &status->shed, &status->shed_bytes);
}

struct exchange_observer *recorder_observer(struct recorder *r)
{
    return &r->observer;
}
