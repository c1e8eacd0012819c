// SPDX-License-Identifier: MIT
// The frames of DATA that a body leaves in (docs/protocol.md §4.2).
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/check.h"
#include "tests/support/h2_side.h"
#include "tests/support/trials.h"

enum {
    CAP = 128 * 1024, // of one mux_send, as of a link message
    QUEUED = 512 * 1024,
    FRAME_HEAD = 9,
    DEFAULT_FRAME = 16384, // of HTTP/2
    SENT_MAX = 1000
};

static char bytes[QUEUED];

// The DATA frames that a side has sent.
struct sent {
    size_t count;
    struct {
        size_t len, message;
        uint32_t id;
    } frames[SENT_MAX];
    size_t messages;
};

// Sends one message and notes its frames; returns its length.
static size_t send_noted(struct mux_side *from, struct mux_side *to, struct sent *sent)
{
    static char out[CAP];
    int n = mux_send(from->mux, out, sizeof(out));
    assert_true(n >= 0);
    for (size_t at = 0; at + FRAME_HEAD <= (size_t)n;) {
        const uint8_t *p = (const uint8_t *)out + at;
        size_t len = (size_t)read_be(p, 3);
        if (p[3] == H2_DATA) {
            assert_true(sent->count < SENT_MAX);
            sent->frames[sent->count].len = len;
            sent->frames[sent->count].message = sent->messages;
            sent->frames[sent->count++].id = (uint32_t)read_be(p + 5, 4);
        }
        at += FRAME_HEAD + len;
    }
    sent->messages++;
    assert_int_equal(mux_recv(to->mux, out, (size_t)n), 0);
    return (size_t)n;
}

static void send_all(struct mux_pair *p, struct sent *sent)
{
    while (send_noted(&p->agent, &p->relay, sent) > 0)
        while (mux_move(&p->relay, &p->agent, 65536, 65536) > 0)
            ;
}

// A response whose window has grown to its limit. Returns the sender.
static struct mux_view *begin_wide(struct mux_pair *p)
{
    struct mux_view *relay = NULL;
    struct mux_view *agent = NULL;
    mux_pair_begin(p, &relay, &agent);
    mux_view_respond(agent, 200, false);
    while (relay->received < (uint64_t)16 * 1024 * 1024) {
        (void)mux_view_feed(agent, 0, UINT64_MAX);
        mux_settle(p);
    }
    return agent;
}

static void pair_init(struct mux_pair *p)
{
    mux_pair_init(p);
    p->relay.drops_bodies = true;
    mux_settle(p);
}

static void a_body_alone_fills_each_message_with_one_frame(void **state)
{
    struct mux_pair p;
    static struct sent sent;
    (void)state;
    pair_init(&p);
    struct mux_view *v = begin_wide(&p);
    assert_int_equal(mux_data(v->stream, bytes, QUEUED), 0);
    v->sent += QUEUED;
    sent.count = sent.messages = 0;
    send_all(&p, &sent);
    assert_int_equal(sent.count, QUEUED / CAP + 1);
    for (size_t i = 0; i + 1 < sent.count; i++)
        assert_in_range(sent.frames[i].len, CAP - 100, CAP - FRAME_HEAD);
    mux_pair_deinit(&p);
}

static void bodies_that_wait_together_take_turns_in_small_frames(void **state)
{
    struct mux_pair p;
    static struct sent sent;
    struct mux_view *views[3];
    (void)state;
    pair_init(&p);
    for (int i = 0; i < 3; i++)
        views[i] = begin_wide(&p);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(mux_data(views[i]->stream, bytes, QUEUED / 4), 0);
        views[i]->sent += QUEUED / 4;
    }
    assert_int_equal(mux_data(views[2]->stream, bytes, QUEUED / 4), 0);
    views[2]->sent += QUEUED / 4;
    sent.count = sent.messages = 0;
    send_all(&p, &sent);
    size_t sum[2] = {0};
    for (size_t i = 0; i < sent.count && sum[0] < 3 * QUEUED / 4 - 3 * MUX_FRAME_SHARED; i++) {
        assert_true(sent.frames[i].len <= MUX_FRAME_SHARED);
        assert_true(i == 0 || sent.frames[i].id != sent.frames[i - 1].id);
        sum[0] += sent.frames[i].len;
    }
    size_t longest = 0;
    for (size_t i = 0; i < sent.count; i++) {
        sum[1] += sent.frames[i].len;
        longest = sent.frames[i].len > longest ? sent.frames[i].len : longest;
    }
    assert_int_equal(sum[1], QUEUED);
    assert_true(longest > MUX_FRAME_SHARED); // once the others have left
    mux_pair_deinit(&p);
}

// A response whose reader has stopped: more of its body waits than the window takes.
static struct mux_view *begin_stalled(struct mux_pair *p, struct mux_view **reader)
{
    struct mux_view *agent = NULL;
    mux_pair_begin(p, reader, &agent);
    mux_view_respond(agent, 200, false);
    p->relay.holds_credit = true;
    while (mux_view_feed(agent, 0, UINT64_MAX) > 0)
        mux_settle(p);
    p->relay.holds_credit = false;
    return agent;
}

static size_t longest_frame(struct mux_pair *p, struct mux_view *v)
{
    static struct sent sent;
    size_t longest = 0;
    assert_int_equal(mux_data(v->stream, bytes, QUEUED), 0);
    v->sent += QUEUED;
    sent.count = sent.messages = 0;
    send_all(p, &sent);
    for (size_t i = 0; i < sent.count; i++)
        longest = sent.frames[i].len > longest ? sent.frames[i].len : longest;
    return longest;
}

static void a_body_that_may_not_be_sent_does_not_shorten_frames(void **state)
{
    struct mux_pair p;
    struct mux_view *reader = NULL;
    (void)state;
    pair_init(&p);
    struct mux_view *v = begin_wide(&p);
    struct mux_view *stalled = begin_stalled(&p, &reader);
    assert_true(stalled->sent > stalled->drained);
    assert_false(mux_has_bodies(p.agent.mux));
    assert_true(longest_frame(&p, v) > CAP - 100);
    assert_false(mux_has_bodies(p.agent.mux));
    // Its window opens: it waits as any other.
    mux_view_credit(reader, MUX_WINDOW_START);
    while (mux_move(&p.relay, &p.agent, 65536, 65536) > 0)
        ;
    assert_true(mux_has_bodies(p.agent.mux));
    mux_pair_deinit(&p);
}

// SETTINGS_INITIAL_WINDOW_SIZE changes the windows of all open streams.
static void settings_open_and_close_windows(void **state)
{
    static char out[CAP];
    static const struct {
        const char settings[6];
        bool opens;
    } steps[] = {
        {{0, 4, 0, 1, 0, 0}, true}, // 65,536: one byte more than the first
        {{0, 4, 0, 0, 0x10, 0}, false},
        {{0, 4, 0, 2, 0, 0}, true},
    };
    struct mux_side side;
    (void)state;
    h2_side_greet(&side, MUX_CLIENT);
    assert_int_equal(mux_data(side.views[0]->stream, bytes, QUEUED), 0);
    side.views[0]->sent = QUEUED;
    assert_true(mux_has_bodies(side.mux));
    assert_true(mux_send(side.mux, out, sizeof(out)) > MUX_WINDOW_START);
    assert_false(mux_has_bodies(side.mux));
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct buf more = {0};
        h2_frame(&more, H2_SETTINGS, 0, 0, slice_of(steps[i].settings, 6));
        h2_frame(&more, H2_WINDOW_UPDATE, 0, 0, slice_of("\0\1\0\0", 4)); // of the connection
        assert_int_equal(h2_side_feed(&side, &more, 0, buf_len(&more)), 0);
        assert_true(mux_has_bodies(side.mux) == steps[i].opens);
        assert_true(mux_send(side.mux, out, sizeof(out)) > 0); // the acknowledgement at least
        buf_free(&more);
    }
    assert_false(mux_has_bodies(side.mux));
    h2_side_deinit(&side);
}

static void a_message_does_not_end_in_a_tiny_frame(void **state)
{
    (void)state;
    for (size_t first = CAP - 6000; first < CAP; first += trials(97, 970)) {
        struct mux_pair p;
        static struct sent sent;
        pair_init(&p);
        struct mux_view *v = begin_wide(&p);
        struct mux_view *w = begin_wide(&p);
        assert_int_equal(mux_data(v->stream, bytes, first), 0);
        v->sent += first;
        assert_int_equal(mux_data(w->stream, bytes, QUEUED / 2), 0);
        w->sent += QUEUED / 2;
        sent.count = sent.messages = 0;
        send_all(&p, &sent);
        for (size_t i = 0; i + 1 < sent.count; i++)
            if (sent.frames[i].len < 1024) // only as the rest of a body
                assert_int_equal(sent.frames[i].message, sent.frames[i + 1].message);
        mux_pair_deinit(&p);
    }
}

static void a_peer_that_announces_nothing_gets_the_default(void **state)
{
    struct mux_side side;
    static char out[CAP];
    (void)state;
    h2_side_greet(&side, MUX_CLIENT);
    assert_int_equal(mux_data(side.views[0]->stream, bytes, QUEUED), 0);
    int n = mux_send(side.mux, out, sizeof(out));
    assert_int_equal(n, MUX_WINDOW_START + 4 * FRAME_HEAD);
    for (size_t at = 0; at < (size_t)n;) {
        size_t len = (size_t)read_be((const uint8_t *)out + at, 3);
        assert_true(out[at + 3] == H2_DATA && len <= DEFAULT_FRAME);
        at += FRAME_HEAD + len;
    }
    side.views[0]->sent = QUEUED;
    h2_side_deinit(&side);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_alone_fills_each_message_with_one_frame),
        cmocka_unit_test(bodies_that_wait_together_take_turns_in_small_frames),
        cmocka_unit_test(a_body_that_may_not_be_sent_does_not_shorten_frames),
        cmocka_unit_test(settings_open_and_close_windows),
        cmocka_unit_test(a_message_does_not_end_in_a_tiny_frame),
        cmocka_unit_test(a_peer_that_announces_nothing_gets_the_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
