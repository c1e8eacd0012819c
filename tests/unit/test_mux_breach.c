// SPDX-License-Identifier: MIT
// A peer that breaks HTTP/2: the stream or the mux ends, and the handler never sees the faulty
// frame (docs/protocol.md §4).
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/check.h"
#include "tests/support/h2_side.h"

// Breaches of HTTP/2 itself, each a single raw frame.
struct breach {
    const char *what;
    enum mux_role role; // of the receiver
    uint8_t type, flags;
    uint32_t id;
    struct slice payload;
};

#define BYTES(literal)                 \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

static const struct breach breaches[] = {
    {"DATA without a stream", MUX_SERVER, H2_DATA, 0, 0, BYTES("x")},
    {"DATA on a stream that never was", MUX_SERVER, H2_DATA, 0, 7, BYTES("x")},
    {"DATA on a stream that never was", MUX_CLIENT, H2_DATA, 0, 7, BYTES("x")},
    {"DATA before a head", MUX_CLIENT, H2_DATA, 0, 1, BYTES("x")},
    {"an end before a head", MUX_CLIENT, H2_DATA, H2_END_STREAM, 1, BYTES("")},
    {"DATA on an id of the other kind", MUX_CLIENT, H2_DATA, 0, 2, BYTES("x")},
    {"DATA with more padding than payload", MUX_SERVER, H2_DATA, 8, 1, BYTES("\x09x")},
    {"HEADERS without a stream", MUX_SERVER, H2_HEADERS, H2_END_HEADERS, 0, BYTES("\x82")},
    {"a request with an even id", MUX_SERVER, H2_HEADERS, H2_END_HEADERS, 2, BYTES("\x82")},
    {"a request at the relay", MUX_CLIENT, H2_HEADERS, H2_END_HEADERS, 7, BYTES("\x82")},
    {"an index outside of the table", MUX_SERVER, H2_HEADERS, H2_END_HEADERS, 1, BYTES("\xff\x7f")},
    {"an index that overflows", MUX_SERVER, H2_HEADERS, H2_END_HEADERS, 1,
     BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f")},
    {"a giant value", MUX_SERVER, H2_HEADERS, H2_END_HEADERS, 1,
     BYTES("\x10\x01x\x7f\x81\xff\x03")},
    {"CONTINUATION of nothing", MUX_SERVER, H2_CONTINUATION, H2_END_HEADERS, 1, BYTES("\x82")},
    {"PUSH_PROMISE at the relay", MUX_CLIENT, H2_PUSH_PROMISE, H2_END_HEADERS, 1,
     BYTES("\0\0\0\2\x82")},
    {"PUSH_PROMISE at the agent", MUX_SERVER, H2_PUSH_PROMISE, H2_END_HEADERS, 1,
     BYTES("\0\0\0\2\x82")},
    {"SETTINGS of odd length", MUX_SERVER, H2_SETTINGS, 0, 0, BYTES("\0\3\0\0\0")},
    {"SETTINGS on a stream", MUX_SERVER, H2_SETTINGS, 0, 1, BYTES("")},
    {"SETTINGS with too large a window", MUX_CLIENT, H2_SETTINGS, 0, 0, BYTES("\0\4\x80\0\0\0")},
    {"PING of odd length", MUX_SERVER, H2_PING, 0, 0, BYTES("1234567")},
    {"WINDOW_UPDATE by nothing", MUX_SERVER, H2_WINDOW_UPDATE, 0, 0, BYTES("\0\0\0\0")},
    {"WINDOW_UPDATE beyond all bounds", MUX_SERVER, H2_WINDOW_UPDATE, 0, 0,
     BYTES("\x7f\xff\xff\xff")},
    {"WINDOW_UPDATE of a stream that never was", MUX_CLIENT, H2_WINDOW_UPDATE, 0, 9,
     BYTES("\0\0\0\1")},
    {"RST_STREAM of a stream that never was", MUX_SERVER, H2_RST_STREAM, 0, 9, BYTES("\0\0\0\1")},
    {"RST_STREAM of odd length", MUX_CLIENT, H2_RST_STREAM, 0, 1, BYTES("\0\0\1")},
    {"GOAWAY of a stream of the peer's own", MUX_CLIENT, H2_GOAWAY, 0, 0,
     BYTES("\0\0\0\2\0\0\0\0")},
    {"GOAWAY that complains", MUX_CLIENT, H2_GOAWAY, 0, 0, BYTES("\0\0\0\0\0\0\0\1")},
    {"GOAWAY that complains", MUX_SERVER, H2_GOAWAY, 0, 0, BYTES("\0\0\0\0\0\0\0\2why")},
};

static void is_a_breach(const struct breach *c, size_t cut)
{
    struct mux_side side;
    struct buf b = {0};
    struct buf after = {0};
    check_context("%s, cut at %zu", c->what, cut);
    h2_side_greet(&side, c->role);
    h2_frame(&b, c->type, c->flags, c->id, c->payload);
    size_t len = buf_len(&b);
    if (c->role == MUX_SERVER)
        h2_headers(&after, H2_GOOD_ID, true, H2_REQUEST);
    else
        h2_headers(&after, 1, true, ":status: 200");
    int error = h2_side_feed(&side, &b, 0, cut);
    if (!error)
        error = h2_side_feed(&side, &b, cut, len);
    if (!error)
        error = h2_side_feed(&side, &after, 0, buf_len(&after)); // is ignored
    if (!error)
        error = h2_side_flush(&side);
    if (error != MUX_E_PROTOCOL)
        fail_msg("%s, cut at %zu: %d", c->what, cut, error);
    assert_int_equal(side.count, c->role == MUX_CLIENT);
    for (size_t i = 0; i < side.count; i++)
        assert_true(side.views[i]->head_count == 0 && !side.views[i]->closed);
    assert_false(mux_wants_send(side.mux));
    assert_int_equal(h2_side_flush(&side), MUX_E_PROTOCOL);
    assert_int_equal(h2_side_feed(&side, &after, 0, buf_len(&after)), MUX_E_PROTOCOL);
    mux_link_lost(side.mux);
    assert_int_equal(mux_stream_count(side.mux), 0);
    h2_side_deinit(&side);
    buf_free(&b);
    buf_free(&after);
}

static void breaches_end_the_mux_and_nothing_is_heard(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(breaches) / sizeof(breaches[0]); i++)
        for (size_t cut = 0; cut <= 9 + breaches[i].payload.len; cut++)
            is_a_breach(&breaches[i], cut);
}

static void frames_over_their_size_are_breaches(void **state)
{
    static char large[MUX_FRAME_MAX + 1];
    struct breach c = {"a frame too long", MUX_SERVER, H2_DATA, 0, 1, {large, sizeof(large)}};
    (void)state;
    is_a_breach(&c, 9);
    c.type = H2_HEADERS;
    is_a_breach(&c, 9);
    c.type = 200; // an unknown type
    is_a_breach(&c, 9);
}

// Before our SETTINGS are acknowledged, HTTP/2's own limit holds.
static void frames_up_to_their_size_are_none(void **state)
{
    static char large[MUX_FRAME_MAX];
    (void)state;
    for (size_t over = 0; over < 2; over++)
        for (int greeted = 0; greeted < 2; greeted++) {
            struct mux_side side;
            struct buf b = {0};
            if (greeted)
                h2_side_greet(&side, MUX_SERVER);
            else
                h2_side_init(&side, MUX_SERVER);
            if (!greeted)
                h2_preface(&b, true);
            h2_frame(&b, 200, 0, 0, slice_of(large, (greeted ? MUX_FRAME_MAX : 16384 + over)));
            int error = h2_side_feed(&side, &b, 0, buf_len(&b));
            error = error ? error : h2_side_flush(&side);
            assert_int_equal(error, over && !greeted ? MUX_E_PROTOCOL : 0);
            h2_side_deinit(&side);
            buf_free(&b);
        }
}

static void a_head_in_too_many_pieces_is_a_breach(void **state)
{
    (void)state;
    for (int pieces = 8; pieces <= 9; pieces++) {
        struct mux_side side;
        struct buf b = {0};
        h2_side_greet(&side, MUX_SERVER);
        h2_frame(&b, H2_HEADERS, H2_END_STREAM, 1, SLICE("\x82\x86\x84"));
        for (int i = 1; i <= pieces; i++)
            h2_frame(&b, H2_CONTINUATION, i == pieces ? H2_END_HEADERS : 0, 1, (struct slice){0});
        int error = h2_side_feed(&side, &b, 0, buf_len(&b));
        error = error ? error : h2_side_flush(&side);
        assert_int_equal(error, pieces == 8 ? 0 : MUX_E_PROTOCOL);
        assert_int_equal(side.count, pieces == 8);
        h2_side_deinit(&side);
        buf_free(&b);
    }
}

static void a_peer_that_speaks_no_http2_is_refused_at_once(void **state)
{
    struct mux_side side;
    struct buf b = {0};
    (void)state;
    h2_side_init(&side, MUX_SERVER);
    assert_true(buf_append(&b, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27));
    assert_int_equal(h2_side_feed(&side, &b, 0, 27), MUX_E_PROTOCOL);
    assert_int_equal(h2_side_flush(&side), MUX_E_PROTOCOL);
    h2_side_deinit(&side);
    h2_side_init(&side, MUX_CLIENT);
    int error = h2_side_feed(&side, &b, 0, 27);
    assert_int_equal(error ? error : h2_side_flush(&side), MUX_E_PROTOCOL);
    h2_side_deinit(&side);
    buf_free(&b);
}

static void a_flood_of_pings_ends_the_mux(void **state)
{
    struct mux_side side;
    struct buf b = {0};
    int error = 0;
    (void)state;
    h2_side_greet(&side, MUX_SERVER);
    h2_frame(&b, H2_PING, 0, 0, SLICE("12345678"));
    for (int i = 0; i < 2000 && !error; i++)
        error = h2_side_feed(&side, &b, 0, buf_len(&b));
    assert_int_equal(error, MUX_E_FLOOD);
    h2_side_deinit(&side);
    buf_free(&b);
}

static void streams_over_the_agents_bound_are_a_breach(void **state)
{
    struct mux_side side;
    struct buf b = {0};
    int error = 0;
    uint32_t opened = 0;
    (void)state;
    h2_side_greet(&side, MUX_SERVER);
    while (!error && opened <= 3 * MUX_STREAMS_MAX) {
        h2_headers(&b, 2 * opened + 1, true, H2_REQUEST);
        error = h2_side_feed(&side, &b, 0, buf_len(&b));
        error = error ? error : h2_side_flush(&side);
        opened += !error;
        buf_free(&b);
    }
    assert_int_equal(error, MUX_E_PROTOCOL);
    assert_int_equal(opened, 2 * MUX_STREAMS_MAX);
    assert_int_equal(side.count, 2 * MUX_STREAMS_MAX);
    h2_side_deinit(&side);
}

static void data_beyond_the_window_resets_its_stream(void **state)
{
    static char chunk[16384];
    struct mux_side side;
    struct buf b = {0};
    (void)state;
    h2_side_greet(&side, MUX_SERVER);
    side.holds_credit = true;
    h2_headers(&b, 1, false, H2_REQUEST);
    for (int i = 0; i < 4; i++)
        h2_frame(&b, H2_DATA, 0, 1, slice_of(chunk, sizeof(chunk) - (i == 3)));
    assert_int_equal(h2_side_feed(&side, &b, 0, buf_len(&b)), 0);
    assert_int_equal(h2_side_flush(&side), 0);
    assert_int_equal(side.views[0]->received, MUX_WINDOW_START);
    assert_false(side.views[0]->closed);
    buf_free(&b);
    h2_frame(&b, H2_DATA, 0, 1, SLICE("x"));
    assert_int_equal(h2_side_feed(&side, &b, 0, buf_len(&b)), 0);
    assert_int_equal(h2_side_flush(&side), 0);
    assert_true(side.views[0]->closed && side.views[0]->reset == 3); // FLOW_CONTROL_ERROR
    h2_side_still_works(&side);
    h2_side_deinit(&side);
    buf_free(&b);
}

// A server may reset a request of which it needs no more (RFC 9113 §8.1).
static void a_reset_without_error_behind_a_response_says_that_no_more_is_wanted(void **state)
{
    struct mux_side side;
    struct buf b = {0};
    (void)state;
    h2_side_greet(&side, MUX_CLIENT);
    h2_headers(&b, 1, true, ":status: 200");
    h2_frame(&b, H2_RST_STREAM, 0, 1, SLICE("\0\0\0\0"));
    assert_int_equal(h2_side_feed(&side, &b, 0, buf_len(&b)), 0);
    assert_true(side.views[0]->ended && side.views[0]->closed);
    assert_int_equal(side.views[0]->reset, MUX_RESET_UNWANTED);
    assert_int_equal(h2_side_flush(&side), 0);
    h2_side_still_works(&side);
    h2_side_deinit(&side);
    buf_free(&b);
}

// A peer cannot send our internal codes.
static void a_reset_with_a_code_of_ours_is_a_reset(void **state)
{
    const struct slice codes[] = {SLICE("\0\0\0\xfe"), SLICE("\0\0\0\xff")};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct mux_side side;
        struct buf b = {0};
        h2_side_greet(&side, MUX_CLIENT);
        h2_headers(&b, 1, true, ":status: 200");
        h2_frame(&b, H2_RST_STREAM, 0, 1, codes[i]);
        assert_int_equal(h2_side_feed(&side, &b, 0, buf_len(&b)), 0);
        assert_true(side.views[0]->closed);
        assert_int_equal(side.views[0]->reset, MUX_RESET_INTERNAL);
        h2_side_deinit(&side);
        buf_free(&b);
    }
}

static void a_reset_without_error_within_a_response_is_a_reset(void **state)
{
    struct mux_side side;
    struct buf b = {0};
    (void)state;
    h2_side_greet(&side, MUX_CLIENT);
    h2_headers(&b, 1, false, ":status: 200");
    h2_frame(&b, H2_RST_STREAM, 0, 1, SLICE("\0\0\0\0"));
    assert_int_equal(h2_side_feed(&side, &b, 0, buf_len(&b)), 0);
    assert_true(!side.views[0]->ended && side.views[0]->closed);
    assert_int_equal(side.views[0]->reset, MUX_RESET_INTERNAL);
    assert_int_equal(h2_side_flush(&side), 0);
    h2_side_still_works(&side);
    h2_side_deinit(&side);
    buf_free(&b);
}

static void what_means_nothing_is_ignored(void **state)
{
    struct mux_side side;
    struct buf b = {0};
    (void)state;
    h2_side_greet(&side, MUX_SERVER);
    h2_headers(&b, 5, true, H2_REQUEST);
    h2_headers(&b, 3, true, H2_REQUEST);        // an id below the last
    h2_frame(&b, 77, 255, 9, SLICE("what is")); // a frame of a future type
    h2_frame(&b, H2_PRIORITY, 0, 9, SLICE("\0\0\0\0\1"));
    h2_frame(&b, H2_SETTINGS, 0, 0, SLICE("\xff\xff\0\0\0\1"));
    assert_int_equal(h2_side_feed(&side, &b, 0, buf_len(&b)), 0);
    assert_int_equal(side.count, 1);
    assert_int_equal(h2_side_flush(&side), 0);
    h2_side_still_works(&side);
    h2_side_deinit(&side);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(breaches_end_the_mux_and_nothing_is_heard),
        cmocka_unit_test(frames_over_their_size_are_breaches),
        cmocka_unit_test(frames_up_to_their_size_are_none),
        cmocka_unit_test(a_head_in_too_many_pieces_is_a_breach),
        cmocka_unit_test(a_peer_that_speaks_no_http2_is_refused_at_once),
        cmocka_unit_test(a_flood_of_pings_ends_the_mux),
        cmocka_unit_test(streams_over_the_agents_bound_are_a_breach),
        cmocka_unit_test(data_beyond_the_window_resets_its_stream),
        cmocka_unit_test(a_reset_without_error_behind_a_response_says_that_no_more_is_wanted),
        cmocka_unit_test(a_reset_without_error_within_a_response_is_a_reset),
        cmocka_unit_test(a_reset_with_a_code_of_ours_is_a_reset),
        cmocka_unit_test(what_means_nothing_is_ignored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
