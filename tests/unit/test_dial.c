// SPDX-License-Identifier: MIT
// Dials: the order and pace of the attempts, the winner, and the error that is told.
#include "dial_fixture.h"

static void addresses_are_tried_in_turn_each_behind_the_delay(void **state)
{
    static const struct host hosts[] = {
        {"192.0.2.1:80", HANGS}, {"192.0.2.2:80", HANGS}, {"192.0.2.3:80", ANSWERS}};
    struct call *c = *state;
    start(c, "name.example");
    resolve(c, hosts, 3);
    assert_string_equal(net.attempts, "a");
    assert_true(end_timeout(c, STAGGER_MS));
    assert_string_equal(net.attempts, "ab");
    assert_int_equal(open_conns(c), 2); // the first goes on
    assert_int_equal(c->done, 0);
    assert_true(end_timeout(c, STAGGER_MS));
    assert_string_equal(net.attempts, "abc");
    assert_over(c, 0, "");
    assert_int_equal(resolver.freed, 1);
}

static void the_next_attempt_begins_at_once_when_one_has_failed(void **state)
{
    static const struct host hosts[] = {{"192.0.2.1:80", REFUSES},
                                        {"192.0.2.2:80", ENETUNREACH},
                                        {"192.0.2.3:80", ANSWERS},
                                        {"192.0.2.4:80", ANSWERS}};
    struct call *c = *state;
    start(c, "name.example");
    resolve(c, hosts, 4);
    assert_over(c, 0, "");
    assert_string_equal(net.attempts, "abc");
}

// After a failure the delay begins anew: the attempt behind it has its own.
static void a_failure_of_an_earlier_attempt_does_not_end_the_race(void **state)
{
    static const struct host hosts[] = {
        {"192.0.2.1:80", HANGS}, {"192.0.2.2:80", REFUSES}, {"192.0.2.3:80", HANGS}};
    struct call *c = *state;
    start(c, "name.example");
    resolve(c, hosts, 3);
    assert_true(end_timeout(c, STAGGER_MS));
    WAIT(c->o, strcmp(net.attempts, "abc") == 0);
    assert_true(end_timeout(c, STAGGER_MS)); // no address is left
    assert_int_equal(c->done, 0);
    assert_false(end_timeout(c, STAGGER_MS));
    assert_true(end_timeout(c, LIMIT_MS));
    assert_over(c, UV_ETIMEDOUT, "192.0.2.1:80");
}

static void families_alternate_while_both_last(void **state)
{
    static const struct host hosts[] = {{"192.0.2.1:80", ENETUNREACH},
                                        {"192.0.2.2:80", ENETUNREACH},
                                        {"192.0.2.3:80", ENETUNREACH},
                                        {"[2001:db8::1]:80", ENETUNREACH},
                                        {"[2001:db8::2]:80", ENETUNREACH}};
    struct call *c = *state;
    start(c, "name.example");
    resolve(c, hosts, 5);
    assert_string_equal(net.attempts, "adbec");
    assert_over(c, UV_ENETUNREACH, "192.0.2.1:80");
    start(c, "name.example");
    resolve(c, hosts + 2, 3); // of the family that comes first
    assert_string_equal(net.attempts, "abc");
    assert_over(c, UV_ENETUNREACH, "192.0.2.3:80");
}

static void a_name_has_a_bounded_number_of_addresses(void **state)
{
    static const char texts[][16] = {"192.0.2.1:80", "192.0.2.2:80", "192.0.2.3:80",
                                     "192.0.2.4:80", "192.0.2.5:80", "192.0.2.6:80",
                                     "192.0.2.7:80", "192.0.2.8:80", "192.0.2.9:80"};
    struct host hosts[ATTEMPTS_MAX + 1];
    struct call *c = *state;
    for (size_t i = 0; i < ATTEMPTS_MAX + 1; i++)
        hosts[i] = (struct host){texts[i], ENETUNREACH};
    for (size_t count = ATTEMPTS_MAX - 1; count <= ATTEMPTS_MAX + 1; count++) {
        start(c, "name.example");
        resolve(c, hosts, count);
        assert_over(c, UV_ENETUNREACH, "192.0.2.1:80");
        assert_int_equal(strlen(net.attempts), count > ATTEMPTS_MAX ? ATTEMPTS_MAX : count);
    }
}

static void the_most_telling_error_is_told_with_its_address(void **state)
{
    // Each tells more than those before it.
    static const int errors[] = {EINVAL,   EAFNOSUPPORT, EADDRNOTAVAIL, ENETUNREACH,
                                 ENETDOWN, EHOSTUNREACH, ETIMEDOUT,     EACCES,
                                 EPERM,    ECONNREFUSED, ECONNRESET};
    struct call *c = *state;
    for (size_t i = 0; i + 1 < sizeof(errors) / sizeof(errors[0]); i++) {
        const struct host first[] = {{"192.0.2.1:80", errors[i + 1]}, {"192.0.2.2:80", errors[i]}};
        const struct host last[] = {{"192.0.2.1:80", errors[i]}, {"192.0.2.2:80", errors[i + 1]}};
        start(c, "name.example");
        resolve(c, first, 2);
        assert_over(c, -errors[i + 1], "192.0.2.1:80");
        start(c, "name.example");
        resolve(c, last, 2);
        assert_over(c, -errors[i + 1], "192.0.2.2:80");
    }
}

// Nothing is known of the addresses behind our own shortage, which would be met again.
static void our_own_shortage_ends_the_attempts(void **state)
{
    static const int errors[] = {EMFILE, ENFILE, ENOMEM, ENOBUFS, EAGAIN};
    struct call *c = *state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        const struct host hosts[] = {
            {"192.0.2.1:80", ECONNRESET}, {"192.0.2.2:80", errors[i]}, {"192.0.2.3:80", ANSWERS}};
        start(c, "name.example");
        resolve(c, hosts, 3);
        assert_over(c, -errors[i], "192.0.2.2:80");
        assert_string_equal(net.attempts, "ab");
    }
    net.no_sockets = true;
    start(c, "192.0.2.1");
    assert_over(c, UV_EMFILE, "192.0.2.1:80");
}

static void an_attempt_under_way_outlasts_our_own_shortage(void **state)
{
    static const struct host hosts[] = {
        {"192.0.2.1:80", HANGS}, {"192.0.2.2:80", EMFILE}, {"192.0.2.3:80", ANSWERS}};
    struct call *c = *state;
    start(c, "name.example");
    resolve(c, hosts, 3);
    assert_true(end_timeout(c, STAGGER_MS));
    assert_string_equal(net.attempts, "ab");
    assert_int_equal(c->done, 0);
    assert_true(end_timeout(c, LIMIT_MS));
    assert_over(c, UV_ETIMEDOUT, "192.0.2.1:80");
}

static void a_name_without_an_address_fails_as_the_resolver_says(void **state)
{
    struct call *c = *state;
    start(c, "name.example");
    resolver.answer(resolver.request, UV_EAI_AGAIN, NULL);
    assert_over(c, UV_EAI_AGAIN, "");
    start(c, "name.example");
    resolver.answer(resolver.request, 0, NULL);
    assert_over(c, UV_EAI_NONAME, "");
    resolver.error = UV_ENOMEM; // cannot be asked
    start(c, "name.example");
    assert_over(c, UV_ENOMEM, "");
}

static void an_address_needs_no_resolver(void **state)
{
    static const struct host hosts[] = {{"192.0.2.1:80", ANSWERS}, {"[2001:db8::1]:80", REFUSES}};
    struct call *c = *state;
    net.hosts = hosts;
    net.count = 2;
    start(c, "192.0.2.1");
    assert_over(c, 0, "");
    assert_string_equal(net.attempts, "a");
    start(c, "2001:db8::1");
    assert_over(c, UV_ECONNREFUSED, "[2001:db8::1]:80");
    assert_string_equal(net.attempts, "b");
    assert_int_equal(resolver.asked, 0);
    assert_false(c->target.prefer_v6);
}

// Localhost is both loopback addresses; the one that answered is the first to be tried the next
// time.
static void localhost_is_loopback_whatever_a_resolver_says(void **state)
{
    static const struct host v6[] = {{"127.0.0.1:80", REFUSES}, {"[::1]:80", ANSWERS}};
    static const struct host v4[] = {{"127.0.0.1:80", ANSWERS}, {"[::1]:80", REFUSES}};
    static const struct host none[] = {{"127.0.0.1:80", REFUSES}, {"[::1]:80", ECONNRESET}};
    static const struct {
        const struct host *hosts;
        const char *name, *attempts;
        bool prefer_v6;
    } cases[] = {{v6, "localhost", "ab", true},
                 {v6, "a.localhost", "b", true},
                 {v4, "localhost", "ba", false},
                 {v4, "localhost", "a", false},
                 {v6, "LOCALHOST", "ab", true}};
    struct call *c = *state;
    net.count = 2;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        net.hosts = cases[i].hosts;
        start(c, cases[i].name);
        assert_over(c, 0, "");
        assert_string_equal(net.attempts, cases[i].attempts);
        assert_int_equal(c->target.prefer_v6, cases[i].prefer_v6);
    }
    net.hosts = none;
    start(c, "localhost");
    assert_over(c, UV_ECONNRESET, "[::1]:80");
    assert_int_equal(resolver.asked, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(addresses_are_tried_in_turn_each_behind_the_delay),
        TEST(the_next_attempt_begins_at_once_when_one_has_failed),
        TEST(a_failure_of_an_earlier_attempt_does_not_end_the_race),
        TEST(families_alternate_while_both_last),
        TEST(a_name_has_a_bounded_number_of_addresses),
        TEST(the_most_telling_error_is_told_with_its_address),
        TEST(our_own_shortage_ends_the_attempts),
        TEST(an_attempt_under_way_outlasts_our_own_shortage),
        TEST(a_name_without_an_address_fails_as_the_resolver_says),
        TEST(an_address_needs_no_resolver),
        TEST(localhost_is_loopback_whatever_a_resolver_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
