// SPDX-License-Identifier: MIT
// Both ends of a tunnel without its link: hello, pipe, control and mux in one state machine
// (docs/protocol.md §2 to §5). Bytes of link messages in, link messages out; time comes in by
// tunnel_tick.
#pragma once
#include "control.h"
#include "mux.h"
#include "pipe.h"
#include "report.h"

struct tunnel;

// Words of `features` that a tunnel announces by itself (docs/protocol.md §2).
#define TUNNEL_FEATURES "case,fields,visitors"

enum tunnel_role {
    TUNNEL_RELAY,
    TUNNEL_AGENT
};

enum tunnel_state {
    TUNNEL_AWAITS_HELLO,   // relay: the agent's first message
    TUNNEL_AWAITS_WELCOME, // agent: the relay's first message
    TUNNEL_OPEN,           // either: anything
    TUNNEL_REFUSED, // relay: the refusal is still to be sent, then the link closes; agent: it was
                    // received
    TUNNEL_DEAD,    // nothing: a protocol error, or a silent peer
};

enum tunnel_error {
    TUNNEL_E_PIPE = -1,    // the peer broke the pipe's framing
    TUNNEL_E_CONTROL = -2, // the peer sent a JSON message that is wrong, or wrong now
    TUNNEL_E_MUX = -3,     // the peer broke HTTP/2
    TUNNEL_E_SILENT = -4,  // the peer has not been heard for TUNNEL_SILENCE_MS
    TUNNEL_E_MEMORY = -5,
    TUNNEL_E_FULL = -6,    // too many control records wait to be sent
    TUNNEL_E_FLOOD = -7,   // the peer says too much that brings nothing
    TUNNEL_E_STALLED = -8, // the peer has acknowledged nothing for TUNNEL_STALL_MS, though it owes
    TUNNEL_E_IDS = -9,     // relay: the stream ids are used up, and what ran has ended
};

const char *tunnel_strerror(int error);

enum {
    TUNNEL_MESSAGE_MAX = 128 * 1024,  // bytes of a link message that we send
    TUNNEL_MESSAGE_MIN = 1024,        // room that tunnel_send needs at least
    TUNNEL_CONTROL_QUEUE = 64 * 1024, // bytes of control records that wait
    TUNNEL_TICK_MS = 500,             // between two calls of tunnel_tick
    TUNNEL_HEARTBEAT_MS = 5000,       // we are never silent for longer
    TUNNEL_SILENCE_MS = 13000,        // a peer that is: dead
    TUNNEL_UNACKED_SILENCE_MS = 4500, // the same while it owes us acknowledgements
    TUNNEL_STALL_MS = 15000,          // a peer that talks but acknowledges nothing: dead
    TUNNEL_ACK_MS = 1000,             // what was received is acknowledged within
    TUNNEL_DRAIN_MS = 30000,          // for what runs to end, when stream ids are used up
    TUNNEL_FLOOD_BUDGET = 10 * 1000,  // messages that bring nothing (proto/tunnel/flood_budget.h)
    TUNNEL_CONTROL_COST = 10,         // of a control message, in such messages
    TUNNEL_REPORT_QUEUE = 64 * 1024,  // bytes of reports that wait
    TUNNEL_REPORT_EVERY = 4 * 1024,   // of them that leave at once; fewer leave with the next tick
};

struct tunnel_handler {
    struct mux_handler mux;
    // A control message that is right and legal in this state: hello and bind at the relay;
    // welcome, refused, bound, drain at the agent.
    void (*control)(void *ctx, const struct control_message *message);
    // What the peer says of an exchange. May be NULL.
    void (*report)(void *ctx, const struct report *report);
};

// What a tunnel is made of. `limits` NULL: mux_default_limits.
struct tunnel_config {
    enum tunnel_role role;
    const struct mux_limits *limits;
};

// NULL when out of memory. It has nothing to send before something is said.
struct tunnel *tunnel_new(const struct tunnel_config *config, const struct tunnel_handler *handler,
                          void *ctx, uint64_t now_ms);
// Frees everything; the handler is not called.
void tunnel_free(struct tunnel *t);

enum tunnel_state tunnel_state(const struct tunnel *t);
// What exactly was wrong, once a tunnel_error has told where; empty when there is no more to tell.
const char *tunnel_detail(const struct tunnel *t);
struct mux *tunnel_mux(struct tunnel *t);

// Queues a message (TUNNEL_FEATURES are added to the features of a greeting): hello, welcome,
// refused without id as link messages, all others as control records. Returns 0 or a tunnel_error.
int tunnel_queue_control(struct tunnel *t, const struct control_message *message);

// Queues a report, if the peer wants any: else, and when too many wait, it is dropped.
void tunnel_queue_report(struct tunnel *t, const struct report *report);

// Feeds bytes of a link message, which may come in pieces; `last` ends the message. Returns 0 or a
// tunnel_error: the tunnel is dead then.
int tunnel_recv(struct tunnel *t, const uint8_t *bytes, size_t len, bool last);

// The link has heard something of the peer that is no part of a message: a ping or pong. Returns 0
// or TUNNEL_E_FLOOD.
int tunnel_recv_ping(struct tunnel *t);

// Writes at most one link message of at most cap (≥ TUNNEL_MESSAGE_MIN) bytes. Returns its length,
// 0 when there is nothing, or a tunnel_error.
int tunnel_send(struct tunnel *t, uint8_t *out, size_t cap);
bool tunnel_wants_send(const struct tunnel *t);

// To be called twice a second (TUNNEL_TICK_MS). Returns 0, or why the tunnel is to end:
// TUNNEL_E_SILENT, TUNNEL_E_STALLED or TUNNEL_E_IDS.
int tunnel_tick(struct tunnel *t, uint64_t now_ms);
