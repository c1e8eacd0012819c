// SPDX-License-Identifier: MIT
// Features of peers that announced them (docs/protocol.md §2), and responses sent with a Date.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/tunnel/tunnel_profile.h"
#include "tests/support/mux_pair.h"

static void spellings_go_to_peers_that_want_them(void **state)
{
    struct mux_pair p;
    struct http_head head = head_request("GET", "/");
    struct http_head trailers = {0};
    (void)state;
    mux_pair_init_profile(&p, &tunnel_profile);
    head_put(&head, "X-a", "1");
    head_put(&head, "Accept", "2");
    head_put(&trailers, "x-T", "3");
    for (size_t i = 0; i < 2; i++) {
        const struct mux_peer peer = {.spelling = i == 1};
        mux_set_peer(p.relay.mux, &peer);
        struct mux_view *relay = mux_side_open(&p.relay, &head, false);
        assert_non_null(relay);
        assert_int_equal(mux_finish(relay->stream, &trailers), 0);
        mux_settle(&p);
        struct mux_view *agent = p.agent.views[i];
        buf_expect(&agent->heads, i == 0 ? "GET http a.example /\nX-A: 1\nAccept: 2\n"
                                         : "GET http a.example /\nX-a: 1\nAccept: 2\n");
        buf_expect(&agent->trailers, i == 0 ? "X-T: 3\n" : "x-T: 3\n");
    }
    mux_pair_deinit(&p);
}

static void more_fields_go_to_peers_that_take_them(void **state)
{
    struct mux_pair p;
    struct http_head head = head_request("GET", "/");
    (void)state;
    for (int more = 0; more < 2; more++) {
        const struct mux_peer peer = {.fields = more == 1};
        size_t most = more ? MESSAGE_FIELDS_CAP : MESSAGE_FIELDS_DEFAULT;
        mux_pair_init(&p);
        mux_set_peer(p.relay.mux, &peer);
        mux_set_peer(p.agent.mux, &peer);
        while (head.field_count < most)
            head_put(&head, "a", "b");
        struct mux_view *relay = mux_side_open(&p.relay, &head, false);
        assert_non_null(relay);
        mux_settle(&p);
        struct mux_view *agent = p.agent.views[0];
        struct http_head hints = head_response(103);
        head_copy(&hints, &head);
        hints.status = 103;
        // No field is left for the date.
        assert_int_equal(mux_respond_dated(agent->stream, &hints, SLICE("now"), false), 0);
        head.field_count = most + 1 < MESSAGE_FIELDS_CAP ? most + 1 : most;
        bool over = head.field_count > most;
        assert_int_equal(mux_respond(agent->stream, &(struct http_head){.status = 200}, false), 0);
        if (over) {
            head.fields[most] = head.fields[0];
            assert_int_equal(mux_finish(agent->stream, &head), MUX_E_HEAD);
            assert_null(mux_side_open(&p.relay, &head, true));
        }
        mux_pair_deinit(&p);
    }
}

static void a_date_follows_the_fields(void **state)
{
    struct mux_pair p;
    struct http_head head = head_request("GET", "/");
    (void)state;
    mux_pair_init(&p);
    struct mux_view *relay = mux_side_open(&p.relay, &head, true);
    mux_settle(&p);
    head = head_response(200);
    head_put(&head, "A", "b");
    assert_int_equal(mux_respond_dated(p.agent.views[0]->stream, &head, SLICE("now"), true), 0);
    mux_settle(&p);
    buf_expect(&relay->heads, "200\na: b\ndate: now\n");
    mux_pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spellings_go_to_peers_that_want_them),
        cmocka_unit_test(more_fields_go_to_peers_that_take_them),
        cmocka_unit_test(a_date_follows_the_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
