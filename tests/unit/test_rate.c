// SPDX-License-Identifier: MIT
// What a sender learns from acknowledgements (proto/tunnel/rate.h), on an ideal way: messages leave
// when they may, are carried at a rate, and are acknowledged after the round trip.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/tunnel/rate.h"

enum {
    MESSAGE = 8 * 1024,
    US_PER_S = 1000 * 1000,
    UNDER_WAY = 8192, // messages
};

struct sender {
    struct rate rate;
    uint64_t now_us, sent, acked, asked, asked_us;
    uint64_t bytes_s, delay_us; // of the way; the delay is the round trip of an empty way
    uint64_t free_us;           // when the way has carried all
    uint64_t arrive_us[UNDER_WAY];
    uint64_t first, last; // of the ring
    uint64_t most_in_flight;
};

static void send_one(struct sender *s)
{
    uint64_t start = s->sent;
    s->sent += MESSAGE;
    // As the pipe asks: by bytes and by time.
    if (s->sent - s->asked >= rate_in_flight_max(&s->rate) / 8 || s->asked == 0 ||
        s->now_us - s->asked_us >= 100 * 1000) {
        rate_sent(&s->rate, start, s->sent, s->now_us);
        s->asked = s->sent;
        s->asked_us = s->now_us;
    }
    s->free_us = s->free_us > s->now_us ? s->free_us : s->now_us;
    s->free_us += MESSAGE * (uint64_t)US_PER_S / s->bytes_s;
    assert_true(s->last - s->first < UNDER_WAY);
    s->arrive_us[s->last++ % UNDER_WAY] = s->free_us + s->delay_us;
}

static void acknowledge(struct sender *s)
{
    for (; s->first < s->last && s->arrive_us[s->first % UNDER_WAY] <= s->now_us; s->first++) {
        s->acked += MESSAGE; // each message, whether asked or not
        rate_acked(&s->rate, s->acked, s->sent, s->now_us);
    }
}

// Sends all that may be in flight until `until_us`. Returns the bytes that were acknowledged.
static uint64_t run(struct sender *s, uint64_t until_us)
{
    uint64_t before = s->acked;
    for (; s->now_us < until_us; s->now_us += 100) {
        acknowledge(s);
        s->most_in_flight = 0;
        while (s->sent + MESSAGE - s->acked <= rate_in_flight_max(&s->rate))
            send_one(s);
        s->most_in_flight = s->sent - s->acked;
    }
    return s->acked - before;
}

static struct sender sender_on(uint64_t bytes_s, uint64_t round_trip_us)
{
    return (struct sender){.now_us = 1000, .bytes_s = bytes_s, .delay_us = round_trip_us};
}

static void nothing_is_known_before_an_acknowledgement(void **state)
{
    struct rate r = {0};
    (void)state;
    assert_int_equal(rate_in_flight_max(&r), RATE_IN_FLIGHT_START);
    assert_int_equal(rate_round_trip_us(&r), 0);
    rate_acked(&r, 10, 20, 5000); // nobody asked for this one
    assert_int_equal(rate_round_trip_us(&r), 0);
    assert_int_equal(rate_in_flight_max(&r), RATE_IN_FLIGHT_START);
}

static void the_way_is_filled_and_its_queue_stays_short(void **state)
{
    static const struct {
        uint64_t bytes_s, round_trip_us;
    } ways[] = {{1250000, 40000},  {25000000, 100000}, {125000, 400000},
                {12500000, 10000}, {1250000, 1000},    {10000000, 400000}};
    (void)state;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        struct sender *s = malloc(sizeof(*s));
        assert_non_null(s);
        *s = sender_on(ways[i].bytes_s, ways[i].round_trip_us);
        uint64_t floor = ways[i].round_trip_us > RATE_ROUND_TRIP_FLOOR_US
                             ? ways[i].round_trip_us
                             : RATE_ROUND_TRIP_FLOOR_US;
        uint64_t product = ways[i].bytes_s * floor / US_PER_S;
        // Past the start: a few rounds of all that may be in flight.
        (void)run(s, 25 * ways[i].round_trip_us + US_PER_S +
                         6 * (uint64_t)RATE_IN_FLIGHT_START * US_PER_S / ways[i].bytes_s);
        uint64_t from = s->now_us;
        uint64_t most = 0;
        uint64_t carried = 0;
        while (s->now_us < from + 20 * (uint64_t)US_PER_S) { // with two probes
            carried += run(s, s->now_us + 50 * 1000);
            most = s->most_in_flight > most ? s->most_in_flight : most;
        }
        assert_true(carried >= 20 * ways[i].bytes_s * 94 / 100);
        // Messages take their time too, which counts as round trip.
        uint64_t allowed = RATE_GAIN * (product + 2 * MESSAGE) + RATE_IN_FLIGHT_SPARE;
        assert_true(most <= allowed + allowed / 10);
        free(s);
    }
}

static void the_start_doubles_what_is_in_flight_in_each_round(void **state)
{
    struct sender *s = malloc(sizeof(*s));
    (void)state;
    assert_non_null(s);
    *s = sender_on(25000000, 100000);
    (void)run(s, 600 * 1000);
    assert_true(run(s, 1600 * 1000) >= (uint64_t)25000000 * 95 / 100);
    free(s);
}

static void a_round_trip_is_measured_again_when_it_is_old(void **state)
{
    struct sender *s = malloc(sizeof(*s));
    (void)state;
    assert_non_null(s);
    *s = sender_on(1250000, 40000);
    (void)run(s, 2 * US_PER_S);
    assert_in_range(rate_round_trip_us(&s->rate), 40000, 40000 + 7000);
    s->delay_us = 80000; // the way changes: nothing is faster than this any more
    uint64_t carried = run(s, 32 * (uint64_t)US_PER_S);
    assert_in_range(rate_round_trip_us(&s->rate), 80000, 80000 + 14000);
    // All probes together cost less than a twentieth.
    assert_true(carried >= 30 * (uint64_t)1250000 * 95 / 100);
    s->delay_us = 20000;
    (void)run(s, 55 * (uint64_t)US_PER_S); // each probe sees half of the old product at most
    assert_in_range(rate_round_trip_us(&s->rate), 20000, 20000 + 14000);
    free(s);
}

static void a_rate_that_falls_is_noticed(void **state)
{
    struct sender *s = malloc(sizeof(*s));
    (void)state;
    assert_non_null(s);
    *s = sender_on(12500000, 40000);
    (void)run(s, 3 * US_PER_S);
    s->bytes_s = 1250000;
    (void)run(s, 30 * (uint64_t)US_PER_S);
    assert_true(s->most_in_flight <= 2 * (50000 + MESSAGE) + 2 * RATE_IN_FLIGHT_SPARE);
    s->bytes_s = 12500000;
    (void)run(s, 33 * (uint64_t)US_PER_S);
    assert_true(run(s, 34 * (uint64_t)US_PER_S) >= (uint64_t)12500000 * 95 / 100);
    free(s);
}

// A sender that has little to send learns nothing about the way, and forgets nothing.
static void a_limited_sender_keeps_its_rate(void **state)
{
    struct sender *s = malloc(sizeof(*s));
    (void)state;
    assert_non_null(s);
    *s = sender_on(12500000, 40000);
    (void)run(s, 3 * US_PER_S);
    uint64_t before = rate_in_flight_max(&s->rate);
    for (int i = 0; i < 1000; i++) {
        rate_idle(&s->rate, s->sent);
        send_one(s);
        s->now_us += 41 * 1000;
        acknowledge(s);
        s->now_us += 59 * 1000;
    }
    uint64_t after = rate_in_flight_max(&s->rate);
    assert_in_range(after, before * 9 / 10, before * 11 / 10);
    uint64_t from = s->now_us; // a burst after that is as fast as before
    assert_true(run(s, from + US_PER_S) >= (uint64_t)12500000 * 90 / 100);
    free(s);
}

// Acknowledgements that come late, together, or for a byte at a time change how fast things go, but
// what may be in flight is never too little to go on, and never more than the rate that was seen.
static void no_pattern_of_acknowledgements_stops_a_sender(void **state)
{
    (void)state;
    for (uint64_t step = 1; step < 200000; step = step * 7 + 3) {
        struct rate r = {0};
        uint64_t sent = 0;
        uint64_t acked = 0;
        for (uint64_t now = 1; now < 1000; now++) {
            uint64_t most = rate_in_flight_max(&r);
            assert_true(most >= RATE_IN_FLIGHT_MIN);
            if (sent - acked < most) {
                rate_sent(&r, sent, sent + MESSAGE, now * 1000);
                sent += MESSAGE;
            }
            acked = acked + step < sent ? acked + step : sent;
            rate_acked(&r, acked, sent, now * 1000);
            rate_acked(&r, acked, sent, now * 1000); // and again
        }
        assert_true(r.count <= RATE_MARKS && acked > 0);
    }
}

static void extreme_times_and_rates_do_not_overflow(void **state)
{
    struct rate r = {0};
    (void)state;
    rate_sent(&r, 0, (uint64_t)1 << 40, 1);
    rate_acked(&r, (uint64_t)1 << 40, (uint64_t)1 << 40, 1); // at once
    assert_int_equal(rate_round_trip_us(&r), 1);
    assert_true(rate_in_flight_max(&r) >= RATE_IN_FLIGHT_START);
    rate_sent(&r, (uint64_t)1 << 40, ((uint64_t)1 << 40) + 1, 2);
    rate_acked(&r, ((uint64_t)1 << 40) + 1, ((uint64_t)1 << 40) + 1, UINT64_MAX / 2);
    assert_true(rate_in_flight_max(&r) >= RATE_IN_FLIGHT_MIN);
    struct rate slow = {0};
    rate_sent(&slow, 0, 1, 1);
    rate_acked(&slow, 1, 1, UINT64_MAX / 2);
    assert_int_equal(rate_round_trip_us(&slow), RATE_ROUND_TRIP_MAX_US);
    assert_true(rate_in_flight_max(&slow) >= RATE_IN_FLIGHT_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_before_an_acknowledgement),
        cmocka_unit_test(the_way_is_filled_and_its_queue_stays_short),
        cmocka_unit_test(the_start_doubles_what_is_in_flight_in_each_round),
        cmocka_unit_test(a_round_trip_is_measured_again_when_it_is_old),
        cmocka_unit_test(a_rate_that_falls_is_noticed),
        cmocka_unit_test(a_limited_sender_keeps_its_rate),
        cmocka_unit_test(no_pattern_of_acknowledgements_stops_a_sender),
        cmocka_unit_test(extreme_times_and_rates_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
