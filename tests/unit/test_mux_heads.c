// SPDX-License-Identifier: MIT
// A peer that sends malformed heads, bodies or trailers: the stream is reset, and the handler never
// sees the malformed part (docs/protocol.md §4).
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/check.h"
#include "tests/support/h2_side.h"

enum {
    PROTOCOL_ERROR = 1
};

struct wrong {
    const char *what;
    const char *fields;
    bool end;
};

// Feeds a malformed head in each split.
static void heads_are_refused(enum mux_role role, const struct wrong *w)
{
    struct buf head = {0};
    h2_headers(&head, 1, w->end, w->fields);
    for (size_t cut = 0; cut <= buf_len(&head); cut++) {
        struct mux_side side;
        check_context("%s, cut at %zu", w->what, cut);
        h2_side_greet(&side, role);
        assert_int_equal(h2_side_feed(&side, &head, 0, cut), 0);
        assert_int_equal(h2_side_feed(&side, &head, cut, buf_len(&head)), 0);
        assert_int_equal(side.count, role == MUX_CLIENT);
        if (side.count) {
            assert_true(side.views[0]->closed && side.views[0]->reset == PROTOCOL_ERROR);
            assert_int_equal(side.views[0]->head_count, 0);
        }
        assert_int_equal(mux_stream_count(side.mux), 0);
        assert_int_equal(h2_side_flush(&side), 0);
        h2_side_still_works(&side);
        h2_side_deinit(&side);
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
        {"two methods", H2_REQUEST "\n:method: GET", true},
        {"two empty authorities", ":method: GET\n:path: /\n:authority: \n:authority: ", true},
        {"two paths", H2_REQUEST "\n:path: /other", true},
        {"a status", H2_REQUEST "\n:status: 200", true},
        {"an unknown pseudo-field", H2_REQUEST "\n:protocol: websocket", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        heads_are_refused(MUX_SERVER, &cases[i]);
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
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        heads_are_refused(MUX_CLIENT, &cases[i]);
}

// Heads that h2_headers cannot write.
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
        h2_side_greet(&side, MUX_CLIENT);
        if (nameless)
            h2_field(&block, SLICE(""), SLICE(""));
        h2_field(&block, SLICE(":status"), SLICE("200"));
        for (size_t k = 0; !nameless && k < cases[i].count; k++)
            h2_field(&block, SLICE("x"), slice_of(value, cases[i].size));
        h2_headers_block(&head, 1, true, slice_of(block.bytes, buf_len(&block)));
        assert_int_equal(h2_side_feed(&side, &head, 0, buf_len(&head)), 0);
        bool ok = !nameless && cases[i].ok;
        assert_int_equal(side.views[0]->head_count, ok);
        assert_int_equal(side.views[0]->closed, !ok);
        assert_int_equal(h2_side_flush(&side), 0);
        h2_side_still_works(&side);
        h2_side_deinit(&side);
        buf_free(&block);
        buf_free(&head);
    }
}

// DATA after a valid head, on stream 1.
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

static void trailers_with_unknown(struct buf *b)
{
    h2_headers(b, 1, false, ":status: 200");
    h2_headers(b, 1, true, ":x: y");
}

static void responses_in_the_wrong_order_end_their_stream(void **state)
{
    static void (*const cases[])(struct buf *) = {
        data_after_interim, end_after_interim,    trailers_without_end,
        trailers_with_path, trailers_with_status, trailers_with_unknown,
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf b = {0};
        cases[i](&b);
        for (size_t cut = 0; cut <= buf_len(&b); cut++) {
            struct mux_side side;
            h2_side_greet(&side, MUX_CLIENT);
            assert_int_equal(h2_side_feed(&side, &b, 0, cut), 0);
            assert_int_equal(h2_side_feed(&side, &b, cut, buf_len(&b)), 0);
            struct mux_view *v = side.views[0];
            assert_true(v->closed && v->reset == PROTOCOL_ERROR && !v->ended && v->received == 0);
            assert_int_equal(h2_side_flush(&side), 0);
            h2_side_still_works(&side);
            h2_side_deinit(&side);
        }
        buf_free(&b);
    }
}

static void requests_with_wrong_trailers_end(void **state)
{
    struct mux_side side;
    struct buf b = {0};
    (void)state;
    h2_side_greet(&side, MUX_SERVER);
    h2_headers(&b, 1, false, H2_REQUEST);
    h2_headers(&b, 1, false, "x: y");
    h2_headers(&b, 1, true, "x: y"); // comes too late
    data(&b, true, "so does this");
    assert_int_equal(h2_side_feed(&side, &b, 0, buf_len(&b)), 0);
    assert_true(side.views[0]->closed && side.views[0]->reset == PROTOCOL_ERROR);
    assert_int_equal(side.views[0]->received, 0);
    assert_int_equal(h2_side_flush(&side), 0);
    assert_int_equal(h2_side_feed(&side, &b, 0, 0), 0);
    h2_side_still_works(&side);
    h2_side_deinit(&side);
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
