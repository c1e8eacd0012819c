// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include "pending_row_internal.h"
#include "proto/http/http1.h"

enum {
    ROUTED_SPARE = 128 // bytes of the texts of an EVENT_ROUTED, as a rule
};

void pending_rows_init(struct pending_rows *t, uint64_t body_bytes)
{
    *t = (struct pending_rows){.body_bytes = body_bytes, .budget.most = RECORDER_MESSAGE_BYTES};
    t->dirty_last = &t->dirty;
    t->waiting_last = &t->waiting;
}

static struct pending_row **bucket_of(struct pending_rows *t, const char *id)
{
    uint64_t half[EXCHANGE_ID_LEN / sizeof(uint64_t)];
    memcpy(half, id, sizeof(half));
    uint64_t hash = (half[0] * 0x9e3779b97f4a7c15ULL ^ half[1]) * 0xff51afd7ed558ccdULL;
    return &t->buckets[(hash >> 32) % PENDING_ROW_BUCKETS];
}

static void unhash(struct pending_row *k)
{
    struct pending_row **at = k->bucket;
    while (k->hashed && *at && *at != k)
        at = &(*at)->next_in_bucket;
    if (k->hashed && *at)
        *at = k->next_in_bucket;
    k->hashed = false;
}

static void hash(struct pending_rows *t, struct pending_row *k)
{
    k->bucket = bucket_of(t, k->x.id);
    k->next_in_bucket = *k->bucket;
    *k->bucket = k;
    k->hashed = true;
}

static void stop_waiting(struct pending_rows *t, struct pending_row *k)
{
    if (!k->waits)
        return;
    k->waits = false;
    *k->at_waiting = k->next_waiting;
    if (k->next_waiting)
        k->next_waiting->at_waiting = k->at_waiting;
    else
        t->waiting_last = k->at_waiting;
    t->waiting_count--;
    t->waiting_of[k->share]--;
}

static void free_messages(struct pending_row *k)
{
    if (k->messages)
        ws_capture_deinit(k->messages);
    free(k->messages);
    k->messages = NULL;
}

static void free_buffers(struct pending_row *k)
{
    buf_free(&k->texts);
    buf_free(&k->head);
    buf_free(&k->interim);
    buf_free(&k->bad_head);
    buf_free(&k->detail);
    for (int side = 0; side < 2; side++) {
        buf_free(&k->trailers[side]);
        buf_free(&k->body[side]);
    }
}

static void empty(struct buf *b)
{
    if (b->cap > PENDING_ROW_BUFFER_KEPT)
        buf_free(b);
    b->start = b->end = 0;
}

static size_t kept_bytes(const struct pending_row *k)
{
    return sizeof(*k) + k->texts.cap + k->head.cap + k->body[0].cap + k->body[1].cap;
}

// Keeps it for another exchange, if there is room.
static void keep(struct pending_rows *t, struct pending_row *k)
{
    struct buf *const rare[] = {&k->interim, &k->bad_head, &k->detail};
    for (size_t i = 0; i < sizeof(rare) / sizeof(rare[0]); i++)
        if (rare[i]->bytes)
            buf_free(rare[i]);
    for (int side = 0; side < 2; side++) {
        if (k->trailers[side].bytes)
            buf_free(&k->trailers[side]);
        empty(&k->body[side]);
    }
    empty(&k->texts);
    empty(&k->head);
    size_t bytes = kept_bytes(k);
    if (bytes > PENDING_ROWS_KEPT_BYTES - t->kept_bytes) {
        free_buffers(k);
        free(k);
        return;
    }
    k->next_dirty = t->kept;
    t->kept = k;
    t->kept_count++;
    t->kept_bytes += bytes;
}

// One of those that are kept, or NULL.
static struct pending_row *take_kept(struct pending_rows *t)
{
    struct pending_row *k = t->kept;
    if (!k)
        return NULL;
    t->kept = k->next_dirty;
    t->kept_count--;
    t->kept_bytes -= kept_bytes(k);
    return k;
}

static void shrink(struct pending_rows *t, size_t count)
{
    while (t->kept_count > count) {
        struct pending_row *k = take_kept(t);
        free_buffers(k);
        free(k);
    }
}

void pending_rows_shrink(struct pending_rows *t)
{
    shrink(t, PENDING_ROWS_KEPT_QUIET);
}

// A track that shows nothing of an exchange yet. NULL: out of memory.
static struct pending_row *pending_row_new(struct pending_rows *t)
{
    struct pending_row *k = take_kept(t);
    if (!k)
        return calloc(1, sizeof(*k));
    memset(k, 0, offsetof(struct pending_row, texts));
    return k;
}

// It must not be among the dirty ones.
static void pending_row_free(struct pending_rows *t, struct pending_row *k)
{
    stop_waiting(t, k);
    unhash(k);
    free_messages(k);
    keep(t, k);
}

static void free_oldest_waiting(struct pending_rows *t)
{
    struct pending_row *k = t->waiting;
    t->waiting = k->next_waiting;
    if (t->waiting)
        t->waiting->at_waiting = &t->waiting;
    else
        t->waiting_last = &t->waiting;
    t->waiting_count--;
    t->waiting_of[k->share]--;
    k->waits = false;
    pending_row_free(t, k);
}

void pending_rows_deinit(struct pending_rows *t)
{
    for (struct pending_row *k = t->dirty, *next = NULL; k; k = next) {
        next = k->next_dirty;
        k->dirty = false;
        if (k->ended)
            pending_row_free(t, k);
    }
    while (t->waiting)
        free_oldest_waiting(t);
    for (uint32_t i = 0; i < t->slot_count; i++)
        if (t->slots[i])
            pending_row_free(t, t->slots[i]);
    shrink(t, 0);
    free(t->slots);
}

static void touch(struct pending_rows *t, struct pending_row *k)
{
    if (k->dirty || !k->routed)
        return;
    k->dirty = true;
    k->next_dirty = NULL;
    *t->dirty_last = k;
    t->dirty_last = &k->next_dirty;
}

// Takes it out of its slot, and forgets it: it cannot go on.
static void lose(struct pending_rows *t, uint32_t slot)
{
    struct pending_row *k = t->slots[slot];
    t->slots[slot] = NULL;
    t->lost += k->routed ? 0 : 1; // else it was counted, and something of it is kept
    k->ended = true;
    k->x.flags |= RECORD_SHED;
    k->x.outcome = SLICE("recorder gone");
    if (k->routed)
        touch(t, k);
    else
        pending_row_free(t, k);
}

static bool has_slot(struct pending_rows *t, uint32_t slot)
{
    if (slot < t->slot_count)
        return true;
    uint32_t count = t->slot_count ? t->slot_count : 64;
    while (count <= slot)
        count *= 2;
    struct pending_row **slots = realloc(t->slots, count * sizeof(struct pending_row *));
    if (!slots)
        return false;
    memset(slots + t->slot_count, 0, (count - t->slot_count) * sizeof(struct pending_row *));
    t->slots = slots;
    t->slot_count = count;
    return true;
}

static const char *take(struct slice *out, const char *at, size_t len)
{
    *out = slice_of(at, len);
    return at + len;
}

static bool on_begin(struct pending_rows *t, const struct event_begin *e)
{
    if (!has_slot(t, e->event.slot)) {
        t->lost++;
        return false;
    }
    if (t->slots[e->event.slot])
        lose(t, e->event.slot); // its end had no memory
    size_t len = (size_t)e->method_len + e->scheme_len + e->host_len + e->target_len +
                 e->visitor_len + e->lines_len;
    struct pending_row *k = pending_row_new(t);
    if (!k || !buf_reserve(&k->texts, len + ROUTED_SPARE)) {
        if (k)
            pending_row_free(t, k);
        t->lost++;
        return false;
    }
    (void)buf_append(&k->texts, e + 1, len);
    const char *at = take(&k->x.method, buf_at(&k->texts), e->method_len);
    at = take(&k->x.scheme, at, e->scheme_len);
    at = take(&k->x.host, at, e->host_len);
    at = take(&k->x.target, at, e->target_len);
    at = take(&k->x.request_head, at, e->lines_len);
    (void)take(&k->x.visitor, at, e->visitor_len);
    k->x.protocol = e->event.flags & EVENT_HTTP_10 ? SLICE("HTTP/1.0") : SLICE("HTTP/1.1");
    k->x.began_ns = e->began_ns;
    k->x.flags = e->event.flags & EVENT_REDACTED ? RECORD_REDACTED : 0;
    k->x.size = PENDING_ROW_ROW_BYTES + len;
    k->x.sent_on_ns = k->x.connect_ns = k->x.answered_ns = k->x.duration_ns = -1;
    k->x.service_first_ns = -1;
    for (int side = 0; side < 2; side++)
        k->x.body[side].first_ns = k->x.body[side].last_ns = -1;
    t->slots[e->event.slot] = k;
    return true;
}

// Room for more texts behind those of the request, which move with their memory.
static bool reserve_texts(struct pending_row *k, size_t more)
{
    if (!buf_reserve(&k->texts, more))
        return false;
    struct slice *const moved[] = {&k->x.method, &k->x.scheme,       &k->x.host,
                                   &k->x.target, &k->x.request_head, &k->x.visitor};
    const char *at = buf_at(&k->texts);
    for (size_t i = 0; i < sizeof(moved) / sizeof(moved[0]); i++)
        at = take(moved[i], at, moved[i]->len);
    return true;
}

// An exchange is as a rule routed right after it has begun, so both fit into one piece of memory.
static bool on_routed(struct pending_rows *t, struct pending_row *k, const struct event_routed *e)
{
    size_t more =
        (size_t)e->visitor_len + e->tunnel_len + e->scheme_len + e->upstream_len + e->replay_len;
    const char *behind = (const char *)(e + 1) + more;
    if (!reserve_texts(k, more)) {
        lose(t, e->event.slot);
        return false;
    }
    const char *texts = buf_at(&k->texts) + buf_len(&k->texts);
    (void)buf_append(&k->texts, e + 1, more);
    struct slice visitor;
    struct slice scheme;
    struct slice tunnel;
    const char *at = take(&visitor, texts, e->visitor_len);
    at = take(&tunnel, at, e->tunnel_len);
    k->x.tunnel = slice_of(k->tunnel, tunnel.len);
    memcpy(k->tunnel, tunnel.p, tunnel.len);
    at = take(&scheme, at, e->scheme_len);
    at = take(&k->x.upstream, at, e->upstream_len);
    (void)take(&k->x.replay_of, at, e->replay_len);
    k->x.owner = slice_of(k->owner, e->owner_len);
    memcpy(k->owner, behind, e->owner_len);
    k->x.tunnel_address = slice_of(k->address, e->address_len);
    memcpy(k->address, behind + e->owner_len, e->address_len);
    if (visitor.len)
        k->x.visitor = visitor;
    if (scheme.len)
        k->x.scheme = scheme;
    memcpy(k->x.id, e->id, sizeof(e->id));
    k->x.flags |= e->event.flags & EVENT_HEADS_ONLY ? RECORD_HEADS_ONLY : 0;
    k->x.size += more;
    k->tunnel_id = e->tunnel_id;
    k->share = e->share;
    k->routed = true;
    t->begun++;
    if (k->tunnel_id)
        hash(t, k);
    touch(t, k);
    return true;
}

static bool append(struct pending_row *k, struct buf *b, const void *bytes, size_t len)
{
    if (!buf_append(b, bytes, len)) {
        k->x.flags |= RECORD_SHED;
        return false;
    }
    k->x.size += len;
    return true;
}

static bool add_interim(struct pending_row *k, const struct event_head *e)
{
    char line[8] = {(char)('0' + e->status / 100), (char)('0' + e->status / 10 % 10),
                    (char)('0' + e->status % 10), '\r', '\n'};
    const char *lines = (const char *)(e + 1);
    bool ok = append(k, &k->interim, line, 3);
    if (e->event.flags & EVENT_REASON)
        ok = ok && append(k, &k->interim, " ", 1) &&
             append(k, &k->interim, lines + e->lines_len, e->reason_len);
    return ok && append(k, &k->interim, line + 3, 2) &&
           append(k, &k->interim, lines, e->lines_len) && append(k, &k->interim, "\r\n", 2);
}

// A second one is an answer of ours instead of the service's, and its reason phrase then stands in
// place of the one that may be in the record.
static bool take_head(struct pending_row *k, const struct event_head *e)
{
    const bool again = k->x.status;
    empty(&k->head);
    if (!append(k, &k->head, e + 1, (size_t)e->lines_len + e->reason_len))
        return false;
    k->head_len = e->lines_len;
    k->x.status = e->status;
    k->x.response_protocol = e->event.flags & EVENT_HTTP_10 ? SLICE("HTTP/1.0") : SLICE("HTTP/1.1");
    k->x.reason = again ? http1_reason(e->status) : (struct slice){0};
    if (e->event.flags & EVENT_REASON)
        k->x.reason = slice_of(e->reason_len ? buf_at(&k->head) + e->lines_len : "", e->reason_len);
    k->x.flags |= e->status == 101 ? RECORD_UPGRADED : 0;
    return true;
}

static bool on_head(struct pending_rows *t, struct pending_row *k, const struct event_head *e)
{
    bool ok = true;
    if (status_is_interim(e->status)) {
        ok = add_interim(k, e);
    } else {
        ok = take_head(k, e);
    }
    if ((e->event.flags & EVENT_WEBSOCKET) && !k->messages) {
        k->messages = malloc(sizeof(*k->messages));
        if (k->messages)
            ws_capture_init(k->messages, &t->budget, k->share, t->body_bytes);
    }
    k->x.flags |= e->event.flags & EVENT_REDACTED ? RECORD_REDACTED : 0;
    touch(t, k);
    return ok;
}

static bool on_data(struct pending_rows *t, struct pending_row *k, const struct event_data *e)
{
    const struct slice bytes = slice_of((const char *)(e + 1), e->len);
    enum record_side side = (enum record_side)e->event.side;
    struct record_body *b = &k->x.body[side];
    b->bytes += bytes.len; // so far; its end says how many it were
    b->last_ns = e->at_ns;
    if (b->first_ns < 0)
        b->first_ns = e->at_ns;
    touch(t, k);
    if (k->messages) {
        ws_capture_feed(k->messages, side, e->at_ns, bytes);
        k->x.flags |= k->messages->missed ? RECORD_SHED : 0;
        return true;
    }
    bool ok = !(k->x.flags & RECORD_SHED) && append(k, &k->body[side], bytes.p, bytes.len);
    b->kept += ok ? bytes.len : 0;
    return ok;
}

static bool on_trailers(struct pending_rows *t, struct pending_row *k,
                        const struct event_trailers *e)
{
    k->x.flags |= e->event.flags & EVENT_REDACTED ? RECORD_REDACTED : 0;
    touch(t, k);
    return append(k, &k->trailers[e->event.side], e + 1, e->lines_len);
}

static bool on_bad_head(struct pending_rows *t, struct pending_row *k,
                        const struct event_bad_head *e)
{
    k->x.flags |= e->event.flags & EVENT_REDACTED ? RECORD_REDACTED : 0;
    touch(t, k);
    return append(k, &k->bad_head, e + 1, e->len);
}

// The digest of a body of which nothing has passed.
static void put_nothing(uint8_t digest[static DIGEST_BYTES])
{
    const struct digest nothing = {0};
    (void)digest_value(&nothing, digest);
}

static void end_body(struct record_body *b, const struct event_passed *p, bool has_digest)
{
    b->has_digest = has_digest;
    if (!p) {
        put_nothing(b->digest);
        return;
    }
    b->bytes = p->bytes;
    b->first_ns = p->first_ns;
    b->last_ns = p->last_ns;
    b->stalled_ns = p->stalled_ns;
    memcpy(b->digest, p->digest, sizeof(b->digest));
}

// What is known by now, in place of what was known before.
static void take_facts(struct pending_row *k, const struct event_end *e)
{
    struct record_exchange *x = &k->x;
    const unsigned flags = e->event.flags;
    const struct event_passed *passed = (const struct event_passed *)(e + 1);
    x->error =
        flags & EVENT_REFUSED ? slice_str(answer_code((enum answer)e->answer)) : (struct slice){0};
    x->status = e->status;
    x->flags &= ~(unsigned)(RECORD_UPGRADED | RECORD_REQUEST_WHOLE | RECORD_RESPONSE_WHOLE |
                            RECORD_CONNECTION_REUSED);
    x->flags |= (flags & EVENT_SHED ? RECORD_SHED : 0) |
                (flags & EVENT_UPGRADED ? RECORD_UPGRADED : 0) |
                (flags & EVENT_REQUEST_WHOLE ? RECORD_REQUEST_WHOLE : 0) |
                (flags & EVENT_RESPONSE_WHOLE ? RECORD_RESPONSE_WHOLE : 0) |
                (flags & EVENT_REUSED ? RECORD_CONNECTION_REUSED : 0);
    for (int side = 0; side < 2; side++) {
        bool has = flags & (unsigned)EVENT_REQUEST_PASSED << side;
        end_body(&x->body[side], has ? passed : NULL, !(flags & (unsigned)EVENT_NO_DIGEST << side));
        passed += has ? 1 : 0;
    }
    x->sent_on_ns = e->sent_on_ns;
    x->connect_ns = e->connect_ns;
    x->service_first_ns = e->heard_ns;
    x->answered_ns = e->answered_ns;
    x->duration_ns = e->duration_ns;
    empty(&k->detail);
    (void)buf_append(&k->detail, passed, e->detail_len);
}

// One that lasts is not left for a later transaction: those who read wait for it.
static void on_progress(struct pending_rows *t, struct pending_row *k, const struct event_end *e)
{
    take_facts(k, e);
    k->late = true;
    touch(t, k);
}

static void on_end(struct pending_rows *t, struct pending_row *k, const struct event_end *e)
{
    take_facts(k, e);
    k->x.outcome = slice_str(exchange_outcome_text((enum exchange_outcome)e->outcome));
    k->ended = true;
    t->slots[e->event.slot] = NULL;
    touch(t, k);
}

static struct pending_row *find(struct pending_rows *t, uint64_t tunnel_id, const char *id)
{
    struct pending_row *k = *bucket_of(t, id);
    while (k && (k->tunnel_id != tunnel_id || memcmp(k->x.id, id, EXCHANGE_ID_LEN) != 0))
        k = k->next_in_bucket;
    return k;
}

static int64_t time_of(uint64_t ns)
{
    return ns > INT64_MAX ? -1 : (int64_t)ns;
}

static void on_report(struct pending_rows *t, const struct event_report *e)
{
    struct pending_row *k = find(t, e->tunnel_id, e->id);
    const struct event_peer *body = (const struct event_peer *)(e + 1);
    if (!k || k->x.peer.known)
        return;
    struct record_report *peer = &k->x.peer;
    peer->known = true;
    peer->outcome = slice_str(e->outcome <= EXCHANGE_MEMORY
                                  ? exchange_outcome_text((enum exchange_outcome)e->outcome)
                                  : "unknown");
    peer->sent_on_ns = time_of(e->sent_on_ns);
    peer->connect_ns = time_of(e->connect_ns);
    peer->answered_ns = time_of(e->answered_ns);
    peer->duration_ns = time_of(e->duration_ns);
    for (int side = 0; side < 2; side++) {
        peer->whole[side] = e->event.flags & (unsigned)EVENT_REQUEST_WHOLE << side;
        put_nothing(peer->digest[side]);
        if (!(e->event.flags & (unsigned)EVENT_REQUEST_PASSED << side))
            continue;
        peer->bytes[side] = body->bytes;
        memcpy(peer->digest[side], body->digest, DIGEST_BYTES);
        body++;
    }
    stop_waiting(t, k);
    touch(t, k);
}

bool pending_rows_event(struct pending_rows *t, const void *event)
{
    const struct event *e = event;
    enum event_kind kind = (enum event_kind)e->kind;
    if (kind == EVENT_BEGIN)
        return on_begin(t, event);
    if (kind == EVENT_REPORT) {
        on_report(t, event);
        return true;
    }
    struct pending_row *k = e->slot < t->slot_count ? t->slots[e->slot] : NULL;
    if (!k)
        return true; // it was lost
    switch (kind) {
    case EVENT_ROUTED: return on_routed(t, k, event);
    case EVENT_HEAD: return on_head(t, k, event);
    case EVENT_DATA: return on_data(t, k, event);
    case EVENT_TRAILERS: return on_trailers(t, k, event);
    case EVENT_BAD_HEAD: return on_bad_head(t, k, event);
    case EVENT_PROGRESS: on_progress(t, k, event); return true;
    case EVENT_END: on_end(t, k, event); return true;
    case EVENT_DROP:
        t->slots[e->slot] = NULL;
        pending_row_free(t, k);
        return true;
    case EVENT_BEGIN:
    case EVENT_REPORT:
    case EVENT_FLUSH: return true;
    }
    return true;
}

// An agent that never reports does not keep others' reports from being waited for: of the last
// quarter of the places a share has RECORDER_SHARE_PART of them all at most.
static bool may_wait(const struct pending_rows *t, const struct pending_row *k)
{
    return k->share == 0 || t->waiting_count < RECORDER_WAITING - RECORDER_WAITING / 4 ||
           t->waiting_of[k->share] < RECORDER_WAITING / RECORDER_SHARE_PART;
}

static void wait_for_report(struct pending_rows *t, struct pending_row *k, uint64_t now_ms)
{
    k->waits = true;
    k->written_ms = now_ms;
    k->next_waiting = NULL;
    k->at_waiting = t->waiting_last;
    *t->waiting_last = k;
    t->waiting_last = &k->next_waiting;
    t->waiting_count++;
    t->waiting_of[k->share]++;
    k->wait_number = t->waited++;
}

uint64_t pending_rows_waited(const struct pending_rows *t)
{
    return t->waiting ? t->waiting->wait_number : t->waited;
}

void pending_rows_stop_waiting(struct pending_rows *t, uint64_t now_ms)
{
    while (t->waiting && (t->waiting_count > RECORDER_WAITING ||
                          now_ms - t->waiting->written_ms >= RECORDER_REPORT_MS))
        free_oldest_waiting(t);
}

// What is in the record is not needed here any more.
static void forget_written(struct pending_row *k)
{
    k->x.size += pending_row_message_bytes(k);
    k->counted = k->x.size;
    k->inserting = k->dirty = k->late = false;
    k->told = true;
    k->x.visitor = k->x.method = k->x.scheme = k->x.host = k->x.target = (struct slice){0};
    k->x.upstream = k->x.request_head = k->x.replay_of = k->x.reason = (struct slice){0};
    free_buffers(k);
    if (k->messages)
        ws_capture_taken(k->messages);
}

// It is to be written the next time.
static void leave(struct pending_rows *t, struct pending_row *k)
{
    k->left = false;
    k->late = true;
    k->next_dirty = NULL;
    *t->dirty_last = k;
    t->dirty_last = &k->next_dirty;
}

void pending_rows_written(struct pending_rows *t, uint64_t now_ms)
{
    size_t count = 0;
    struct pending_row *k = t->dirty;
    t->dirty = NULL;
    t->dirty_last = &t->dirty;
    for (struct pending_row *next = NULL; k; k = next, count++) {
        next = k->next_dirty;
        if (k->left) {
            leave(t, k);
            continue;
        }
        if (pending_row_is_over(k)) {
            pending_row_free(t, k);
            continue;
        }
        forget_written(k);
        if (!k->ended)
            continue;
        free_messages(k);
        if (may_wait(t, k))
            wait_for_report(t, k, now_ms);
        else
            pending_row_free(t, k);
    }
    pending_rows_stop_waiting(t, now_ms);
    if (count < PENDING_ROWS_KEPT_QUIET)
        pending_rows_shrink(t);
}

uint64_t pending_rows_count_dirty(const struct pending_rows *t)
{
    uint64_t count = 0;
    for (const struct pending_row *k = t->dirty; k; k = k->next_dirty)
        count++;
    return count;
}

void pending_rows_lose_rows(struct pending_rows *t)
{
    struct pending_row **at = &t->dirty;
    while (t->waiting)
        free_oldest_waiting(t);
    for (uint32_t i = 0; i < t->slot_count; i++) {
        struct pending_row *k = t->slots[i];
        if (k && k->routed && k->told) {
            t->slots[i] = NULL;
            t->lost++;
            k->ended = true;
            if (!k->dirty)
                pending_row_free(t, k);
        }
    }
    while (*at) {
        struct pending_row *k = *at;
        if (!k->told) {
            at = &k->next_dirty;
            continue;
        }
        *at = k->next_dirty;
        pending_row_free(t, k);
    }
    t->dirty_last = at;
}
