// SPDX-License-Identifier: MIT
// Link messages to send, in order of urgency: greeting or refusal, acknowledgement, control,
// reports, mux.
#include <stdlib.h>
#include "tunnel_internal.h"

bool tunnel_wants_reports(const struct tunnel *t)
{
    return t->wants_reports;
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

// Where a link message is written. With `lends` it may end with borrowed bytes, the tail, which
// count in `most`; otherwise `most` is `cap`.
struct message {
    uint8_t *out;
    size_t cap, most;
    bool lends;
    struct slice tail;
};

// Writes what the mux has to send behind the `len` bytes of the message. Returns the bytes written,
// without the tail, < 0 when the mux is dead.
static int send_mux(struct tunnel *t, struct message *to, size_t len)
{
    size_t before = len + PIPE_RECORD_HEAD;
    if (to->cap <= before || !mux_wants_send(t->mux))
        return 0;
    char *out = (char *)to->out + before;
    size_t most = to->lends ? to->most - before : 0;
    int n = mux_send_lent(t->mux, out, to->cap - before, most, &to->tail);
    if (n < 0)
        return tunnel_mux_failed(t, n);
    if (n == 0)
        return 0;
    pipe_write_record_head(to->out + len, PIPE_RECORD_MUX, (size_t)n + to->tail.len);
    return PIPE_RECORD_HEAD + n;
}

// Writes the stream part of a DATA message: control records, then reports, then as much of the mux
// as fits. Returns its length without the tail, < 0 when the mux is dead.
static int send_stream(struct tunnel *t, struct message *to)
{
    uint8_t *out = to->out;
    size_t cap = to->cap;
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
    int n = send_mux(t, to, len);
    return n < 0 ? n : (int)len + n;
}

// The bytes of the stream that may be sent now. The last reports do not wait for acknowledgements,
// which a peer that has left does not send.
static size_t stream_room(const struct tunnel *t)
{
    switch (t->state) {
    case TUNNEL_OPEN: return pipe_room(&t->pipe);
    case TUNNEL_LEFT: return PIPE_MESSAGE_MAX;
    case TUNNEL_AWAITS_HELLO:
    case TUNNEL_AWAITS_WELCOME:
    case TUNNEL_REFUSED:
    case TUNNEL_DEAD: break;
    }
    return 0;
}

void tunnel_idle(struct tunnel *t)
{
    if (stream_room(t) > 0)
        pipe_idle(&t->pipe);
}

static int send_link_message(struct tunnel *t, uint8_t *out)
{
    size_t len = t->link_message_len;
    memcpy(out, t->link_message, len);
    free(t->link_message);
    t->link_message = NULL;
    return (int)len;
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int send_data(struct tunnel *t, struct message *to)
{
    size_t room = stream_room(t);
    if (room == 0)
        return 0;
    uint8_t *out = to->out;
    size_t cap = min_size(to->cap, TUNNEL_MESSAGE_MAX) - PIPE_DATA_HEAD;
    to->out += PIPE_DATA_HEAD;
    to->cap = min_size(cap, room);
    to->most = min_size(TUNNEL_MESSAGE_MAX - PIPE_DATA_HEAD, room);
    int len = send_stream(t, to);
    if (len < 0)
        return tunnel_fail(t, len);
    if (len == 0) {
        tunnel_idle(t);
        return 0;
    }
    pipe_write_data_head(&t->pipe, out, (size_t)len + to->tail.len);
    return len + PIPE_DATA_HEAD;
}

// An acknowledgement, or a heartbeat.
static bool owes_ack(const struct tunnel *t)
{
    return t->state == TUNNEL_OPEN && (t->heartbeat_due || pipe_owes_ack(&t->pipe, t->ack_due));
}

static int send_one(struct tunnel *t, struct message *to)
{
    if (t->link_message && t->state != TUNNEL_DEAD)
        return send_link_message(t, to->out);
    if (!owes_ack(t))
        return send_data(t, to);
    t->ack_due = t->heartbeat_due = false;
    pipe_write_ack(&t->pipe, to->out);
    return PIPE_ACK_SIZE;
}

static int send_message(struct tunnel *t, struct message *to)
{
    int len = send_one(t, to);
    if (len > 0) {
        t->sent_since_tick = true;
        flood_budget_earn(&t->flood_budget, FLOOD_BUDGET_PER_FRAME);
    }
    return len;
}

int tunnel_send(struct tunnel *t, uint8_t *out, size_t cap)
{
    return send_message(t, &(struct message){.out = out, .cap = cap});
}

int tunnel_send_lent(struct tunnel *t, uint8_t *out, size_t cap, struct slice *tail)
{
    struct message message = {.out = out, .cap = cap, .lends = true};
    int len = send_message(t, &message);
    *tail = message.tail;
    return len;
}

bool tunnel_wants_send(const struct tunnel *t)
{
    if (t->link_message)
        return t->state != TUNNEL_DEAD;
    if (owes_ack(t))
        return true;
    return stream_room(t) > 0 && (t->control_len > 0 || sends_reports(t) || mux_wants_send(t->mux));
}
