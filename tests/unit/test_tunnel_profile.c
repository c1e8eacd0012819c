// SPDX-License-Identifier: MIT
// The tunnel's profile of the mux: the messages that it lets pass, with their framing, and those
// that cost their stream (docs/protocol.md §4.1). With another profile the mux knows none of it.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/tunnel/private_fields.h"
#include "proto/tunnel/tunnel_profile.h"
#include "tests/support/check.h"
#include "tests/support/h2_side.h"
#include "tests/support/mux_plain.h"

enum {
    CANCEL = 8,
    REFUSED_STREAM = 7,
    ILLEGAL = -1, // in place of a body_kind
};

static void open_side(struct mux_side *side, enum mux_role role, const struct mux_profile *profile)
{
    struct buf hello = {0};
    mux_side_open_mux(side, role, profile, NULL);
    h2_preface(&hello, role == MUX_SERVER);
    h2_frame(&hello, H2_SETTINGS, H2_ACK, 0, (struct slice){0});
    assert_int_equal(h2_side_flush(side), 0);
    assert_int_equal(h2_side_feed(side, &hello, 0, buf_len(&hello)), 0);
    assert_int_equal(h2_side_flush(side), 0);
    buf_free(&hello);
}

static void feed_headers(struct mux_side *side, uint32_t id, bool end, const char *fields)
{
    struct buf b = {0};
    h2_headers(&b, id, end, fields);
    assert_int_equal(h2_side_feed(side, &b, 0, buf_len(&b)), 0);
    buf_free(&b);
}

// Sends what waits. Returns the code of the RST_STREAM among it, 0 for none.
static uint64_t sent_reset(struct mux_side *side)
{
    char out[4096];
    int n = mux_send(side->mux, out, sizeof(out));
    assert_in_range(n, 0, sizeof(out));
    for (size_t at = 0; at + 9 <= (size_t)n; at += 9 + read_be((uint8_t *)out + at, 3))
        if (out[at + 3] == H2_RST_STREAM)
            return read_be((uint8_t *)out + at + 9, 4);
    return 0;
}

struct wanted {
    const char *fields;
    bool end;
    int kind;          // of body, or ILLEGAL
    const char *heads; // NULL: not looked at
};

static void expect_view(struct mux_side *side, const struct wanted *w)
{
    const struct mux_view *v = side->views[side->count - 1];
    check_context("%s", w->fields);
    if (w->kind == ILLEGAL) {
        CHECK(v->closed && v->reset == MUX_RESET_ILLEGAL && v->head_count == 0);
        CHECK(sent_reset(side) == CANCEL);
        return;
    }
    CHECK(v->head_count == 1 && v->framing.kind == (enum body_kind)w->kind);
    CHECK(v->framing.kind != BODY_LENGTH || v->framing.length == 5);
    if (w->heads)
        buf_expect(&v->heads, w->heads);
    CHECK(sent_reset(side) == 0);
}

static void expect_responses(const char *method, const char *offer, const struct wanted *cases,
                             size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct mux_side side;
        struct http_head request = head_request(method, "/");
        request.upgrade = slice_str(offer);
        open_side(&side, MUX_CLIENT, &tunnel_profile);
        assert_non_null(mux_side_open(&side, &request, offer[0] == 0));
        assert_int_equal(h2_side_flush(&side), 0);
        feed_headers(&side, 1, cases[i].end, cases[i].fields);
        expect_view(&side, &cases[i]);
        h2_side_deinit(&side);
    }
}

#define EXPECT_RESPONSES(method, offer, cases) \
    expect_responses(method, offer, cases, sizeof(cases) / sizeof((cases)[0]))

static void responses_are_framed_as_http1_requires(void **state)
{
    static const struct wanted to_get[] = {
        {":status: 200\ncontent-length: 5", false, BODY_LENGTH, "200\nContent-Length: 5\n"},
        {":status: 200", false, BODY_CHUNKED, "200\n"},
        {":status: 200\ncontent-length: 0", true, BODY_NONE, NULL},
        {":status: 200\ncontent-length: 5", true, ILLEGAL, NULL},
        {":status: 200", true, ILLEGAL, NULL},
        {":status: 204", true, BODY_NONE, NULL},
        {":status: 204", false, ILLEGAL, NULL},
        {":status: 204\ncontent-length: 0", true, ILLEGAL, NULL},
        {":status: 304\ncontent-length: 5", true, BODY_NONE, NULL},
        {":status: 304", false, ILLEGAL, NULL},
        {":status: 103", false, BODY_NONE, "103\n"},
        {":status: 103\ncontent-length: 0", false, ILLEGAL, NULL},
        {":status: 200\ncontent-length: 5\ncontent-length: 5", false, ILLEGAL, NULL},
    };
    static const struct wanted to_head[] = {
        {":status: 200\ncontent-length: 5", true, BODY_NONE, NULL},
        {":status: 200", true, BODY_NONE, NULL},
        {":status: 200\ncontent-length: 5", false, ILLEGAL, NULL},
    };
    (void)state;
    EXPECT_RESPONSES("GET", "", to_get);
    EXPECT_RESPONSES("HEAD", "", to_head);
}

static void responses_with_wrong_fields_are_refused(void **state)
{
    static const struct wanted cases[] = {
        {":status: 200\nX: y", false, ILLEGAL, NULL},
        {":status: 200\nconnection: close", false, ILLEGAL, NULL},
        {":status: 200\nadit-bind: 1", false, ILLEGAL, NULL},
        {":status: 200\nadit-error: ADIT-LOOP", false, ILLEGAL, NULL},
        {":status: 508\nadit-error: ADIT-LOOP", false, BODY_CHUNKED, NULL},
        {":status: 103\nadit-error: ADIT-LOOP", false, ILLEGAL, NULL},
        {":status: 200\nx-a: y\nadit-case: x-A", false, BODY_CHUNKED, "200\nx-A: y\n"},
        {":status: 200\nx-a: y\nadit-case: x-B", false, ILLEGAL, NULL},
    };
    (void)state;
    EXPECT_RESPONSES("GET", "", cases);
}

static void an_upgrade_is_one_that_the_request_offered(void **state)
{
    static const struct wanted offered[] = {
        {":status: 200\nadit-upgrade: echo", false, BODY_TUNNEL, "101\necho is the upgrade\n"},
        {":status: 200\nadit-upgrade: other", false, BODY_TUNNEL, NULL},
        {":status: 200\nadit-upgrade: third", false, ILLEGAL, NULL},
        {":status: 200\ncontent-length: 5", false, BODY_LENGTH, NULL},
        {":status: 426\nadit-upgrade: third", false, BODY_CHUNKED, NULL},
    };
    static const struct wanted unasked[] = {
        {":status: 200\nadit-upgrade: echo", false, ILLEGAL, NULL},
        {":status: 404\nadit-upgrade: echo", false, ILLEGAL, NULL},
    };
    (void)state;
    EXPECT_RESPONSES("GET", "echo, other", offered);
    EXPECT_RESPONSES("GET", "", unasked);
}

static void requests_are_refused_before_the_handler_sees_them(void **state)
{
    static const struct wanted cases[] = {
        {H2_REQUEST, true, BODY_NONE, "GET http a.example /\n"},
        {H2_REQUEST, false, BODY_CHUNKED, NULL},
        {H2_REQUEST "\ncontent-length: 5", false, BODY_LENGTH, NULL},
        {H2_REQUEST "\nadit-upgrade: a", false, BODY_NONE, NULL},
        {H2_REQUEST "\nadit-bind: 1", true, BODY_NONE, NULL},
        {H2_REQUEST "\ncontent-length: 5", true, ILLEGAL, NULL},
        {H2_REQUEST "\nhost: b.example", true, ILLEGAL, NULL},
        {H2_REQUEST "\nadit-bind: 0", true, ILLEGAL, NULL},
        {H2_REQUEST "\nadit-error: ADIT-LOOP", true, ILLEGAL, NULL},
        {H2_REQUEST "\nadit-case: ,", true, ILLEGAL, NULL},
        {H2_REQUEST "\ntransfer-encoding: chunked", false, ILLEGAL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mux_side side;
        open_side(&side, MUX_SERVER, &tunnel_profile);
        feed_headers(&side, 1, cases[i].end, cases[i].fields);
        check_context("%s", cases[i].fields);
        if (cases[i].kind == ILLEGAL)
            CHECK(side.count == 0 && sent_reset(&side) == REFUSED_STREAM);
        else
            expect_view(&side, &cases[i]);
        h2_side_deinit(&side);
    }
}

static void two_upgrades_are_a_malformed_head(void **state)
{
    struct mux_side side;
    (void)state;
    open_side(&side, MUX_SERVER, &tunnel_profile);
    feed_headers(&side, 1, false, H2_REQUEST "\nadit-upgrade: a\nadit-upgrade: b");
    assert_int_equal(side.count, 0);
    assert_int_equal(sent_reset(&side), 1); // PROTOCOL_ERROR
    h2_side_deinit(&side);
}

static void wrong_trailers_cost_their_stream(void **state)
{
    static const char *const wrong[] = {"adit-bind: 1", "adit-error: ADIT-LOOP", "X: y",
                                        "x: y\nadit-case: x-z"};
    (void)state;
    for (enum mux_role role = MUX_CLIENT; role <= MUX_SERVER; role++) {
        for (size_t i = 0; i <= 4; i++) {
            const char *fields = i < 4 ? wrong[i] : "x-t: y\nadit-case: X-t";
            struct mux_side side;
            struct http_head get = head_request("GET", "/");
            open_side(&side, role, &tunnel_profile);
            if (role == MUX_CLIENT)
                assert_non_null(mux_side_open(&side, &get, false));
            assert_int_equal(h2_side_flush(&side), 0);
            feed_headers(&side, 1, false, role == MUX_CLIENT ? ":status: 200" : H2_REQUEST);
            feed_headers(&side, 1, true, fields);
            const struct mux_view *v = side.views[0];
            assert_int_equal(v->closed && v->reset == MUX_RESET_ILLEGAL, i < 4);
            assert_int_equal(v->ended, i == 4);
            assert_int_equal(sent_reset(&side), i < 4 ? CANCEL : 0);
            if (i == 4)
                buf_expect(&v->trailers, "X-t: y\n");
            h2_side_deinit(&side);
        }
    }
}

// Begins a GET that offers an upgrade, with fields that mean something to the tunnel.
static struct mux_view *begin(struct mux_pair *p, const struct mux_profile *profile)
{
    const struct mux_peer peer = {.spelling = true};
    struct http_head head = head_request("GET", "/");
    head.upgrade = SLICE("echo");
    head_put(&head, "adit-bind", "1");
    head_put(&head, "X-a", "b");
    mux_pair_init_profile(p, profile);
    mux_set_peer(p->relay.mux, &peer);
    struct mux_view *relay = mux_side_open(&p->relay, &head, false);
    assert_non_null(relay);
    mux_settle(p);
    assert_int_equal(p->agent.count, 1);
    return relay;
}

static void a_101_goes_and_arrives(void **state)
{
    struct mux_pair p;
    struct http_head head = head_response(101);
    (void)state;
    struct mux_view *relay = begin(&p, &tunnel_profile);
    buf_expect(&p.agent.views[0]->heads,
               "GET http a.example /\necho is the upgrade\nAdit-Bind: 1\nX-a: b\n");
    head.upgrade = SLICE("echo");
    assert_int_equal(mux_respond(p.agent.views[0]->stream, &head, false), 0);
    mux_settle(&p);
    buf_expect(&relay->heads, "101\necho is the upgrade\n");
    assert_int_equal(relay->framing.kind, BODY_TUNNEL);
    mux_pair_deinit(&p);
}

static void a_head_full_of_fields_has_room_for_its_upgrade(void **state)
{
    const struct mux_peer peer = {.fields = true};
    struct mux_pair p;
    struct http_head head = head_request("GET", "/");
    (void)state;
    head.upgrade = SLICE("echo");
    while (head.field_count < MESSAGE_FIELDS_CAP)
        head_put(&head, "x", "y");
    mux_pair_init_profile(&p, &tunnel_profile);
    mux_set_peer(p.relay.mux, &peer);
    assert_non_null(mux_side_open(&p.relay, &head, false));
    mux_settle(&p);
    assert_int_equal(p.agent.count, 1);
    const struct buf *heads = &p.agent.views[0]->heads;
    assert_non_null(memmem(buf_at(heads), buf_len(heads), "echo is the upgrade\nX: y\n", 25));
    mux_pair_deinit(&p);
}

static void an_upgrade_travels_with_101_and_a_short_one_with_426_alone(void **state)
{
    static char text[PRIVATE_UPGRADE_MAX + 1];
    const struct {
        uint16_t status;
        size_t size;
        bool sent;
    } cases[] = {{200, 1, false},
                 {404, 1, false},
                 {426, PRIVATE_UPGRADE_MAX, true},
                 {426, PRIVATE_UPGRADE_MAX + 1, false},
                 {101, PRIVATE_UPGRADE_MAX + 1, true}};
    (void)state;
    memset(text, 'u', sizeof(text));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_head head = head_response(cases[i].status);
        head.upgrade = slice_of(text, cases[i].size);
        const struct mux_status sent = tunnel_profile.status(&head);
        assert_int_equal(sent.upgrade.len, cases[i].sent ? cases[i].size : 0);
        assert_int_equal(sent.status, head.status == 101 ? 200 : head.status);
    }
}

static void with_another_profile_no_field_has_a_meaning(void **state)
{
    struct mux_pair p;
    struct http_head head = head_response(101);
    (void)state;
    struct mux_view *relay = begin(&p, &mux_plain);
    struct mux_stream *s = p.agent.views[0]->stream;
    buf_expect(&p.agent.views[0]->heads, "GET http a.example /\nadit-bind: 1\nx-a: b\n");
    assert_int_equal(mux_respond(s, &head, false), MUX_E_PROTOCOL);
    head = head_response(200);
    head_put(&head, "adit-upgrade", "a");
    head_put(&head, "adit-upgrade", "b");
    head_put(&head, "adit-case", "");
    assert_int_equal(mux_respond(s, &head, false), 0);
    mux_settle(&p);
    buf_expect(&relay->heads, "200\nadit-upgrade: a\nadit-upgrade: b\nadit-case: \n");
    mux_pair_deinit(&p);
}

// Whether an agent lives through so many requests that are reset at once.
static bool takes_resets(const struct mux_profile *profile, uint32_t count)
{
    static const uint8_t cancel[] = {0, 0, 0, CANCEL};
    struct mux_side side;
    int error = 0;
    open_side(&side, MUX_SERVER, profile);
    for (uint32_t i = 0; i < count && !error; i++) {
        struct buf b = {0};
        h2_headers(&b, 2 * i + 1, true, H2_REQUEST);
        h2_frame(&b, H2_RST_STREAM, 0, 2 * i + 1, slice_of((const char *)cancel, sizeof(cancel)));
        error = h2_side_feed(&side, &b, 0, buf_len(&b));
        error = error ? error : h2_side_flush(&side);
        buf_free(&b);
    }
    h2_side_deinit(&side);
    return !error;
}

static void a_profile_may_lift_the_limit_on_resets(void **state)
{
    struct mux_profile few = mux_plain;
    (void)state;
    few.reset_burst = 10;
    few.reset_rate = 1;
    assert_true(takes_resets(&few, 10));
    assert_false(takes_resets(&few, 30));
    assert_true(takes_resets(&tunnel_profile, 5000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(responses_are_framed_as_http1_requires),
        cmocka_unit_test(responses_with_wrong_fields_are_refused),
        cmocka_unit_test(an_upgrade_is_one_that_the_request_offered),
        cmocka_unit_test(requests_are_refused_before_the_handler_sees_them),
        cmocka_unit_test(two_upgrades_are_a_malformed_head),
        cmocka_unit_test(wrong_trailers_cost_their_stream),
        cmocka_unit_test(a_101_goes_and_arrives),
        cmocka_unit_test(a_head_full_of_fields_has_room_for_its_upgrade),
        cmocka_unit_test(an_upgrade_travels_with_101_and_a_short_one_with_426_alone),
        cmocka_unit_test(with_another_profile_no_field_has_a_meaning),
        cmocka_unit_test(a_profile_may_lift_the_limit_on_resets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
