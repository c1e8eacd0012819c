// SPDX-License-Identifier: MIT
// Events of a spool's file, damaged or forged: what event_is_valid lets pass is harmless to pending
// rows, in any order, and no other length of it is valid. Each step of the input is its own kind of
// entry: the byte `how`, then as it says an event as it is, one whose lengths, slot, kind and flags
// are made to fit, or what a writer does between events.
#include <stdlib.h>
#include <string.h>

#include "common/record/record.h"
#include "common/record/spool/event_check.h"
#include "common/record/write/pending_row_internal.h"
#include "tests/support/check.h"

enum {
    SLOTS = 5,
    KINDS = EVENT_REPORTED + 1,
    EVENT_MAX = 4096,
    MESSAGES_MAX = 64 << 10 // of memory, before they are written
};

// How a step begins.
enum step {
    STEP_AS_IS,  // a length of two bytes, and so many bytes
    STEP_FITTED, // a fixed part, and the texts that it announces
    STEP_ROLL_BACK,
    STEP_COMMIT,
    STEP_EXPIRE,
    STEP_FORGET,
    STEP_LOSE,
    STEP_DROP,
    STEPS
};

struct input {
    const uint8_t *p;
    size_t left;
};

static void take(struct input *in, void *out, size_t len)
{
    const size_t n = len < in->left ? len : in->left;
    memset(out, 0, len);
    if (n > 0)
        memcpy(out, in->p, n);
    in->p += n;
    in->left -= n;
}

// Reads every byte of a text.
static void touch(struct slice text)
{
    size_t sum = 0;
    for (size_t i = 0; i < text.len; i++)
        sum += (unsigned char)text.p[i];
    CHECK(sum / UINT8_MAX <= text.len);
}

static void touch_row(struct pending_row *row)
{
    const struct record_exchange *x = &row->x;
    const struct slice texts[] = {
        x->tunnel, x->visitor,        x->protocol,     x->method,
        x->scheme, x->host,           x->target,       x->upstream,
        x->owner,  x->tunnel_address, x->request_head, x->response_protocol,
        x->reason, x->outcome,        x->error,        x->replay_of};
    const struct buf *const bufs[] = {&row->interim,     &row->head,        &row->bad_head,
                                      &row->detail,      &row->body[0],     &row->body[1],
                                      &row->trailers[0], &row->trailers[1], &row->texts};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        touch(texts[i]);
    for (size_t i = 0; i < sizeof(bufs) / sizeof(bufs[0]); i++)
        touch(slice_of(bufs[i]->bytes ? buf_at(bufs[i]) : NULL, buf_len(bufs[i])));
    for (struct ws_capture_message *m = row->messages ? row->messages->first : NULL; m; m = m->next)
        touch(m->message.bytes);
    CHECK(exchange_id_is_valid(slice_str(x->id)) && row->routed);
    CHECK(buf_len(&row->head) == 0 || row->head_len <= buf_len(&row->head));
    for (int side = 0; side < 2; side++)
        CHECK(x->body[side].kept >= buf_len(&row->body[side]));
}

// As if all rows had been written.
static void commit(struct pending_rows *rows, uint64_t now_ms)
{
    for (struct pending_row *row = rows->dirty; row; row = row->next_dirty)
        touch_row(row);
    pending_rows_committed(rows, now_ms);
    CHECK(!rows->dirty);
}

static void apply(struct pending_rows *rows, const void *event, size_t len)
{
    if (!event_is_valid(event, len, SLOTS))
        return;
    char *other = malloc(len + 1);
    CHECK(other);
    memcpy(other, event, len);
    CHECK(!event_is_valid(other, len + 1, SLOTS) && !event_is_valid(other, len - 1, SLOTS));
    free(other);
    (void)pending_rows_event(rows, event);
}

static void apply_as_is(struct pending_rows *rows, struct input *in)
{
    uint16_t len = 0;
    take(in, &len, sizeof(len));
    const size_t most = in->left < EVENT_MAX ? in->left : EVENT_MAX;
    const size_t size = len < most ? len : most;
    void *event = malloc(size + !size);
    CHECK(event);
    take(in, event, size);
    apply(rows, event, size);
    free(event);
}

union fixed {
    struct event event;
    struct event_begun begun;
    struct event_routed routed;
    struct event_head head;
    struct event_data data;
    struct event_trailers trailers;
    struct event_bad_head bad_head;
    struct event_facts facts;
    struct event_report report;
};

static void fit_id(char id[static EXCHANGE_ID_LEN])
{
    const char last = (char)('0' + (unsigned char)id[0] % 4);
    memcpy(id, "000000000000000", EXCHANGE_ID_LEN - 1);
    id[EXCHANGE_ID_LEN - 1] = last;
}

static size_t bodies(const struct event *e, size_t size)
{
    return (e->flags & EVENT_REQUEST_BODY ? size : 0) + (e->flags & EVENT_RESPONSE_BODY ? size : 0);
}

static size_t fit_routed(struct event_routed *e)
{
    uint16_t *const lens[] = {&e->visitor_len, &e->tunnel_len, &e->scheme_len, &e->upstream_len,
                              &e->replay_len,  &e->owner_len,  &e->address_len};
    size_t rest = 0;
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
        rest += *lens[i] = *lens[i] % 68;
    e->event.flags &= EVENT_HEADS_ONLY;
    e->tunnel_id %= 3;
    e->unused = 0;
    fit_id(e->id);
    return sizeof(*e) + rest;
}

static size_t fit_begun(struct event_begun *e)
{
    uint32_t *const lens[] = {&e->method_len, &e->scheme_len, &e->host_len,
                              &e->target_len, &e->lines_len,  &e->visitor_len};
    size_t rest = 0;
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
        rest += *lens[i] = *lens[i] % 300;
    e->event.flags &= EVENT_REDACTED | EVENT_HTTP_10 | EVENT_HTTP_2;
    return sizeof(*e) + rest;
}

static size_t fit_facts(struct event_facts *e)
{
    e->status = e->status % 2 ? 200 : 0;
    e->outcome = e->event.kind == EVENT_CLOSED ? e->outcome % (EXCHANGE_MEMORY + 1) : 0;
    e->answer %= ANSWERS;
    e->detail_len %= EXCHANGE_DETAIL_MAX + 1;
    e->unused = 0;
    e->event.flags &= (uint16_t) ~(EVENT_REDACTED | EVENT_HTTP_10 | EVENT_HEADS_ONLY |
                                   EVENT_WEBSOCKET | EVENT_REASON | 0x8000);
    return sizeof(*e) + bodies(&e->event, sizeof(struct event_body)) + e->detail_len;
}

static size_t fit_report(struct event_report *e)
{
    e->event.flags &=
        EVENT_REQUEST_WHOLE | EVENT_RESPONSE_WHOLE | EVENT_REQUEST_BODY | EVENT_RESPONSE_BODY;
    e->tunnel_id %= 3;
    e->outcome %= REPORT_OUTCOMES;
    memset(e->unused, 0, sizeof(e->unused));
    fit_id(e->id);
    return sizeof(*e) + bodies(&e->event, sizeof(struct event_peer_body));
}

static size_t fit_head(struct event_head *e)
{
    e->event.flags &=
        EVENT_REDACTED | EVENT_HTTP_10 | EVENT_HTTP_2 | EVENT_WEBSOCKET | EVENT_REASON;
    e->lines_len %= 3000;
    e->reason_len = e->event.flags & EVENT_REASON ? e->reason_len % 40 : 0;
    e->status = (uint16_t)(100 + e->status % 900);
    e->unused = 0;
    return sizeof(*e) + e->lines_len + e->reason_len;
}

// Makes a fixed part valid. Returns the event's length.
static size_t fit(union fixed *e)
{
    e->event.slot %= SLOTS;
    e->event.kind %= KINDS;
    e->event.side =
        e->event.kind == EVENT_DATA || e->event.kind == EVENT_TRAILERS ? e->event.side & 1 : 0;
    switch ((enum event_kind)e->event.kind) {
    case EVENT_BEGUN: return fit_begun(&e->begun);
    case EVENT_ROUTED: return fit_routed(&e->routed);
    case EVENT_HEAD: return fit_head(&e->head);
    case EVENT_DATA:
        e->event.flags = 0;
        e->data.unused = 0;
        return sizeof(e->data) + (e->data.len %= 3000);
    case EVENT_TRAILERS:
        e->event.flags &= EVENT_REDACTED;
        return sizeof(e->trailers) + (e->trailers.lines_len %= 500);
    case EVENT_BAD_HEAD:
        e->event.flags &= EVENT_REDACTED;
        return sizeof(e->bad_head) + (e->bad_head.len %= 500);
    case EVENT_PROGRESS:
    case EVENT_CLOSED: return fit_facts(&e->facts);
    case EVENT_REPORTED: return fit_report(&e->report);
    default: e->event.flags = 0; return sizeof(e->event);
    }
}

static void apply_fitted(struct pending_rows *rows, struct input *in)
{
    static const size_t fixed[KINDS] = {40, 48, 8, 20, 24, 12, 12, 56, 56, 72};
    union fixed e;
    take(in, &e.event, sizeof(e.event));
    const size_t fixed_len = fixed[e.event.kind % KINDS];
    take(in, &e.event + 1, fixed_len - sizeof(e.event));
    const size_t len = fit(&e);
    char *event = malloc(len);
    CHECK(event);
    memcpy(event, &e, fixed_len);
    take(in, event + fixed_len, len - fixed_len);
    const bool fits = e.event.kind != EVENT_ROUTED || (e.routed.tunnel_len <= EVENT_TUNNEL_MAX &&
                                                       e.routed.owner_len <= RECORD_OWNER_MAX &&
                                                       e.routed.address_len <= RECORD_ADDRESS_MAX);
    CHECK(event_is_valid(event, len, SLOTS) == fits);
    apply(rows, event, len);
    free(event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pending_rows rows;
    struct input in = {data, size};
    uint64_t now_ms = 0;
    pending_rows_init(&rows, size % 2 ? 0 : 1000);
    while (in.left > 0) {
        uint8_t how = 0;
        take(&in, &how, sizeof(how));
        switch ((enum step)(how % STEPS)) {
        case STEP_AS_IS: apply_as_is(&rows, &in); break;
        case STEP_FITTED: apply_fitted(&rows, &in); break;
        case STEP_ROLL_BACK: pending_rows_rolled_back(&rows); break;
        case STEP_COMMIT: commit(&rows, ++now_ms); break;
        case STEP_EXPIRE: pending_rows_expire_waiting(&rows, now_ms += RECORDER_REPORT_MS); break;
        case STEP_FORGET: pending_rows_forget_record(&rows); break;
        case STEP_LOSE: pending_rows_lose_running(&rows); break;
        case STEP_DROP: pending_rows_drop_largest(&rows); break;
        case STEPS: break;
        }
        if (pending_rows_message_overhead(&rows) > MESSAGES_MAX)
            commit(&rows, ++now_ms);
    }
    for (struct pending_row *row = rows.dirty; row; row = row->next_dirty)
        touch_row(row);
    pending_rows_deinit(&rows);
    return 0;
}
