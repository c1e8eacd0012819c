// SPDX-License-Identifier: MIT
#include "exchange_sim.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "check.h"
#include "exchange_sim_internal.h"

enum {
    STEPS_MAX = 400,
    QUIET_TURNS = 8, // without a byte or an event: nothing but time can bring more
    TURNS_MAX = 200000,
    SECONDS_MAX = 400 // above the sum of all limits of time
};

struct sim sim;

void sim_tell(const struct sim_task *t, const char *format, ...)
{
    va_list args;
    if (!sim.tells)
        return;
    (void)fprintf(stderr, "/%zu: ", sim_task_number(t));
    va_start(args, format);
    (void)vfprintf(stderr, format, args);
    va_end(args);
    (void)fputc('\n', stderr);
}

static void everyone_steps(void)
{
    for (size_t i = 0; i < sim.visitor_count; i++)
        sim_visitor_step(i, true);
    sim_origin_accept();
    sim_origin_step(true);
    sim_program_turn();
}

// Goes on until nothing moves any more.
static void settle(void)
{
    int quiet = 0;
    for (int turn = 0; quiet < QUIET_TURNS; turn++) {
        uint64_t before = fake_system_activity();
        everyone_steps();
        quiet = fake_system_activity() == before ? quiet + 1 : 0;
        CHECK(turn < TURNS_MAX);
    }
}

static void choose_faults(void)
{
    struct fake_faults faults = {.again_one_in = sim_maybe(2) ? 4 : 0};
    if (sim_maybe(4)) {
        faults.memory_fails_from = 1 + chance_below(sim.chance, sim_maybe(2) ? 40 : 400);
        faults.memory_fails_until =
            faults.memory_fails_from + 1 + (sim_maybe(2) ? chance_below(sim.chance, 20) : 0);
    }
    if (sim_maybe(10))
        faults.refuse_one_in = 2 + chance_below(sim.chance, 6);
    fake_system_set_faults(&faults);
}

static void step_at_random(bool slow)
{
    uint32_t who = chance_below(sim.chance, 8);
    if (who < 3)
        sim_visitor_step(chance_below(sim.chance, sim.visitor_count), false);
    else if (who == 3)
        sim_origin_accept();
    else if (who < 6)
        sim_origin_step(false);
    else
        sim_program_turn();
    if (sim_maybe(4))
        fake_system_pass(chance_below(sim.chance, slow ? 4000 : 20));
}

// Lets everything end: first what needs no time, then silent origins, then what a limit ends.
static void finish(void)
{
    settle();
    sim_visitors_verify();
    sim.releases = true;
    for (int s = 0; s < SECONDS_MAX; s++) {
        settle();
        if (sim_visitors_are_over() && sim_program_connections() == 0)
            return;
        fake_system_pass(1000);
    }
    CHECK(sim_visitors_are_over());
    CHECK(sim_program_connections() == 0);
}

struct exchange_sim_result exchange_sim_run(struct chance *chance)
{
    sim = (struct sim){.chance = chance, .tells = getenv("ADIT_TELL") != NULL};
    fake_system_begin(chance);
    sim_observer_begin();
    sim_origin_begin();
    bool tight = sim_maybe(10);
    CHECK(sim_program_open(tight));
    choose_faults();
    sim.visitor_count = 1 + chance_below(chance, SIM_VISITORS_MAX);
    sim.early = sim_maybe(8);
    sim_visitors_begin();
    bool slow = sim_maybe(8);
    sim.lenient = slow || tight;
    uint32_t steps = chance_below(chance, STEPS_MAX);
    for (uint32_t i = 0; i < steps && !sim_visitors_are_over(); i++)
        step_at_random(slow);
    if (!sim_maybe(8))
        finish();
    sim.over = true;
    sim_program_close();
    sim_visitors_end();
    sim_origin_end();
    sim_observer_end();
    fake_system_end();
    return sim.result;
}
