// SPDX-License-Identifier: MIT
// Both ends of a tunnel on a way that is long or narrow, on a clock of its own: each direction has
// a queue, a rate and a delay. What a full queue does not take stays in its tunnel.
#pragma once
#include "tunnel_pair.h"

struct slow_message {
    struct slow_message *next;
    uint64_t leaves_us, arrives_us; // the queue; at the other end
    size_t len;
    uint8_t bytes[];
};

// One direction.
struct slow_wire {
    struct slow_message *first, **last;
    uint64_t free_us; // when the last byte leaves the queue
    uint64_t bytes_s, delay_us, queue;
    uint64_t burst_us; // what arrives is delivered at multiples of this time; 0: at once
    uint64_t most_queued;
};

struct slow_way {
    struct tunnel_pair pair;
    struct slow_wire up, down; // from the relay; from the agent
    uint64_t now_us, tick_us;
    uint64_t most_unacked; // bytes that either side had under way
};

// Opens a tunnel on a way that is alike in both directions.
void slow_way_open(struct slow_way *w, uint64_t bytes_s, uint64_t round_trip_us, uint64_t queue);
// Exchanges a bind on the way, as every agent does: both sides learn its round trip.
void slow_way_bind(struct slow_way *w);
void slow_way_close(struct slow_way *w);
// The peers no longer know how to ask for acknowledgements, as earlier versions.
void slow_way_forget_asking(struct slow_way *w);
// Moves the clock by a step, and all messages that are due. Any error is a failure.
void slow_way_step(struct slow_way *w);
// The bytes that wait in the queue of a direction.
uint64_t slow_wire_queued(const struct slow_wire *wire, uint64_t now_us);
