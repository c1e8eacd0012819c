// SPDX-License-Identifier: MIT
// Dials that end otherwise than by an answer: limits, cancels, and TLS that fails.
#include "common/io/tls_client.h"
#include "dial_fixture.h"

static void one_limit_holds_for_all_together(void **state)
{
    static const struct host hosts[] = {
        {"192.0.2.1:80", REFUSES}, {"192.0.2.2:80", HANGS}, {"192.0.2.3:80", HANGS}};
    struct call *c = *state;
    start(c, "name.example");
    assert_true(end_timeout(c, LIMIT_MS)); // resolving
    assert_over(c, UV_ETIMEDOUT, "");
    resolver.answer(resolver.request, UV_EAI_AGAIN, NULL); // too late
    start(c, "name.example");
    resolve(c, hosts, 3);
    WAIT(c->o, strcmp(net.attempts, "ab") == 0);
    assert_true(end_timeout(c, STAGGER_MS));
    assert_true(end_timeout(c, LIMIT_MS)); // connecting
    assert_over(c, UV_ETIMEDOUT, "192.0.2.2:80");
    c->target.limit_ms = 0;
    c->o->loop.limits.connect_ms = LIMIT_MS + 1;
    start(c, "name.example");
    assert_true(end_timeout(c, LIMIT_MS + 1));
    assert_over(c, UV_ETIMEDOUT, "");
    resolver.answer(resolver.request, UV_EAI_AGAIN, NULL);
}

static void a_dial_is_cancelled_at_any_moment(void **state)
{
    static const struct host hosts[] = {
        {"192.0.2.1:80", HANGS}, {"192.0.2.2:80", HANGS}, {"192.0.2.3:80", ANSWERS}};
    struct call *c = *state;
    dial_cancel(NULL);
    for (int moment = 0; moment < 5; moment++) {
        (void)snprintf(c->target.host, sizeof(c->target.host), "name.example");
        c->dial = dial_start(&c->o->loop, &c->target, on_done, c);
        if (moment > 0)
            serve(c->o); // the resolver is asked
        if (moment > 1)
            resolve(c, hosts, 3);
        for (int i = 3; i <= moment; i++) // the last address has connected, which no turn tells
            assert_true(i == 4 || end_timeout(c, STAGGER_MS));
        dial_cancel(c->dial);
        if (moment == 1)
            resolve(c, hosts, 3);
        serve(c->o);
        assert_int_equal(c->done, 0);
        assert_int_equal(open_conns(c), 0);
        assert_false(end_timeout(c, STAGGER_MS) || end_timeout(c, LIMIT_MS));
    }
    assert_int_equal(resolver.freed, 4);
}

// TLS decides on the first address that connects: the others are given up, and not tried when it
// fails.
static void tls_goes_on_with_the_first_address_that_connects(void **state)
{
    static const struct host hosts[] = {
        {"192.0.2.1:80", HANGS}, {"192.0.2.2:80", ANSWERS}, {"192.0.2.3:80", ANSWERS}};
    static const char *const failures[] = {"the peer does not speak TLS",
                                           "the TLS handshake takes too long", ""};
    char why[TLS_WHY_MAX];
    struct call *c = *state;
    c->target.tls = tls_client_new(&(struct tls_client_options){.verify_nothing = true}, why);
    assert_non_null(c->target.tls);
    for (int way = 0; way < 3; way++) {
        start(c, "name.example");
        resolve(c, hosts, 3);
        assert_true(end_timeout(c, STAGGER_MS));
        WAIT(c->o, open_conns(c) == 1);
        int peer = accept(net.fds[0], NULL, NULL);
        assert_true(peer >= 0);
        assert_false(end_timeout(c, STAGGER_MS));
        if (way == 0) {
            assert_int_equal(send(peer, "220 ESMTP\r\n", 11, MSG_NOSIGNAL), 11);
            assert_over(c, UV_EPROTO, "192.0.2.2:80");
        } else if (way == 1) {
            assert_true(end_timeout(c, LIMIT_MS));
            assert_over(c, UV_ETIMEDOUT, "192.0.2.2:80");
        } else {
            dial_cancel(c->dial);
            assert_int_equal(open_conns(c), 0);
            assert_int_equal(c->done, 0);
        }
        if (way < 2)
            assert_string_equal(c->target.tls_failure, failures[way]);
        assert_string_equal(net.attempts, "ab");
        assert_int_equal(close(peer), 0);
    }
    serve(c->o);
    tls_client_free(c->target.tls);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(one_limit_holds_for_all_together),
        TEST(a_dial_is_cancelled_at_any_moment),
        TEST(tls_goes_on_with_the_first_address_that_connects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
