// SPDX-License-Identifier: MIT
// Who guesses tokens is slowed down, and nobody else, in a table that does not grow.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/guesses.h"

static struct client_address address(uint32_t number)
{
    struct client_address a = {0};
    a.bytes.s6_addr[10] = a.bytes.s6_addr[11] = 0xff;
    for (int i = 0; i < 4; i++)
        a.bytes.s6_addr[12 + i] = (uint8_t)(number >> (24 - 8 * i));
    return a;
}

static void guess(struct guesses *g, const struct client_address *a, int times, uint64_t now)
{
    for (int i = 0; i < times; i++)
        guesses_count(g, a, now, "a wrong token");
}

static void an_address_has_some_attempts_and_then_one_now_and_then(void **state)
{
    struct guesses g = {.seed = 7};
    const struct client_address bad = address(0xc0000201);
    const struct client_address good = address(0xc0000202);
    const uint64_t now = 1000000;
    (void)state;
    assert_false(guesses_are_slowed(&g, &bad, now));
    guess(&g, &bad, GUESSES_BURST - 1, now);
    assert_false(guesses_are_slowed(&g, &bad, now));
    guess(&g, &bad, 1, now);
    assert_true(guesses_are_slowed(&g, &bad, now));
    assert_false(guesses_are_slowed(&g, &good, now));
    assert_true(guesses_are_slowed(&g, &bad, now + GUESSES_EVERY_MS - 1));
    assert_false(guesses_are_slowed(&g, &bad, now + GUESSES_EVERY_MS));
    guess(&g, &bad, 1, now + GUESSES_EVERY_MS);
    assert_true(guesses_are_slowed(&g, &bad, now + GUESSES_EVERY_MS));
    const uint64_t later = now + (uint64_t)2 * GUESSES_BURST * GUESSES_EVERY_MS;
    guess(&g, &bad, GUESSES_BURST - 1, later); // all is forgotten by then
    assert_false(guesses_are_slowed(&g, &bad, later));
    guesses_deinit(&g);
}

static void who_may_be_anybody_is_not_slowed_down(void **state)
{
    struct guesses g = {0};
    struct client_address a = address(0x7f000001);
    (void)state;
    a.exempt = true;
    guess(&g, &a, 10 * GUESSES_BURST, 1000);
    assert_false(guesses_are_slowed(&g, &a, 1000));
    guesses_deinit(&g);
}

static void a_flood_of_addresses_makes_none_forgotten_that_guesses_much(void **state)
{
    struct guesses g = {.seed = 99};
    const struct client_address bad = address(0xc0000201);
    const uint64_t now = 1000000;
    (void)state;
    guess(&g, &bad, GUESSES_BURST, now);
    for (uint32_t i = 0; i < 50 * GUESSES_ADDRESSES; i++) {
        const struct client_address other = address(0x0b000000 + i);
        guess(&g, &other, 1, now);
    }
    assert_true(guesses_are_slowed(&g, &bad, now));
    assert_true(g.unsaid > 49 * GUESSES_ADDRESSES); // nor is the log flooded
    guesses_deinit(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_has_some_attempts_and_then_one_now_and_then),
        cmocka_unit_test(who_may_be_anybody_is_not_slowed_down),
        cmocka_unit_test(a_flood_of_addresses_makes_none_forgotten_that_guesses_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
