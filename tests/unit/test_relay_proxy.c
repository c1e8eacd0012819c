// SPDX-License-Identifier: MIT
// The proxy that the environment names for a relay is the one that curl would use.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/link/relay_proxy.h"

static const char *const names[] = {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY",
                                    "all_proxy",  "ALL_PROXY",  "no_proxy",    "NO_PROXY"};

static struct relay_proxy chosen;

// Chooses for a relay with this environment, of "NAME=VALUE". Returns relay_proxy_choose's error.
static const char *choose(const char *relay, const char *const *environment)
{
    struct destination e;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        (void)unsetenv(names[i]);
    for (; *environment; environment++) {
        char name[32];
        size_t len = strcspn(*environment, "=");
        (void)snprintf(name, sizeof(name), "%.*s", (int)len, *environment);
        assert_int_equal(setenv(name, *environment + len + 1, 1), 0);
    }
    assert_null(destination_parse(relay, DESTINATION_RELAY, &e));
    return relay_proxy_choose(&chosen, &e);
}

#define CHOOSE(relay, ...) choose(relay, (const char *const[]){__VA_ARGS__, NULL})

static void the_variables_are_those_of_curl(void **state)
{
    (void)state;
    assert_null(CHOOSE("http://r.example", "http_proxy=http://p:1"));
    assert_string_equal(chosen.url, "http://p:1");
    assert_null(CHOOSE("http://r.example", "HTTP_PROXY=http://p:1"));
    assert_false(chosen.used);
    assert_null(CHOOSE("https://r.example", "http_proxy=http://p:1"));
    assert_false(chosen.used);
    assert_null(CHOOSE("https://r.example", "HTTPS_PROXY=http://p:1", "https_proxy=http://q:1"));
    assert_string_equal(chosen.url, "http://q:1");
    assert_string_equal(chosen.variable, "https_proxy");
    assert_null(CHOOSE("https://r.example", "HTTPS_PROXY=http://p:1"));
    assert_string_equal(chosen.variable, "HTTPS_PROXY");
    assert_null(CHOOSE("http://r.example", "ALL_PROXY=http://p:1"));
    assert_true(chosen.used);
    assert_null(CHOOSE("http://r.example", "ALL_PROXY=http://p:1", "all_proxy=http://q:1"));
    assert_string_equal(chosen.url, "http://q:1");
    assert_null(CHOOSE("http://r.example", "http_proxy=", "all_proxy=http://q:1"));
    assert_string_equal(chosen.url, "http://q:1");
}

static void the_url_may_be_short(void **state)
{
    (void)state;
    assert_null(CHOOSE("http://r.example", "http_proxy=p"));
    assert_string_equal(chosen.at.host, "p");
    assert_int_equal(chosen.at.port, 1080);
    assert_null(CHOOSE("http://r.example", "http_proxy=p:3128/"));
    assert_int_equal(chosen.at.port, 3128);
    assert_null(CHOOSE("http://r.example", "http_proxy=HTTP://[::1]:3128/x?y"));
    assert_string_equal(chosen.at.host, "::1");
}

static void user_and_password_are_decoded_and_never_shown(void **state)
{
    (void)state;
    assert_null(CHOOSE("http://r.example", "http_proxy=http://us%65r:p%40s%3as@p:3128"));
    assert_string_equal(chosen.authorization, "Basic dXNlcjpwQHM6cw=="); // user:p@s:s
    assert_string_equal(chosen.url, "http://p:3128");
    assert_null(CHOOSE("http://r.example", "http_proxy=user@p:3128"));
    assert_string_equal(chosen.authorization, "Basic dXNlcjo="); // user:
    assert_null(CHOOSE("http://r.example", "http_proxy=user:p@ss@p:3128"));
    assert_string_equal(chosen.authorization, "Basic dXNlcjpwQHNz"); // user:p@ss
}

static void a_password_has_its_limit(void **state)
{
    char value[RELAY_PROXY_CREDENTIALS_MAX + 64];
    (void)state;
    for (int over = -1; over <= 1; over++) {
        int len = RELAY_PROXY_CREDENTIALS_MAX - 2 + over; // and "u:"
        (void)snprintf(value, sizeof(value), "http_proxy=http://u:%0*d@p:1", len, 0);
        const char *why = CHOOSE("http://r.example", value);
        assert_int_equal(why != NULL, over > 0);
        assert_true(strlen(chosen.authorization) < RELAY_PROXY_AUTHORIZATION_MAX);
    }
}

static void other_kinds_of_proxies_are_refused(void **state)
{
    static const char *const values[] = {"socks5://p:1", "socks5h://p", "SOCKS4://p", "socks4a://p",
                                         "https://p:1",  "ftp://p",     "http://",    "http://p:0",
                                         "p:x",          "http://a b"};
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char text[64];
        (void)snprintf(text, sizeof(text), "all_proxy=%s", values[i]);
        assert_non_null(CHOOSE("http://r.example", text));
        assert_false(chosen.used);
        assert_string_equal(chosen.variable, "all_proxy");
        // an unusable proxy does not matter to a relay that needs none
        assert_null(CHOOSE("http://r.example", text, "no_proxy=r.example"));
        assert_null(CHOOSE("http://localhost:7080", text));
    }
}

static void this_machine_is_reached_directly(void **state)
{
    static const char *const relays[] = {"7080", "localhost:1", "http://a.localhost", "127.0.0.2:1",
                                         "[::1]:1"};
    (void)state;
    for (size_t i = 0; i < sizeof(relays) / sizeof(relays[0]); i++) {
        assert_null(CHOOSE(relays[i], "http_proxy=http://p:1"));
        assert_false(chosen.used);
    }
}

static const struct exemption {
    const char *list, *host;
    bool exempt;
} exemptions[] = {
    {"*", "r.example", true},
    {"*", "10.0.0.1", true},
    {"x,*", "r.example", false}, // "*" stands alone
    {"r.example", "r.example", true},
    {"R.EXAMPLE", "r.example", true},
    {"r.example.", "r.example", true},
    {"example", "r.example", true},
    {".example", "r.example", true},
    {".r.example", "r.example", true},
    {"xample", "r.example", false},
    {"a.r.example", "r.example", false},
    {"a, ,example", "r.example", true},
    {"a example", "r.example", true},
    {",,", "r.example", false},
    {".", "r.example", false},
    {"r.example:80", "r.example", false}, // no ports
    {"*.example", "r.example", false},    // no patterns
    {"10.0.0.1", "10.0.0.1", true},
    {"10.0.0.10", "10.0.0.1", false},
    {"0.0.1", "10.0.0.1", false},
    {"10.0.0.0/8", "10.200.3.4", true},
    {"10.0.0.0/8", "11.0.0.0", false},
    {"10.0.0.0/9", "10.127.255.255", true},
    {"10.0.0.0/9", "10.128.0.0", false},
    {"10.0.0.1/32", "10.0.0.1", true},
    {"10.0.0.1/33", "10.0.0.1", false},
    {"10.0.0.1/x", "10.0.0.1", false},
    {"0.0.0.0/0", "10.0.0.1", true},
    {"fd00::/8", "fd12::1", true},
    {"[fd00::1]", "fd00::1", true},
    {"fd00::1", "fd00:0::1", true},
    {"fd00::/8", "fe80::1", false},
    {"fd00::/129", "fd00::1", false},
    {"10.0.0.0/8", "::ffff:10.0.0.1", false},
};

static void exemptions_are_those_of_curl(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(exemptions) / sizeof(exemptions[0]); i++) {
        const struct exemption *x = &exemptions[i];
        if (relay_proxy_exempts(x->list, x->host) != x->exempt)
            fail_msg("%s: %s", x->list, x->host);
    }
    assert_null(CHOOSE("http://r.example", "http_proxy=p", "NO_PROXY=example"));
    assert_false(chosen.used);
    assert_null(CHOOSE("http://r.example", "http_proxy=p", "NO_PROXY=example", "no_proxy=other"));
    assert_true(chosen.used);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_variables_are_those_of_curl),
        cmocka_unit_test(the_url_may_be_short),
        cmocka_unit_test(user_and_password_are_decoded_and_never_shown),
        cmocka_unit_test(a_password_has_its_limit),
        cmocka_unit_test(other_kinds_of_proxies_are_refused),
        cmocka_unit_test(this_machine_is_reached_directly),
        cmocka_unit_test(exemptions_are_those_of_curl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
