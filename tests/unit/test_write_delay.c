// SPDX-License-Identifier: MIT
// The delay before a batch is written: traffic prolongs the delay up to its bounds.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/record/write/queue.h"
#include "common/record/write/write_delay.h"
#include "tests/support/check.h"

// Whether the delay continues after a check at this time.
static void check_look(struct write_delay *d, uint64_t ms, size_t used, bool holds)
{
    check_context("at %llu ms, %zu bytes", (unsigned long long)ms, used);
    assert_true(write_delay_continues(d, ms, used) == holds);
    check_context("%s", "");
}

static void traffic_that_is_over_is_written(void **state)
{
    (void)state;
    struct write_delay d = {0};
    assert_true(write_delay_begin(&d, 1000, 500));
    check_look(&d, 1020, 500 + WRITE_DELAY_TRAFFIC_BYTES, true);
    check_look(&d, 1040, 500 + 2 * WRITE_DELAY_TRAFFIC_BYTES + 1, true);
    check_look(&d, 1060, 500 + 3 * WRITE_DELAY_TRAFFIC_BYTES, false);
    assert_true(write_delay_begin(&d, 1100, 0)); // other traffic is delayed again
    check_look(&d, 1120, 0, false);
}

static void traffic_that_lasts_is_written_meanwhile(void **state)
{
    (void)state;
    struct write_delay d = {0};
    size_t used = 0;
    assert_true(write_delay_begin(&d, 1000, used));
    for (uint64_t ms = 1000 + WRITE_DELAY_POLL_MS; ms < 1000 + WRITE_DELAY_MAX_MS;
         ms += WRITE_DELAY_POLL_MS)
        check_look(&d, ms, used += WRITE_DELAY_TRAFFIC_BYTES, true);
    check_look(&d, 999 + WRITE_DELAY_MAX_MS, used += WRITE_DELAY_TRAFFIC_BYTES, true);
    check_look(&d, 1000 + WRITE_DELAY_MAX_MS, used + WRITE_DELAY_TRAFFIC_BYTES, false);
    assert_false(write_delay_begin(&d, 9000, 0));
    write_delay_quiet(&d, WRITE_DELAY_RESET_MS - 1);
    assert_false(write_delay_begin(&d, 9000, 0));
    write_delay_quiet(&d, WRITE_DELAY_RESET_MS);
    assert_true(write_delay_begin(&d, 9000, 0));
}

static void no_more_waits_than_may(void **state)
{
    (void)state;
    struct write_delay d = {0};
    assert_true(write_delay_begin(&d, 0, WRITE_DELAY_BYTES_MAX - 1));
    d = (struct write_delay){0};
    assert_false(write_delay_begin(&d, 0, WRITE_DELAY_BYTES_MAX));
    d = (struct write_delay){0};
    assert_true(
        write_delay_begin(&d, 0, WRITE_DELAY_BYTES_MAX - 2 * WRITE_DELAY_TRAFFIC_BYTES - 1));
    check_look(&d, 20, WRITE_DELAY_BYTES_MAX - WRITE_DELAY_TRAFFIC_BYTES - 1, true);
    check_look(&d, 40, WRITE_DELAY_BYTES_MAX - 1, true);
    check_look(&d, 60, WRITE_DELAY_BYTES_MAX, false);
    assert_false(write_delay_begin(&d, 80, 0));
    // The other half of the queue holds the traffic that passes until it is written.
    assert_true(WRITE_DELAY_BYTES_MAX <= (size_t)QUEUE_BLOCKS * QUEUE_BLOCK_BYTES / 2);
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
