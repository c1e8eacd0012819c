// SPDX-License-Identifier: MIT
// Both ends of a tunnel in memory, on a clock that only tests move.
#pragma once
#include "mux_pair.h"
#include "proto/tunnel/tunnel.h"

enum {
    TUNNEL_SAID_MAX = 256
};

struct tunnel_side {
    struct mux_side mux; // first: it is the ctx of the handler of its mux
    struct tunnel *tunnel;
    struct control_message said[TUNNEL_SAID_MAX]; // the first messages of the peer
    size_t said_count;
    struct report reported; // the last one
    size_t report_count;
    // Called for each control message; NULL: welcome, bind and bound as the programs answer.
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

// Two new tunnels; the hello of the agent waits to be sent.
void tunnel_pair_init(struct tunnel_pair *p);
void tunnel_pair_init_limited(struct tunnel_pair *p, const struct mux_limits *limits);
void tunnel_pair_open(struct tunnel_pair *p); // the same, with the greeting and a bind exchanged
void tunnel_pair_deinit(struct tunnel_pair *p);

struct control_message tunnel_hello(void); // of an agent
int tunnel_say_type(struct tunnel_side *side, enum control_type type, uint64_t id);

// Feeds a message or a part of one, from memory of exactly its size, in pieces of `piece`.
int tunnel_feed(struct tunnel_side *to, const uint8_t *bytes, size_t len, bool last, size_t piece);
// Moves at most one message. Returns its length, 0, or the error of either side.
int tunnel_move(struct tunnel_side *from, struct tunnel_side *to, size_t cap, size_t piece);
// Moves until neither side has anything to send. Any error is a failure.
void tunnel_settle(struct tunnel_pair *p);
// Moves the clock by `ms` and ticks both tunnels, delivering nothing. Returns the first error.
int tunnel_pair_tick(struct tunnel_pair *p, uint64_t ms);
