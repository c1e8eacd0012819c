// SPDX-License-Identifier: MIT
#include "tunnel.h"
#include <stdio.h>
#include <stdlib.h>
#include "flood_budget.h"

struct tunnel {
    enum tunnel_role role;
    enum tunnel_state state;
    struct tunnel_handler handler;
    void *ctx;
    struct pipe pipe;
    struct mux *mux;
    // a link message (hello, welcome, refused) and control records, both as they will be sent
    uint8_t *link_message;
    size_t link_message_len;
    uint8_t *control;
    size_t control_len;
    uint8_t *reports; // TUNNEL_REPORT_QUEUE bytes
    size_t reports_len;
    bool wants_reports; // the peer announced the feature
    bool reports_due;
    uint64_t now_ms, last_recv_ms, last_send_ms;
    uint64_t unacked_since_ms; // the peer has been silent since, and owes an acknowledgement
    uint64_t last_ack_ms;      // when the peer last acknowledged bytes, or owed nothing
    uint64_t acked;            // pipe.acked at that time
    uint64_t received_before;  // pipe.received at the start of the current message
    uint64_t drain_ms;         // when the mux began to drain; 0: it has not
    const char *detail;
    struct flood_budget flood_budget;
    bool recv_since_tick, sent_since_tick;
    bool ack_due, heartbeat_due;
};

const char *tunnel_strerror(int error)
{
    switch ((enum tunnel_error)error) {
    case TUNNEL_E_PIPE: return "the peer broke the framing";
    case TUNNEL_E_CONTROL: return "the peer sent a control message that is wrong";
    case TUNNEL_E_MUX: return "the peer broke the multiplexing";
    case TUNNEL_E_SILENT: return "the peer has fallen silent";
    case TUNNEL_E_MEMORY: return "out of memory";
    case TUNNEL_E_FULL: return "too many control messages wait";
    case TUNNEL_E_FLOOD: return "the peer floods the link";
    case TUNNEL_E_STALLED: return "the peer does not read";
    case TUNNEL_E_IDS: return "the tunnel has no more streams";
    }
    return "no error";
}

struct tunnel *tunnel_new(const struct tunnel_config *config, const struct tunnel_handler *handler,
                          void *ctx, uint64_t now_ms)
{
    struct tunnel *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    enum mux_role role = config->role == TUNNEL_RELAY ? MUX_RELAY : MUX_AGENT;
    t->role = config->role;
    t->state = t->role == TUNNEL_RELAY ? TUNNEL_AWAITS_HELLO : TUNNEL_AWAITS_WELCOME;
    t->handler = *handler;
    t->ctx = ctx;
    t->now_ms = t->last_recv_ms = t->last_send_ms = t->unacked_since_ms = t->last_ack_ms = now_ms;
    t->detail = "";
    flood_budget_init(&t->flood_budget, TUNNEL_FLOOD_BUDGET);
    pipe_init(&t->pipe);
    t->mux = mux_new(role, config->limits, &t->handler.mux, ctx);
    if (!t->mux) {
        tunnel_free(t);
        return NULL;
    }
    return t;
}

void tunnel_free(struct tunnel *t)
{
    if (!t)
        return;
    mux_free(t->mux);
    pipe_deinit(&t->pipe);
    free(t->link_message);
    free(t->control);
    free(t->reports);
    free(t);
}

enum tunnel_state tunnel_state(const struct tunnel *t)
{
    return t->state;
}

const char *tunnel_detail(const struct tunnel *t)
{
    return t->detail;
}

struct mux *tunnel_mux(struct tunnel *t)
{
    return t->mux;
}

// How each message travels, its recipient, the state in which it is legal, and the state after it.
static const struct message_rule {
    uint8_t link_kind; // 0: a control record
    enum tunnel_role to;
    enum tunnel_state when, then;
} rules[] = {
    [CONTROL_HELLO] = {PIPE_HELLO, TUNNEL_RELAY, TUNNEL_AWAITS_HELLO, TUNNEL_OPEN},
    [CONTROL_WELCOME] = {PIPE_WELCOME, TUNNEL_AGENT, TUNNEL_AWAITS_WELCOME, TUNNEL_OPEN},
    [CONTROL_REFUSED] = {0, TUNNEL_AGENT, TUNNEL_OPEN, TUNNEL_OPEN},
    [CONTROL_BIND] = {0, TUNNEL_RELAY, TUNNEL_OPEN, TUNNEL_OPEN},
    [CONTROL_BOUND] = {0, TUNNEL_AGENT, TUNNEL_OPEN, TUNNEL_OPEN},
    [CONTROL_DRAIN] = {0, TUNNEL_AGENT, TUNNEL_OPEN, TUNNEL_OPEN},
};

static int queue_link_message(struct tunnel *t, uint8_t kind, const uint8_t *json, size_t len)
{
    uint8_t *link_message = malloc(len + 1);
    if (!link_message)
        return TUNNEL_E_MEMORY;
    link_message[0] = kind;
    memcpy(link_message + 1, json, len);
    free(t->link_message);
    t->link_message = link_message;
    t->link_message_len = len + 1;
    return 0;
}

static int queue_control_record(struct tunnel *t, const uint8_t *json, size_t len)
{
    size_t total = t->control_len + PIPE_RECORD_HEAD + len;
    if (total > TUNNEL_CONTROL_QUEUE)
        return TUNNEL_E_FULL;
    uint8_t *control = realloc(t->control, total);
    if (!control)
        return TUNNEL_E_MEMORY;
    pipe_write_record_head(control + t->control_len, PIPE_RECORD_CONTROL, len);
    memcpy(control + t->control_len + PIPE_RECORD_HEAD, json, len);
    t->control = control;
    t->control_len = total;
    return 0;
}

// Appends our features to those of the program.
static void add_features(struct control_message *message)
{
    char *end = message->features + strlen(message->features);
    size_t room = sizeof(message->features) - (size_t)(end - message->features);
    if (room > sizeof(TUNNEL_FEATURES))
        (void)snprintf(end, room, "%s%s", end > message->features ? "," : "", TUNNEL_FEATURES);
}

int tunnel_queue_control(struct tunnel *t, const struct control_message *message)
{
    char json[TUNNEL_MESSAGE_MIN - 1 - PIPE_DATA_HEAD - PIPE_RECORD_HEAD];
    struct control_message queued = *message;
    if (message->type == CONTROL_HELLO || message->type == CONTROL_WELCOME)
        add_features(&queued);
    int len = control_write(json, sizeof(json), &queued);
    uint8_t kind = rules[message->type].link_kind;
    if (len < 0)
        return TUNNEL_E_CONTROL;
    if (message->type == CONTROL_REFUSED && message->id == 0) {
        kind = PIPE_REFUSED;
        t->state = TUNNEL_REFUSED;
    }
    if (kind)
        return queue_link_message(t, kind, (const uint8_t *)json, (size_t)len);
    return queue_control_record(t, (const uint8_t *)json, (size_t)len);
}

static int fail(struct tunnel *t, int error)
{
    t->state = TUNNEL_DEAD;
    return error;
}

static void apply_features(struct tunnel *t, struct slice features)
{
    const struct mux_peer peer = {.spelling = slice_list_has(features, SLICE("case")),
                                  .fields = slice_list_has(features, SLICE("fields")),
                                  .visitors = slice_list_has(features, SLICE("visitors"))};
    t->wants_reports = slice_list_has(features, SLICE("reports"));
    mux_set_peer(t->mux, &peer);
}

static int recv_message(struct tunnel *t, const struct pipe_event *e)
{
    struct control_message message;
    int error = control_parse(e->bytes, &message);
    if (error) {
        t->detail = control_strerror(error);
        return TUNNEL_E_CONTROL;
    }
    if (!flood_budget_spend(&t->flood_budget, TUNNEL_CONTROL_COST))
        return TUNNEL_E_FLOOD;
    const struct message_rule *rule = &rules[message.type];
    if (e->kind == PIPE_EVENT_REFUSED) {
        if (message.type != CONTROL_REFUSED || t->role != TUNNEL_AGENT)
            return TUNNEL_E_CONTROL;
        message.id = 0;
        t->state = TUNNEL_REFUSED;
        t->handler.control(t->ctx, &message);
        return 0;
    }
    uint8_t kind = e->kind == PIPE_EVENT_HELLO     ? PIPE_HELLO
                   : e->kind == PIPE_EVENT_WELCOME ? PIPE_WELCOME
                                                   : 0;
    if (rule->link_kind != kind || rule->to != t->role || rule->when != t->state)
        return TUNNEL_E_CONTROL;
    if (message.type == CONTROL_REFUSED && message.id == 0)
        return TUNNEL_E_CONTROL; // without an id it must be a link message
    t->state = rule->then;
    if (kind)
        apply_features(t, slice_str(message.features));
    t->handler.control(t->ctx, &message);
    return 0;
}

// Charges each report to the mux's budget, which earned it by the head of the same exchange.
static int recv_reports(struct tunnel *t, struct slice bytes)
{
    struct report r;
    while (bytes.len > 0) {
        int n = report_read(bytes, &r);
        if (n < 0) {
            t->detail = "malformed report";
            return TUNNEL_E_CONTROL;
        }
        if (!mux_charge(t->mux, 1))
            return TUNNEL_E_FLOOD;
        if (t->handler.report)
            t->handler.report(t->ctx, &r);
        bytes.p += n;
        bytes.len -= (size_t)n;
    }
    return 0;
}

void tunnel_queue_report(struct tunnel *t, const struct report *report)
{
    if (!t->wants_reports || t->state != TUNNEL_OPEN ||
        t->reports_len + REPORT_MAX > TUNNEL_REPORT_QUEUE)
        return;
    if (!t->reports)
        t->reports = malloc(TUNNEL_REPORT_QUEUE);
    if (t->reports)
        t->reports_len += report_write(report, t->reports + t->reports_len);
}

static int mux_failed(struct tunnel *t, int error)
{
    t->detail = mux_strerror(error);
    return error == MUX_E_FLOOD ? TUNNEL_E_FLOOD : TUNNEL_E_MUX;
}

static int recv_mux(struct tunnel *t, struct slice bytes)
{
    int error = mux_recv(t->mux, bytes.p, bytes.len);
    return error ? mux_failed(t, error) : 0;
}

static int recv_event(struct tunnel *t, const struct pipe_event *e)
{
    switch (e->kind) {
    case PIPE_EVENT_NONE: return 0;
    case PIPE_EVENT_MUX: return recv_mux(t, e->bytes);
    case PIPE_EVENT_REPORT: return recv_reports(t, e->bytes);
    case PIPE_EVENT_CONTROL:
    case PIPE_EVENT_HELLO:
    case PIPE_EVENT_WELCOME:
    case PIPE_EVENT_REFUSED: return recv_message(t, e);
    }
    return 0;
}

static int pipe_failed(struct tunnel *t, int error)
{
    t->detail = pipe_strerror(error);
    return fail(t, TUNNEL_E_PIPE);
}

int tunnel_recv_ping(struct tunnel *t)
{
    return flood_budget_spend(&t->flood_budget, 1) ? 0 : fail(t, TUNNEL_E_FLOOD);
}

// A message is complete. Charges the budget when it carried no byte of the stream.
static int end_message(struct tunnel *t)
{
    struct pipe_event e;
    bool empty = t->pipe.received == t->received_before;
    t->received_before = t->pipe.received;
    if (empty && tunnel_recv_ping(t))
        return TUNNEL_E_FLOOD;
    int error = pipe_recv_end(&t->pipe, &e);
    if (error)
        return pipe_failed(t, error);
    error = recv_event(t, &e);
    return error ? fail(t, error) : 0;
}

int tunnel_recv(struct tunnel *t, const uint8_t *bytes, size_t len, bool last)
{
    struct pipe_event e;
    size_t len_fed = len;
    if (t->state == TUNNEL_DEAD)
        return TUNNEL_E_PIPE;
    t->recv_since_tick = true;
    while (len > 0 && t->state != TUNNEL_REFUSED) {
        int n = pipe_recv(&t->pipe, bytes, len, &e);
        if (n < 0)
            return pipe_failed(t, n);
        if (t->state != TUNNEL_OPEN && t->pipe.kind >= PIPE_DATA)
            return fail(t, TUNNEL_E_CONTROL);
        bytes += n;
        len -= (size_t)n;
        int error = recv_event(t, &e);
        if (error)
            return fail(t, error);
    }
    if (t->state == TUNNEL_REFUSED)
        return 0;
    if (last)
        return end_message(t);
    return len_fed > 0 ? 0 : tunnel_recv_ping(t);
}

static bool sends_reports(const struct tunnel *t)
{
    return t->reports_len >= TUNNEL_REPORT_EVERY || (t->reports_due && t->reports_len > 0);
}

// Writes as many whole reports as fit into one record and the message.
static size_t send_reports(struct tunnel *t, uint8_t *out, size_t cap)
{
    struct slice all = slice_of((const char *)t->reports, t->reports_len);
    size_t room = cap < PIPE_JSON_MAX ? cap : PIPE_JSON_MAX;
    struct report r;
    size_t len = all.len + PIPE_RECORD_HEAD <= room ? all.len : 0;
    while (len < all.len) {
        int n = report_read(slice_of(all.p + len, all.len - len), &r);
        if (n < 0 || len + (size_t)n + PIPE_RECORD_HEAD > room)
            break;
        len += (size_t)n;
    }
    if (len == 0)
        return 0;
    pipe_write_record_head(out, PIPE_RECORD_REPORT, len);
    memcpy(out + PIPE_RECORD_HEAD, t->reports, len);
    t->reports_len -= len;
    memmove(t->reports, t->reports + len, t->reports_len);
    t->reports_due = t->reports_due && t->reports_len > 0;
    return PIPE_RECORD_HEAD + len;
}

// Writes the stream part of a DATA message: control records, then reports, then as much of the mux
// as fits. Returns its length, < 0 when the mux is dead.
static int send_stream(struct tunnel *t, uint8_t *out, size_t cap)
{
    size_t len = 0;
    if (t->control_len > 0) {
        // The pipe lets a record span messages, so the queue is cut anywhere.
        len = t->control_len < cap ? t->control_len : cap;
        memcpy(out, t->control, len);
        memmove(t->control, t->control + len, t->control_len - len);
        t->control_len -= len;
        if (t->control_len > 0)
            return (int)len;
        free(t->control);
        t->control = NULL;
    }
    if (sends_reports(t) && cap - len > PIPE_RECORD_HEAD)
        len += send_reports(t, out + len, cap - len);
    if (cap - len <= PIPE_RECORD_HEAD || !mux_wants_send(t->mux))
        return (int)len;
    int n = mux_send(t->mux, (char *)out + len + PIPE_RECORD_HEAD, cap - len - PIPE_RECORD_HEAD);
    if (n < 0)
        return mux_failed(t, n);
    if (n == 0)
        return (int)len;
    pipe_write_record_head(out + len, PIPE_RECORD_MUX, (size_t)n);
    return (int)len + PIPE_RECORD_HEAD + n;
}

static bool may_send_stream(const struct tunnel *t)
{
    return t->state == TUNNEL_OPEN && pipe_room(&t->pipe) >= TUNNEL_MESSAGE_MAX;
}

static int send_one(struct tunnel *t, uint8_t *out, size_t cap)
{
    if (t->link_message && t->state != TUNNEL_DEAD) {
        size_t len = t->link_message_len;
        memcpy(out, t->link_message, len);
        free(t->link_message);
        t->link_message = NULL;
        return (int)len;
    }
    if (t->state != TUNNEL_OPEN)
        return 0;
    if (t->heartbeat_due || pipe_owes_ack(&t->pipe, t->ack_due)) {
        t->ack_due = t->heartbeat_due = false;
        pipe_write_ack(&t->pipe, out);
        return PIPE_ACK_SIZE;
    }
    if (!may_send_stream(t))
        return 0;
    if (cap > TUNNEL_MESSAGE_MAX)
        cap = TUNNEL_MESSAGE_MAX;
    int len = send_stream(t, out + PIPE_DATA_HEAD, cap - PIPE_DATA_HEAD);
    if (len <= 0)
        return len < 0 ? fail(t, len) : 0;
    pipe_write_data_head(&t->pipe, out);
    pipe_sent(&t->pipe, (size_t)len);
    return len + PIPE_DATA_HEAD;
}

int tunnel_send(struct tunnel *t, uint8_t *out, size_t cap)
{
    int len = send_one(t, out, cap);
    if (len > 0) {
        t->sent_since_tick = true;
        flood_budget_earn(&t->flood_budget, FLOOD_BUDGET_PER_FRAME);
    }
    return len;
}

bool tunnel_wants_send(const struct tunnel *t)
{
    if (t->link_message)
        return t->state != TUNNEL_DEAD;
    if (t->state != TUNNEL_OPEN)
        return false;
    if (t->heartbeat_due || pipe_owes_ack(&t->pipe, t->ack_due))
        return true;
    return may_send_stream(t) && (t->control_len > 0 || sends_reports(t) || mux_wants_send(t->mux));
}

// Drains a mux that has used up its stream ids and ends the tunnel when its streams are done or
// TUNNEL_DRAIN_MS have passed: the agent then connects again.
static int drain_exhausted(struct tunnel *t, uint64_t now_ms)
{
    struct control_message drain = {.type = CONTROL_DRAIN, .message = "The tunnel begins anew."};
    if (t->state != TUNNEL_OPEN || !mux_ids_exhausted(t->mux))
        return 0;
    if (t->drain_ms == 0) {
        t->drain_ms = now_ms;
        mux_drain(t->mux);
        (void)tunnel_queue_control(t, &drain);
        return 0;
    }
    bool over = mux_stream_count(t->mux) == 0 || now_ms - t->drain_ms >= TUNNEL_DRAIN_MS;
    return over ? TUNNEL_E_IDS : 0;
}

// Whether the peer has been silent, or has acknowledged nothing, for too long.
static int check_peer(const struct tunnel *t)
{
    if (t->now_ms - t->last_recv_ms >= TUNNEL_SILENCE_MS ||
        t->now_ms - t->unacked_since_ms >= TUNNEL_UNACKED_SILENCE_MS)
        return TUNNEL_E_SILENT;
    return t->now_ms - t->last_ack_ms >= TUNNEL_STALL_MS ? TUNNEL_E_STALLED : 0;
}

int tunnel_tick(struct tunnel *t, uint64_t now_ms)
{
    uint64_t gap = now_ms - t->now_ms;
    bool unacked = t->pipe.sent > t->pipe.acked;
    flood_budget_tick(&t->flood_budget, gap);
    mux_tick(t->mux, gap);
    if (gap <= TUNNEL_HEARTBEAT_MS)
        gap = 0; // a longer gap means that this machine was suspended: do not blame the peer
    t->last_recv_ms = t->recv_since_tick ? now_ms : t->last_recv_ms + gap;
    t->unacked_since_ms = t->recv_since_tick || !unacked ? now_ms : t->unacked_since_ms + gap;
    t->last_ack_ms = t->pipe.acked > t->acked || !unacked ? now_ms : t->last_ack_ms + gap;
    t->acked = t->pipe.acked;
    if (t->sent_since_tick)
        t->last_send_ms = t->now_ms; // the previous tick: a lower bound
    t->recv_since_tick = t->sent_since_tick = false;
    t->now_ms = now_ms;
    t->reports_due = t->reports_len > 0;
    t->ack_due = pipe_owes_ack(&t->pipe, true);
    t->heartbeat_due = t->state == TUNNEL_OPEN && now_ms - t->last_send_ms >= TUNNEL_HEARTBEAT_MS;
    int error = check_peer(t);
    error = error ? error : drain_exhausted(t, now_ms);
    return error ? fail(t, error) : 0;
}
