// SPDX-License-Identifier: MIT
// The life of a tunnel, and the passing of time: heartbeats, silence, draining.
#include <stdlib.h>
#include "tunnel_internal.h"
#include "tunnel_profile.h"

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
    case TUNNEL_E_IDS: return "the tunnel has no stream ids left";
    }
    return "no error";
}

struct tunnel *tunnel_new(const struct tunnel_config *config, const struct tunnel_handler *handler,
                          void *ctx, uint64_t now_ms)
{
    struct tunnel *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    const struct mux_config mux = {.role = config->role == TUNNEL_RELAY ? MUX_CLIENT : MUX_SERVER,
                                   .profile = &tunnel_profile,
                                   .limits = config->limits,
                                   .scratch = config->heads};
    t->role = config->role;
    t->state = t->role == TUNNEL_RELAY ? TUNNEL_AWAITS_HELLO : TUNNEL_AWAITS_WELCOME;
    t->handler = *handler;
    t->ctx = ctx;
    t->now_ms = t->last_recv_ms = t->last_send_ms = t->unacked_since_ms = t->last_ack_ms = now_ms;
    t->detail = "";
    flood_budget_init(&t->flood_budget, TUNNEL_FLOOD_BUDGET);
    pipe_init(&t->pipe);
    t->mux = mux_new(&mux, &t->handler.mux, ctx);
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

void tunnel_leave(struct tunnel *t)
{
    mux_link_lost(t->mux); // whose streams may queue reports
    if (t->state != TUNNEL_OPEN)
        return;
    t->state = TUNNEL_LEFT;
    t->reports_due = true;
}

void tunnel_set_now(struct tunnel *t, uint64_t now_us)
{
    pipe_set_now(&t->pipe, now_us);
    mux_set_now(t->mux, t->pipe.now_us, rate_round_trip_us(&t->pipe.rate));
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

_Static_assert(TUNNEL_TICK_MS <= TUNNEL_ACK_MS, "every tick acknowledges, which is in time");

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
    return error ? tunnel_fail(t, error) : 0;
}
