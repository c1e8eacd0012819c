// SPDX-License-Identifier: MIT
// Both ends of a tunnel without its link: hello, pipe, control and mux in one state machine
// (docs/protocol.md §2 to §5). Bytes of link messages in, link messages out; time comes in by
// tunnel_tick.
#pragma once
#include "hello.h"
#include "mux.h"
#include "pipe.h"

struct tunnel;

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
    TUNNEL_E_PIPE = -1,   // the peer broke the pipe's framing
    TUNNEL_E_HELLO = -2,  // the peer sent a JSON message that is wrong, or wrong now
    TUNNEL_E_MUX = -3,    // the peer broke HTTP/2
    TUNNEL_E_SILENT = -4, // the peer has not been heard for TUNNEL_SILENCE_MS
    TUNNEL_E_MEMORY = -5,
    TUNNEL_E_FULL = -6, // too many control records wait to be sent
};

const char *tunnel_strerror(int error);

enum {
    TUNNEL_MESSAGE_MAX = 128 * 1024,  // bytes of a link message that we send
    TUNNEL_MESSAGE_MIN = 1024,        // room that tunnel_send needs at least
    TUNNEL_CONTROL_QUEUE = 64 * 1024, // bytes of control records that wait
    TUNNEL_HEARTBEAT_MS = 5000,       // we are never silent for longer
    TUNNEL_SILENCE_MS = 13000,        // a peer that is: dead
    TUNNEL_UNACKED_SILENCE_MS = 5500, // the same while it owes us acknowledgements
    TUNNEL_ACK_MS = 1000,             // what was received is acknowledged within
};

struct tunnel_handler {
    struct mux_handler mux;
    // A control message that is right and legal in this state: hello and bind at the relay;
    // welcome, refused, bound, drain at the agent.
    void (*control)(void *ctx, const struct hello *message);
};

// NULL when out of memory. An agent's tunnel has its hello to send at once.
struct tunnel *tunnel_new(enum tunnel_role role, const struct tunnel_handler *handler, void *ctx,
                          uint64_t now_ms);
// Frees everything; the handler is not called.
void tunnel_free(struct tunnel *t);

enum tunnel_state tunnel_state(const struct tunnel *t);
struct mux *tunnel_mux(struct tunnel *t);

// Queues a message: hello, welcome, refused without id as link messages, all others as control
// records. Returns 0 or a tunnel_error.
int tunnel_say(struct tunnel *t, const struct hello *message);

// Feeds bytes of a link message, which may come in pieces; `last` ends the message. Returns 0 or a
// tunnel_error: the tunnel is dead then.
int tunnel_recv(struct tunnel *t, const uint8_t *bytes, size_t len, bool last);

// Writes at most one link message of at most cap (≥ TUNNEL_MESSAGE_MIN) bytes. Returns its length,
// 0 when there is nothing, or a tunnel_error.
int tunnel_send(struct tunnel *t, uint8_t *out, size_t cap);
bool tunnel_wants_send(const struct tunnel *t);

// To be called about every second. Returns 0, or TUNNEL_E_SILENT when the peer is dead.
int tunnel_tick(struct tunnel *t, uint64_t now_ms);
