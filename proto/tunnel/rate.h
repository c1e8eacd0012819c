// SPDX-License-Identifier: MIT
// The bandwidth-delay product of a sender, measured from acknowledgements as BBR does: the greatest
// rate of delivery of the last round trips, and the least round trip of the last seconds. From them
// follows how many bytes may be in flight without filling queues of the network (docs/protocol.md
// §3).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RATE_IN_FLIGHT_START = 256 * 1024, // in flight before anything was measured
    RATE_IN_FLIGHT_SPARE = 32 * 1024,  // in flight besides the products, for their acknowledgements
    RATE_IN_FLIGHT_MIN = 16 * 1024,    // in flight while the least round trip is measured again
    RATE_GAIN_START = 3,               // products in flight while the rate still grows with them
    RATE_GAIN = 2,                     // products in flight: one moves, the other is acknowledged
    RATE_ROUND_TRIP_FLOOR_US = 4000,   // a shorter one counts as this: programs take turns, too
    RATE_ROUND_TRIP_MAX_US = 60 * 1000 * 1000,
    RATE_ROUND_TRIP_AGE_US = 10 * 1000 * 1000, // until the least round trip is measured again
    RATE_ROUNDS = 4,      // round trips that a greatest rate counts for; and as many more
    RATE_FULL_ROUNDS = 3, // rounds without a quarter more, after which the rate grows no more
    RATE_MARKS = 16,      // messages under way whose acknowledgement is awaited
};

// A message whose acknowledgement will be a sample.
struct rate_mark {
    uint64_t end, sent_us;
    uint64_t acked, acked_us; // what was acknowledged when it left, and since when
    uint64_t first_us;        // when the first message of the sample's interval left
    bool limited;             // by its sender, not by the network
};

struct rate {
    struct rate_mark marks[RATE_MARKS]; // a ring
    uint32_t first, count;
    uint64_t acked, acked_us, first_us;
    uint64_t limited_until; // messages that leave before this offset is acknowledged are limited
    uint64_t best, best_before; // bytes a second: the greatest of this span of rounds, and the last
    uint64_t round_end;         // the offset whose acknowledgement ends the round
    uint32_t rounds;
    uint64_t full_best;   // the greatest rate at the last round that had a quarter more
    uint32_t full_rounds; // since then; from RATE_FULL_ROUNDS on the rate is known
    uint64_t round_trip_us, round_trip_at_us; // 0: not known
    bool probing;         // fewer bytes are in flight, until the round trip is measured again
    bool probe_drained;   // queues should be empty from here on
    uint64_t probe_us;    // since when
    uint64_t probe_least; // round trip since then
};

// The bytes that may be in flight.
uint64_t rate_in_flight_max(const struct rate *r);
// The least round trip in µs; 0 when it is not known.
static inline uint64_t rate_round_trip_us(const struct rate *r)
{
    return r->round_trip_us;
}

// A message of the bytes from `start` to `end` leaves now, and asks to be acknowledged at once.
void rate_sent(struct rate *r, uint64_t start, uint64_t end, uint64_t now_us);
// Bytes up to `acked` of `sent` bytes are acknowledged.
void rate_acked(struct rate *r, uint64_t acked, uint64_t sent, uint64_t now_us);
// The sender had nothing to send although more could be in flight: samples of the bytes under way
// say little about the network.
static inline void rate_idle(struct rate *r, uint64_t sent)
{
    r->limited_until = sent + 1;
}
