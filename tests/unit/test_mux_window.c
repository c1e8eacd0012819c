// SPDX-License-Identifier: MIT
// Receive windows of far peers: growth by measured bandwidth-delay product, and shrinking
// (docs/protocol.md §4.2). One turn is a round trip: the sender sends what it may, and the reader
// drains all of it.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/mux_pair.h"

enum {
    MIB = 1024 * 1024,
    FAR_US = 100 * 1000,
    TICK_MS = 500,
};

struct way {
    struct mux_pair pair;
    uint64_t now_us, round_trip_us;
};

struct download {
    struct mux_view *reader, *sender;
};

static void way_init(struct way *w, const struct mux_limits *limits, uint64_t round_trip_us)
{
    *w = (struct way){.now_us = 1000, .round_trip_us = round_trip_us};
    mux_pair_init_limited(&w->pair, limits);
    w->pair.relay.holds_credit = w->pair.relay.drops_bodies = true;
    mux_set_now(w->pair.relay.mux, w->now_us, w->round_trip_us);
}

static struct download begin(struct way *w)
{
    struct download d;
    mux_pair_begin(&w->pair, &d.reader, &d.sender);
    mux_view_respond(d.sender, 200, false);
    return d;
}

// Sends until `most` bytes have arrived that nobody drains, or the window is full. Returns their
// number.
static uint64_t fill(struct way *w, const struct download *d, uint64_t most)
{
    uint64_t total = d->reader->received - d->reader->uncredited + most;
    while (d->reader->stream && d->sender->sent < total && mux_view_feed(d->sender, 0, total) > 0)
        mux_settle(&w->pair);
    mux_settle(&w->pair);
    return d->reader->uncredited;
}

static void drain(struct way *w, const struct download *d)
{
    mux_view_credit(d->reader, d->reader->uncredited);
    mux_settle(&w->pair);
}

static void pass_round_trip(struct way *w)
{
    w->now_us += w->round_trip_us > 0 ? w->round_trip_us : FAR_US;
    mux_set_now(w->pair.relay.mux, w->now_us, w->round_trip_us);
}

// Lets `rounds` round trips pass in which the sender sends at most `each` bytes.
static void run(struct way *w, const struct download *d, int rounds, uint64_t each)
{
    for (int i = 0; i < rounds; i++) {
        pass_round_trip(w);
        (void)fill(w, d, each);
        drain(w, d);
    }
}

// The window that a peer has after many such round trips.
static uint64_t window_at(uint64_t round_trip_us, uint64_t each)
{
    struct way w;
    way_init(&w, NULL, round_trip_us);
    struct download d = begin(&w);
    run(&w, &d, 14, each);
    uint64_t window = fill(&w, &d, INT32_MAX);
    mux_pair_deinit(&w.pair);
    return window;
}

static void a_far_peers_window_follows_the_measured_product(void **state)
{
    (void)state;
    // An eighth may be drained and not granted yet, and steps of less than an eighth are not made.
    assert_in_range(window_at(FAR_US, 2 * MIB), 3 * MIB, 4 * MIB);
    assert_in_range(window_at(FAR_US, 3 * MIB), 9 * MIB / 2, 6 * MIB);
    assert_in_range(window_at(FAR_US, MIB / 4), MIB / 2, MIB); // by doubling alone
}

static void it_has_its_limit(void **state)
{
    (void)state;
    assert_in_range(window_at(FAR_US, 4 * MIB), MUX_WINDOW_FAR_MAX * 3 / 4, MUX_WINDOW_FAR_MAX);
    assert_in_range(window_at(FAR_US, UINT32_MAX), MUX_WINDOW_FAR_MAX * 7 / 8, MUX_WINDOW_FAR_MAX);
    for (int step = -1; step <= 1; step++) {
        struct mux_limits limits = mux_default_limits;
        struct way w;
        limits.window_far = (uint32_t)(4 * MIB + step);
        way_init(&w, &limits, FAR_US);
        struct download d = begin(&w);
        run(&w, &d, 15, UINT32_MAX);
        // Nothing is left ungranted when the reader drains a multiple of an eighth.
        assert_in_range(fill(&w, &d, INT32_MAX), limits.window_far * 7 / 8, limits.window_far);
        mux_pair_deinit(&w.pair);
    }
}

static void without_a_measured_round_trip_it_stays_small(void **state)
{
    (void)state;
    assert_in_range(window_at(0, UINT32_MAX), MUX_WINDOW_MAX / 2, MUX_WINDOW_MAX);
    assert_in_range(window_at(100, MIB / 2), MUX_WINDOW_MAX / 2, MUX_WINDOW_MAX);
}

static void it_opens_within_a_few_round_trips(void **state)
{
    struct way w;
    (void)state;
    way_init(&w, NULL, FAR_US);
    struct download d = begin(&w);
    run(&w, &d, 5, UINT32_MAX);
    assert_true(fill(&w, &d, INT32_MAX) >= 4 * MIB * 7 / 8);
    mux_pair_deinit(&w.pair);
    way_init(&w, NULL, MUX_FAR_US - 1); // a near one waits for MUX_GROW_AFTER
    d = begin(&w);
    run(&w, &d, 3, UINT32_MAX);
    assert_in_range(fill(&w, &d, INT32_MAX), 1, MUX_WINDOW_START);
    mux_pair_deinit(&w.pair);
}

static void it_shrinks_when_its_reader_stops(void **state)
{
    struct way w;
    (void)state;
    for (int ticks = 0; ticks <= 3; ticks++) {
        way_init(&w, NULL, FAR_US);
        struct download d = begin(&w);
        run(&w, &d, 12, 3 * MIB);
        uint64_t window = fill(&w, &d, INT32_MAX);
        assert_true(window > 4 * MIB);
        for (int i = 0; i < ticks; i++)
            mux_tick(w.pair.relay.mux, TICK_MS);
        drain(&w, &d);
        uint64_t then = fill(&w, &d, INT32_MAX);
        if (ticks < 2) // it may only have paused
            assert_true(then > 4 * MIB);
        else
            assert_in_range(then, MUX_WINDOW_MAX / 2, 2 * MUX_WINDOW_MAX); // and grows again
        mux_pair_deinit(&w.pair);
    }
}

static void it_grows_again_when_its_reader_goes_on(void **state)
{
    struct way w;
    (void)state;
    way_init(&w, NULL, FAR_US);
    struct download d = begin(&w);
    for (int again = 0; again < 3; again++) {
        run(&w, &d, 12, 3 * MIB);
        assert_in_range(fill(&w, &d, INT32_MAX), 9 * MIB / 2, 6 * MIB);
        assert_true(mux_unread(w.pair.relay.mux) == d.reader->uncredited);
        mux_tick(w.pair.relay.mux, TICK_MS);
        mux_tick(w.pair.relay.mux, TICK_MS);
        mux_view_credit(d.reader, MIB); // a part, so that growth meets what is still withheld
        mux_settle(&w.pair);
    }
    mux_pair_deinit(&w.pair);
}

// A reader that is slow, but reads, has what it needs and no more.
static void it_shrinks_to_what_a_slow_reader_needs(void **state)
{
    struct way w;
    (void)state;
    way_init(&w, NULL, FAR_US);
    struct download d = begin(&w);
    run(&w, &d, 12, 3 * MIB);
    for (int i = 0; i < 200; i++) {
        pass_round_trip(&w);
        (void)fill(&w, &d, INT32_MAX);
        mux_view_credit(d.reader, MIB / 10);
        mux_settle(&w.pair);
        mux_tick(w.pair.relay.mux, FAR_US / 1000);
    }
    assert_true(mux_unread(w.pair.relay.mux) <= MUX_WINDOW_MAX);
    mux_pair_deinit(&w.pair);
}

static void all_windows_together_have_a_limit(void **state)
{
    enum {
        STREAMS = 6
    };
    struct download d[STREAMS];
    struct way w;
    (void)state;
    way_init(&w, NULL, FAR_US);
    for (int i = 0; i < STREAMS; i++)
        d[i] = begin(&w);
    for (int round = 0; round < 10; round++) {
        pass_round_trip(&w);
        for (int i = 0; i < STREAMS; i++) {
            (void)fill(&w, &d[i], UINT32_MAX);
            drain(&w, &d[i]);
        }
    }
    uint64_t sum = 0;
    for (int i = 0; i < STREAMS; i++)
        sum += fill(&w, &d[i], INT32_MAX);
    assert_true(sum <= MUX_UNREAD_MAX / 2 + STREAMS * MUX_WINDOW_MAX);
    for (int i = 0; i < STREAMS; i++)
        assert_non_null(d[i].reader->stream); // nothing had to be shed
    // A stream that ends gives its part back.
    for (int i = 0; i < STREAMS; i++)
        mux_view_reset(d[i].reader, MUX_RESET_CANCEL);
    mux_settle(&w.pair);
    struct download last = begin(&w);
    run(&w, &last, 10, UINT32_MAX);
    assert_true(fill(&w, &last, INT32_MAX) > MUX_WINDOW_FAR_MAX / 2);
    mux_pair_deinit(&w.pair);
}

enum {
    ALL = 6 // streams that want more than all windows together may have
};

// The limit of what that many streams may have together.
static const uint64_t all_max = MUX_UNREAD_MAX / 2 + (uint64_t)ALL * MUX_WINDOW_MAX;

static void expect_sum_within_limit(struct way *w, struct download *d)
{
    uint64_t sum = 0;
    for (int i = 0; i < ALL; i++) {
        sum += fill(w, &d[i], INT32_MAX);
        assert_non_null(d[i].reader->stream);
    }
    assert_true(sum <= all_max);
}

// Readers that stop behind a byte lend no room to others as long as the peer keeps its credit.
static void what_shrinks_counts_until_it_is_taken_back(void **state)
{
    struct download d[ALL];
    struct way w;
    (void)state;
    way_init(&w, NULL, FAR_US);
    for (int i = 0; i < ALL; i++) {
        d[i] = begin(&w);
        run(&w, &d[i], 10, UINT32_MAX);
        (void)fill(&w, &d[i], 1);
        mux_tick(w.pair.relay.mux, TICK_MS);
        mux_tick(w.pair.relay.mux, TICK_MS);
    }
    expect_sum_within_limit(&w, d);
    mux_pair_deinit(&w.pair);
}

static void expect_room_for_another(struct way *w)
{
    struct download last = begin(w);
    run(w, &last, 10, UINT32_MAX);
    assert_true(fill(w, &last, INT32_MAX) > MUX_WINDOW_FAR_MAX / 2);
}

// The responses have ended, the requests have not: the streams live on.
static void a_finished_body_gives_its_part_back(void **state)
{
    struct download d[ALL];
    struct way w;
    (void)state;
    way_init(&w, NULL, FAR_US);
    for (int i = 0; i < ALL; i++) {
        mux_pair_begin_upload(&w.pair, &d[i].reader, &d[i].sender);
        mux_view_respond(d[i].sender, 200, false);
        run(&w, &d[i], 10, UINT32_MAX);
    }
    for (int i = 0; i < ALL; i++) {
        (void)fill(&w, &d[i], 1);
        assert_int_equal(mux_finish(d[i].sender->stream, NULL), 0);
    }
    mux_settle(&w.pair);
    for (int i = 0; i < ALL; i++)
        assert_true(d[i].reader->ended && d[i].reader->stream);
    expect_room_for_another(&w);
    for (int i = 0; i < ALL; i++)
        drain(&w, &d[i]);
    mux_pair_deinit(&w.pair);
}

// A stream that carries little for long gives its part back, while little passes.
static void a_slow_stream_gives_its_part_back(void **state)
{
    enum {
        EACH = 64 * 1024, // by tick
        TICKS = 20 + MUX_WINDOW_FAR_MAX / EACH
    };
    struct download d[ALL];
    struct way w;
    (void)state;
    way_init(&w, NULL, FAR_US);
    for (int i = 0; i < ALL; i++) {
        d[i] = begin(&w);
        run(&w, &d[i], 10, UINT32_MAX);
    }
    for (int tick = 0; tick < TICKS; tick++) {
        w.now_us += (uint64_t)TICK_MS * 1000;
        mux_set_now(w.pair.relay.mux, w.now_us, w.round_trip_us);
        for (int i = 0; i < ALL; i++) {
            (void)fill(&w, &d[i], EACH);
            drain(&w, &d[i]);
        }
        mux_tick(w.pair.relay.mux, TICK_MS);
    }
    expect_room_for_another(&w);
    mux_pair_deinit(&w.pair);
}

static void a_stream_is_slow_only_after_a_while(void **state)
{
    (void)state;
    for (int step = -1; step <= 1; step++) {
        struct way w;
        way_init(&w, NULL, FAR_US);
        struct download d = begin(&w);
        run(&w, &d, 12, 3 * MIB);
        uint64_t since_us = w.now_us;
        run(&w, &d, 1, UINT32_MAX); // drains the whole window, or nearly
        w.now_us = since_us + MUX_SLOW_US + (uint64_t)(FAR_US + step);
        mux_set_now(w.pair.relay.mux, w.now_us, w.round_trip_us);
        mux_tick(w.pair.relay.mux, TICK_MS);
        (void)fill(&w, &d, INT32_MAX);
        drain(&w, &d);
        assert_true((fill(&w, &d, INT32_MAX) > 4 * MIB) == (step < 0));
        mux_pair_deinit(&w.pair);
    }
}

static void a_pause_does_not_shrink_a_window(void **state)
{
    struct way w;
    (void)state;
    way_init(&w, NULL, FAR_US);
    struct download d = begin(&w);
    run(&w, &d, 12, 3 * MIB);
    mux_tick(w.pair.relay.mux, TICK_MS);
    mux_tick(w.pair.relay.mux, TICK_MS);
    (void)fill(&w, &d, 1);
    mux_tick(w.pair.relay.mux, TICK_MS); // before its reader had time for the byte
    (void)fill(&w, &d, INT32_MAX);
    drain(&w, &d);
    assert_true(fill(&w, &d, INT32_MAX) > 4 * MIB);
    mux_pair_deinit(&w.pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_far_peers_window_follows_the_measured_product),
        cmocka_unit_test(it_has_its_limit),
        cmocka_unit_test(without_a_measured_round_trip_it_stays_small),
        cmocka_unit_test(it_opens_within_a_few_round_trips),
        cmocka_unit_test(it_shrinks_when_its_reader_stops),
        cmocka_unit_test(it_grows_again_when_its_reader_goes_on),
        cmocka_unit_test(it_shrinks_to_what_a_slow_reader_needs),
        cmocka_unit_test(all_windows_together_have_a_limit),
        cmocka_unit_test(what_shrinks_counts_until_it_is_taken_back),
        cmocka_unit_test(a_finished_body_gives_its_part_back),
        cmocka_unit_test(a_slow_stream_gives_its_part_back),
        cmocka_unit_test(a_stream_is_slow_only_after_a_while),
        cmocka_unit_test(a_pause_does_not_shrink_a_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
