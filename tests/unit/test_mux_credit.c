// SPDX-License-Identifier: MIT
// Windows, their growth, and the default limits of the mux (docs/protocol.md §4.2, §7).
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/chance.h"
#include "tests/support/check.h"
#include "tests/support/mux_pair.h"

enum {
    MIB = 1024 * 1024,
    ENDLESS = INT32_MAX
};

// A download: the view of the relay reads the body that the view of the agent sends.
struct download {
    struct mux_view *reader, *sender;
};

static struct download begin(struct mux_pair *p)
{
    struct http_head get = head_request("GET", "/");
    struct http_head ok = head_response(200);
    struct download d = {.reader = mux_side_open(&p->relay, &get, true)};
    assert_non_null(d.reader);
    mux_settle(p);
    d.sender = p->agent.views[p->agent.count - 1];
    assert_int_equal(mux_respond(d.sender->stream, &ok, false), 0);
    return d;
}

// Sends until nothing moves.
static void fill(struct mux_pair *p, const struct download *d, uint64_t total)
{
    while (d->sender->stream && mux_view_feed(d->sender, d->sender->index, total) > 0)
        mux_settle(p);
}

// Sends until the reader has received and drained `received` bytes.
static void drain_to(struct mux_pair *p, const struct download *d, uint64_t received)
{
    while (d->reader->received < received || d->reader->uncredited > 0) {
        (void)mux_view_feed(d->sender, d->sender->index, received);
        mux_settle(p);
        mux_view_credit(d->reader, d->reader->uncredited);
        mux_settle(p);
    }
}

static void on_data(struct mux_view *v, const char *bytes, size_t len)
{
    CHECK(pattern_is(bytes, len, v->index, v->received - len));
}

static void pair_init(struct mux_pair *p)
{
    mux_pair_init(p);
    p->relay.holds_credit = true;
    p->relay.drops_bodies = true;
    p->relay.hooks.data = on_data;
}

static void a_body_that_nobody_reads_stops_at_the_first_window(void **state)
{
    struct mux_pair p;
    (void)state;
    pair_init(&p);
    struct download d = begin(&p);
    fill(&p, &d, ENDLESS);
    assert_int_equal(d.reader->received, MUX_WINDOW_START);
    assert_int_equal(mux_unread(p.relay.mux), MUX_WINDOW_START);
    assert_int_equal(d.sender->sent - d.sender->drained, MUX_SEND_MAX);
    mux_view_credit(d.reader, 1000); // too little for a WINDOW_UPDATE
    mux_settle(&p);
    assert_int_equal(d.reader->received, MUX_WINDOW_START);
    mux_view_credit(d.reader, MUX_WINDOW_START / 2);
    mux_settle(&p);
    assert_int_equal(d.reader->received, MUX_WINDOW_START + 1000 + MUX_WINDOW_START / 2);
    mux_pair_deinit(&p);
}

static void requests_are_held_back_in_the_same_way(void **state)
{
    struct mux_pair p;
    struct http_head post = head_request("POST", "/");
    (void)state;
    mux_pair_init(&p);
    p.agent.holds_credit = true;
    struct mux_view *relay = mux_side_open(&p.relay, &post, false);
    mux_settle(&p);
    while (mux_view_feed(relay, 7, ENDLESS) > 0)
        mux_settle(&p);
    struct mux_view *agent = p.agent.views[0];
    assert_int_equal(agent->received, MUX_WINDOW_START);
    assert_true(pattern_is(buf_at(&agent->body), MUX_WINDOW_START, 7, 0));
    assert_int_equal(mux_unread(p.agent.mux), MUX_WINDOW_START);
    mux_view_credit(agent, MUX_WINDOW_START);
    mux_settle(&p);
    assert_true(agent->received > MUX_WINDOW_START);
    mux_pair_deinit(&p);
}

// The window after `drained` bytes: the bytes that arrive when nothing more is drained. nghttp2
// sends a WINDOW_UPDATE for half a window or more, so up to that much may be missing.
static uint64_t window_after(uint64_t drained)
{
    struct mux_pair p;
    pair_init(&p);
    struct download d = begin(&p);
    drain_to(&p, &d, drained);
    uint64_t before = d.reader->received;
    fill(&p, &d, ENDLESS);
    uint64_t window = d.reader->received - before;
    mux_pair_deinit(&p);
    return window;
}

static void a_window_grows_only_as_its_reader_drains(void **state)
{
    static const struct {
        uint64_t drained, window;
    } steps[] = {
        {0, MUX_WINDOW_START},
        {MUX_GROW_AFTER - 1, MUX_WINDOW_START},
        {MUX_GROW_AFTER, (uint64_t)2 * MUX_WINDOW_START},
        {(uint64_t)2 * MUX_GROW_AFTER - 1, (uint64_t)2 * MUX_WINDOW_START},
        {(uint64_t)3 * MUX_GROW_AFTER - MUX_WINDOW_START, (uint64_t)4 * MUX_WINDOW_START},
        {(uint64_t)5 * MUX_GROW_AFTER - MUX_WINDOW_START, (uint64_t)8 * MUX_WINDOW_START},
        {(uint64_t)8 * MUX_GROW_AFTER, (uint64_t)16 * MUX_WINDOW_START},
        {(uint64_t)16 * MUX_GROW_AFTER, MUX_WINDOW_MAX},
        {(uint64_t)100 * MUX_GROW_AFTER, MUX_WINDOW_MAX},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        uint64_t window = window_after(steps[i].drained);
        assert_in_range(window, steps[i].window / 2 + 1, steps[i].window);
    }
}

static void a_stalled_reader_holds_back_nobody_else(void **state)
{
    struct mux_pair p;
    struct download stalled[20];
    (void)state;
    pair_init(&p);
    for (int i = 0; i < 20; i++) {
        stalled[i] = begin(&p);
        fill(&p, &stalled[i], ENDLESS);
    }
    struct download d = begin(&p);
    drain_to(&p, &d, 40 * MIB);
    assert_int_equal(mux_finish(d.sender->stream, NULL), 0);
    mux_settle(&p);
    assert_true(d.reader->closed && d.reader->reset == 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(stalled[i].reader->received, MUX_WINDOW_START);
    assert_int_equal(mux_unread(p.relay.mux), 20 * MUX_WINDOW_START);
    mux_pair_deinit(&p);
}

// Fills windows that no reader drains until `unread` bytes wait.
static void stall(struct mux_pair *p, size_t unread)
{
    while (mux_unread(p->relay.mux) < unread) {
        struct download d = begin(p);
        fill(p, &d, unread - mux_unread(p->relay.mux));
    }
}

static void nothing_grows_while_half_of_the_cap_waits(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        struct mux_pair p;
        pair_init(&p);
        // The draining reader has at most one window of unread bytes at that time.
        stall(&p, MUX_UNREAD_MAX / 2 - (over ? 0 : MUX_WINDOW_MAX) + 1);
        struct download d = begin(&p);
        drain_to(&p, &d, 10 * MIB);
        uint64_t before = d.reader->received;
        fill(&p, &d, ENDLESS);
        if (over)
            assert_in_range(d.reader->received - before, 1, MUX_WINDOW_START);
        else
            assert_in_range(d.reader->received - before, MUX_WINDOW_MAX / 2, MUX_WINDOW_MAX);
        mux_pair_deinit(&p);
    }
}

static size_t count_reset(const struct mux_side *side, uint32_t code)
{
    size_t count = 0;
    for (size_t i = 0; i < side->count; i++) {
        count += side->views[i]->closed;
        assert_true(!side->views[i]->closed || side->views[i]->reset == code);
    }
    return count;
}

static void the_fullest_stream_pays_when_the_tunnel_is_full(void **state)
{
    struct mux_pair p;
    struct http_head get = head_request("GET", "/");
    (void)state;
    pair_init(&p);
    struct download small = begin(&p);
    fill(&p, &small, 1000);
    stall(&p, MUX_UNREAD_MAX);
    assert_int_equal(mux_unread(p.relay.mux), MUX_UNREAD_MAX);
    assert_int_equal(count_reset(&p.relay, 0), 0);
    assert_null(mux_side_open(&p.relay, &get, true)); // at the cap
    (void)mux_view_feed(small.sender, small.sender->index, 1001);
    mux_settle(&p);
    assert_int_equal(count_reset(&p.relay, MUX_RESET_CALM), 1);
    assert_int_equal(count_reset(&p.agent, MUX_RESET_CALM), 1);
    assert_int_equal(small.reader->received, 1001);
    assert_int_equal(mux_unread(p.relay.mux), MUX_UNREAD_MAX + 1 - MUX_WINDOW_START);
    assert_non_null(mux_side_open(&p.relay, &get, true));
    mux_pair_deinit(&p);
}

// A peer that reads nothing cannot prevent shedding.
static void the_cap_holds_while_nothing_can_be_sent(void **state)
{
    struct mux_pair p;
    struct download d[200];
    (void)state;
    pair_init(&p);
    stall(&p, MUX_UNREAD_MAX - 100);
    for (int i = 0; i < 200; i++)
        d[i] = begin(&p);
    for (int i = 0; i < 200; i++)
        (void)mux_view_feed(d[i].sender, d[i].sender->index, ENDLESS);
    while (mux_move(&p.agent, &p.relay, 65535, 65535) > 0)
        assert_in_range(mux_unread(p.relay.mux), MUX_UNREAD_MAX / 2, MUX_UNREAD_MAX);
    assert_in_range(count_reset(&p.relay, MUX_RESET_CALM), 50, 250);
    assert_int_equal(count_reset(&p.agent, 0), 0); // no reply has arrived yet
    mux_settle(&p);
    assert_int_equal(count_reset(&p.agent, MUX_RESET_CALM), count_reset(&p.relay, MUX_RESET_CALM));
    mux_pair_deinit(&p);
}

// More bytes than the window of the connection arrive on streams that were reset.
static void what_was_under_way_to_a_reset_stream_is_credited(void **state)
{
    struct mux_pair p;
    uint64_t moved = 0;
    (void)state;
    pair_init(&p);
    while (moved < (uint64_t)2 * MUX_UNREAD_MAX) {
        struct download d = begin(&p);
        (void)mux_view_feed(d.sender, d.sender->index, ENDLESS);
        mux_view_reset(d.reader, MUX_RESET_CANCEL);
        for (int n = 1; n > 0; moved += (uint64_t)n) {
            n = mux_move(&p.agent, &p.relay, 65535, 65535);
            assert_true(n >= 0);
        }
        mux_settle(&p);
        assert_int_equal(d.reader->received, 0);
        assert_true(d.sender->closed && mux_stream_count(p.agent.mux) == 0);
    }
    struct download d = begin(&p);
    drain_to(&p, &d, 2 * MIB);
    mux_pair_deinit(&p);
}

static void a_tunnel_has_so_many_streams_and_no_more(void **state)
{
    struct mux_pair p;
    struct http_head get = head_request("GET", "/");
    struct http_head ok = head_response(200);
    (void)state;
    mux_pair_init(&p);
    for (size_t i = 0; i < MUX_STREAMS_MAX; i++) {
        assert_int_equal(mux_stream_count(p.relay.mux), i);
        assert_non_null(mux_side_open(&p.relay, &get, true));
    }
    assert_null(mux_side_open(&p.relay, &get, true));
    mux_settle(&p);
    assert_int_equal(p.agent.count, MUX_STREAMS_MAX);
    assert_null(mux_side_open(&p.relay, &get, true));
    assert_int_equal(mux_respond(p.agent.views[500]->stream, &ok, true), 0);
    mux_settle(&p);
    assert_non_null(mux_side_open(&p.relay, &get, true));
    assert_null(mux_side_open(&p.relay, &get, true));
    // Reset streams free their place at once, and the agent has room for the overlap.
    for (size_t i = 0; i < MUX_STREAMS_MAX; i++) {
        struct mux_view *v = p.relay.views[i];
        if (v->stream)
            mux_view_reset(v, MUX_RESET_CANCEL);
    }
    for (size_t i = 1; i < MUX_STREAMS_MAX; i++)
        assert_non_null(mux_side_open(&p.relay, &get, true));
    mux_settle(&p);
    assert_int_equal(mux_stream_count(p.agent.mux), MUX_STREAMS_MAX);
    mux_pair_deinit(&p);
}

static char value[MUX_HEAD_MAX];

// Fills a head to `size` bytes of names and values, `fixed` of them pseudo-fields; one value has
// the greatest length.
static void pad_head(struct http_head *head, size_t size, size_t fixed)
{
    memset(value, 'v', sizeof(value));
    assert_true(head_add(head, SLICE("x"), slice_of(value, MUX_FIELD_MAX)));
    assert_true(head_add(head, SLICE("y"), slice_of(value, size - fixed - 2 - MUX_FIELD_MAX)));
}

static void a_head_may_be_so_large_and_no_larger(void **state)
{
    enum {
        REQUEST_FIXED = 7 + 3 + 7 + 4 + 10 + 9 + 5 + 1, // :method GET :scheme http :authority…
        RESPONSE_FIXED = 7 + 3,
    };
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        struct mux_pair p;
        struct http_head get = head_request("GET", "/");
        struct http_head ok = head_response(200);
        struct http_head trailers = {0};
        struct http_head post = head_request("POST", "/");
        int error = over ? MUX_E_HEAD : 0;
        mux_pair_init(&p);
        pad_head(&get, MUX_HEAD_MAX + over, REQUEST_FIXED);
        pad_head(&ok, MUX_HEAD_MAX + over, RESPONSE_FIXED);
        pad_head(&trailers, MUX_HEAD_MAX + over, 0);
        assert_int_equal(mux_side_open(&p.relay, &get, true) == NULL, over);
        assert_int_equal(mux_stream_count(p.relay.mux), 1 - over);
        struct mux_view *relay = mux_side_open(&p.relay, &post, false);
        assert_int_equal(mux_finish(relay->stream, &trailers), error);
        mux_settle(&p);
        struct mux_view *agent = p.agent.views[1 - over];
        assert_int_equal(agent->ended, !over);
        assert_int_equal(mux_respond(agent->stream, &ok, true), error);
        mux_settle(&p);
        assert_int_equal(relay->head_count, 1 - over);
        if (!over)
            assert_true(relay->closed && relay->reset == 0);
        mux_view_reset(mux_side_open(&p.relay, &post, false), MUX_RESET_CANCEL);
        mux_settle(&p); // the mux still works
        mux_pair_deinit(&p);
    }
}

static void a_field_may_be_so_long_and_no_longer(void **state)
{
    struct mux_pair p;
    struct http_head get = head_request("GET", "/");
    (void)state;
    mux_pair_init(&p);
    memset(value, 'v', sizeof(value));
    for (size_t over = 0; over < 2; over++)
        for (int name = 0; name < 2; name++) {
            struct slice longest = slice_of(value, MUX_FIELD_MAX + over);
            get.field_count = 0;
            assert_true(name ? head_add(&get, longest, SLICE(""))
                             : head_add(&get, SLICE("x"), longest));
            assert_int_equal(mux_side_open(&p.relay, &get, true) == NULL, over);
            mux_settle(&p);
        }
    assert_int_equal(p.agent.count, 2);
    mux_pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_that_nobody_reads_stops_at_the_first_window),
        cmocka_unit_test(requests_are_held_back_in_the_same_way),
        cmocka_unit_test(a_window_grows_only_as_its_reader_drains),
        cmocka_unit_test(a_stalled_reader_holds_back_nobody_else),
        cmocka_unit_test(nothing_grows_while_half_of_the_cap_waits),
        cmocka_unit_test(the_fullest_stream_pays_when_the_tunnel_is_full),
        cmocka_unit_test(the_cap_holds_while_nothing_can_be_sent),
        cmocka_unit_test(what_was_under_way_to_a_reset_stream_is_credited),
        cmocka_unit_test(a_tunnel_has_so_many_streams_and_no_more),
        cmocka_unit_test(a_head_may_be_so_large_and_no_larger),
        cmocka_unit_test(a_field_may_be_so_long_and_no_longer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
