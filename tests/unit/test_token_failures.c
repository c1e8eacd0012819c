// SPDX-License-Identifier: MIT
// Only an address with many failed attempts at the token is slowed down, and the table of addresses
// has a fixed size.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/token_failures.h"

static struct client_address address(uint32_t number)
{
    struct client_address a = {0};
    a.bytes.s6_addr[10] = a.bytes.s6_addr[11] = 0xff;
    for (int i = 0; i < 4; i++)
        a.bytes.s6_addr[12 + i] = (uint8_t)(number >> (24 - 8 * i));
    return a;
}

static void add_failures(struct token_failures *t, const struct client_address *a, int times,
                         uint64_t now)
{
    for (int i = 0; i < times; i++)
        token_failures_add(t, a, now, "a wrong token");
}

static void an_address_has_some_attempts_and_then_one_now_and_then(void **state)
{
    struct token_failures t = {.seed = 7};
    const struct client_address bad = address(0xc0000201);
    const struct client_address good = address(0xc0000202);
    const uint64_t now = 1000000;
    (void)state;
    assert_false(token_failures_exceeded(&t, &bad, now));
    add_failures(&t, &bad, TOKEN_FAILURES_BURST - 1, now);
    assert_false(token_failures_exceeded(&t, &bad, now));
    add_failures(&t, &bad, 1, now);
    assert_true(token_failures_exceeded(&t, &bad, now));
    assert_false(token_failures_exceeded(&t, &good, now));
    assert_true(token_failures_exceeded(&t, &bad, now + TOKEN_FAILURES_EVERY_MS - 1));
    assert_false(token_failures_exceeded(&t, &bad, now + TOKEN_FAILURES_EVERY_MS));
    add_failures(&t, &bad, 1, now + TOKEN_FAILURES_EVERY_MS);
    assert_true(token_failures_exceeded(&t, &bad, now + TOKEN_FAILURES_EVERY_MS));
    const uint64_t later = now + (uint64_t)2 * TOKEN_FAILURES_BURST * TOKEN_FAILURES_EVERY_MS;
    add_failures(&t, &bad, TOKEN_FAILURES_BURST - 1, later); // all failures have expired
    assert_false(token_failures_exceeded(&t, &bad, later));
    token_failures_deinit(&t);
}

static void who_may_be_anybody_is_not_slowed_down(void **state)
{
    struct token_failures t = {0};
    struct client_address a = address(0x7f000001);
    (void)state;
    a.exempt = true;
    add_failures(&t, &a, 10 * TOKEN_FAILURES_BURST, 1000);
    assert_false(token_failures_exceeded(&t, &a, 1000));
    token_failures_deinit(&t);
}

static void a_flood_of_addresses_makes_none_forgotten_that_fails_much(void **state)
{
    struct token_failures t = {.seed = 99};
    const struct client_address bad = address(0xc0000201);
    const uint64_t now = 1000000;
    (void)state;
    add_failures(&t, &bad, TOKEN_FAILURES_BURST, now);
    for (uint32_t i = 0; i < 50 * TOKEN_FAILURES_ADDRESSES; i++) {
        const struct client_address other = address(0x0b000000 + i);
        add_failures(&t, &other, 1, now);
    }
    assert_true(token_failures_exceeded(&t, &bad, now));
    assert_true(t.unlogged > 49 * TOKEN_FAILURES_ADDRESSES); // and the log is not flooded
    token_failures_deinit(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_has_some_attempts_and_then_one_now_and_then),
        cmocka_unit_test(who_may_be_anybody_is_not_slowed_down),
        cmocka_unit_test(a_flood_of_addresses_makes_none_forgotten_that_fails_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
