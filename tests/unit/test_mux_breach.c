// SPDX-License-Identifier: MIT
// A peer that says the wrong things to the mux: the stream or the mux ends, and nobody hears of
// what was wrong (docs/protocol.md §4).
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/check.h"
#include "tests/support/h2_raw.h"
#include "tests/support/mux_pair.h"

enum {
    PROTOCOL_ERROR = 1,
    GOOD_ID = 101
};

#define REQUEST ":method: GET\n:scheme: http\n:authority: a.example\n:path: /"

static void side_open(struct mux_side *side, enum mux_role role)
{
    mux_side_init(side, role, NULL);
    side->mux = mux_new(role, NULL, &mux_side_handler, side);
    assert_non_null(side->mux);
}

static void side_close(struct mux_side *side)
{
    mux_free(side->mux);
    mux_side_deinit(side);
}

static int feed(struct mux_side *side, const struct buf *b, size_t from, size_t to)
{
    char *copy = malloc(to - from + 1);
    assert_non_null(copy);
    if (to > from)
        memcpy(copy, buf_at(b) + from, to - from);
    int error = mux_recv(side->mux, copy, to - from);
    free(copy);
    return error;
}

static int flush(struct mux_side *side)
{
    char out[65536];
    int n = mux_send(side->mux, out, sizeof(out));
    return n < 0 ? n : 0;
}

// A side whose peer has said hello; a relay's has one request open, on stream 1.
static void begin(struct mux_side *side, enum mux_role role)
{
    struct buf hello = {0};
    struct http_head post = head_request("POST", "/");
    side_open(side, role);
    h2_preface(&hello, role == MUX_AGENT);
    h2_frame(&hello, H2_SETTINGS, H2_ACK, 0, (struct slice){0});
    assert_int_equal(flush(side), 0);
    assert_int_equal(feed(side, &hello, 0, buf_len(&hello)), 0);
    if (role == MUX_RELAY)
        assert_non_null(mux_side_open(side, &post, false));
    assert_int_equal(flush(side), 0);
    buf_free(&hello);
}

// The mux still works: another exchange passes.
static void still_works(struct mux_side *side)
{
    struct buf more = {0};
    struct http_head get = head_request("GET", "/");
    size_t before = side->count;
    if (side->role == MUX_RELAY) {
        struct mux_view *v = mux_side_open(side, &get, true);
        assert_non_null(v);
        assert_int_equal(flush(side), 0);
        h2_headers(&more, 3, true, ":status: 200"); // stream 1 was the first
        assert_int_equal(feed(side, &more, 0, buf_len(&more)), 0);
        assert_true(v->closed && v->reset == 0);
    } else {
        h2_headers(&more, GOOD_ID, true, REQUEST);
        assert_int_equal(feed(side, &more, 0, buf_len(&more)), 0);
        assert_int_equal(side->count, before + 1);
        assert_true(buf_is(&side->views[before]->heads, "GET http a.example /\n"));
    }
    assert_int_equal(flush(side), 0);
    buf_free(&more);
}

struct wrong {
    const char *what;
    const char *fields;
    bool end;
};

// Feeds a head in each split.
static void heads_are_refused(enum mux_role role, const struct wrong *w)
{
    struct buf head = {0};
    h2_headers(&head, 1, w->end, w->fields);
    for (size_t cut = 0; cut <= buf_len(&head); cut++) {
        struct mux_side side;
        check_context("%s, cut at %zu", w->what, cut);
        begin(&side, role);
        assert_int_equal(feed(&side, &head, 0, cut), 0);
        assert_int_equal(feed(&side, &head, cut, buf_len(&head)), 0);
        assert_int_equal(side.count, role == MUX_RELAY);
        if (side.count) {
            assert_true(side.views[0]->closed && side.views[0]->reset == PROTOCOL_ERROR);
            assert_int_equal(side.views[0]->head_count, 0);
        }
        assert_int_equal(mux_stream_count(side.mux), 0);
        assert_int_equal(flush(&side), 0);
        still_works(&side);
        side_close(&side);
    }
    buf_free(&head);
}

static void requests_that_make_no_sense_are_refused(void **state)
{
    static const struct wrong cases[] = {
        {"no field at all", "", true},
        {"no method", ":scheme: http\n:path: /", true},
        {"no path", ":method: GET\n:scheme: http", true},
        {"an empty path", ":method: GET\n:path: ", true},
        {"an empty method", ":method: \n:path: /", false},
        {"two methods", REQUEST "\n:method: GET", true},
        {"two empty authorities", ":method: GET\n:path: /\n:authority: \n:authority: ", true},
        {"two paths", REQUEST "\n:path: /other", true},
        {"a status", REQUEST "\n:status: 200", true},
        {"an unknown pseudo-field", REQUEST "\n:protocol: websocket", true},
        {"two upgrades", REQUEST "\nadit-upgrade: a\nadit-upgrade: b", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        heads_are_refused(MUX_AGENT, &cases[i]);
}

static void responses_that_make_no_sense_end_their_stream(void **state)
{
    static const struct wrong cases[] = {
        {"no field at all", "", false},
        {"no status", "x: y", true},
        {"a short status", ":status: 20", false},
        {"a long status", ":status: 2000", false},
        {"a status in letters", ":status: abc", false},
        {"a status below 100", ":status: 099", false},
        {"two statuses", ":status: 200\n:status: 200", false},
        {"a method", ":status: 200\n:method: GET", false},
        {"a path", ":status: 200\n:path: /", false},
        {"a scheme", ":status: 200\n:scheme: http", false},
        {"an authority", ":status: 200\n:authority: ", false},
        {"an unknown pseudo-field", ":status: 200\n:reason: OK", false},
        {"switching protocols", ":status: 101", false},
        {"an end after an interim response", ":status: 103", true},
        {"two upgrades", ":status: 200\nadit-upgrade: \nadit-upgrade: b", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        heads_are_refused(MUX_RELAY, &cases[i]);
}

// Fields that a text cannot say.
static void heads_too_large_or_nameless_are_refused(void **state)
{
    static const struct {
        size_t count, size;
        bool ok;
    } cases[] = {
        {MESSAGE_FIELDS_CAP, 10, true},      {MESSAGE_FIELDS_CAP + 1, 10, false},
        {MESSAGE_FIELDS_CAP * 3, 10, false}, {1, MUX_FIELD_MAX, true},
        {3, MUX_HEAD_MAX / 3 - 4 - 8, true}, {3, MUX_HEAD_MAX / 3 - 3 + 8, false},
        {2, MUX_HEAD_MAX / 2 + 5000, false},
    };
    static char value[MUX_FIELD_MAX];
    (void)state;
    for (size_t i = 0; i <= sizeof(cases) / sizeof(cases[0]); i++) {
        bool nameless = i == sizeof(cases) / sizeof(cases[0]);
        struct mux_side side;
        struct buf block = {0};
        struct buf head = {0};
        begin(&side, MUX_RELAY);
        if (nameless)
            h2_field(&block, SLICE(""), SLICE(""));
        h2_field(&block, SLICE(":status"), SLICE("200"));
        for (size_t k = 0; !nameless && k < cases[i].count; k++)
            h2_field(&block, SLICE("x"), slice_of(value, cases[i].size));
        h2_headers_block(&head, 1, true, slice_of(block.bytes, buf_len(&block)));
        assert_int_equal(feed(&side, &head, 0, buf_len(&head)), 0);
        bool ok = !nameless && cases[i].ok;
        assert_int_equal(side.views[0]->head_count, ok);
        assert_int_equal(side.views[0]->closed, !ok);
        assert_int_equal(flush(&side), 0);
        still_works(&side);
        side_close(&side);
        buf_free(&block);
        buf_free(&head);
    }
}

// What follows on a head that was in order, on stream 1.
static void data(struct buf *b, bool end, const char *text)
{
    h2_frame(b, H2_DATA, end ? H2_END_STREAM : 0, 1, slice_str(text));
}

static void data_after_interim(struct buf *b)
{
    h2_headers(b, 1, false, ":status: 100");
    data(b, true, "x");
}

static void end_after_interim(struct buf *b)
{
    h2_headers(b, 1, false, ":status: 100");
    data(b, true, "");
}

static void trailers_without_end(struct buf *b)
{
    h2_headers(b, 1, false, ":status: 200");
    h2_headers(b, 1, false, "x: y");
}

static void trailers_with_status(struct buf *b)
{
    h2_headers(b, 1, false, ":status: 200");
    h2_headers(b, 1, true, ":status: 200\nx: y");
}

static void trailers_with_path(struct buf *b)
{
    h2_headers(b, 1, false, ":status: 200");
    h2_headers(b, 1, true, "x: y\n:path: /");
}

static void trailers_with_upgrade(struct buf *b)
{
    h2_headers(b, 1, false, ":status: 200");
    h2_headers(b, 1, true, "adit-upgrade: x");
}

static void trailers_with_unknown(struct buf *b)
{
    h2_headers(b, 1, false, ":status: 200");
    h2_headers(b, 1, true, ":x: y");
}

static void responses_in_the_wrong_order_end_their_stream(void **state)
{
    static void (*const cases[])(struct buf *) = {
        data_after_interim,    end_after_interim,    trailers_without_end,  trailers_with_path,
        trailers_with_upgrade, trailers_with_status, trailers_with_unknown,
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf b = {0};
        cases[i](&b);
        for (size_t cut = 0; cut <= buf_len(&b); cut++) {
            struct mux_side side;
            begin(&side, MUX_RELAY);
            assert_int_equal(feed(&side, &b, 0, cut), 0);
            assert_int_equal(feed(&side, &b, cut, buf_len(&b)), 0);
            struct mux_view *v = side.views[0];
            assert_true(v->closed && v->reset == PROTOCOL_ERROR && !v->ended && v->received == 0);
            assert_int_equal(flush(&side), 0);
            still_works(&side);
            side_close(&side);
        }
        buf_free(&b);
    }
}

static void requests_with_wrong_trailers_end(void **state)
{
    struct mux_side side;
    struct buf b = {0};
    (void)state;
    begin(&side, MUX_AGENT);
    h2_headers(&b, 1, false, REQUEST);
    h2_headers(&b, 1, false, "x: y");
    h2_headers(&b, 1, true, "x: y"); // comes too late
    data(&b, true, "so does this");
    assert_int_equal(feed(&side, &b, 0, buf_len(&b)), 0);
    assert_true(side.views[0]->closed && side.views[0]->reset == PROTOCOL_ERROR);
    assert_int_equal(side.views[0]->received, 0);
    assert_int_equal(flush(&side), 0);
    assert_int_equal(feed(&side, &b, 0, 0), 0);
    still_works(&side);
    side_close(&side);
    buf_free(&b);
}

// Breaches of HTTP/2 itself: one frame, raw.
struct breach {
    const char *what;
    enum mux_role role; // who receives it
    uint8_t type, flags;
    uint32_t id;
    struct slice payload;
};

#define BYTES(literal)                 \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

static const struct breach breaches[] = {
    {"DATA without a stream", MUX_AGENT, H2_DATA, 0, 0, BYTES("x")},
    {"DATA on a stream that never was", MUX_AGENT, H2_DATA, 0, 7, BYTES("x")},
    {"DATA on a stream that never was", MUX_RELAY, H2_DATA, 0, 7, BYTES("x")},
    {"DATA before a head", MUX_RELAY, H2_DATA, 0, 1, BYTES("x")},
    {"an end before a head", MUX_RELAY, H2_DATA, H2_END_STREAM, 1, BYTES("")},
    {"DATA on an id of the other kind", MUX_RELAY, H2_DATA, 0, 2, BYTES("x")},
    {"DATA with more padding than payload", MUX_AGENT, H2_DATA, 8, 1, BYTES("\x09x")},
    {"HEADERS without a stream", MUX_AGENT, H2_HEADERS, H2_END_HEADERS, 0, BYTES("\x82")},
    {"a request with an even id", MUX_AGENT, H2_HEADERS, H2_END_HEADERS, 2, BYTES("\x82")},
    {"a request at the relay", MUX_RELAY, H2_HEADERS, H2_END_HEADERS, 7, BYTES("\x82")},
    {"an index outside of the table", MUX_AGENT, H2_HEADERS, H2_END_HEADERS, 1, BYTES("\xff\x7f")},
    {"an index that overflows", MUX_AGENT, H2_HEADERS, H2_END_HEADERS, 1,
     BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f")},
    {"a giant value", MUX_AGENT, H2_HEADERS, H2_END_HEADERS, 1, BYTES("\x10\x01x\x7f\x81\xff\x03")},
    {"CONTINUATION of nothing", MUX_AGENT, H2_CONTINUATION, H2_END_HEADERS, 1, BYTES("\x82")},
    {"PUSH_PROMISE at the relay", MUX_RELAY, H2_PUSH_PROMISE, H2_END_HEADERS, 1,
     BYTES("\0\0\0\2\x82")},
    {"PUSH_PROMISE at the agent", MUX_AGENT, H2_PUSH_PROMISE, H2_END_HEADERS, 1,
     BYTES("\0\0\0\2\x82")},
    {"SETTINGS of odd length", MUX_AGENT, H2_SETTINGS, 0, 0, BYTES("\0\3\0\0\0")},
    {"SETTINGS on a stream", MUX_AGENT, H2_SETTINGS, 0, 1, BYTES("")},
    {"SETTINGS with too large a window", MUX_RELAY, H2_SETTINGS, 0, 0, BYTES("\0\4\x80\0\0\0")},
    {"PING of odd length", MUX_AGENT, H2_PING, 0, 0, BYTES("1234567")},
    {"WINDOW_UPDATE by nothing", MUX_AGENT, H2_WINDOW_UPDATE, 0, 0, BYTES("\0\0\0\0")},
    {"WINDOW_UPDATE beyond all bounds", MUX_AGENT, H2_WINDOW_UPDATE, 0, 0,
     BYTES("\x7f\xff\xff\xff")},
    {"WINDOW_UPDATE of a stream that never was", MUX_RELAY, H2_WINDOW_UPDATE, 0, 9,
     BYTES("\0\0\0\1")},
    {"RST_STREAM of a stream that never was", MUX_AGENT, H2_RST_STREAM, 0, 9, BYTES("\0\0\0\1")},
    {"RST_STREAM of odd length", MUX_RELAY, H2_RST_STREAM, 0, 1, BYTES("\0\0\1")},
    {"GOAWAY of a stream of the peer's own", MUX_RELAY, H2_GOAWAY, 0, 0, BYTES("\0\0\0\2\0\0\0\0")},
    {"GOAWAY that complains", MUX_RELAY, H2_GOAWAY, 0, 0, BYTES("\0\0\0\0\0\0\0\1")},
    {"GOAWAY that complains", MUX_AGENT, H2_GOAWAY, 0, 0, BYTES("\0\0\0\0\0\0\0\2why")},
};

static void is_a_breach(const struct breach *c, size_t cut)
{
    struct mux_side side;
    struct buf b = {0};
    struct buf after = {0};
    check_context("%s, cut at %zu", c->what, cut);
    begin(&side, c->role);
    h2_frame(&b, c->type, c->flags, c->id, c->payload);
    size_t len = buf_len(&b);
    if (c->role == MUX_AGENT)
        h2_headers(&after, GOOD_ID, true, REQUEST);
    else
        h2_headers(&after, 1, true, ":status: 200");
    int error = feed(&side, &b, 0, cut);
    if (!error)
        error = feed(&side, &b, cut, len);
    if (!error)
        error = feed(&side, &after, 0, buf_len(&after)); // is not heeded
    if (!error)
        error = flush(&side);
    if (error != MUX_E_PROTOCOL)
        fail_msg("%s, cut at %zu: %d", c->what, cut, error);
    assert_int_equal(side.count, c->role == MUX_RELAY);
    for (size_t i = 0; i < side.count; i++)
        assert_true(side.views[i]->head_count == 0 && !side.views[i]->closed);
    assert_false(mux_wants_send(side.mux));
    assert_int_equal(flush(&side), MUX_E_PROTOCOL);
    assert_int_equal(feed(&side, &after, 0, buf_len(&after)), MUX_E_PROTOCOL);
    mux_link_lost(side.mux);
    assert_int_equal(mux_stream_count(side.mux), 0);
    side_close(&side);
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

static void ws_capture_over_their_size_are_breaches(void **state)
{
    static char large[16385];
    struct breach c = {"a frame too long", MUX_AGENT, H2_DATA, 0, 1, {large, sizeof(large)}};
    (void)state;
    is_a_breach(&c, 9);
    c.type = H2_HEADERS;
    is_a_breach(&c, 9);
    c.type = 200; // of unknown type
    is_a_breach(&c, 9);
}

static void a_head_in_too_many_pieces_is_a_breach(void **state)
{
    (void)state;
    for (int pieces = 8; pieces <= 9; pieces++) {
        struct mux_side side;
        struct buf b = {0};
        begin(&side, MUX_AGENT);
        h2_frame(&b, H2_HEADERS, H2_END_STREAM, 1, SLICE("\x82\x86\x84"));
        for (int i = 1; i <= pieces; i++)
            h2_frame(&b, H2_CONTINUATION, i == pieces ? H2_END_HEADERS : 0, 1, (struct slice){0});
        int error = feed(&side, &b, 0, buf_len(&b));
        error = error ? error : flush(&side);
        assert_int_equal(error, pieces == 8 ? 0 : MUX_E_PROTOCOL);
        assert_int_equal(side.count, pieces == 8);
        side_close(&side);
        buf_free(&b);
    }
}

static void a_peer_that_speaks_no_http2_is_refused_at_once(void **state)
{
    struct mux_side side;
    struct buf b = {0};
    (void)state;
    side_open(&side, MUX_AGENT);
    assert_true(buf_append(&b, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27));
    assert_int_equal(feed(&side, &b, 0, 27), MUX_E_PROTOCOL);
    assert_int_equal(flush(&side), MUX_E_PROTOCOL);
    side_close(&side);
    side_open(&side, MUX_RELAY);
    int error = feed(&side, &b, 0, 27);
    assert_int_equal(error ? error : flush(&side), MUX_E_PROTOCOL);
    side_close(&side);
    buf_free(&b);
}

static void a_flood_of_pings_ends_the_mux(void **state)
{
    struct mux_side side;
    struct buf b = {0};
    int error = 0;
    (void)state;
    begin(&side, MUX_AGENT);
    h2_frame(&b, H2_PING, 0, 0, SLICE("12345678"));
    for (int i = 0; i < 2000 && !error; i++)
        error = feed(&side, &b, 0, buf_len(&b));
    assert_int_equal(error, MUX_E_FLOOD);
    side_close(&side);
    buf_free(&b);
}

static void streams_over_the_agents_bound_are_a_breach(void **state)
{
    struct mux_side side;
    struct buf b = {0};
    int error = 0;
    uint32_t opened = 0;
    (void)state;
    begin(&side, MUX_AGENT);
    while (!error && opened <= 3 * MUX_STREAMS_MAX) {
        h2_headers(&b, 2 * opened + 1, true, REQUEST);
        error = feed(&side, &b, 0, buf_len(&b));
        error = error ? error : flush(&side);
        opened += !error;
        buf_free(&b);
    }
    assert_int_equal(error, MUX_E_PROTOCOL);
    assert_int_equal(opened, 2 * MUX_STREAMS_MAX);
    assert_int_equal(side.count, 2 * MUX_STREAMS_MAX);
    side_close(&side);
}

static void data_beyond_the_window_resets_its_stream(void **state)
{
    static char chunk[16384];
    struct mux_side side;
    struct buf b = {0};
    (void)state;
    begin(&side, MUX_AGENT);
    side.holds_credit = true;
    h2_headers(&b, 1, false, REQUEST);
    for (int i = 0; i < 4; i++)
        h2_frame(&b, H2_DATA, 0, 1, slice_of(chunk, sizeof(chunk) - (i == 3)));
    assert_int_equal(feed(&side, &b, 0, buf_len(&b)), 0);
    assert_int_equal(flush(&side), 0);
    assert_int_equal(side.views[0]->received, MUX_WINDOW_START);
    assert_false(side.views[0]->closed);
    buf_free(&b);
    data(&b, false, "x");
    assert_int_equal(feed(&side, &b, 0, buf_len(&b)), 0);
    assert_int_equal(flush(&side), 0);
    assert_true(side.views[0]->closed && side.views[0]->reset == 3); // FLOW_CONTROL_ERROR
    still_works(&side);
    side_close(&side);
    buf_free(&b);
}

// A server may end a request that it needs no more of (RFC 9113 §8.1).
static void a_reset_without_error_behind_a_response_says_that_no_more_is_wanted(void **state)
{
    struct mux_side side;
    struct buf b = {0};
    (void)state;
    begin(&side, MUX_RELAY);
    h2_headers(&b, 1, true, ":status: 200");
    h2_frame(&b, H2_RST_STREAM, 0, 1, SLICE("\0\0\0\0"));
    assert_int_equal(feed(&side, &b, 0, buf_len(&b)), 0);
    assert_true(side.views[0]->ended && side.views[0]->closed);
    assert_int_equal(side.views[0]->reset, MUX_RESET_UNWANTED);
    assert_int_equal(flush(&side), 0);
    still_works(&side);
    side_close(&side);
    buf_free(&b);
}

// Our own words for what has no code are not the peer's.
static void a_reset_with_a_code_of_ours_is_a_reset(void **state)
{
    const struct slice codes[] = {SLICE("\0\0\0\xfe"), SLICE("\0\0\0\xff")};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct mux_side side;
        struct buf b = {0};
        begin(&side, MUX_RELAY);
        h2_headers(&b, 1, true, ":status: 200");
        h2_frame(&b, H2_RST_STREAM, 0, 1, codes[i]);
        assert_int_equal(feed(&side, &b, 0, buf_len(&b)), 0);
        assert_true(side.views[0]->closed);
        assert_int_equal(side.views[0]->reset, MUX_RESET_INTERNAL);
        side_close(&side);
        buf_free(&b);
    }
}

static void a_reset_without_error_within_a_response_is_a_reset(void **state)
{
    struct mux_side side;
    struct buf b = {0};
    (void)state;
    begin(&side, MUX_RELAY);
    h2_headers(&b, 1, false, ":status: 200");
    h2_frame(&b, H2_RST_STREAM, 0, 1, SLICE("\0\0\0\0"));
    assert_int_equal(feed(&side, &b, 0, buf_len(&b)), 0);
    assert_true(!side.views[0]->ended && side.views[0]->closed);
    assert_int_equal(side.views[0]->reset, MUX_RESET_INTERNAL);
    assert_int_equal(flush(&side), 0);
    still_works(&side);
    side_close(&side);
    buf_free(&b);
}

static void what_means_nothing_is_ignored(void **state)
{
    struct mux_side side;
    struct buf b = {0};
    (void)state;
    begin(&side, MUX_AGENT);
    h2_headers(&b, 5, true, REQUEST);
    h2_headers(&b, 3, true, REQUEST);           // an id of the past
    h2_frame(&b, 77, 255, 9, SLICE("what is")); // a frame of a kind to come
    h2_frame(&b, H2_PRIORITY, 0, 9, SLICE("\0\0\0\0\1"));
    h2_frame(&b, H2_SETTINGS, 0, 0, SLICE("\xff\xff\0\0\0\1"));
    assert_int_equal(feed(&side, &b, 0, buf_len(&b)), 0);
    assert_int_equal(side.count, 1);
    assert_int_equal(flush(&side), 0);
    still_works(&side);
    side_close(&side);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_that_make_no_sense_are_refused),
        cmocka_unit_test(responses_that_make_no_sense_end_their_stream),
        cmocka_unit_test(heads_too_large_or_nameless_are_refused),
        cmocka_unit_test(responses_in_the_wrong_order_end_their_stream),
        cmocka_unit_test(requests_with_wrong_trailers_end),
        cmocka_unit_test(breaches_end_the_mux_and_nothing_is_heard),
        cmocka_unit_test(ws_capture_over_their_size_are_breaches),
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
