// SPDX-License-Identifier: MIT
// Both ends of a tunnel agree on an exchange when byte counts and digests of whole directions
// match.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/inspect/verify_agreement.h"

static struct record_exchange same_at_both_ends(void)
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

static void expect(const struct record_exchange *x, bool damaged, enum verdict verdict,
                   enum direction_verdict request, enum direction_verdict response)
{
    struct agreement a = agreement_of(x, (bool[2]){false, damaged});
    assert_int_equal(a.verdict, verdict);
    assert_int_equal(a.direction[0], request);
    assert_int_equal(a.direction[1], response);
}

static void only_what_came_whole_at_both_ends_is_compared(void **state)
{
    struct record_exchange x = same_at_both_ends();
    (void)state;
    expect(&x, false, VERDICT_SAME, DIRECTION_SAME, DIRECTION_SAME);
    x.peer.digest[1][15] = 1;
    expect(&x, false, VERDICT_DIFFERS, DIRECTION_SAME, DIRECTION_DIFFERS);
    x.peer.whole[1] = false;
    expect(&x, false, VERDICT_UNVERIFIED, DIRECTION_SAME, DIRECTION_CUT_THERE);
    x.flags &= ~(unsigned)RECORD_RESPONSE_WHOLE;
    expect(&x, false, VERDICT_UNVERIFIED, DIRECTION_SAME, DIRECTION_CUT_BOTH);
    x.peer.whole[1] = true;
    expect(&x, false, VERDICT_UNVERIFIED, DIRECTION_SAME, DIRECTION_CUT_HERE);
    x.peer.bytes[0] = 4; // one direction can still be compared, and counts
    expect(&x, false, VERDICT_DIFFERS, DIRECTION_DIFFERS, DIRECTION_CUT_HERE);
    x.peer.known = false;
    expect(&x, false, VERDICT_UNVERIFIED, DIRECTION_NO_REPORT, DIRECTION_NO_REPORT);
}

static void damage_outweighs_and_running_ones_are_left_alone(void **state)
{
    struct record_exchange x = same_at_both_ends();
    (void)state;
    expect(&x, true, VERDICT_DAMAGED, DIRECTION_SAME, DIRECTION_SAME);
    x.peer.known = false;
    expect(&x, true, VERDICT_DAMAGED, DIRECTION_NO_REPORT, DIRECTION_NO_REPORT);
    x.outcome = SLICE("");
    expect(&x, true, VERDICT_RUNNING, DIRECTION_NO_REPORT, DIRECTION_NO_REPORT);
}

static void only_whole_bodies_can_be_checked(void **state)
{
    struct record_exchange x = same_at_both_ends();
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
        cmocka_unit_test(only_what_came_whole_at_both_ends_is_compared),
        cmocka_unit_test(damage_outweighs_and_running_ones_are_left_alone),
        cmocka_unit_test(only_whole_bodies_can_be_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
