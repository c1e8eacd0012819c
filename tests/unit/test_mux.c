// SPDX-License-Identifier: MIT
// Exchanges between both roles of the mux, in memory (docs/protocol.md §4).
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/chance.h"
#include "tests/support/check.h"
#include "tests/support/mux_pair.h"

enum {
    LARGE = 64 * 1024
};

static void add(struct http_head *head, const char *name, const char *value)
{
    assert_true(head_add(head, slice_str(name), slice_str(value)));
}

static void text_is(const struct buf *b, const char *text)
{
    if (!buf_is(b, text))
        fail_msg("is:\n%.*s\nis not:\n%s", (int)buf_len(b), b->bytes ? buf_at(b) : "", text);
}

static int give(struct mux_view *v, const char *text)
{
    return mux_data(v->stream, text, strlen(text));
}

// The views of one more exchange, its request without a body.
static void begin(struct mux_pair *p, struct mux_view **relay, struct mux_view **agent)
{
    struct http_head get = head_request("GET", "/");
    *relay = mux_side_open(&p->relay, &get, true);
    assert_non_null(*relay);
    mux_settle(p);
    *agent = p->agent.views[p->agent.count - 1];
    assert_true((*agent)->head_end);
}

static void begin_upload(struct mux_pair *p, struct mux_view **relay, struct mux_view **agent)
{
    struct http_head post = head_request("POST", "/");
    *relay = mux_side_open(&p->relay, &post, false);
    assert_non_null(*relay);
    mux_settle(p);
    *agent = p->agent.views[p->agent.count - 1];
    assert_false((*agent)->head_end);
}

static void respond(struct mux_view *v, uint16_t status, bool end)
{
    struct http_head head = head_response(status);
    assert_int_equal(mux_respond(v->stream, &head, end), 0);
}

// Sends all there is in one go, fed in two parts. Returns its length.
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
    add(&request, "Accept", "a/b");
    add(&request, "x-empty", "");
    add(&request, "accept", "c/d");
    add(&trailers, "x-after", "the request");
    struct mux_view *v = mux_side_open(&p->relay, &request, false);
    assert_int_equal(give(v, "body "), 0);
    assert_int_equal(give(v, "of the request"), 0);
    assert_int_equal(mux_finish(v->stream, &trailers), 0);
    return v;
}

static void answer_with_all(struct mux_view *v)
{
    struct http_head early = head_response(103);
    struct http_head response = head_response(418);
    struct http_head trailers = {0};
    add(&early, "link", "</a>");
    add(&response, "content-type", "tea/pot");
    add(&trailers, "x-one", "1");
    add(&trailers, "x-two", "2");
    assert_int_equal(mux_respond(v->stream, &early, false), 0);
    assert_int_equal(mux_respond(v->stream, &response, false), 0);
    assert_int_equal(give(v, "short and stout"), 0);
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
    text_is(&agent->heads,
            "POST https a.example /path?query\naccept: a/b\nx-empty: \naccept: c/d\n");
    text_is(&agent->body, "body of the request");
    text_is(&agent->trailers, "x-after: the request\n");
    assert_true(agent->ended && !agent->closed);
    answer_with_all(agent);
    size_t back = move_cut(&p.agent, &p.relay, cut_back);
    text_is(&relay->heads, "103\nlink: </a>\n418\ncontent-type: tea/pot\n");
    text_is(&relay->body, "short and stout");
    text_is(&relay->trailers, "x-one: 1\nx-two: 2\n");
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
        add(&head, names[i], i % 3 ? names[MESSAGE_FIELDS_CAP - 1 - i] : "");
    }
    head.upgrade = SLICE("websocket");
    head_text(&head, &sent);
    assert_true(buf_append(&sent, "", 1));
    struct mux_view *relay = mux_side_open(&p.relay, &head, true);
    mux_settle(&p);
    struct mux_view *agent = p.agent.views[0];
    text_is(&agent->heads, sent.bytes);
    head.method = head.authority = head.target = (struct slice){0};
    head.status = 999;
    buf_free(&sent);
    head_text(&head, &sent);
    assert_true(buf_append(&sent, "", 1));
    assert_int_equal(mux_respond(agent->stream, &head, true), 0);
    mux_settle(&p);
    text_is(&relay->heads, sent.bytes);
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
    text_is(&p.agent.views[0]->heads, "OPTIONS http  *\n");
    mux_pair_deinit(&p);
}

static void interim_heads_come_before_the_final_one(void **state)
{
    struct mux_pair p;
    struct mux_view *relay;
    struct mux_view *agent;
    (void)state;
    mux_pair_init(&p);
    begin(&p, &relay, &agent);
    for (uint16_t status = 100; status < 200; status++)
        if (status != 101)
            respond(agent, status, false);
    mux_settle(&p);
    assert_int_equal(relay->head_count, 99);
    assert_false(relay->head_end);
    respond(agent, 200, true);
    struct http_head again = head_response(200);
    assert_int_equal(mux_respond(agent->stream, &again, true), MUX_E_PROTOCOL);
    mux_settle(&p);
    assert_int_equal(relay->head_count, 100);
    assert_true(relay->head_end && relay->closed && relay->reset == 0 && relay->received == 0);
    mux_pair_deinit(&p);
}

// With the head, alone, or with trailers; before or after what came earlier has left.
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
        add(&trailers, "x-t", "v");
        bool at_once = way >= 8;
        struct mux_view *relay = mux_side_open(&p.relay, &post, at_once);
        if (later)
            mux_settle(&p);
        assert_int_equal(mux_finish(relay->stream, with_trailers ? &trailers : NULL), 0);
        assert_int_equal(mux_finish(relay->stream, &trailers), 0); // only the first counts
        assert_int_equal(give(relay, "too late"), 0);
        mux_settle(&p);
        struct mux_view *agent = p.agent.views[0];
        assert_true(agent->ended && agent->received == 0 && agent->head_end == at_once);
        text_is(&agent->trailers, with_trailers && !at_once ? "x-t: v\n" : "");
        respond(agent, 204, at_once);
        assert_int_equal(mux_finish(agent->stream, with_trailers ? &trailers : NULL), 0);
        mux_settle(&p);
        assert_true(relay->ended && relay->received == 0 && relay->closed && agent->closed);
        text_is(&relay->trailers, with_trailers && !at_once ? "x-t: v\n" : "");
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
    respond(agent, 200, true);
    mux_settle(&p);
    assert_true(relay->ended && !relay->closed && !agent->ended && !agent->closed);
    assert_int_equal(give(relay, "still here"), 0);
    assert_int_equal(mux_finish(relay->stream, NULL), 0);
    mux_settle(&p);
    text_is(&agent->body, "still here");
    assert_true(agent->closed && agent->reset == 0 && relay->closed && relay->reset == 0);
    mux_pair_deinit(&p);
}

// What mux_send is given of room changes nothing, however little it is.
// The stop comes before the response has left, or behind it.
static void a_request_that_is_stopped_ends_behind_its_whole_response(void **state)
{
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct mux_pair p;
        struct mux_view *relay = NULL;
        struct mux_view *agent = NULL;
        mux_pair_init(&p);
        begin_upload(&p, &relay, &agent);
        respond(agent, 413, false);
        assert_int_equal(give(agent, "too much"), 0);
        assert_int_equal(mux_finish(agent->stream, NULL), 0);
        if (late)
            mux_settle(&p);
        assert_false(relay->closed);
        mux_stop_request(agent->stream);
        mux_settle(&p);
        text_is(&relay->body, "too much");
        assert_true(relay->ended && relay->closed && agent->closed);
        assert_int_equal(relay->reset, MUX_RESET_UNWANTED);
        assert_true(mux_stream_count(p.relay.mux) == 0 && mux_stream_count(p.agent.mux) == 0);
        mux_pair_deinit(&p);
    }
}

static void a_request_that_has_ended_need_not_be_stopped(void **state)
{
    struct mux_pair p;
    struct mux_view *relay = NULL;
    struct mux_view *agent = NULL;
    (void)state;
    mux_pair_init(&p);
    begin_upload(&p, &relay, &agent);
    assert_int_equal(mux_finish(relay->stream, NULL), 0);
    mux_settle(&p);
    mux_stop_request(agent->stream);
    respond(agent, 200, true);
    mux_settle(&p);
    assert_true(relay->ended && relay->closed && relay->reset == 0);
    assert_true(agent->closed && agent->reset == 0);
    mux_pair_deinit(&p);
}

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
        respond(agent, 200, false);
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

static void a_reset_ends_a_stream_on_both_sides_and_no_other(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 8; way++) {
        struct mux_pair p;
        struct mux_view *relay[2];
        struct mux_view *agent[2];
        bool by_relay = way & 1;
        mux_pair_init(&p);
        begin(&p, &relay[0], &agent[0]);
        begin(&p, &relay[1], &agent[1]);
        if (way & 2)
            respond(agent[0], 200, false);
        if (way & 4) // in flight both ways
            mux_settle(&p);
        if (way & 2)
            assert_int_equal(give(agent[0], "lost perhaps"), 0);
        mux_view_reset(by_relay ? relay[0] : agent[0], MUX_RESET_CALM);
        mux_settle(&p);
        struct mux_view *other = by_relay ? agent[0] : relay[0];
        assert_true(other->closed && other->reset == MUX_RESET_CALM);
        assert_false((by_relay ? relay[0] : agent[0])->closed);
        respond(agent[1], 200, true);
        mux_settle(&p);
        assert_true(relay[1]->closed && relay[1]->reset == 0 && agent[1]->reset == 0);
        assert_true(mux_stream_count(p.relay.mux) == 0 && mux_stream_count(p.agent.mux) == 0);
        mux_pair_deinit(&p);
    }
}

static void a_request_that_is_reset_before_it_left_never_leaves(void **state)
{
    struct mux_pair p;
    struct mux_view *relay;
    struct mux_view *agent;
    struct http_head post = head_request("POST", "/");
    (void)state;
    mux_pair_init(&p);
    for (int i = 0; i < 10; i++) {
        struct mux_view *v = mux_side_open(&p.relay, &post, i & 1);
        assert_int_equal(give(v, "x"), 0);
        mux_view_reset(v, MUX_RESET_CANCEL);
    }
    assert_int_equal(mux_stream_count(p.relay.mux), 0);
    mux_settle(&p);
    assert_int_equal(p.agent.count, 0);
    begin(&p, &relay, &agent);
    respond(agent, 200, true);
    mux_settle(&p);
    assert_true(relay->closed && relay->reset == 0);
    mux_pair_deinit(&p);
}

// nghttp2 has closed the first stream; its handler will hear of it when the batch is over. Until
// then its owner, who does not know, may still use it.
static void use_the_first(struct mux_view *v, const struct http_head *head, bool end)
{
    struct mux_view *first = v->side->views[0];
    struct http_head trailers = {0};
    struct http_head response = head_response(200);
    (void)head;
    (void)end;
    if (v->index < 2)
        return;
    CHECK(!first->closed && first->stream);
    add(&trailers, "x", "y");
    CHECK(give(first, "more") == 0);
    mux_credit(first->stream, 100);
    CHECK(mux_respond(first->stream, &response, false) != 0);
    CHECK(mux_finish(first->stream, &trailers) == 0);
    if (v->index == 3)
        mux_view_reset(first, MUX_RESET_CANCEL);
}

static void a_stream_that_its_peer_has_just_reset_takes_all_calls(void **state)
{
    struct http_head get = head_request("GET", "/");
    struct http_head post = head_request("POST", "/");
    (void)state;
    for (int others = 1; others <= 2; others++) {
        struct mux_pair p;
        mux_pair_init(&p);
        struct mux_view *relay = mux_side_open(&p.relay, &post, false);
        struct mux_view *second = mux_side_open(&p.relay, &post, false);
        mux_settle(&p);
        p.agent.holds_credit = true;
        assert_int_equal(give(relay, "unread"), 0);
        mux_settle(&p);
        assert_int_equal(mux_unread(p.agent.mux), 6);
        mux_view_reset(relay, MUX_RESET_CANCEL);
        mux_view_reset(second, MUX_RESET_CANCEL);
        for (int i = 0; i < others; i++)
            assert_non_null(mux_side_open(&p.relay, &get, true));
        p.agent.hooks.head = use_the_first;
        mux_settle(&p);
        assert_int_equal(p.agent.views[0]->closed, others == 1); // else it forgot the stream
        assert_true(p.agent.views[1]->closed);
        assert_int_equal(p.agent.count, 2 + others);
        assert_int_equal(mux_unread(p.agent.mux), 0);
        mux_pair_deinit(&p);
    }
}

static void forgotten_streams_leave_nothing_behind(void **state)
{
    struct mux_pair p;
    (void)state;
    mux_pair_init(&p);
    p.relay.holds_credit = true;
    for (int i = 0; i < 50; i++) {
        struct mux_view *relay;
        struct mux_view *agent;
        begin(&p, &relay, &agent);
        respond(agent, 200, false);
        while (mux_view_feed(agent, 1, LARGE) > 0)
            mux_settle(&p);
        assert_int_equal(relay->received, MUX_WINDOW_START);
        mux_view_reset(relay, MUX_RESET_CANCEL);
        assert_int_equal(mux_unread(p.relay.mux), 0);
        mux_settle(&p);
        assert_true(agent->closed && agent->reset == MUX_RESET_CANCEL);
        assert_int_equal(mux_stream_count(p.agent.mux), 0);
    }
    mux_pair_deinit(&p);
}

static void thousands_of_resets_do_not_end_it(void **state)
{
    struct mux_pair p;
    struct mux_view *relay;
    struct mux_view *agent;
    (void)state;
    mux_pair_init(&p);
    for (int i = 0; i < 5000; i++) {
        begin(&p, &relay, &agent);
        mux_view_reset(i & 1 ? relay : agent, MUX_RESET_CANCEL);
        if (i % 10 == 0)
            mux_settle(&p);
    }
    begin(&p, &relay, &agent);
    respond(agent, 200, true);
    mux_settle(&p);
    assert_true(relay->closed && relay->reset == 0);
    mux_pair_deinit(&p);
}

static void drain_at_the_relay_lets_the_running_end_and_begins_none(void **state)
{
    struct mux_pair p;
    struct mux_view *relay;
    struct mux_view *agent;
    struct http_head get = head_request("GET", "/");
    (void)state;
    mux_pair_init(&p);
    begin(&p, &relay, &agent);
    mux_drain(p.relay.mux);
    mux_drain(p.relay.mux);
    assert_null(mux_side_open(&p.relay, &get, true));
    mux_settle(&p);
    respond(agent, 200, false);
    assert_int_equal(give(agent, "goodbye"), 0);
    assert_int_equal(mux_finish(agent->stream, NULL), 0);
    mux_settle(&p);
    text_is(&relay->body, "goodbye");
    assert_true(relay->closed && relay->reset == 0 && agent->closed && agent->reset == 0);
    // What may still be under way is no error.
    assert_int_equal(mux_recv(p.agent.mux, "\0\0\4\3\0\0\0\0\1\0\0\0\0", 13), 0);
    assert_true(mux_send(p.agent.mux, (char[100]){0}, 100) >= 0);
    mux_pair_deinit(&p);
}

static void a_request_from_before_the_drain_still_runs(void **state)
{
    struct mux_pair p;
    struct http_head get = head_request("GET", "/");
    (void)state;
    mux_pair_init(&p);
    struct mux_view *relay = mux_side_open(&p.relay, &get, true);
    mux_drain(p.relay.mux);
    mux_settle(&p);
    assert_int_equal(p.agent.count, 1);
    respond(p.agent.views[0], 200, true);
    mux_settle(&p);
    assert_true(relay->closed && relay->reset == 0);
    mux_pair_deinit(&p);
}

static void drain_at_the_agent_refuses_what_it_has_not_begun(void **state)
{
    (void)state;
    for (int sent_before = 0; sent_before < 2; sent_before++) {
        struct mux_pair p;
        struct mux_view *relay;
        struct mux_view *agent;
        struct http_head get = head_request("GET", "/");
        mux_pair_init(&p);
        begin(&p, &relay, &agent);
        mux_drain(p.agent.mux);
        struct mux_view *late = mux_side_open(&p.relay, &get, true);
        assert_non_null(late); // the relay does not know yet
        if (sent_before)
            assert_true(mux_move(&p.relay, &p.agent, LARGE, LARGE) > 0);
        mux_settle(&p);
        assert_int_equal(p.agent.count, 1);
        assert_true(late->closed && late->reset == MUX_RESET_REFUSED);
        assert_null(mux_side_open(&p.relay, &get, true));
        respond(agent, 200, true);
        mux_settle(&p);
        assert_true(relay->closed && relay->reset == 0);
        assert_int_equal(mux_stream_count(p.agent.mux), 0);
        mux_pair_deinit(&p);
    }
}

static void a_lost_mux_tells_every_stream_once_and_takes_no_more(void **state)
{
    struct mux_pair p;
    struct mux_view *relay;
    struct mux_view *agent;
    struct http_head get = head_request("GET", "/");
    char out[100];
    (void)state;
    mux_pair_init(&p);
    for (int i = 0; i < 100; i++)
        begin(&p, &relay, &agent);
    (void)mux_side_open(&p.relay, &get, true); // not sent yet
    respond(agent, 200, false);
    mux_settle(&p);
    mux_link_lost(p.relay.mux);
    mux_link_lost(p.agent.mux);
    for (size_t i = 0; i < p.relay.count; i++)
        assert_true(p.relay.views[i]->closed && p.relay.views[i]->reset == MUX_RESET_LOST);
    for (size_t i = 0; i < p.agent.count; i++)
        assert_true(p.agent.views[i]->closed && p.agent.views[i]->reset == MUX_RESET_LOST);
    assert_int_equal(mux_stream_count(p.relay.mux), 0);
    assert_null(mux_side_open(&p.relay, &get, true));
    assert_false(mux_wants_send(p.relay.mux));
    assert_int_equal(mux_send(p.relay.mux, out, sizeof(out)), MUX_E_PROTOCOL);
    assert_int_equal(mux_recv(p.relay.mux, "x", 1), MUX_E_PROTOCOL);
    mux_link_lost(p.relay.mux);
    mux_drain(p.relay.mux);
    mux_pair_deinit(&p);
}

static void never_called(struct mux_view *v, uint32_t reset)
{
    (void)reset;
    CHECK(!v);
}

static void freeing_calls_nobody(void **state)
{
    struct mux_pair p;
    struct mux_view *relay;
    struct mux_view *agent;
    (void)state;
    mux_pair_init(&p);
    p.relay.hooks.closed = p.agent.hooks.closed = never_called;
    for (int i = 0; i < 10; i++)
        begin(&p, &relay, &agent);
    respond(agent, 200, false);
    assert_int_equal(give(agent, "unsent"), 0);
    mux_pair_deinit(&p);
    mux_free(NULL);
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
        cmocka_unit_test(a_request_that_is_stopped_ends_behind_its_whole_response),
        cmocka_unit_test(a_request_that_has_ended_need_not_be_stopped),
        cmocka_unit_test(bodies_arrive_through_any_room_to_send),
        cmocka_unit_test(a_reset_ends_a_stream_on_both_sides_and_no_other),
        cmocka_unit_test(a_request_that_is_reset_before_it_left_never_leaves),
        cmocka_unit_test(a_stream_that_its_peer_has_just_reset_takes_all_calls),
        cmocka_unit_test(forgotten_streams_leave_nothing_behind),
        cmocka_unit_test(thousands_of_resets_do_not_end_it),
        cmocka_unit_test(drain_at_the_relay_lets_the_running_end_and_begins_none),
        cmocka_unit_test(a_request_from_before_the_drain_still_runs),
        cmocka_unit_test(drain_at_the_agent_refuses_what_it_has_not_begun),
        cmocka_unit_test(a_lost_mux_tells_every_stream_once_and_takes_no_more),
        cmocka_unit_test(freeing_calls_nobody),
        cmocka_unit_test(every_error_has_its_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
