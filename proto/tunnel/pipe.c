// SPDX-License-Identifier: MIT
#include "pipe.h"
#include <stdlib.h>

const char *pipe_strerror(int error)
{
    switch ((enum pipe_error)error) {
    case PIPE_E_MESSAGE: return "link message of unknown kind or cut short";
    case PIPE_E_OFFSET: return "offset does not continue the stream";
    case PIPE_E_RECORD: return "record of unknown kind or length";
    case PIPE_E_TOO_BIG: return "message over its limit";
    case PIPE_E_MEMORY: return "out of memory";
    }
    return "no error";
}

void pipe_init(struct pipe *p)
{
    *p = (struct pipe){.record_kind = PIPE_RECORD_MUX};
}

static void gather_free(struct pipe_gather *g)
{
    free(g->bytes);
    *g = (struct pipe_gather){0};
}

void pipe_deinit(struct pipe *p)
{
    gather_free(&p->json);
    gather_free(&p->control);
}

static int gather_add(struct pipe_gather *g, const uint8_t *buf, size_t len)
{
    if (len > PIPE_JSON_MAX - g->len)
        return PIPE_E_TOO_BIG;
    if (g->len + len > g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 512;
        while (cap < g->len + len)
            cap *= 2;
        char *bytes = realloc(g->bytes, cap);
        if (!bytes)
            return PIPE_E_MEMORY;
        g->bytes = bytes;
        g->cap = cap;
    }
    memcpy(g->bytes + g->len, buf, len);
    g->len += len;
    return 0;
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

// Takes bytes of the offset that follows the kind of DATA and ACK.
static int recv_offset(struct pipe *p, const uint8_t *buf, size_t len)
{
    size_t n = min_size(len, sizeof(p->head) - p->head_len);
    memcpy(p->head + p->head_len, buf, n);
    p->head_len = (uint8_t)(p->head_len + n);
    if (p->head_len < sizeof(p->head))
        return (int)n;
    uint64_t offset = read_be(p->head, sizeof(p->head));
    if (p->kind != PIPE_ACK)
        return offset == p->received ? (int)n : PIPE_E_OFFSET;
    if (offset < p->acked || offset > p->sent)
        return PIPE_E_OFFSET;
    p->acked = offset;
    if (p->now_us > 0)
        rate_acked(&p->rate, p->acked, p->sent, p->now_us);
    return (int)n;
}

static int recv_record_head(struct pipe *p, const uint8_t *buf, size_t len)
{
    size_t n = min_size(len, (size_t)PIPE_RECORD_HEAD - p->record_head_len);
    memcpy(p->record_head + p->record_head_len, buf, n);
    p->record_head_len = (uint8_t)(p->record_head_len + n);
    p->received += n;
    if (p->record_head_len < PIPE_RECORD_HEAD)
        return (int)n;
    p->record_head_len = 0;
    p->record_kind = p->record_head[0];
    p->record_remaining = (uint32_t)read_be(p->record_head + 1, 3);
    if (p->record_kind > PIPE_RECORD_REPORT || p->record_remaining == 0)
        return PIPE_E_RECORD;
    if (p->record_remaining > (p->record_kind == PIPE_RECORD_MUX ? PIPE_RECORD_MAX : PIPE_JSON_MAX))
        return PIPE_E_TOO_BIG;
    return (int)n;
}

static int recv_stream(struct pipe *p, const uint8_t *buf, size_t len, struct pipe_event *e)
{
    if (p->record_remaining == 0)
        return recv_record_head(p, buf, len);
    size_t n = min_size(len, p->record_remaining);
    p->record_remaining -= (uint32_t)n;
    p->received += n;
    if (p->record_kind == PIPE_RECORD_MUX) {
        *e = (struct pipe_event){PIPE_EVENT_MUX, slice_of((const char *)buf, n)};
        return (int)n;
    }
    int error = gather_add(&p->control, buf, n);
    if (error)
        return error;
    if (p->record_remaining == 0) {
        bool control = p->record_kind == PIPE_RECORD_CONTROL;
        *e = (struct pipe_event){control ? PIPE_EVENT_CONTROL : PIPE_EVENT_REPORT,
                                 slice_of(p->control.bytes, p->control.len)};
        p->control.len = 0;
    }
    return (int)n;
}

// Takes one part of a message: its kind, its offset, a record's head or payload.
static int recv_part(struct pipe *p, const uint8_t *buf, size_t len, struct pipe_event *e)
{
    if (p->kind == 0) {
        p->kind = buf[0];
        p->head_len = 0;
        return p->kind >= PIPE_HELLO && p->kind <= PIPE_DATA_ASK ? 1 : PIPE_E_MESSAGE;
    }
    if (p->kind < PIPE_DATA) {
        int error = gather_add(&p->json, buf, len);
        return error ? error : (int)len;
    }
    if (p->head_len < sizeof(p->head))
        return recv_offset(p, buf, len);
    return p->kind == PIPE_ACK ? PIPE_E_MESSAGE : recv_stream(p, buf, len, e);
}

int pipe_recv(struct pipe *p, const uint8_t *buf, size_t len, struct pipe_event *e)
{
    size_t at = 0;
    e->kind = PIPE_EVENT_NONE;
    len = min_size(len, PIPE_RECORD_MAX);
    while (at < len && e->kind == PIPE_EVENT_NONE) {
        int n = recv_part(p, buf + at, len - at, e);
        if (n < 0)
            return n;
        at += (size_t)n;
    }
    return (int)at;
}

int pipe_recv_end(struct pipe *p, struct pipe_event *e)
{
    uint8_t kind = p->kind;
    e->kind = PIPE_EVENT_NONE;
    p->kind = 0;
    switch (kind) {
    case PIPE_HELLO: e->kind = PIPE_EVENT_HELLO; break;
    case PIPE_WELCOME: e->kind = PIPE_EVENT_WELCOME; break;
    case PIPE_REFUSED: e->kind = PIPE_EVENT_REFUSED; break;
    case PIPE_DATA_ASK:
    case PIPE_DATA:
    case PIPE_ACK:
        p->ack_asked = p->ack_asked || kind == PIPE_DATA_ASK;
        return p->head_len == sizeof(p->head) ? 0 : PIPE_E_MESSAGE;
    default: return PIPE_E_MESSAGE;
    }
    e->bytes = slice_of(p->json.bytes, p->json.len);
    p->json.len = 0;
    return 0;
}

void pipe_set_now(struct pipe *p, uint64_t now_us)
{
    if (now_us > p->now_us)
        p->now_us = now_us;
}

static bool measures(const struct pipe *p)
{
    return p->can_ask && p->now_us > 0;
}

// The bytes that may be unacknowledged.
static size_t unacked_max(const struct pipe *p)
{
    if (!measures(p))
        return PIPE_UNACKED_UNASKED;
    uint64_t most = rate_in_flight_max(&p->rate);
    return most < PIPE_UNACKED_MAX ? (size_t)most : PIPE_UNACKED_MAX;
}

// The room below which sending pauses: with less, messages would be many and small.
static size_t room_min(size_t most)
{
    size_t part = most / PIPE_PARTS / 2;
    part = min_size(part, PIPE_MESSAGE_MAX);
    return part > PIPE_ROOM_MIN ? part : PIPE_ROOM_MIN;
}

static bool has_room(const struct pipe *p, size_t most)
{
    uint64_t unacked = p->sent - p->acked;
    return unacked == 0 || unacked + room_min(most) <= most;
}

size_t pipe_room(const struct pipe *p)
{
    size_t most = unacked_max(p);
    if (!has_room(p, most)) // nothing asks if the bound has shrunk meanwhile: one message does then
        return measures(p) && p->asked <= p->acked ? PIPE_ROOM_MIN : 0;
    // Long messages would hold back small ones that come behind them, and their acknowledgement.
    size_t part = most / (PIPE_PARTS / 2);
    return min_size(min_size(most - (size_t)(p->sent - p->acked), part), PIPE_MESSAGE_MAX);
}

void pipe_idle(struct pipe *p)
{
    rate_idle(&p->rate, p->sent);
}

bool pipe_owes_ack(const struct pipe *p, bool soon)
{
    uint64_t owed = p->received - p->ack_sent;
    return soon || p->ack_asked ? owed > 0 : owed >= PIPE_ACK_EVERY;
}

// Whether the message that ends at p->sent asks to be acknowledged.
static bool asks(const struct pipe *p)
{
    size_t most = unacked_max(p);
    if (!measures(p))
        return false;
    return !has_room(p, most) || p->sent - p->asked >= most / PIPE_PARTS ||
           p->now_us - p->asked_us >= PIPE_ASK_US;
}

void pipe_write_data_head(struct pipe *p, uint8_t out[static PIPE_DATA_HEAD], size_t stream_bytes)
{
    uint64_t start = p->sent;
    p->sent += stream_bytes;
    out[0] = PIPE_DATA;
    write_be(out + 1, 8, start);
    if (!asks(p))
        return;
    out[0] = PIPE_DATA_ASK;
    p->asked = p->sent;
    p->asked_us = p->now_us;
    rate_sent(&p->rate, start, p->sent, p->now_us);
}

void pipe_write_record_head(uint8_t out[static PIPE_RECORD_HEAD], enum pipe_record kind, size_t len)
{
    out[0] = (uint8_t)kind;
    write_be(out + 1, 3, len);
}

void pipe_write_ack(struct pipe *p, uint8_t out[static PIPE_ACK_SIZE])
{
    out[0] = PIPE_ACK;
    write_be(out + 1, 8, p->received);
    p->ack_sent = p->received;
    p->ack_asked = false;
}
