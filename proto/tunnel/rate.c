// SPDX-License-Identifier: MIT
#include "rate.h"

enum {
    US_PER_S = 1000 * 1000
};

static const uint64_t rate_most = UINT64_C(1) << 34; // bytes a second; keeps products in 64 bits

static uint64_t max_of(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t min_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t product(const struct rate *r)
{
    uint64_t best = max_of(r->best, r->best_before);
    return best * max_of(r->round_trip_us, RATE_ROUND_TRIP_FLOOR_US) / US_PER_S;
}

static uint64_t probe_max(const struct rate *r)
{
    return max_of(product(r) / 2, RATE_IN_FLIGHT_MIN);
}

uint64_t rate_in_flight_max(const struct rate *r)
{
    if (r->best == 0 && r->best_before == 0)
        return RATE_IN_FLIGHT_START;
    if (r->probing)
        return probe_max(r);
    if (r->full_rounds >= RATE_FULL_ROUNDS)
        return RATE_GAIN * product(r) + RATE_IN_FLIGHT_SPARE;
    return max_of(RATE_GAIN_START * product(r) + RATE_IN_FLIGHT_SPARE, RATE_IN_FLIGHT_START);
}

void rate_sent(struct rate *r, uint64_t start, uint64_t end, uint64_t now_us)
{
    if (r->count == 0) { // nothing is awaited: an interval begins
        r->first_us = r->acked_us = now_us;
        r->acked = start;
    }
    if (r->count == RATE_MARKS)
        return;
    struct rate_mark *m = &r->marks[(r->first + r->count++) % RATE_MARKS];
    *m = (struct rate_mark){
        .end = end,
        .sent_us = now_us,
        .acked = r->acked,
        .acked_us = r->acked_us,
        .first_us = r->first_us,
        .limited = r->probing || r->limited_until > r->acked,
    };
}

// Whether more bytes in flight still bring a greater rate.
static void note_full(struct rate *r)
{
    uint64_t best = max_of(r->best, r->best_before);
    if (r->full_rounds >= RATE_FULL_ROUNDS)
        return;
    if (best > r->full_best + r->full_best / 4) {
        r->full_best = best;
        r->full_rounds = 0;
    } else {
        r->full_rounds++;
    }
}

// The greatest rate is forgotten after RATE_ROUNDS to twice as many round trips of a busy sender.
static void note_rate(struct rate *r, const struct rate_mark *m, uint64_t sent, uint64_t now_us)
{
    uint64_t took = max_of(now_us - m->acked_us, m->sent_us - m->first_us);
    uint64_t rate = (r->acked - m->acked) * US_PER_S / max_of(took, 1);
    bool limited = m->limited;
    rate = min_of(max_of(rate, 1), rate_most);
    if (limited && rate < max_of(r->best, r->best_before))
        return;
    if (m->end > r->round_end) {
        r->round_end = sent;
        if (!limited)
            note_full(r);
        if (++r->rounds >= RATE_ROUNDS) {
            r->rounds = 0;
            r->best_before = r->best;
            r->best = 0;
        }
    }
    r->best = max_of(r->best, rate);
}

// Ends a probe one round trip after the queues are empty.
static void note_probe(struct rate *r, const struct rate_mark *m, uint64_t round_trip,
                       uint64_t now_us)
{
    if (!r->probe_drained || m->sent_us < r->probe_us)
        return;
    r->probe_least = min_of(r->probe_least, round_trip);
    if (m->sent_us - r->probe_us < r->round_trip_us)
        return;
    r->round_trip_us = r->probe_least;
    r->round_trip_at_us = now_us;
    r->probing = false;
}

static void note_round_trip(struct rate *r, const struct rate_mark *m, uint64_t now_us)
{
    uint64_t round_trip = min_of(max_of(now_us - m->sent_us, 1), RATE_ROUND_TRIP_MAX_US);
    if (r->round_trip_us == 0 || round_trip <= r->round_trip_us) {
        r->round_trip_us = round_trip;
        r->round_trip_at_us = now_us;
        r->probing = false;
    } else if (r->probing) {
        note_probe(r, m, round_trip, now_us);
    } else if (now_us - r->round_trip_at_us > RATE_ROUND_TRIP_AGE_US) {
        r->probing = true;
        r->probe_drained = false;
    }
}

void rate_acked(struct rate *r, uint64_t acked, uint64_t sent, uint64_t now_us)
{
    struct rate_mark m = {0};
    bool sampled = false;
    for (; r->count > 0 && r->marks[r->first].end <= acked; r->count--) {
        m = r->marks[r->first];
        sampled = true;
        r->first = (r->first + 1) % RATE_MARKS;
    }
    if (acked > r->acked) {
        r->acked = acked;
        r->acked_us = now_us;
    }
    if (sampled) {
        r->first_us = m.sent_us;
        note_rate(r, &m, sent, now_us);
        note_round_trip(r, &m, now_us);
    }
    if (r->probing && !r->probe_drained && sent - acked <= probe_max(r)) {
        r->probe_drained = true;
        r->probe_us = now_us;
        r->probe_least = UINT64_MAX;
    }
}
