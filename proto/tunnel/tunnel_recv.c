// SPDX-License-Identifier: MIT
// Received link messages: the events of the pipe go to the mux and to the handler.
#include "tunnel_internal.h"

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

static int recv_mux(struct tunnel *t, struct slice bytes)
{
    int error = mux_recv(t->mux, bytes.p, bytes.len);
    return error ? tunnel_mux_failed(t, error) : 0;
}

static int recv_event(struct tunnel *t, const struct pipe_event *e)
{
    if (t->state == TUNNEL_LEFT && e->kind != PIPE_EVENT_REPORT)
        return 0;
    switch (e->kind) {
    case PIPE_EVENT_NONE: return 0;
    case PIPE_EVENT_MUX: return recv_mux(t, e->bytes);
    case PIPE_EVENT_REPORT: return recv_reports(t, e->bytes);
    case PIPE_EVENT_CONTROL:
    case PIPE_EVENT_HELLO:
    case PIPE_EVENT_WELCOME:
    case PIPE_EVENT_REFUSED: return tunnel_recv_control(t, e);
    }
    return 0;
}

static int pipe_failed(struct tunnel *t, int error)
{
    t->detail = pipe_strerror(error);
    return tunnel_fail(t, TUNNEL_E_PIPE);
}

int tunnel_recv_ping(struct tunnel *t)
{
    return flood_budget_spend(&t->flood_budget, 1) ? 0 : tunnel_fail(t, TUNNEL_E_FLOOD);
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
    return error ? tunnel_fail(t, error) : 0;
}

int tunnel_recv(struct tunnel *t, const uint8_t *bytes, size_t len, bool last)
{
    struct pipe_event e;
    size_t len_fed = len;
    if (t->state == TUNNEL_DEAD)
        return TUNNEL_E_PIPE;
    t->recv_since_tick = true;
    while (len > 0 && t->state != TUNNEL_REFUSED) {
        bool greeted = t->state == TUNNEL_OPEN || t->state == TUNNEL_LEFT;
        if (!greeted && pipe_is_data(&t->pipe, *bytes))
            return tunnel_fail(t, TUNNEL_E_CONTROL);
        int n = pipe_recv(&t->pipe, bytes, len, &e);
        if (n < 0)
            return pipe_failed(t, n);
        bytes += n;
        len -= (size_t)n;
        int error = recv_event(t, &e);
        if (error)
            return tunnel_fail(t, error);
    }
    if (t->state == TUNNEL_REFUSED)
        return 0;
    if (last)
        return end_message(t);
    return len_fed > 0 ? 0 : tunnel_recv_ping(t);
}
