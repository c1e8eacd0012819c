// SPDX-License-Identifier: MIT
// Visitors, exchanges and an origin under random traffic (tests/support/exchange_sim.h). ADIT_SEED
// runs that seed alone, or the ADIT_SEEDS seeds from it on; ADIT_TELL prints what happens.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/check.h"
#include "tests/support/exchange_sim.h"
#include "tests/support/trials.h"

enum {
    SEEDS = 20000,
    SEEDS_UNDER_VALGRIND = 100
};

static void add(struct exchange_sim_result *all, const struct exchange_sim_result *r)
{
    all->requests += r->requests;
    all->answered += r->answered;
    all->refused += r->refused;
    all->cut += r->cut;
    all->unanswered += r->unanswered;
    all->upgraded += r->upgraded;
    all->retried += r->retried;
    all->bytes += r->bytes;
}

static void every_request_gets_its_own_answer_whatever_happens(void **state)
{
    struct exchange_sim_result all = {0};
    uint64_t usual = trials(SEEDS, SEEDS_UNDER_VALGRIND);
    uint64_t first = trials_setting("ADIT_SEED", 1);
    uint64_t seeds = trials_setting("ADIT_SEEDS", getenv("ADIT_SEED") ? 1 : usual);
    (void)state;
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        struct chance chance = chance_of_seed(seed);
        check_context("ADIT_SEED=%llu", (unsigned long long)seed);
        const struct exchange_sim_result r = exchange_sim_run(&chance);
        add(&all, &r);
    }
    print_message("%zu requests: %zu answered, %zu refused, %zu cut, %zu unanswered; %zu upgraded, "
                  "%zu retried; %llu bytes\n",
                  all.requests, all.answered, all.refused, all.cut, all.unanswered, all.upgraded,
                  all.retried, (unsigned long long)all.bytes);
    assert_true(seeds < SEEDS || (all.answered > all.requests / 2 && all.refused > 0 &&
                                  all.cut > 0 && all.upgraded > 0 && all.retried > 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_gets_its_own_answer_whatever_happens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
