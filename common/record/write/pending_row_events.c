// SPDX-License-Identifier: MIT
// Applies events to pending rows.
#include <stdlib.h>
#include "pending_row_internal.h"
#include "proto/http/http1.h"

enum {
    ROUTED_SPARE = 128 // usual size of an EVENT_ROUTED's texts
};

static struct slice protocol_of(unsigned flags)
{
    if (flags & EVENT_HTTP_2)
        return SLICE("HTTP/2");
    return flags & EVENT_HTTP_10 ? SLICE("HTTP/1.0") : SLICE("HTTP/1.1");
}

static const char *take(struct slice *out, const char *at, size_t len)
{
    *out = slice_of(at, len);
    return at + len;
}

static bool on_begun(struct pending_rows *rows, const struct event_begun *e)
{
    if (!pending_rows_reserve_slot(rows, e->event.slot)) {
        rows->lost++;
        return false;
    }
    if (rows->slots[e->event.slot])
        pending_row_lose(rows, e->event.slot); // its EVENT_CLOSED found no memory
    size_t len = (size_t)e->method_len + e->scheme_len + e->host_len + e->target_len +
                 e->visitor_len + e->lines_len;
    struct pending_row *row = pending_row_new(rows);
    if (!row || !buf_reserve(&row->texts, len + ROUTED_SPARE)) {
        if (row)
            pending_row_free(rows, row);
        rows->lost++;
        return false;
    }
    (void)buf_append(&row->texts, e + 1, len);
    const char *at = take(&row->x.method, buf_at(&row->texts), e->method_len);
    at = take(&row->x.scheme, at, e->scheme_len);
    at = take(&row->x.host, at, e->host_len);
    at = take(&row->x.target, at, e->target_len);
    at = take(&row->x.request_head, at, e->lines_len);
    (void)take(&row->x.visitor, at, e->visitor_len);
    row->x.protocol = protocol_of(e->event.flags);
    row->x.began_ns = e->began_ns;
    row->x.slot = e->event.slot;
    row->x.flags = e->event.flags & EVENT_REDACTED ? RECORD_REDACTED : 0;
    row->x.size = PENDING_ROW_FIXED_BYTES + len;
    row->x.sent_on_ns = row->x.connect_ns = row->x.answered_ns = row->x.duration_ns = -1;
    row->x.service_first_ns = -1;
    for (int side = 0; side < 2; side++)
        row->x.body[side].first_ns = row->x.body[side].last_ns = -1;
    rows->slots[e->event.slot] = row;
    rows->unrouted++;
    return true;
}

// Makes room behind the request's texts. Their memory may move: their slices follow.
static bool reserve_texts(struct pending_row *row, size_t more)
{
    if (!buf_reserve(&row->texts, more))
        return false;
    struct slice *const moved[] = {&row->x.method, &row->x.scheme,       &row->x.host,
                                   &row->x.target, &row->x.request_head, &row->x.visitor};
    const char *at = buf_at(&row->texts);
    for (size_t i = 0; i < sizeof(moved) / sizeof(moved[0]); i++)
        at = take(moved[i], at, moved[i]->len);
    return true;
}

// The texts usually fit into ROUTED_SPARE behind those of EVENT_BEGUN: one allocation for both.
static bool on_routed(struct pending_rows *rows, struct pending_row *row,
                      const struct event_routed *e)
{
    size_t more =
        (size_t)e->visitor_len + e->tunnel_len + e->scheme_len + e->upstream_len + e->replay_len;
    const char *behind = (const char *)(e + 1) + more;
    if (!reserve_texts(row, more)) {
        pending_row_lose(rows, e->event.slot);
        return false;
    }
    const char *texts = buf_at(&row->texts) + buf_len(&row->texts);
    (void)buf_append(&row->texts, e + 1, more);
    struct slice visitor;
    struct slice scheme;
    struct slice tunnel;
    const char *at = take(&visitor, texts, e->visitor_len);
    at = take(&tunnel, at, e->tunnel_len);
    row->x.tunnel = slice_of(row->tunnel, tunnel.len);
    memcpy(row->tunnel, tunnel.p, tunnel.len);
    at = take(&scheme, at, e->scheme_len);
    at = take(&row->x.upstream, at, e->upstream_len);
    (void)take(&row->x.replay_of, at, e->replay_len);
    row->x.owner = slice_of(row->owner, e->owner_len);
    memcpy(row->owner, behind, e->owner_len);
    row->x.tunnel_address = slice_of(row->address, e->address_len);
    memcpy(row->address, behind + e->owner_len, e->address_len);
    if (visitor.len)
        row->x.visitor = visitor;
    if (scheme.len)
        row->x.scheme = scheme;
    memcpy(row->x.id, e->id, sizeof(e->id));
    row->x.flags |= e->event.flags & EVENT_HEADS_ONLY ? RECORD_HEADS_ONLY : 0;
    row->x.size += more;
    row->tunnel_id = row->x.link = e->tunnel_id;
    row->share = e->share;
    row->routed = true;
    rows->unrouted--;
    rows->begun++;
    if (row->tunnel_id)
        pending_row_index(rows, row);
    pending_row_mark_dirty(rows, row);
    return true;
}

static bool append(struct pending_row *row, struct buf *b, const void *bytes, size_t len)
{
    if (!buf_append(b, bytes, len)) {
        row->x.flags |= RECORD_SHED;
        return false;
    }
    row->x.size += len;
    return true;
}

static bool add_interim(struct pending_row *row, const struct event_head *e)
{
    char line[8] = {(char)('0' + e->status / 100), (char)('0' + e->status / 10 % 10),
                    (char)('0' + e->status % 10), '\r', '\n'};
    const char *lines = (const char *)(e + 1);
    bool ok = append(row, &row->interim, line, 3);
    if (e->event.flags & EVENT_REASON)
        ok = ok && append(row, &row->interim, " ", 1) &&
             append(row, &row->interim, lines + e->lines_len, e->reason_len);
    return ok && append(row, &row->interim, line + 3, 2) &&
           append(row, &row->interim, lines, e->lines_len) && append(row, &row->interim, "\r\n", 2);
}

// A second head is the program's own answer instead of the origin's. An update keeps the recorded
// reason unless it brings one, so the registered phrase is written out to replace it.
static bool take_head(struct pending_row *row, const struct event_head *e)
{
    const bool again = row->x.status;
    pending_row_empty(&row->head);
    row->x.reason = (struct slice){0};
    if (!append(row, &row->head, e + 1, (size_t)e->lines_len + e->reason_len))
        return false;
    row->head_len = e->lines_len;
    row->x.status = e->status;
    row->x.response_protocol = protocol_of(e->event.flags);
    if (again)
        row->x.reason = http1_reason(e->status);
    if (e->event.flags & EVENT_REASON)
        row->x.reason =
            slice_of(e->reason_len ? buf_at(&row->head) + e->lines_len : "", e->reason_len);
    row->x.flags |= e->status == 101 ? RECORD_UPGRADED : 0;
    return true;
}

static bool on_head(struct pending_rows *rows, struct pending_row *row, const struct event_head *e)
{
    bool ok = true;
    if (e->status < 200 && e->status != 101) {
        ok = add_interim(row, e);
    } else {
        ok = take_head(row, e);
    }
    if ((e->event.flags & EVENT_WEBSOCKET) && !row->messages) {
        row->messages = malloc(sizeof(*row->messages));
        if (row->messages)
            ws_capture_init(row->messages, &rows->budget, row->share, rows->body_bytes);
    }
    row->x.flags |= e->event.flags & EVENT_REDACTED ? RECORD_REDACTED : 0;
    pending_row_mark_dirty(rows, row);
    return ok;
}

static bool on_data(struct pending_rows *rows, struct pending_row *row, const struct event_data *e)
{
    const struct slice bytes = slice_of((const char *)(e + 1), e->len);
    enum record_side side = (enum record_side)e->event.side;
    struct record_body *b = &row->x.body[side];
    b->bytes += bytes.len; // until the facts tell the total, shed bytes included
    b->last_ns = e->at_ns;
    if (b->first_ns < 0)
        b->first_ns = e->at_ns;
    pending_row_mark_dirty(rows, row);
    if (row->messages) {
        ws_capture_feed(row->messages, side, e->at_ns, bytes);
        row->x.flags |= row->messages->missed ? RECORD_SHED : 0;
        return true;
    }
    bool ok = !(row->x.flags & RECORD_SHED) && append(row, &row->body[side], bytes.p, bytes.len);
    b->kept += ok ? bytes.len : 0;
    return ok;
}

static bool on_trailers(struct pending_rows *rows, struct pending_row *row,
                        const struct event_trailers *e)
{
    row->x.flags |= e->event.flags & EVENT_REDACTED ? RECORD_REDACTED : 0;
    pending_row_mark_dirty(rows, row);
    return append(row, &row->trailers[e->event.side], e + 1, e->lines_len);
}

static bool on_bad_head(struct pending_rows *rows, struct pending_row *row,
                        const struct event_bad_head *e)
{
    row->x.flags |= e->event.flags & EVENT_REDACTED ? RECORD_REDACTED : 0;
    pending_row_mark_dirty(rows, row);
    return append(row, &row->bad_head, e + 1, e->len);
}

static void put_empty_digest(uint8_t digest[static DIGEST_BYTES])
{
    const struct digest empty = {0};
    (void)digest_value(&empty, digest);
}

static void update_body(struct record_body *b, const struct event_body *p, bool has_digest)
{
    b->has_digest = has_digest;
    if (!p) {
        put_empty_digest(b->digest);
        return;
    }
    b->bytes = p->bytes;
    b->first_ns = p->first_ns;
    b->last_ns = p->last_ns;
    b->stalled_ns = p->stalled_ns;
    memcpy(b->digest, p->digest, sizeof(b->digest));
}

// Replaces the facts known so far.
static void update_facts(struct pending_row *row, const struct event_facts *e)
{
    struct record_exchange *x = &row->x;
    const unsigned flags = e->event.flags;
    const struct event_body *passed = (const struct event_body *)(e + 1);
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
        bool has = flags & (unsigned)EVENT_REQUEST_BODY << side;
        update_body(&x->body[side], has ? passed : NULL,
                    !(flags & (unsigned)EVENT_NO_DIGEST << side));
        passed += has ? 1 : 0;
    }
    x->sent_on_ns = e->sent_on_ns;
    x->connect_ns = e->connect_ns;
    x->service_first_ns = e->heard_ns;
    x->answered_ns = e->answered_ns;
    x->duration_ns = e->duration_ns;
    pending_row_empty(&row->detail);
    (void)buf_append(&row->detail, passed, e->detail_len);
}

static void on_progress(struct pending_rows *rows, struct pending_row *row,
                        const struct event_facts *e)
{
    update_facts(row, e);
    pending_row_mark_dirty(rows, row);
}

static void on_closed(struct pending_rows *rows, struct pending_row *row,
                      const struct event_facts *e)
{
    update_facts(row, e);
    row->x.outcome = slice_str(exchange_outcome_text((enum exchange_outcome)e->outcome));
    row->ended = true;
    rows->slots[e->event.slot] = NULL;
    pending_row_mark_dirty(rows, row);
}

static int64_t time_of(uint64_t ns)
{
    return ns > INT64_MAX ? -1 : (int64_t)ns;
}

static void on_report(struct pending_rows *rows, const struct event_report *e)
{
    struct pending_row *row = pending_row_find(rows, e->tunnel_id, e->id);
    const struct event_peer_body *body = (const struct event_peer_body *)(e + 1);
    if (!row || row->x.peer.known)
        return;
    struct record_report *peer = &row->x.peer;
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
        put_empty_digest(peer->digest[side]);
        if (!(e->event.flags & (unsigned)EVENT_REQUEST_BODY << side))
            continue;
        peer->bytes[side] = body->bytes;
        memcpy(peer->digest[side], body->digest, DIGEST_BYTES);
        body++;
    }
    pending_row_stop_waiting(rows, row);
    pending_row_mark_dirty(rows, row);
}

// Events in an order that no recorder makes are from a damaged file. A row that is not routed is in
// no list: it takes no bytes, and cannot end. One that is routed is in lists: it is not dropped.
static bool is_in_order(const struct pending_row *row, enum event_kind kind)
{
    return row->routed ? kind != EVENT_ROUTED && kind != EVENT_DISCARDED
                       : kind == EVENT_ROUTED || kind == EVENT_DISCARDED;
}

bool pending_rows_event(struct pending_rows *rows, const void *event)
{
    const struct event *e = event;
    enum event_kind kind = (enum event_kind)e->kind;
    if (kind == EVENT_BEGUN)
        return on_begun(rows, event);
    if (kind == EVENT_REPORTED) {
        on_report(rows, event);
        return true;
    }
    struct pending_row *row = e->slot < rows->slot_count ? rows->slots[e->slot] : NULL;
    if (!row)
        return true; // the row was lost
    if (!is_in_order(row, kind)) {
        pending_row_lose(rows, e->slot);
        return true;
    }
    switch (kind) {
    case EVENT_ROUTED: return on_routed(rows, row, event);
    case EVENT_HEAD: return on_head(rows, row, event);
    case EVENT_DATA: return on_data(rows, row, event);
    case EVENT_TRAILERS: return on_trailers(rows, row, event);
    case EVENT_BAD_HEAD: return on_bad_head(rows, row, event);
    case EVENT_PROGRESS: on_progress(rows, row, event); return true;
    case EVENT_CLOSED: on_closed(rows, row, event); return true;
    case EVENT_DISCARDED:
        rows->slots[e->slot] = NULL;
        rows->unrouted--;
        pending_row_free(rows, row);
        return true;
    case EVENT_BEGUN:
    case EVENT_REPORTED: return true;
    }
    return true;
}
