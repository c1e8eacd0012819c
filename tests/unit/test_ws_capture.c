// SPDX-License-Identifier: MIT
// Messages captured from the bytes of a WebSocket.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/chance.h"
#include "tests/support/check.h"
#include "ws_capture_fixture.h"

struct expected {
    enum record_side side;
    unsigned opcode;
    bool compressed;
    uint64_t size;
    const char *bytes;
};

static void expect(const struct ws_capture *m, const struct expected *all, size_t count)
{
    const struct ws_capture_message *d = m->first;
    for (size_t i = 0; i < count; i++, d = d->next) {
        CHECK(d);
        CHECK(d->number == i);
        CHECK(d->message.side == all[i].side);
        CHECK(d->message.opcode == all[i].opcode);
        CHECK(d->message.compressed == all[i].compressed);
        CHECK(d->message.size == all[i].size);
        CHECK(slice_eq(d->message.bytes, slice_str(all[i].bytes)));
    }
    CHECK(!d);
}

static void messages_are_found_however_the_bytes_are_cut(void **state)
{
    (void)state;
    for (int side = 0; side < 2; side++) {
        struct stream s = {.len = 0};
        const enum record_side from = (enum record_side)side;
        const struct expected all[] = {
            {from, WS_TEXT, false, 5, "hello"}, {from, WS_BINARY, false, 0, ""},
            {from, WS_PING, false, 4, "ping"},  {from, WS_PONG, false, 0, ""},
            {from, WS_TEXT, true, 5, "begun"},  {from, WS_CLOSE, false, 2, "\x03\xe8"}};
        conversation(&s, side == RECORD_REQUEST);
        for (size_t first = 0; first <= s.len; first++)
            for (size_t second = first; second <= s.len; second++) {
                struct ws_capture_budget budget = {.max = 1 << 20};
                struct ws_capture m;
                struct slice b = stream_bytes(&s);
                ws_capture_init(&m, &budget, 0, 0);
                ws_capture_feed(&m, from, 1, slice_of(b.p, first));
                ws_capture_feed(&m, from, 2, slice_of(b.p + first, second - first));
                ws_capture_feed(&m, from, 3, slice_of(b.p + second, b.len - second));
                CHECK(!m.broken && !m.missed);
                expect(&m, all, 6);
                CHECK(budget.used == 16 && budget.messages == 6);
                ws_capture_deinit(&m);
                CHECK(budget.used == 0 && budget.messages == 0);
            }
    }
}

static void both_sides_count_together(void **state)
{
    struct ws_capture_budget budget = {.max = 1 << 20};
    struct ws_capture m;
    struct stream asked = {.len = 0};
    struct stream said = {.len = 0};
    const struct expected all[] = {{RECORD_RESPONSE, WS_BINARY, false, 2, "22"},
                                   {RECORD_REQUEST, WS_TEXT, false, 2, "11"}};
    (void)state;
    add_frame(&asked, FIN | WS_TEXT, SLICE("11"), true);
    add_frame(&said, FIN | WS_BINARY, SLICE("22"), false);
    ws_capture_init(&m, &budget, 0, 0);
    ws_capture_feed(&m, RECORD_REQUEST, 1, slice_of((char *)asked.bytes, 3));
    ws_capture_feed(&m, RECORD_RESPONSE, 2, stream_bytes(&said));
    ws_capture_feed(&m, RECORD_REQUEST, 3, slice_of((char *)asked.bytes + 3, asked.len - 3));
    expect(&m, all, 2);
    assert_int_equal(m.first->message.at_ns, 2);
    assert_int_equal(m.first->next->message.at_ns, 3);
    ws_capture_clear(&m);
    assert_null(m.first);
    ws_capture_feed(&m, RECORD_RESPONSE, 4, stream_bytes(&said));
    assert_int_equal(m.first->number, 2);
    ws_capture_deinit(&m);
    assert_int_equal(budget.used, 0);
}

static void what_is_no_frame_ends_the_looking(void **state)
{
    static const struct {
        uint8_t bytes[16];
        size_t len;
    } bad[] = {
        {{FIN | 3, 0}, 2},                   // no such opcode
        {{FIN | 11, 0}, 2},                  // no such control
        {{WS_PING, 0}, 2},                   // a fragmented control frame
        {{FIN | WS_PING, 126, 0, 126}, 4},   // a control frame that is too long
        {{FIN | WS_CONTINUATION, 0}, 2},     // continues nothing
        {{WS_TEXT, 0, FIN | WS_TEXT, 0}, 4}, // a message within another
        {{FIN | WS_TEXT, 126, 0, 5}, 4},     // not the shortest form of a length
        {{FIN | WS_TEXT, 127, 0x80, 0, 0, 0, 0, 0, 0, 0}, 10},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct ws_capture_budget budget = {.max = 1 << 20};
        struct ws_capture m;
        struct stream good = {.len = 0};
        add_frame(&good, FIN | WS_TEXT, SLICE("seen"), false);
        check_context("case %zu", i);
        ws_capture_init(&m, &budget, 0, 0);
        ws_capture_feed(&m, RECORD_RESPONSE, 1, stream_bytes(&good));
        ws_capture_feed(&m, RECORD_RESPONSE, 1, slice_of((const char *)bad[i].bytes, bad[i].len));
        CHECK(m.broken);
        ws_capture_feed(&m, RECORD_RESPONSE, 1, stream_bytes(&good));
        ws_capture_feed(&m, RECORD_REQUEST, 1, stream_bytes(&good));
        CHECK(m.number == 1 && m.first && !m.first->next);
        ws_capture_deinit(&m);
        CHECK(budget.used == 0);
    }
    check_context("%s", "");
}

static void feed_pattern(struct ws_capture *m, size_t size)
{
    static struct stream s;
    static uint8_t payload[65000];
    s.len = 0;
    pattern_write(payload, size, size, 0);
    add_frame(&s, FIN | WS_BINARY, slice_of((char *)payload, size), true);
    ws_capture_feed(m, RECORD_REQUEST, 1, stream_bytes(&s));
}

static void payload_beyond_the_limit_is_counted_and_not_kept(void **state)
{
    struct ws_capture_budget budget = {.max = 1 << 20};
    struct ws_capture m;
    static const size_t kept[] = {600, 400, 0, 0};
    static const size_t sizes[] = {600, 60000, 65000, 0};
    (void)state;
    ws_capture_init(&m, &budget, 0, 1000);
    for (size_t i = 0; i < 4; i++)
        feed_pattern(&m, sizes[i]);
    const struct ws_capture_message *d = m.first;
    for (size_t i = 0; i < 4; i++, d = d->next) {
        assert_int_equal(d->message.size, sizes[i]);
        assert_int_equal(d->message.bytes.len, kept[i]);
        assert_true(pattern_is(d->message.bytes.p, kept[i], sizes[i], 0));
    }
    assert_false(m.missed);
    ws_capture_deinit(&m);
}

static void all_together_hold_no_more_than_the_budget(void **state)
{
    struct ws_capture_budget budget = {.max = 100000};
    struct ws_capture m[3];
    (void)state;
    for (int i = 0; i < 3; i++)
        ws_capture_init(&m[i], &budget, 0, 0);
    for (int turn = 0; turn < 3; turn++) {
        for (int i = 0; i < 3; i++) {
            feed_pattern(&m[i], 60000);
            assert_true(budget.used <= budget.max);
        }
        assert_int_equal(m[0].first->message.bytes.len, 60000);
        assert_int_equal(m[1].first->message.bytes.len, 40000);
        assert_int_equal(m[2].first->message.bytes.len, 0);
        for (int i = 0; i < 3; i++)
            ws_capture_clear(&m[i]);
        assert_int_equal(budget.used, 0);
    }
    for (int i = 0; i < 3; i++)
        ws_capture_deinit(&m[i]);
}

static void messages_without_end_are_counted_at_last(void **state)
{
    struct ws_capture_budget budget = {.max = 1000};
    struct ws_capture m;
    struct stream s = {.len = 0};
    (void)state;
    for (int i = 0; i < 10000; i++)
        add_frame(&s, FIN | WS_PING, SLICE(""), false);
    ws_capture_init(&m, &budget, 0, 0);
    for (int i = 0; i < WS_CAPTURE_MESSAGES_MAX / 10000; i++) {
        ws_capture_feed(&m, RECORD_RESPONSE, 1, stream_bytes(&s));
        assert_int_equal(budget.messages, 10000);
        ws_capture_clear(&m);
    }
    assert_false(m.missed);
    ws_capture_feed(&m, RECORD_RESPONSE, 1, stream_bytes(&s));
    assert_true(m.missed && !m.first && budget.messages == 0);
    assert_int_equal(m.number, WS_CAPTURE_MESSAGES_MAX + 10000);
    ws_capture_deinit(&m);
}

// Random bytes: no read beyond them, and the budget holds.
static void any_bytes_are_taken(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 3000; seed++) {
        struct chance c = chance_of_seed(seed);
        struct ws_capture_budget budget = {.max = 500};
        struct ws_capture m;
        ws_capture_init(&m, &budget, 0, chance_below(&c, 300));
        for (int i = 0; i < 20; i++) {
            uint8_t piece[64];
            size_t len = chance_below(&c, sizeof(piece));
            for (size_t at = 0; at < len; at++)
                piece[at] = (uint8_t)(chance_one_in(&c, 3) ? chance_below(&c, 256)
                                                           : (uint32_t[]){FIN | WS_TEXT, 2, FIN,
                                                                          1}[chance_below(&c, 4)]);
            ws_capture_feed(&m, (enum record_side)chance_below(&c, 2), i,
                            slice_of((const char *)piece, len));
            CHECK(budget.used <= budget.max);
        }
        ws_capture_deinit(&m);
        CHECK(budget.used == 0 && budget.messages == 0);
    }
}

// A share's limit holds for all its WebSockets together.
static void who_fills_the_budget_leaves_room_for_others(void **state)
{
    struct ws_capture_budget budget = {.max = 100000};
    struct ws_capture m[12];
    (void)state;
    for (int i = 0; i < 12; i++)
        ws_capture_init(&m[i], &budget, i < 10 ? 1 : (uint8_t)i, 0);
    for (int i = 0; i < 10; i++)
        feed_pattern(&m[i], 60000);
    assert_int_equal(budget.used, budget.max / 4 * 3);
    for (int i = 10; i < 12; i++) {
        feed_pattern(&m[i], 12000);
        assert_int_equal(m[i].first->message.bytes.len, 12000);
    }
    for (int i = 0; i < 12; i++)
        ws_capture_deinit(&m[i]);
    assert_true(budget.used == 0 && budget.used_of[1] == 0 && budget.used_of[11] == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_found_however_the_bytes_are_cut),
        cmocka_unit_test(both_sides_count_together),
        cmocka_unit_test(what_is_no_frame_ends_the_looking),
        cmocka_unit_test(payload_beyond_the_limit_is_counted_and_not_kept),
        cmocka_unit_test(all_together_hold_no_more_than_the_budget),
        cmocka_unit_test(who_fills_the_budget_leaves_room_for_others),
        cmocka_unit_test(messages_without_end_are_counted_at_last),
        cmocka_unit_test(any_bytes_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
