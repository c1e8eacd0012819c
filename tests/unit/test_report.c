// SPDX-License-Identifier: MIT
// Reports of exchanges: their bytes, and how they travel in a tunnel (docs/protocol.md §5.1).
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/chance.h"
#include "tests/support/tunnel_pair.h"

static uint64_t any_number(struct chance *c)
{
    return (uint64_t)chance_below(c, UINT32_MAX) << 32 | chance_below(c, UINT32_MAX);
}

// A random number, at most REPORT_VALUE_MAX.
static uint64_t some_number(struct chance *c)
{
    uint64_t n = any_number(c) >> chance_below(c, 64);
    return n < REPORT_VALUE_MAX ? n : REPORT_VALUE_MAX;
}

static struct report some_report(struct chance *c)
{
    struct report r;
    struct exchange_ids ids;
    memset(&r, 0, sizeof(r));
    exchange_ids_init(&ids, any_number(c));
    exchange_id_next(&ids, some_number(c), r.id);
    r.outcome = (uint8_t)chance_below(c, REPORT_OUTCOMES);
    for (int side = 0; side < 2; side++) {
        struct digest nothing = {0};
        r.body[side].whole = chance_below(c, 2);
        r.body[side].bytes = chance_below(c, 3) ? some_number(c) : 0;
        (void)digest_value(&nothing, r.body[side].digest);
        for (int i = 0; r.body[side].bytes > 0 && i < DIGEST_BYTES; i++)
            r.body[side].digest[i] = (uint8_t)any_number(c);
    }
    r.sent_on_ns = chance_below(c, 4) ? some_number(c) : REPORT_NONE;
    r.connect_ns = chance_below(c, 2) ? some_number(c) : REPORT_NONE;
    r.answered_ns = chance_below(c, 4) ? some_number(c) : REPORT_NONE;
    r.duration_ns = some_number(c);
    return r;
}

static bool is_same(const struct report *a, const struct report *b)
{
    bool same = strcmp(a->id, b->id) == 0 && a->outcome == b->outcome &&
                a->sent_on_ns == b->sent_on_ns && a->connect_ns == b->connect_ns &&
                a->answered_ns == b->answered_ns && a->duration_ns == b->duration_ns;
    for (int side = 0; side < 2; side++)
        same = same && a->body[side].bytes == b->body[side].bytes &&
               a->body[side].whole == b->body[side].whole &&
               memcmp(a->body[side].digest, b->body[side].digest, DIGEST_BYTES) == 0;
    return same;
}

static void a_report_comes_back_out_of_its_bytes(void **state)
{
    struct chance c = chance_of_seed(7);
    (void)state;
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[REPORT_MAX];
        struct report r = some_report(&c);
        struct report back;
        size_t len = report_write(&r, bytes);
        assert_true(len <= REPORT_MAX);
        assert_int_equal(report_read(slice_of((char *)bytes, len), &back), len);
        assert_true(is_same(&r, &back));
    }
}

static void more_than_the_most_is_no_report_and_is_never_written(void **state)
{
    struct chance c = chance_of_seed(9);
    (void)state;
    for (int which = 0; which < 6; which++)
        for (uint64_t over = 0; over < 3; over++) {
            uint8_t bytes[REPORT_MAX];
            struct report back;
            struct report r = some_report(&c);
            r.body[0].bytes = r.body[1].bytes = 0;
            r.sent_on_ns = r.connect_ns = r.answered_ns = r.duration_ns = 0;
            uint64_t *const at[] = {&r.body[0].bytes, &r.body[1].bytes, &r.sent_on_ns,
                                    &r.connect_ns,    &r.answered_ns,   &r.duration_ns};
            *at[which] = over == 2 ? UINT64_MAX - 1 : REPORT_VALUE_MAX + over;
            size_t len = report_write(&r, bytes);
            assert_int_equal(report_read(slice_of((char *)bytes, len), &back), len);
            *at[which] = REPORT_VALUE_MAX;
            assert_int_equal(report_write(&r, bytes), len);
            // The lowest seven bits are the first byte.
            for (size_t i = EXCHANGE_ID_BYTES + 1; i + 8 < len; i++)
                if (bytes[i + 8] == 0x10 && bytes[i + 7] == 0x80) {
                    bytes[i] += 2; // a time is written as itself plus one
                    assert_int_equal(report_read(slice_of((char *)bytes, len), &back), -1);
                    break;
                }
        }
}

static void an_outcome_that_is_unknown_is_no_report(void **state)
{
    (void)state;
    for (unsigned outcome = 0; outcome < 16; outcome++) {
        const char bytes[] = {'0', '1',           '2', '3', '4', '5', '6', '7', '8',
                              '9', (char)outcome, 0,   0,   1,   1,   1,   1};
        struct report r;
        int n = report_read(slice_of(bytes, sizeof(bytes)), &r);
        assert_int_equal(n, outcome < REPORT_OUTCOMES ? (int)sizeof(bytes) : -1);
    }
}

static void a_report_cut_short_is_none(void **state)
{
    struct chance c = chance_of_seed(8);
    (void)state;
    for (int i = 0; i < 300; i++) {
        uint8_t bytes[REPORT_MAX];
        struct report r = some_report(&c);
        struct report back;
        size_t len = report_write(&r, bytes);
        for (size_t cut = 0; cut < len; cut++) {
            char *copy = malloc(cut + 1);
            memcpy(copy, bytes, cut);
            assert_int_equal(report_read(slice_of(copy, cut), &back), -1);
            free(copy);
        }
    }
}

static void numbers_have_one_form(void **state)
{
    // id, flags, no bodies, then four times, the last one too long or too large
    static const char longer[] = "0123456789\0\0\0\1\1\1\x80\0";
    static const char huge[] = "0123456789\0\0\0\1\1\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\2";
    static const char flags[] = "0123456789\x40\0\0\1\1\1\1";
    struct report r;
    (void)state;
    assert_int_equal(report_read(slice_of(longer, sizeof(longer) - 1), &r), -1);
    assert_int_equal(report_read(slice_of(huge, sizeof(huge) - 1), &r), -1);
    assert_int_equal(report_read(slice_of(flags, sizeof(flags) - 1), &r), -1);
}

static void reports_reach_the_other_end_with_the_next_tick(void **state)
{
    struct chance c = chance_of_seed(9);
    struct tunnel_pair p;
    struct report r = some_report(&c);
    (void)state;
    tunnel_pair_open(&p);
    tunnel_queue_report(p.agent.tunnel, &r);
    tunnel_settle(&p);
    assert_int_equal(p.relay.report_count, 0);
    assert_int_equal(tunnel_pair_tick(&p, TUNNEL_TICK_MS), 0);
    tunnel_settle(&p);
    assert_int_equal(p.relay.report_count, 1);
    assert_true(is_same(&p.relay.reported, &r));
    assert_int_equal(p.agent.report_count, 0);
    tunnel_pair_deinit(&p);
}

static void many_reports_leave_at_once_and_arrive_in_every_split(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 200; piece += 13) {
        struct chance c = chance_of_seed(10);
        struct tunnel_pair p;
        struct report r;
        size_t count = 0;
        tunnel_pair_open(&p);
        for (size_t bytes = 0; bytes < 3 * TUNNEL_REPORT_EVERY; count++) {
            uint8_t text[REPORT_MAX];
            r = some_report(&c);
            bytes += report_write(&r, text);
            tunnel_queue_report(p.relay.tunnel, &r);
        }
        while (tunnel_move(&p.relay, &p.agent, TUNNEL_MESSAGE_MIN, piece) > 0)
            ;
        assert_int_equal(tunnel_pair_tick(&p, TUNNEL_TICK_MS), 0);
        while (tunnel_move(&p.relay, &p.agent, TUNNEL_MESSAGE_MIN, piece) > 0)
            ;
        assert_int_equal(p.agent.report_count, count);
        assert_true(is_same(&p.agent.reported, &r));
        tunnel_pair_deinit(&p);
    }
}

static void more_reports_than_may_wait_are_dropped(void **state)
{
    struct chance c = chance_of_seed(11);
    struct tunnel_pair p;
    size_t bytes = 0;
    size_t fit = 0;
    (void)state;
    tunnel_pair_open(&p);
    for (int i = 0; i < 3000; i++) {
        uint8_t text[REPORT_MAX];
        struct report r = some_report(&c);
        if (bytes + REPORT_MAX <= TUNNEL_REPORT_QUEUE) {
            bytes += report_write(&r, text);
            fit++;
        }
        tunnel_queue_report(p.relay.tunnel, &r);
    }
    (void)tunnel_pair_tick(&p, TUNNEL_TICK_MS);
    tunnel_settle(&p);
    assert_int_equal(p.agent.report_count, fit);
    tunnel_pair_deinit(&p);
}

static void who_does_not_want_reports_gets_none(void **state)
{
    struct tunnel_pair p;
    struct control_message hello = tunnel_hello();
    struct chance c = chance_of_seed(12);
    struct report r = some_report(&c);
    (void)state;
    tunnel_pair_init(&p);
    hello.features[0] = 0;
    assert_int_equal(tunnel_queue_control(p.agent.tunnel, &hello), 0);
    tunnel_settle(&p);
    tunnel_queue_report(p.relay.tunnel, &r);
    assert_int_equal(tunnel_pair_tick(&p, TUNNEL_TICK_MS), 0);
    tunnel_settle(&p);
    assert_int_equal(p.agent.report_count, 0);
    tunnel_pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_comes_back_out_of_its_bytes),
        cmocka_unit_test(more_than_the_most_is_no_report_and_is_never_written),
        cmocka_unit_test(an_outcome_that_is_unknown_is_no_report),
        cmocka_unit_test(a_report_cut_short_is_none),
        cmocka_unit_test(numbers_have_one_form),
        cmocka_unit_test(reports_reach_the_other_end_with_the_next_tick),
        cmocka_unit_test(many_reports_leave_at_once_and_arrive_in_every_split),
        cmocka_unit_test(more_reports_than_may_wait_are_dropped),
        cmocka_unit_test(who_does_not_want_reports_gets_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
