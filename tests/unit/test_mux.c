// SPDX-License-Identifier: MIT
// Whole exchanges between both roles of the mux, in memory (docs/protocol.md §4).
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/chance.h"
#include "tests/support/mux_pair.h"

enum {
    LARGE = 64 * 1024
};

// Sends everything with one mux_send and feeds it in two parts. Returns its length.
static size_t move_cut(struct mux_side *from, struct mux_side *to, size_t cut)
{
    static char bytes[LARGE];
    int n = mux_send(from->mux, bytes, sizeof(bytes));
    assert_true(n > 0 && n < LARGE);
    cut = cut < (size_t)n ? cut : (size_t)n;
    assert_int_equal(mux_recv(to->mux, bytes, cut), 0);
    assert_int_equal(mux_recv(to->mux, bytes + cut, (size_t)n - cut), 0);
    return (size_t)n;
}

static struct mux_view *ask_with_all(struct mux_pair *p)
{
    struct http_head request = head_request("POST", "/path?query");
    struct http_head trailers = {0};
    request.scheme = SLICE("https");
    head_put(&request, "Accept", "a/b");
    head_put(&request, "x-empty", "");
    head_put(&request, "accept", "c/d");
    head_put(&trailers, "x-after", "the request");
    struct mux_view *v = mux_side_open(&p->relay, &request, false);
    assert_int_equal(mux_view_give(v, "body "), 0);
    assert_int_equal(mux_view_give(v, "of the request"), 0);
    assert_int_equal(mux_finish(v->stream, &trailers), 0);
    return v;
}

static void answer_with_all(struct mux_view *v)
{
    struct http_head early = head_response(103);
    struct http_head response = head_response(418);
    struct http_head trailers = {0};
    head_put(&early, "link", "</a>");
    head_put(&response, "content-type", "tea/pot");
    head_put(&trailers, "x-one", "1");
    head_put(&trailers, "x-two", "2");
    assert_int_equal(mux_respond(v->stream, &early, false), 0);
    assert_int_equal(mux_respond(v->stream, &response, false), 0);
    assert_int_equal(mux_view_give(v, "short and stout"), 0);
    assert_int_equal(mux_finish(v->stream, &trailers), 0);
}

static size_t exchange_with_cuts(size_t cut_there, size_t cut_back)
{
    struct mux_pair p;
    mux_pair_init(&p);
    struct mux_view *relay = ask_with_all(&p);
    size_t there = move_cut(&p.relay, &p.agent, cut_there);
    assert_int_equal(p.agent.count, 1);
    struct mux_view *agent = p.agent.views[0];
    buf_expect(&agent->heads,
               "POST https a.example /path?query\naccept: a/b\nx-empty: \naccept: c/d\n");
    buf_expect(&agent->body, "body of the request");
    buf_expect(&agent->trailers, "x-after: the request\n");
    assert_true(agent->ended && !agent->closed);
    answer_with_all(agent);
    size_t back = move_cut(&p.agent, &p.relay, cut_back);
    buf_expect(&relay->heads, "103\nlink: </a>\n418\ncontent-type: tea/pot\n");
    buf_expect(&relay->body, "short and stout");
    buf_expect(&relay->trailers, "x-one: 1\nx-two: 2\n");
    assert_true(relay->ended && relay->closed && agent->closed);
    assert_true(relay->reset == 0 && agent->reset == 0);
    assert_true(mux_stream_count(p.relay.mux) == 0 && mux_stream_count(p.agent.mux) == 0);
    assert_true(mux_unread(p.relay.mux) == 0 && mux_unread(p.agent.mux) == 0);
    mux_settle(&p);
    mux_pair_deinit(&p);
    return cut_back ? back : there;
}

static void an_exchange_arrives_whole_in_every_split(void **state)
{
    (void)state;
    for (size_t cut = 0; cut <= exchange_with_cuts(cut, 0); cut++)
        ;
    for (size_t cut = 1; cut <= exchange_with_cuts(0, cut); cut++)
        ;
}

static void heads_keep_all_their_fields_in_order(void **state)
{
    static char names[MESSAGE_FIELDS_CAP][24];
    struct mux_pair p;
    struct http_head head = head_request("GET", "/");
    struct buf sent = {0};
    (void)state;
    mux_pair_init(&p);
    mux_set_peer(p.relay.mux, &(struct mux_peer){.fields = true});
    mux_set_peer(p.agent.mux, &(struct mux_peer){.fields = true});
    for (int i = 0; i < MESSAGE_FIELDS_CAP; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "x-field-%d", i % 50);
        head_put(&head, names[i], i % 3 ? names[MESSAGE_FIELDS_CAP - 1 - i] : "");
    }
    head_text(&head, &sent);
    assert_true(buf_append(&sent, "", 1));
    struct mux_view *relay = mux_side_open(&p.relay, &head, true);
    mux_settle(&p);
    struct mux_view *agent = p.agent.views[0];
    buf_expect(&agent->heads, sent.bytes);
    head.method = head.authority = head.target = (struct slice){0};
    head.status = 999;
    buf_free(&sent);
    head_text(&head, &sent);
    assert_true(buf_append(&sent, "", 1));
    assert_int_equal(mux_respond(agent->stream, &head, true), 0);
    mux_settle(&p);
    buf_expect(&relay->heads, sent.bytes);
    buf_free(&sent);
    mux_pair_deinit(&p);
}

static void what_a_head_leaves_out_is_filled_in(void **state)
{
    struct mux_pair p;
    struct http_head head = {.method = SLICE("OPTIONS"), .target = SLICE("*")};
    (void)state;
    mux_pair_init(&p);
    (void)mux_side_open(&p.relay, &head, true);
    mux_settle(&p);
    buf_expect(&p.agent.views[0]->heads, "OPTIONS http  *\n");
    mux_pair_deinit(&p);
}

static void interim_heads_come_before_the_final_one(void **state)
{
    struct mux_pair p;
    struct mux_view *relay;
    struct mux_view *agent;
    (void)state;
    mux_pair_init(&p);
    mux_pair_begin(&p, &relay, &agent);
    for (uint16_t status = 100; status < 200; status++)
        if (status != 101)
            mux_view_respond(agent, status, false);
    mux_settle(&p);
    assert_int_equal(relay->head_count, 99);
    assert_false(relay->head_end);
    mux_view_respond(agent, 200, true);
    struct http_head again = head_response(200);
    assert_int_equal(mux_respond(agent->stream, &again, true), MUX_E_PROTOCOL);
    mux_settle(&p);
    assert_int_equal(relay->head_count, 100);
    assert_true(relay->head_end && relay->closed && relay->reset == 0 && relay->received == 0);
    mux_pair_deinit(&p);
}

// END_STREAM with the head, alone or with trailers; before or after the head was sent.
static void empty_bodies_end_in_every_way(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 12; way++) {
        struct mux_pair p;
        struct http_head post = head_request("POST", "/");
        struct http_head trailers = {0};
        bool with_trailers = way & 1;
        bool later = way & 2;
        mux_pair_init(&p);
        head_put(&trailers, "x-t", "v");
        bool at_once = way >= 8;
        struct mux_view *relay = mux_side_open(&p.relay, &post, at_once);
        if (later)
            mux_settle(&p);
        assert_int_equal(mux_finish(relay->stream, with_trailers ? &trailers : NULL), 0);
        assert_int_equal(mux_finish(relay->stream, &trailers), 0); // only the first counts
        assert_int_equal(mux_view_give(relay, "too late"), 0);
        mux_settle(&p);
        struct mux_view *agent = p.agent.views[0];
        assert_true(agent->ended && agent->received == 0 && agent->head_end == at_once);
        buf_expect(&agent->trailers, with_trailers && !at_once ? "x-t: v\n" : "");
        mux_view_respond(agent, 204, at_once);
        assert_int_equal(mux_finish(agent->stream, with_trailers ? &trailers : NULL), 0);
        mux_settle(&p);
        assert_true(relay->ended && relay->received == 0 && relay->closed && agent->closed);
        buf_expect(&relay->trailers, with_trailers && !at_once ? "x-t: v\n" : "");
        mux_pair_deinit(&p);
    }
}

static void a_response_may_end_before_its_request(void **state)
{
    struct mux_pair p;
    struct http_head post = head_request("POST", "/");
    (void)state;
    mux_pair_init(&p);
    struct mux_view *relay = mux_side_open(&p.relay, &post, false);
    mux_settle(&p);
    struct mux_view *agent = p.agent.views[0];
    mux_view_respond(agent, 200, true);
    mux_settle(&p);
    assert_true(relay->ended && !relay->closed && !agent->ended && !agent->closed);
    assert_int_equal(mux_view_give(relay, "still here"), 0);
    assert_int_equal(mux_finish(relay->stream, NULL), 0);
    mux_settle(&p);
    buf_expect(&agent->body, "still here");
    assert_true(agent->closed && agent->reset == 0 && relay->closed && relay->reset == 0);
    mux_pair_deinit(&p);
}

// Bodies do not depend on the room that mux_send gets.
static void bodies_arrive_through_any_room_to_send(void **state)
{
    static const size_t caps[] = {16, 50, 512, 1011, 1024, 16384 + 9, 65535};
    enum {
        TOTAL = 300000
    };
    (void)state;
    for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
        struct mux_pair p;
        struct http_head post = head_request("POST", "/");
        mux_pair_init(&p);
        struct mux_view *relay = mux_side_open(&p.relay, &post, false);
        while (p.agent.count == 0)
            assert_true(mux_move(&p.relay, &p.agent, caps[i], 7) > 0);
        struct mux_view *agent = p.agent.views[0];
        mux_view_respond(agent, 200, false);
        for (size_t idle = 0; idle < 2; idle++) {
            size_t fed = mux_view_feed(relay, 1, TOTAL) + mux_view_feed(agent, 2, TOTAL);
            int moved = mux_move(&p.relay, &p.agent, caps[i], 8000);
            moved += mux_move(&p.agent, &p.relay, caps[i], 8000);
            if (fed > 0 || moved > 0)
                idle = 0;
        }
        assert_int_equal(buf_len(&relay->body), TOTAL);
        assert_int_equal(buf_len(&agent->body), TOTAL);
        assert_true(pattern_is(buf_at(&agent->body), TOTAL, 1, 0));
        assert_true(pattern_is(buf_at(&relay->body), TOTAL, 2, 0));
        mux_pair_deinit(&p);
    }
}

static void every_error_has_its_words(void **state)
{
    (void)state;
    for (int error = MUX_E_HEAD; error < 0; error++)
        assert_string_not_equal(mux_strerror(error), mux_strerror(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exchange_arrives_whole_in_every_split),
        cmocka_unit_test(heads_keep_all_their_fields_in_order),
        cmocka_unit_test(what_a_head_leaves_out_is_filled_in),
        cmocka_unit_test(interim_heads_come_before_the_final_one),
        cmocka_unit_test(empty_bodies_end_in_every_way),
        cmocka_unit_test(a_response_may_end_before_its_request),
        cmocka_unit_test(bodies_arrive_through_any_room_to_send),
        cmocka_unit_test(every_error_has_its_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
