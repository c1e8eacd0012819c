// SPDX-License-Identifier: MIT
// Shared by the files of the tunnel, from the bottom: tunnel_control.c (control messages) and
// tunnel_send.c, tunnel_recv.c, tunnel.c (the life of a tunnel).
#pragma once
#include "proto/http2/flood_budget.h"
#include "tunnel.h"

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

// Ends the tunnel. Returns `error`.
static inline int tunnel_fail(struct tunnel *t, int error)
{
    t->state = TUNNEL_DEAD;
    return error;
}

// Notes the fault that the mux has found. Returns its tunnel_error.
static inline int tunnel_mux_failed(struct tunnel *t, int error)
{
    t->detail = mux_strerror(error);
    return error == MUX_E_FLOOD ? TUNNEL_E_FLOOD : TUNNEL_E_MUX;
}

// Takes a control message out of a pipe event. Returns 0 or a tunnel_error.
int tunnel_recv_control(struct tunnel *t, const struct pipe_event *e);
