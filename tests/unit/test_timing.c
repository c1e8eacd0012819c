// SPDX-License-Identifier: MIT
// Where the time went, whichever end recorded it, and what both ends say of the bytes.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/inspect/timing.h"
#include "common/inspect/verify_agreement.h"

static void expect(const struct record_exchange *x, const char *wanted)
{
    struct timing t;
    char text[256] = "";
    size_t len = 0;
    timing_split(x, &t);
    int64_t sum = 0;
    for (size_t i = 0; i < t.count; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s %d", i ? " " : "",
                                t.part[i].name, (int)t.part[i].ns);
        sum += t.part[i].ns;
    }
    assert_string_equal(text, wanted);
    assert_int_equal(t.total_ns, sum);
}

static struct record_exchange relay_row(void)
{
    return (struct record_exchange){
        .program = SLICE("aditd"),
        .sent_on_ns = 10,
        .connect_ns = -1,
        .answered_ns = 100,
        .duration_ns = 150,
        .peer = {.known = true,
                 .sent_on_ns = 15,
                 .connect_ns = 12,
                 .answered_ns = 60,
                 .duration_ns = 90},
    };
}

static void both_ends_split_the_whole_duration_the_same_way(void **state)
{
    static const char wanted[] = "relay 10 tunnel 30 agent 3 connect 12 service 45 body 50";
    struct record_exchange relay = relay_row();
    struct record_exchange agent = {
        .program = SLICE("adit http"),
        .sent_on_ns = 15,
        .connect_ns = 12,
        .answered_ns = 60,
        .duration_ns = 90,
        .peer = {.known = true,
                 .sent_on_ns = 10,
                 .connect_ns = -1,
                 .answered_ns = 100,
                 .duration_ns = 150},
    };
    (void)state;
    expect(&relay, wanted);
    expect(&agent, wanted);
    relay.peer.connect_ns = -1;
    expect(&relay, "relay 10 tunnel 30 agent 15 connect 0 service 45 body 50");
}

static void what_comes_out_negative_counts_as_nothing(void **state)
{
    struct record_exchange x = relay_row();
    (void)state;
    x.peer.answered_ns = 91;
    expect(&x, "relay 10 tunnel 0 agent 3 connect 12 service 76 body 50");
}

static void one_end_alone_says_what_it_knows(void **state)
{
    struct record_exchange x = relay_row();
    (void)state;
    x.peer.known = false;
    expect(&x, "relay 10 beyond 90 body 50");
    x.program = SLICE("adit proxy");
    x.connect_ns = 4;
    expect(&x, "own 6 connect 4 service 90 body 50");
    x.answered_ns = -1;
    expect(&x, "own 6 connect 4 service 140 body 0");
    x.sent_on_ns = x.connect_ns = -1;
    expect(&x, "own 150 connect 0 service 0 body 0");
    x.duration_ns = -1;
    expect(&x, "");
}

static void a_report_without_an_answer_is_no_base_for_a_split(void **state)
{
    struct record_exchange x = relay_row();
    (void)state;
    x.peer.answered_ns = -1;
    expect(&x, "relay 10 beyond 90 body 50");
}

static void what_an_agent_could_not_pass_on_was_connecting(void **state)
{
    struct record_exchange x = relay_row();
    (void)state;
    x.peer.sent_on_ns = -1;
    x.peer.connect_ns = 50;
    expect(&x, "relay 10 tunnel 30 agent 10 connect 50 service 0 body 50");
}

static struct record_exchange alike(void)
{
    struct record_exchange x = {
        .outcome = SLICE("complete"),
        .flags = RECORD_REQUEST_WHOLE | RECORD_RESPONSE_WHOLE,
        .body = {{.bytes = 3, .kept = 3, .has_digest = true, .digest = {1}},
                 {.bytes = 5, .kept = 5, .has_digest = true, .digest = {2}}},
        .peer = {.known = true, .bytes = {3, 5}, .digest = {{1}, {2}}, .whole = {true, true}},
    };
    return x;
}

static void expect_judged(const struct record_exchange *x, bool damaged, enum verdict verdict,
                          enum direction_verdict request, enum direction_verdict response)
{
    struct agreement a = agreement_of(x, (bool[2]){false, damaged});
    assert_int_equal(a.verdict, verdict);
    assert_int_equal(a.direction[0], request);
    assert_int_equal(a.direction[1], response);
}

static void only_what_came_whole_at_both_ends_is_compared(void **state)
{
    struct record_exchange x = alike();
    (void)state;
    expect_judged(&x, false, VERDICT_SAME, DIRECTION_SAME, DIRECTION_SAME);
    x.peer.digest[1][15] = 1;
    expect_judged(&x, false, VERDICT_DIFFERS, DIRECTION_SAME, DIRECTION_DIFFERS);
    x.peer.whole[1] = false;
    expect_judged(&x, false, VERDICT_UNVERIFIED, DIRECTION_SAME, DIRECTION_CUT_THERE);
    x.flags &= ~(unsigned)RECORD_RESPONSE_WHOLE;
    expect_judged(&x, false, VERDICT_UNVERIFIED, DIRECTION_SAME, DIRECTION_CUT_BOTH);
    x.peer.whole[1] = true;
    expect_judged(&x, false, VERDICT_UNVERIFIED, DIRECTION_SAME, DIRECTION_CUT_HERE);
    x.peer.bytes[0] = 4; // the direction that can be compared still counts
    expect_judged(&x, false, VERDICT_DIFFERS, DIRECTION_DIFFERS, DIRECTION_CUT_HERE);
    x.peer.known = false;
    expect_judged(&x, false, VERDICT_UNVERIFIED, DIRECTION_NO_REPORT, DIRECTION_NO_REPORT);
}

static void damage_outweighs_and_running_ones_are_left_alone(void **state)
{
    struct record_exchange x = alike();
    (void)state;
    expect_judged(&x, true, VERDICT_DAMAGED, DIRECTION_SAME, DIRECTION_SAME);
    x.peer.known = false;
    expect_judged(&x, true, VERDICT_DAMAGED, DIRECTION_NO_REPORT, DIRECTION_NO_REPORT);
    x.outcome = SLICE("");
    expect_judged(&x, true, VERDICT_RUNNING, DIRECTION_NO_REPORT, DIRECTION_NO_REPORT);
}

static void only_whole_bodies_can_be_checked(void **state)
{
    struct record_exchange x = alike();
    (void)state;
    assert_true(agreement_can_check(&x, RECORD_REQUEST));
    x.body[RECORD_REQUEST].kept = 2;
    assert_false(agreement_can_check(&x, RECORD_REQUEST));
    assert_true(agreement_can_check(&x, RECORD_RESPONSE));
    x.flags |= RECORD_UPGRADED;
    assert_false(agreement_can_check(&x, RECORD_RESPONSE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_split_the_whole_duration_the_same_way),
        cmocka_unit_test(what_comes_out_negative_counts_as_nothing),
        cmocka_unit_test(one_end_alone_says_what_it_knows),
        cmocka_unit_test(a_report_without_an_answer_is_no_base_for_a_split),
        cmocka_unit_test(what_an_agent_could_not_pass_on_was_connecting),
        cmocka_unit_test(only_what_came_whole_at_both_ends_is_compared),
        cmocka_unit_test(damage_outweighs_and_running_ones_are_left_alone),
        cmocka_unit_test(only_whole_bodies_can_be_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
