// SPDX-License-Identifier: MIT
// Both ends of a tunnel under random traffic (tests/support/sim.h). ADIT_SEED runs that seed alone;
// ADIT_SEEDS sets the number of seeds.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/check.h"
#include "tests/support/sim.h"
#include "tests/support/trials.h"

enum {
    STEPS = 4000,
    SEEDS = 40
};

static void every_exchange_ends_as_it_should_whatever_happens(void **state)
{
    struct sim_result all = {0};
    uint64_t first = trials_setting("ADIT_SEED", 1);
    uint64_t seeds = getenv("ADIT_SEED") ? 1 : trials_setting("ADIT_SEEDS", SEEDS);
    (void)state;
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        struct chance chance = chance_of_seed(seed);
        check_context("ADIT_SEED=%llu", (unsigned long long)seed);
        struct sim_result r = sim_run(&chance, STEPS);
        all.exchanges += r.exchanges;
        all.complete += r.complete;
        all.reset += r.reset;
        all.bytes += r.bytes;
    }
    print_message("%zu exchanges, %zu complete, %zu reset, %llu bytes\n", all.exchanges,
                  all.complete, all.reset, (unsigned long long)all.bytes);
    assert_true(seeds < SEEDS || (all.complete > all.reset && all.reset > 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_exchange_ends_as_it_should_whatever_happens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
