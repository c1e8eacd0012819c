// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/record/write/hold.h"
#include "common/record/write/queue.h"
#include "tests/support/check.h"

// It holds after a look at this time.
static void check_look(struct hold *h, uint64_t ms, size_t used, bool holds)
{
    check_context("at %llu ms, %zu bytes", (unsigned long long)ms, used);
    assert_true(hold_goes_on(h, ms, used) == holds);
    check_context("%s", "");
}

static void traffic_that_is_over_is_written(void **state)
{
    (void)state;
    struct hold h = {0};
    assert_true(hold_begin(&h, 1000, 500));
    check_look(&h, 1020, 500 + HOLD_LEAST, true);
    check_look(&h, 1040, 500 + 2 * HOLD_LEAST + 1, true);
    check_look(&h, 1060, 500 + 3 * HOLD_LEAST, false);
    assert_true(hold_begin(&h, 1100, 0)); // and other traffic is waited for again
    check_look(&h, 1120, 0, false);
}

static void traffic_that_lasts_is_written_meanwhile(void **state)
{
    (void)state;
    struct hold h = {0};
    size_t used = 0;
    assert_true(hold_begin(&h, 1000, used));
    for (uint64_t ms = 1000 + HOLD_LOOK_MS; ms < 1000 + HOLD_MS; ms += HOLD_LOOK_MS)
        check_look(&h, ms, used += HOLD_LEAST, true);
    check_look(&h, 999 + HOLD_MS, used += HOLD_LEAST, true);
    check_look(&h, 1000 + HOLD_MS, used + HOLD_LEAST, false);
    assert_false(hold_begin(&h, 9000, 0));
    hold_quiet(&h, HOLD_AGAIN_MS - 1);
    assert_false(hold_begin(&h, 9000, 0));
    hold_quiet(&h, HOLD_AGAIN_MS);
    assert_true(hold_begin(&h, 9000, 0));
}

static void no_more_waits_than_may(void **state)
{
    (void)state;
    struct hold h = {0};
    assert_true(hold_begin(&h, 0, HOLD_MOST - 1));
    h = (struct hold){0};
    assert_false(hold_begin(&h, 0, HOLD_MOST));
    h = (struct hold){0};
    assert_true(hold_begin(&h, 0, HOLD_MOST - 2 * HOLD_LEAST - 1));
    check_look(&h, 20, HOLD_MOST - HOLD_LEAST - 1, true);
    check_look(&h, 40, HOLD_MOST - 1, true);
    check_look(&h, 60, HOLD_MOST, false);
    assert_false(hold_begin(&h, 80, 0));
    // Behind it there is room for the traffic that passes until it has been written.
    assert_true(HOLD_MOST <= (size_t)QUEUE_BLOCKS * QUEUE_BLOCK_BYTES / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(traffic_that_is_over_is_written),
        cmocka_unit_test(traffic_that_lasts_is_written_meanwhile),
        cmocka_unit_test(no_more_waits_than_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
