// SPDX-License-Identifier: MIT
// Either end of a tunnel, without its link: greeting, pipe, control messages and mux in one state
// machine (docs/protocol.md §2 to §5). The caller feeds and fetches link messages and moves time by
// tunnel_tick.
#pragma once
#include "control.h"
#include "pipe.h"
#include "proto/http2/mux.h"
#include "report.h"

struct tunnel;

// The features that every tunnel announces, besides those of the program (docs/protocol.md §2).
#define TUNNEL_FEATURES "case,fields,visitors,acks"

enum tunnel_role {
    TUNNEL_RELAY,
    TUNNEL_AGENT
};

enum tunnel_state {
    TUNNEL_AWAITS_HELLO,   // relay: waits for the agent's first message
    TUNNEL_AWAITS_WELCOME, // agent: waits for the relay's first message
    TUNNEL_OPEN,
    TUNNEL_REFUSED, // relay: sends the refusal, then the caller closes the link; agent: received it
    TUNNEL_LEFT,    // after tunnel_leave: only reports pass
    TUNNEL_DEAD,    // after a tunnel_error; only tunnel_free is legal
};

enum tunnel_error {
    TUNNEL_E_PIPE = -1,    // the peer broke the pipe's framing, or the pipe ran out of memory
    TUNNEL_E_CONTROL = -2, // a control message is malformed or illegal in this state
    TUNNEL_E_MUX = -3,     // the peer broke HTTP/2, or the mux ran out of memory
    TUNNEL_E_SILENT = -4,  // nothing came from the peer for TUNNEL_SILENCE_MS
    TUNNEL_E_MEMORY = -5,
    TUNNEL_E_FULL = -6,    // too many control messages wait to be sent
    TUNNEL_E_FLOOD = -7,   // the peer's flood budget is spent
    TUNNEL_E_STALLED = -8, // the peer acknowledged nothing that we sent for TUNNEL_STALL_MS
    TUNNEL_E_IDS = -9,     // relay: the stream ids are used up and the open streams are done
};

const char *tunnel_strerror(int error);

enum {
    TUNNEL_MESSAGE_MAX = 128 * 1024,  // bytes of a link message that we send
    TUNNEL_MESSAGE_MIN = 1024,        // the least room that tunnel_send accepts
    TUNNEL_CONTROL_QUEUE = 64 * 1024, // bytes of control records that may wait to be sent
    TUNNEL_TICK_MS = 500,             // between two calls of tunnel_tick
    TUNNEL_HEARTBEAT_MS = 5000,       // the longest time in which we send nothing
    TUNNEL_SILENCE_MS = 13000,        // a peer that sends nothing for this long is dead
    TUNNEL_UNACKED_SILENCE_MS = 4500, // the same while it owes us an acknowledgement
    TUNNEL_STALL_MS = 15000,          // so is one that sends but acknowledges no bytes of ours
    TUNNEL_ACK_MS = 1000,             // received bytes are acknowledged within this time
    TUNNEL_DRAIN_MS = 30000,          // for open streams to finish once the stream ids are used up
    TUNNEL_FLOOD_BUDGET = 10 * 1000,  // link messages that carry nothing (flood_budget.h)
    TUNNEL_CONTROL_COST = 10,         // what a control message costs of that budget
    TUNNEL_REPORT_QUEUE = 64 * 1024,  // bytes of reports that may wait to be sent
    TUNNEL_REPORT_EVERY = 4 * 1024,   // as many leave at once; fewer wait for the next tick
};

struct tunnel_handler {
    struct mux_handler mux;
    // A control message that is well-formed and legal in this state: hello and bind at the relay;
    // welcome, refused, bound, drain at the agent.
    void (*control)(void *ctx, const struct control_message *message);
    // The peer's report of an exchange. May be NULL.
    void (*report)(void *ctx, const struct report *report);
};

// `limits` NULL: mux_default_limits.
struct tunnel_config {
    enum tunnel_role role;
    const struct mux_limits *limits;
    struct mux_scratch *heads; // as mux_config.scratch
};

// NULL when out of memory. A new tunnel has nothing to send: an agent must queue its hello.
// `handler` is copied; `ctx` must outlive the tunnel.
struct tunnel *tunnel_new(const struct tunnel_config *config, const struct tunnel_handler *handler,
                          void *ctx, uint64_t now_ms);
// Frees the tunnel and its mux without calling the handler.
void tunnel_free(struct tunnel *t);

enum tunnel_state tunnel_state(const struct tunnel *t);
// The fault behind the last tunnel_error, as a phrase; empty when the error says it all.
const char *tunnel_detail(const struct tunnel *t);
struct mux *tunnel_mux(struct tunnel *t);

// The time in µs, from 1 up, of some clock that does not go back: to be called before tunnel_recv
// and tunnel_send, for what is measured. Without it windows and bytes in flight have fixed limits.
void tunnel_set_now(struct tunnel *t, uint64_t now_us);

// Queues a message: hello, welcome and a refused without id as link messages, all others as control
// records. Adds TUNNEL_FEATURES to a hello or welcome. Returns 0 or a tunnel_error.
int tunnel_queue_control(struct tunnel *t, const struct control_message *message);

// Whether the peer has asked for reports.
bool tunnel_wants_reports(const struct tunnel *t);
// Queues a report. Drops it when the peer did not ask for reports or too many wait.
void tunnel_queue_report(struct tunnel *t, const struct report *report);

// The link is about to end: loses all streams. What an open tunnel sends from now on are the
// reports that wait, those of the lost streams among them, however much is in flight; what it
// receives is ignored, except reports. Not inside the handler.
void tunnel_leave(struct tunnel *t);

// Feeds bytes of a link message, which may come in pieces; `last` ends the message. Returns 0, or a
// tunnel_error that leaves the tunnel dead.
int tunnel_recv(struct tunnel *t, const uint8_t *bytes, size_t len, bool last);

// The link received a ping or pong: charges the flood budget. Returns 0 or TUNNEL_E_FLOOD.
int tunnel_recv_ping(struct tunnel *t);

// Writes at most one link message, of at most `cap` (>= TUNNEL_MESSAGE_MIN) bytes. Returns its
// length, 0 when there is nothing to send, or a tunnel_error.
int tunnel_send(struct tunnel *t, uint8_t *out, size_t cap);
// The same with less copying: the message is what was written to `out` and then `*tail`, borrowed
// body bytes, which are the caller's until mux_settle_data (mux.h). Both have at most
// TUNNEL_MESSAGE_MAX bytes, and `out` at most `cap`.
int tunnel_send_lent(struct tunnel *t, uint8_t *out, size_t cap, struct slice *tail);
bool tunnel_wants_send(const struct tunnel *t);
// Nothing wants to be sent, although the link would take it: what is measured then says little
// about the link. tunnel_send notes the same when it returns 0.
void tunnel_idle(struct tunnel *t);

// To be called every TUNNEL_TICK_MS. Returns 0, or why the tunnel is dead: TUNNEL_E_SILENT,
// TUNNEL_E_STALLED or TUNNEL_E_IDS.
int tunnel_tick(struct tunnel *t, uint64_t now_ms);
