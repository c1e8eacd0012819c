// SPDX-License-Identifier: MIT
// Load shedding in a tunnel: which stream is chosen.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/tunnel/tunnel_stream.h"
#include "server/shed.h"
#include "tests/support/mux_pair.h"

static struct mux_view *unread_download(struct mux_pair *p, uint64_t unread)
{
    struct http_head get = head_request("GET", "/");
    struct http_head ok = head_response(200);
    struct mux_view *reader = mux_side_open(&p->relay, &get, true);
    assert_non_null(reader);
    mux_settle(p);
    struct mux_view *sender = p->agent.views[p->agent.count - 1];
    assert_int_equal(mux_respond(sender->stream, &ok, false), 0);
    while (reader->received < unread && mux_view_feed(sender, 0, unread) > 0)
        mux_settle(p);
    assert_int_equal(mux_stream_unread(reader->stream), unread);
    return reader;
}

// The small readers of one client have more unread bytes together than the largest single reader.
static void for_what_is_unread_the_client_pays_of_which_the_most_is(void **state)
{
    static const struct {
        uint64_t unread;
        int client; // 0: it may be anybody
    } readers[] = {{60000, 1}, {30000, 2}, {31000, 2}, {20000, 2},
                   {45000, 3}, {40000, 0}, {39000, 0}};
    enum {
        READERS = sizeof(readers) / sizeof(readers[0])
    };
    const int order[] = {2, 5, 0, 1, 4, 6, 3};
    struct mux_pair p;
    struct mux_view *views[READERS];
    struct tunnel_stream ends[READERS] = {0};
    struct shares clients = {0};
    (void)state;
    mux_pair_init(&p);
    p.relay.holds_credit = true;
    for (size_t i = 0; i < READERS; i++) {
        struct client_address a = {.exempt = readers[i].client == 0};
        a.bytes.s6_addr[0] = (uint8_t)readers[i].client;
        views[i] = unread_download(&p, readers[i].unread);
        assert_true(tunnel_stream_count(&ends[i], &clients, &a, 100));
        mux_set_user(views[i]->stream, &ends[i]);
    }
    for (size_t i = 0; i < READERS; i++) {
        struct mux_view *v = views[order[i]];
        assert_ptr_equal(shed_fullest(NULL, p.relay.mux), v->stream);
        mux_set_user(v->stream, v);
        mux_view_reset(v, MUX_RESET_CALM);
        shares_leave(ends[order[i]].share);
    }
    assert_null(shed_fullest(NULL, p.relay.mux));
    mux_settle(&p);
    mux_pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(for_what_is_unread_the_client_pays_of_which_the_most_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
