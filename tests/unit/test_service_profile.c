// SPDX-License-Identifier: MIT
// A service's profile of the mux: the responses that pass, in their plain form, those that cost
// their stream, and what a public client takes from its peer.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/http2/service_profile.h"
#include "tests/support/check.h"
#include "tests/support/h2_side.h"

enum {
    REFUSED_STREAM = 7,
    ILLEGAL = -1, // in place of a body_kind
};

static void feed(struct mux_side *side, struct buf *b)
{
    assert_int_equal(h2_side_feed(side, b, 0, buf_len(b)), 0);
    buf_free(b);
    assert_int_equal(h2_side_flush(side), 0);
}

static void greet(struct mux_side *side)
{
    struct buf hello = {0};
    h2_preface(&hello, false);
    h2_frame(&hello, H2_SETTINGS, H2_ACK, 0, (struct slice){0});
    feed(side, &hello);
}

static struct mux_view *ask(struct mux_side *side, const char *method)
{
    struct http_head request = head_request(method, "/");
    struct mux_view *v = mux_side_open(side, &request, true);
    assert_non_null(v);
    assert_int_equal(h2_side_flush(side), 0);
    return v;
}

static void open_side(struct mux_side *side, const struct mux_limits *limits)
{
    mux_side_open_mux(side, MUX_CLIENT, &service_profile, limits);
    assert_int_equal(h2_side_flush(side), 0);
}

static void feed_headers(struct mux_side *side, uint32_t id, bool end, const char *fields)
{
    struct buf b = {0};
    h2_headers(&b, id, end, fields);
    feed(side, &b);
}

struct wanted {
    const char *fields;
    bool end;
    int kind;          // of body, or ILLEGAL
    const char *heads; // NULL: not looked at
};

static void expect(const char *method, const struct wanted *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct wanted *w = &cases[i];
        struct mux_side side;
        open_side(&side, NULL);
        greet(&side);
        const struct mux_view *v = ask(&side, method);
        feed_headers(&side, 1, w->end, w->fields);
        check_context("%s", w->fields);
        if (w->kind == ILLEGAL)
            CHECK(v->closed && v->reset == MUX_RESET_ILLEGAL && v->head_count == 0);
        else
            CHECK(v->head_count == 1 && v->framing.kind == (enum body_kind)w->kind);
        if (w->heads)
            buf_expect(&v->heads, w->heads);
        h2_side_deinit(&side);
    }
}

static void responses_without_a_body_say_so_in_http1(void **state)
{
    static const struct wanted to_get[] = {
        {":status: 200\ncontent-length: 5", false, BODY_LENGTH, "200\ncontent-length: 5\n"},
        {":status: 200", false, BODY_CHUNKED, "200\n"},
        {":status: 200", true, BODY_NONE, "200\ncontent-length: 0\n"},
        {":status: 200\ncontent-length: 0", true, BODY_NONE, "200\ncontent-length: 0\n"},
        {":status: 200\ncontent-length: 00", true, BODY_NONE, "200\ncontent-length: 0\n"},
        {":status: 200\ncontent-length: 5", true, ILLEGAL, NULL},
        {":status: 204", false, BODY_NONE, "204\n"},
        {":status: 204\ncontent-length: 5", true, BODY_NONE, "204\n"},
        {":status: 304\ncontent-length: 5", false, BODY_NONE, "304\ncontent-length: 5\n"},
        {":status: 103\ncontent-length: 5", false, BODY_NONE, "103\n"},
    };
    static const struct wanted to_head[] = {
        {":status: 200\ncontent-length: 5", false, BODY_NONE, "200\ncontent-length: 5\n"},
        {":status: 200", true, BODY_NONE, "200\n"},
    };
    (void)state;
    expect("GET", to_get, sizeof(to_get) / sizeof(to_get[0]));
    expect("HEAD", to_head, sizeof(to_head) / sizeof(to_head[0]));
}

static void odd_fields_are_cleaned_and_wrong_ones_refused(void **state)
{
    static const struct wanted cases[] = {
        {":status: 200\nx:  y ", false, BODY_CHUNKED, "200\nx: y\n"},
        {":status: 200\nconnection: close\nkeep-alive: 5\nx: y", false, BODY_CHUNKED,
         "200\nx: y\n"},
        {":status: 200\ntransfer-encoding: chunked", false, ILLEGAL, NULL},
        {":status: 200\nX: y", false, ILLEGAL, NULL},
        {":status: 200\ncontent-length: 5\ncontent-length: 6", false, ILLEGAL, NULL},
        {":status: 200\ncontent-length: -5", false, ILLEGAL, NULL},
        {":status: 200\n:protocol: x", false, ILLEGAL, NULL},
        {":status: 200\n:path: /", false, ILLEGAL, NULL},
        {"x: y\n:status: 200", false, ILLEGAL, NULL},
        {":status: 101", false, ILLEGAL, NULL},
        {":status: 99", false, ILLEGAL, NULL},
        {"x: y", false, ILLEGAL, NULL},
    };
    (void)state;
    expect("GET", cases, sizeof(cases) / sizeof(cases[0]));
}

static void trailers_are_checked(void **state)
{
    static const char *const trailers[] = {"grpc-status: 0", "x:  y ", "X: y", ":status: 200"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct mux_side side;
        open_side(&side, NULL);
        greet(&side);
        const struct mux_view *v = ask(&side, "GET");
        feed_headers(&side, 1, false, ":status: 200");
        feed_headers(&side, 1, true, trailers[i]);
        assert_int_equal(v->ended, i < 2);
        assert_int_equal(v->closed && v->reset == MUX_RESET_ILLEGAL, i >= 2);
        h2_side_deinit(&side);
    }
}

// At, below and above each limit on a head.
static void a_head_over_a_limit_arrives_cut(void **state)
{
    struct mux_limits limits = mux_default_limits;
    // ":status: 200" and "x: y" with 4 bytes each
    limits.head_bytes = 7 + 3 + 4 + 1 + 1 + 4;
    limits.head_fields = 1;
    static const struct {
        const char *fields;
        bool cut;
    } cases[] = {{":status: 200\nx: ", false},
                 {":status: 200\nx: y", false},
                 {":status: 200\nx: yy", true},
                 {":status: 200\nx: \ny: ", true}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mux_side side;
        open_side(&side, &limits);
        greet(&side);
        const struct mux_view *v = ask(&side, "GET");
        feed_headers(&side, 1, false, cases[i].fields);
        assert_int_equal(v->head_count, 1);
        assert_int_equal(mux_stream_head_is_cut(v->stream), cases[i].cut);
        h2_side_deinit(&side);
    }
}

static void settings(struct mux_side *side, uint32_t streams)
{
    struct buf b = {0};
    const char payload[] = {0, 3, 0, 0, (char)(streams >> 8), (char)streams};
    h2_frame(&b, H2_SETTINGS, 0, 0, slice_of(payload, sizeof(payload)));
    feed(side, &b);
}

static void the_peer_says_how_many_streams_it_takes(void **state)
{
    struct mux_limits limits = mux_default_limits;
    struct mux_side side;
    (void)state;
    limits.streams = 200;
    open_side(&side, &limits);
    assert_false(mux_is_greeted(side.mux));
    assert_int_equal(mux_most_streams(side.mux), MUX_STREAMS_PUBLIC);
    settings(&side, 7);
    assert_true(mux_is_greeted(side.mux));
    assert_int_equal(mux_most_streams(side.mux), 7);
    settings(&side, 1000);
    assert_int_equal(mux_most_streams(side.mux), 200);
    h2_side_deinit(&side);
}

// A GOAWAY tells which requests were not processed, whatever its code.
static void goaway_refuses_later_streams_and_lets_others_finish(void **state)
{
    (void)state;
    for (char code = 0; code < 12; code += 11) {
        const char payload[] = {0, 0, 0, 1, 0, 0, 0, code};
        struct mux_side side;
        struct buf b = {0};
        open_side(&side, NULL);
        greet(&side);
        const struct mux_view *first = ask(&side, "GET");
        const struct mux_view *second = ask(&side, "GET");
        assert_false(mux_is_ending(side.mux));
        h2_frame(&b, H2_GOAWAY, 0, 0, slice_of(payload, sizeof(payload)));
        feed(&side, &b);
        assert_true(mux_is_ending(side.mux));
        assert_true(second->closed && second->reset == REFUSED_STREAM);
        feed_headers(&side, 1, true, ":status: 200");
        assert_true(first->head_count == 1 && first->reset == 0);
        h2_side_deinit(&side);
    }
}

// NO_ERROR of a stream whose response is not whole: the handler must not take it for whole.
static void a_reset_without_an_error_is_no_end(void **state)
{
    const char code[] = {0, 0, 0, 0};
    struct mux_side side;
    struct buf b = {0};
    (void)state;
    open_side(&side, NULL);
    greet(&side);
    const struct mux_view *v = ask(&side, "GET");
    feed_headers(&side, 1, false, ":status: 200");
    h2_frame(&b, H2_RST_STREAM, 0, 1, slice_of(code, sizeof(code)));
    feed(&side, &b);
    assert_true(v->closed && v->reset != 0 && !v->ended);
    h2_side_deinit(&side);
}

// A service may reset as many streams as we open, and send short messages.
static void resets_and_short_bodies_of_a_service_are_no_flood(void **state)
{
    enum {
        ROUNDS = 3 * MUX_RESETS_MAX,
        SHORT = 5 * MUX_FLOOD_BUDGET
    };
    struct mux_side side;
    struct buf b = {0};
    (void)state;
    open_side(&side, NULL);
    greet(&side);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        const char code[] = {0, 0, 0, 8};
        (void)ask(&side, "GET");
        h2_frame(&b, H2_RST_STREAM, 0, 2 * i + 1, slice_of(code, sizeof(code)));
        feed(&side, &b);
        b = (struct buf){0};
    }
    const struct mux_view *v = ask(&side, "GET");
    feed_headers(&side, 2 * ROUNDS + 1, false, ":status: 200");
    for (size_t i = 0; i < SHORT; i++)
        h2_frame(&b, H2_DATA, 0, 2 * ROUNDS + 1, SLICE("x"));
    feed(&side, &b);
    assert_int_equal(v->received, SHORT);
    h2_side_deinit(&side);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(responses_without_a_body_say_so_in_http1),
        cmocka_unit_test(odd_fields_are_cleaned_and_wrong_ones_refused),
        cmocka_unit_test(trailers_are_checked),
        cmocka_unit_test(a_head_over_a_limit_arrives_cut),
        cmocka_unit_test(the_peer_says_how_many_streams_it_takes),
        cmocka_unit_test(goaway_refuses_later_streams_and_lets_others_finish),
        cmocka_unit_test(a_reset_without_an_error_is_no_end),
        cmocka_unit_test(resets_and_short_bodies_of_a_service_are_no_flood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
