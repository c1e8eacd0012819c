// SPDX-License-Identifier: MIT
// A mux with the profile of visitors: its limits at, below and above each, the joined Cookie, the
// credit of the connection, shared memory for heads, the GOAWAY at the end.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/http2/public_profile.h"
#include "tests/support/check.h"
#include "tests/support/h2_side.h"

static struct mux_limits limits;
static struct mux_side side;
static struct mux_scratch scratch;

static struct mux *new_mux(struct mux_side *s)
{
    const struct mux_config config = {
        .role = MUX_SERVER, .profile = &public_profile, .limits = &limits, .scratch = &scratch};
    struct mux *m = mux_new(&config, &mux_side_handler, s);
    const struct mux_peer peer = {.fields = true};
    assert_non_null(m);
    mux_set_peer(m, &peer);
    return m;
}

static int begin(void **state)
{
    struct buf hello = {0};
    (void)state;
    limits = mux_default_limits;
    limits.head_bytes = 200;
    limits.head_fields = 3;
    limits.streams = 100;
    limits.unread = 1024 * 1024;
    mux_side_init(&side, MUX_SERVER, NULL);
    side.mux = new_mux(&side);
    side.holds_credit = true;
    h2_preface(&hello, true);
    h2_frame(&hello, H2_SETTINGS, H2_ACK, 0, (struct slice){0});
    assert_int_equal(h2_side_flush(&side), 0);
    assert_int_equal(h2_side_feed(&side, &hello, 0, buf_len(&hello)), 0);
    buf_free(&hello);
    return 0;
}

static int end(void **state)
{
    (void)state;
    mux_free(side.mux);
    side.mux = NULL;
    mux_side_deinit(&side);
    mux_scratch_free(&scratch);
    return 0;
}

static int feed(struct buf *b)
{
    int error = h2_side_feed(&side, b, 0, buf_len(b));
    buf_free(b);
    *b = (struct buf){0};
    return error ? error : h2_side_flush(&side);
}

static int request(uint32_t id, bool ends, const char *more)
{
    char fields[2000];
    struct buf b = {0};
    (void)snprintf(fields, sizeof(fields), "%s%s%s", H2_REQUEST, *more ? "\n" : "", more);
    h2_headers(&b, id, ends, fields);
    return feed(&b);
}

static struct mux_view *last_view(void)
{
    return side.views[side.count - 1];
}

static void crumbs_of_cookie_are_joined(void **state)
{
    (void)state;
    assert_int_equal(request(1, true, "cookie: a=1\nx: 1\ncookie: b=2\ncookie: c=3"), 0);
    assert_int_equal(side.count, 1);
    buf_expect(&side.views[0]->heads, "GET http a.example /\ncookie: a=1; b=2; c=3\nx: 1\n");
    assert_false(mux_stream_head_is_cut(side.views[0]->stream));
}

static void a_head_is_cut_above_its_fields(void **state)
{
    (void)state;
    assert_int_equal(request(1, true, "a: 1\nb: 1\nc: 1"), 0);
    assert_false(mux_stream_head_is_cut(last_view()->stream));
    assert_int_equal(request(3, true, "a: 1\nb: 1\nc: 1\nd: 1"), 0);
    assert_int_equal(side.count, 2);
    assert_true(mux_stream_head_is_cut(last_view()->stream));
}

// The request and "a: " with `value` bytes have 57 + value bytes as limits.head_bytes counts.
static void a_head_is_cut_above_its_bytes(void **state)
{
    (void)state;
    size_t base = strlen(":methodGET") + strlen(":schemehttp") + strlen(":authoritya.example") +
                  strlen(":path/") + 4 * 4 + strlen("a") + 4;
    for (int over = -1; over <= 1; over++) {
        char field[300] = "a: ";
        size_t value = limits.head_bytes - base + (size_t)(over + 1) - 1;
        memset(field + 3, 'v', value);
        field[3 + value] = 0;
        assert_int_equal(request((uint32_t)(3 + 2 * over), true, field), 0);
        assert_int_equal(mux_stream_head_is_cut(last_view()->stream), over > 0);
    }
}

static void resets_have_a_budget_that_time_refills(void **state)
{
    struct buf b = {0};
    uint32_t id = 1;
    (void)state;
    for (int i = 0; i < MUX_RESETS_MAX; i++, id += 2) {
        assert_int_equal(request(id, true, ""), 0);
        h2_frame(&b, H2_RST_STREAM, 0, id, SLICE("\0\0\0\x08"));
        assert_int_equal(feed(&b), 0);
    }
    mux_tick(side.mux, MUX_RESETS_MS / MUX_RESETS_MAX);
    assert_int_equal(request(id, true, ""), 0);
    h2_frame(&b, H2_RST_STREAM, 0, id, SLICE("\0\0\0\x08"));
    assert_int_equal(feed(&b), 0);
    id += 2;
    assert_int_equal(request(id, true, ""), 0);
    h2_frame(&b, H2_RST_STREAM, 0, id, SLICE("\0\0\0\x08"));
    assert_int_equal(feed(&b), MUX_E_FLOOD);
}

static void breaches_spend_the_budget_of_resets(void **state)
{
    uint32_t id = 1;
    (void)state;
    for (int i = 0; i < MUX_RESETS_MAX; i++, id += 2)
        assert_int_equal(request(id, true, "connection: close"), 0);
    assert_int_equal(side.count, 0);
    (void)request(id, true, "connection: close"); // its reset is sent
    assert_int_equal(request(id + 2, true, ""), MUX_E_FLOOD);
}

static void the_connection_is_credited_as_bodies_are_drained(void **state)
{
    static char bytes[16 * 1024];
    struct buf b = {0};
    (void)state;
    assert_int_equal(request(1, false, ""), 0);
    for (int i = 0; i < 3; i++)
        h2_frame(&b, H2_DATA, 0, 1, slice_of(bytes, sizeof(bytes)));
    assert_int_equal(feed(&b), 0);
    assert_int_equal(mux_unread(side.mux), 3 * sizeof(bytes));
    mux_view_credit(last_view(), 3 * sizeof(bytes));
    assert_int_equal(mux_unread(side.mux), 0);
}

static void nothing_follows_a_reset(void **state)
{
    struct buf b = {0};
    (void)state;
    assert_int_equal(request(1, false, ""), 0);
    h2_frame(&b, H2_RST_STREAM, 0, 1, SLICE("\0\0\0\x08"));
    assert_int_equal(feed(&b), 0);
    h2_frame(&b, H2_DATA, 0, 1, SLICE("x"));
    assert_int_equal(feed(&b), MUX_E_PROTOCOL);
}

static void trailers_may_follow_a_reset_of_ours(void **state)
{
    struct buf b = {0};
    (void)state;
    assert_int_equal(request(1, false, ""), 0);
    mux_view_reset(last_view(), MUX_RESET_CANCEL);
    assert_int_equal(h2_side_flush(&side), 0);
    h2_headers(&b, 1, true, "x: 1");
    assert_int_equal(feed(&b), 0);
    h2_headers(&b, 1, true, "x: 1");
    assert_int_equal(feed(&b), MUX_E_PROTOCOL);
}

static void heads_share_memory_unless_they_come_in_pieces(void **state)
{
    struct buf b = {0};
    (void)state;
    assert_int_equal(request(1, true, ""), 0);
    const struct http_head *shared = scratch.head;
    assert_non_null(shared);
    h2_frame(&b, H2_HEADERS, H2_END_STREAM, 3, (struct slice){0});
    assert_int_equal(feed(&b), 0);
    assert_null(scratch.head);
    assert_true(mux_is_in_head(side.mux));
    struct mux_side other;
    mux_side_init(&other, MUX_SERVER, NULL);
    struct mux *m = other.mux = new_mux(&other);
    h2_preface(&b, true);
    h2_headers(&b, 1, true, H2_REQUEST);
    assert_int_equal(h2_side_feed(&other, &b, 0, buf_len(&b)), 0);
    buf_free(&b);
    b = (struct buf){0};
    assert_int_equal(other.count, 1);
    assert_non_null(scratch.head);
    assert_ptr_not_equal(scratch.head, shared);
    mux_free(m);
    mux_side_deinit(&other);
    struct buf block = {0};
    h2_field(&block, SLICE(":method"), SLICE("GET"));
    h2_field(&block, SLICE(":scheme"), SLICE("http"));
    h2_field(&block, SLICE(":authority"), SLICE("a.example"));
    h2_field(&block, SLICE(":path"), SLICE("/late"));
    h2_frame(&b, H2_CONTINUATION, H2_END_HEADERS, 3, buf_slice(&block));
    buf_free(&block);
    assert_int_equal(feed(&b), 0);
    assert_int_equal(side.count, 2);
    buf_expect(&last_view()->heads, "GET http a.example /late\n");
    assert_false(mux_is_in_head(side.mux));
}

static uint32_t goaway_code(const char *out, size_t len)
{
    assert_true(len >= 17);
    const uint8_t *frame = (const uint8_t *)out + len - 17;
    assert_int_equal(frame[3], H2_GOAWAY);
    return (uint32_t)read_be(frame + 13, 4);
}

static void the_last_words_name_the_reason(void **state)
{
    static const struct {
        int error;
        uint32_t code;
    } cases[] = {{0, 0}, {MUX_E_PROTOCOL, 1}, {MUX_E_MEMORY, 2}, {MUX_E_FLOOD, 11}};
    char out[MUX_GOODBYE_MAX];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (i > 0) {
            (void)end(state);
            (void)begin(state);
        }
        size_t len = mux_last_words(side.mux, cases[i].error, out);
        assert_int_equal(goaway_code(out, len), cases[i].code);
        mux_link_lost(side.mux);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(crumbs_of_cookie_are_joined, begin, end),
        cmocka_unit_test_setup_teardown(a_head_is_cut_above_its_fields, begin, end),
        cmocka_unit_test_setup_teardown(a_head_is_cut_above_its_bytes, begin, end),
        cmocka_unit_test_setup_teardown(resets_have_a_budget_that_time_refills, begin, end),
        cmocka_unit_test_setup_teardown(breaches_spend_the_budget_of_resets, begin, end),
        cmocka_unit_test_setup_teardown(the_connection_is_credited_as_bodies_are_drained, begin,
                                        end),
        cmocka_unit_test_setup_teardown(nothing_follows_a_reset, begin, end),
        cmocka_unit_test_setup_teardown(trailers_may_follow_a_reset_of_ours, begin, end),
        cmocka_unit_test_setup_teardown(heads_share_memory_unless_they_come_in_pieces, begin, end),
        cmocka_unit_test_setup_teardown(the_last_words_name_the_reason, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
