// SPDX-License-Identifier: MIT
// A tunnel on long and narrow ways, in simulated time: how fast it gets, how much waits in the
// network, and that nothing stops it (docs/protocol.md §3, §4.2). ADIT_SEED runs that seed alone;
// ADIT_SEEDS sets the number of seeds.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/chance.h"
#include "tests/support/check.h"
#include "tests/support/slow_way.h"

enum {
    KIB = 1024,
    MIB = 1024 * 1024,
    MS = 1000,
    US_PER_S = 1000 * 1000,
    SEEDS = 12,
};

struct download {
    struct mux_view *reader, *sender;
    uint64_t total;
};

static struct download begin(struct slow_way *w, uint64_t total)
{
    struct download d = {.total = total};
    struct http_head get = head_request("GET", "/");
    size_t before = w->pair.agent.mux.count;
    d.reader = mux_side_open(&w->pair.relay.mux, &get, true);
    CHECK(d.reader);
    while (w->pair.agent.mux.count == before)
        slow_way_step(w);
    d.sender = w->pair.agent.mux.views[before];
    mux_view_respond(d.sender, 200, false);
    return d;
}

// One step, before which the sender gives all that it may.
static void step(struct slow_way *w, struct download *d)
{
    if (d->sender->stream && d->sender->sent < d->total) {
        (void)mux_view_feed(d->sender, 1, d->total);
        if (d->sender->sent == d->total)
            CHECK(mux_finish(d->sender->stream, NULL) == 0);
    }
    slow_way_step(w);
}

static uint64_t run(struct slow_way *w, struct download *d, uint64_t us)
{
    uint64_t before = d->reader->received;
    for (uint64_t until = w->now_us + us; w->now_us < until;)
        step(w, d);
    return d->reader->received - before;
}

static const struct {
    uint64_t bytes_s, round_trip_us, queue;
} ways[] = {
    {25000000, 100 * MS, 4 * MIB},  // the long way of the bench
    {1250000, 40 * MS, 256 * KIB},  // its narrow one
    {12500000, 10 * MS, 256 * KIB}, // a town away
    {5000000, 300 * MS, 1 * MIB},   // an ocean and a half away
    {2500000, 30 * MS, 32 * KIB},   // hardly a queue
};

enum {
    WAYS = sizeof(ways) / sizeof(ways[0])
};

static void the_rate_is_reached_within_a_few_round_trips(void **state)
{
    (void)state;
    for (size_t i = 0; i < WAYS; i++) {
        struct slow_way w;
        slow_way_open(&w, ways[i].bytes_s, ways[i].round_trip_us, ways[i].queue);
        slow_way_bind(&w);
        struct download d = begin(&w, UINT32_MAX);
        (void)run(&w, &d, 10 * ways[i].round_trip_us + 300 * MS);
        uint64_t carried = run(&w, &d, 2 * US_PER_S);
        // Frames, records and messages have heads.
        assert_true(carried >= 2 * ways[i].bytes_s * 94 / 100);
        slow_way_close(&w);
    }
}

static void little_waits_in_the_network(void **state)
{
    (void)state;
    for (size_t i = 0; i < WAYS; i++) {
        struct slow_way w;
        slow_way_open(&w, ways[i].bytes_s, ways[i].round_trip_us, 64 * MIB);
        slow_way_bind(&w);
        struct download d = begin(&w, UINT32_MAX);
        (void)run(&w, &d, 15 * ways[i].round_trip_us + 1200 * MS);
        w.down.most_queued = 0;
        (void)run(&w, &d, US_PER_S);
        uint64_t product = ways[i].bytes_s * ways[i].round_trip_us / US_PER_S;
        assert_true(w.down.most_queued <= product * 3 / 2 + 2 * (uint64_t)RATE_IN_FLIGHT_SPARE);
        slow_way_close(&w);
    }
}

// The time of a small exchange beside a download, in µs.
static uint64_t small(struct slow_way *w, struct download *d)
{
    struct http_head get = head_request("GET", "/small");
    uint64_t from = w->now_us;
    size_t index = w->pair.agent.mux.count;
    struct mux_view *reader = mux_side_open(&w->pair.relay.mux, &get, true);
    CHECK(reader);
    while (w->pair.agent.mux.count == index)
        step(w, d);
    struct mux_view *sender = w->pair.agent.mux.views[index];
    mux_view_respond(sender, 200, false);
    CHECK(mux_view_give(sender, "a small answer") == 0);
    CHECK(mux_finish(sender->stream, NULL) == 0);
    while (!reader->closed)
        step(w, d);
    return w->now_us - from;
}

static void a_small_exchange_does_not_wait_behind_a_download(void **state)
{
    struct slow_way w;
    (void)state;
    slow_way_open(&w, 1250000, 40 * MS, 256 * KIB);
    slow_way_bind(&w);
    struct download d = begin(&w, UINT32_MAX);
    (void)run(&w, &d, 2 * US_PER_S);
    uint64_t most = 0;
    for (int i = 0; i < 60; i++) { // longer than until a probe
        uint64_t took = small(&w, &d);
        most = took > most ? took : most;
        (void)run(&w, &d, 50 * MS);
    }
    assert_in_range(most, 40 * MS, 190 * MS);
    slow_way_close(&w);
}

static void peers_that_cannot_be_asked_are_no_slower_than_before(void **state)
{
    struct slow_way w;
    (void)state;
    slow_way_open(&w, 125000000, 1 * MS, 4 * MIB);
    slow_way_forget_asking(&w);
    struct download d = begin(&w, UINT32_MAX);
    (void)run(&w, &d, 100 * MS);
    assert_true(run(&w, &d, 500 * MS) >= 125000000 / 2 * (uint64_t)95 / 100);
    slow_way_close(&w);
}

static void after_a_pause_a_burst_is_as_fast_as_before(void **state)
{
    struct slow_way w;
    (void)state;
    slow_way_open(&w, 25000000, 100 * MS, 4 * MIB);
    struct download d = begin(&w, 40 * MIB);
    while (!d.reader->closed)
        step(&w, &d);
    for (int i = 0; i < 30; i++) // small exchanges now and then, for longer than a round trip lasts
        (void)small(&w, &d);
    (void)run(&w, &d, 9 * US_PER_S);
    d = begin(&w, 20 * MIB);
    uint64_t from = w.now_us;
    while (!d.reader->closed)
        step(&w, &d);
    // The window begins anew, and opens within a few round trips.
    assert_true(w.now_us - from <= 20 * (uint64_t)MIB * US_PER_S / 25000000 + 800 * MS);
    slow_way_close(&w);
}

// Acknowledgements and credit that come late and together, readers that pause, ways of any shape:
// every body arrives, in a time that follows from its length, and what waits is bounded.
static void survive(uint64_t seed)
{
    struct chance chance = chance_of_seed(seed);
    struct slow_way w;
    uint64_t bytes_s = (uint64_t)100000 << chance_below(&chance, 9);
    uint64_t round_trip_us = (uint64_t)500 << chance_below(&chance, 11);
    slow_way_open(&w, bytes_s, round_trip_us, (uint64_t)8 * KIB << chance_below(&chance, 10));
    w.up.burst_us = (uint64_t)chance_below(&chance, 4) * chance_below(&chance, 200) * MS;
    w.down.burst_us = (uint64_t)chance_below(&chance, 2) * chance_below(&chance, 50) * MS;
    bool pauses = chance_one_in(&chance, 3);
    uint64_t total = bytes_s / 2 + chance_below(&chance, 8 * MIB);
    struct download d = begin(&w, total);
    w.pair.relay.mux.holds_credit = pauses;
    uint64_t from = w.now_us;
    while (!d.reader->closed) {
        step(&w, &d);
        if (d.reader->stream && d.reader->uncredited > 0 && chance_one_in(&chance, 300))
            mux_view_credit(d.reader, chance_below(&chance, 3) ? d.reader->uncredited : 1);
        CHECK(mux_unread(tunnel_mux(w.pair.relay.tunnel)) <= MUX_WINDOW_FAR_MAX);
        // Each window may take a round trip with all its delays, and the tick that acknowledges.
        uint64_t turn = round_trip_us + w.up.burst_us + w.down.burst_us + US_PER_S;
        CHECK(w.now_us - from <=
              4 * (total * US_PER_S / bytes_s) + (40 + total / MUX_WINDOW_START) * turn);
    }
    CHECK(d.reader->received == total && d.reader->reset == 0);
    CHECK(w.most_unacked <= PIPE_UNACKED_MAX);
    slow_way_close(&w);
}

static uint64_t number(const char *name, uint64_t otherwise)
{
    uint64_t value = otherwise;
    const char *text = getenv(name);
    if (text)
        assert_true(slice_to_u64(slice_str(text), &value));
    return value;
}

static void nothing_stops_a_transfer(void **state)
{
    (void)state;
    uint64_t first = number("ADIT_SEED", 1);
    uint64_t seeds = getenv("ADIT_SEED") ? 1 : number("ADIT_SEEDS", SEEDS);
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        check_context("ADIT_SEED=%llu", (unsigned long long)seed);
        survive(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rate_is_reached_within_a_few_round_trips),
        cmocka_unit_test(little_waits_in_the_network),
        cmocka_unit_test(a_small_exchange_does_not_wait_behind_a_download),
        cmocka_unit_test(peers_that_cannot_be_asked_are_no_slower_than_before),
        cmocka_unit_test(after_a_pause_a_burst_is_as_fast_as_before),
        cmocka_unit_test(nothing_stops_a_transfer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
