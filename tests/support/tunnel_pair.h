// SPDX-License-Identifier: MIT
// Both ends of a tunnel in memory, on a clock that stands still until it is moved.
#pragma once
#include "mux_pair.h"
#include "proto/tunnel/tunnel.h"

enum {
    TUNNEL_SAID_MAX = 256
};

struct tunnel_side {
    struct mux_side mux; // first: it is the ctx of the mux's handler too
    struct tunnel *tunnel;
    struct control_message said[TUNNEL_SAID_MAX]; // by the other side, the first of them
    size_t said_count;
    struct report reported; // the last one
    size_t report_count;
    // What the side does when it hears a message; NULL: welcomes, binds and is bound, as the
    // programs do.
    void (*on_control)(struct tunnel_side *side, const struct control_message *message);
};

struct tunnel_pair {
    struct tunnel_side relay, agent;
    uint64_t now_ms;
};

void tunnel_side_init(struct tunnel_side *side, enum tunnel_role role, uint64_t now_ms);
void tunnel_side_init_limited(struct tunnel_side *side, const struct tunnel_config *config,
                              uint64_t now_ms);
void tunnel_side_deinit(struct tunnel_side *side);

// Two tunnels that have said nothing yet, the agent's hello waiting to be sent.
void tunnel_pair_init(struct tunnel_pair *p);
void tunnel_pair_init_limited(struct tunnel_pair *p, const struct mux_limits *limits);
void tunnel_pair_open(struct tunnel_pair *p); // and when all is said
void tunnel_pair_deinit(struct tunnel_pair *p);

struct control_message tunnel_hello(void); // of an agent
int tunnel_say_type(struct tunnel_side *side, enum control_type type, uint64_t id);

// Feeds a message, or a part of one, in memory of just its size and in pieces of `piece`.
int tunnel_feed(struct tunnel_side *to, const uint8_t *bytes, size_t len, bool last, size_t piece);
// Moves at most one message. Returns its length, 0, or the error of either.
int tunnel_move(struct tunnel_side *from, struct tunnel_side *to, size_t cap, size_t piece);
// Moves until nobody has anything to send; any error is a failure.
void tunnel_settle(struct tunnel_pair *p);
// One second later, without anything being moved. Returns the first error of either.
int tunnel_pair_tick(struct tunnel_pair *p, uint64_t ms);
