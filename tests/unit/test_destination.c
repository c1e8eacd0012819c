// SPDX-License-Identifier: MIT
// Destinations as users write them: each form, and each refusal.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/destination.h"

#define LABEL "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" // 63
#define NAME_253 \
    LABEL "." LABEL "." LABEL ".aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct good {
    const char *text, *host;
    uint16_t port;
    const char *url;
} goods[] = {
    {"3000", "localhost", 3000, "http://localhost:3000"},
    {":3000", "localhost", 3000, "http://localhost:3000"},
    {"1", "localhost", 1, "http://localhost:1"},
    {"65535", "localhost", 65535, "http://localhost:65535"},
    {"3000/", "localhost", 3000, "http://localhost:3000"},
    {"localhost:80", "localhost", 80, "http://localhost"},
    {"LocalHost:80", "localhost", 80, "http://localhost"},
    {"localhost.:80", "localhost", 80, "http://localhost"},
    {"app.localhost:80/", "app.localhost", 80, "http://app.localhost"},
    {"127.0.0.1:3000", "127.0.0.1", 3000, "http://127.0.0.1:3000"},
    {"0.0.0.0:3000", "0.0.0.0", 3000, "http://0.0.0.0:3000"},
    {"[::1]:3000", "::1", 3000, "http://[::1]:3000"},
    {"[0:0:0:0:0:0:0:1]:3000", "::1", 3000, "http://[::1]:3000"},
    {"[FE80::1]:3000", "fe80::1", 3000, "http://[fe80::1]:3000"},
    {"http://localhost", "localhost", 80, "http://localhost"},
    {"http://localhost/", "localhost", 80, "http://localhost"},
    {"HTTP://LOCALHOST:3000/", "localhost", 3000, "http://localhost:3000"},
    {"http://[::1]", "::1", 80, "http://[::1]"},
    {"http://[::1]:3000/", "::1", 3000, "http://[::1]:3000"},
    {"http://my_app-1.example.com.", "my_app-1.example.com", 80, "http://my_app-1.example.com"},
    {"http://xn--bcher-kva.example", "xn--bcher-kva.example", 80, "http://xn--bcher-kva.example"},
    {"web:3000", "web", 3000, "http://web:3000"},
    {"1.example:80", "1.example", 80, "http://1.example"},
    {NAME_253 ":80", NAME_253, 80, "http://" NAME_253},
};

static void every_form_has_one_meaning(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
        for (int use = DESTINATION_SERVICE; use <= DESTINATION_RELAY; use++) {
            struct destination e;
            char url[DESTINATION_URL_MAX];
            const char *why = destination_parse(goods[i].text, (enum destination_use)use, &e);
            if (why)
                fail_msg("%s: %s", goods[i].text, why);
            assert_string_equal(e.host, goods[i].host);
            assert_int_equal(e.port, goods[i].port);
            assert_false(e.tls);
            destination_url(&e, url);
            assert_string_equal(url, goods[i].url);
            // a printed destination parses again
            struct destination again;
            assert_null(destination_parse(url, (enum destination_use)use, &again));
            assert_memory_equal(&e, &again, sizeof(e));
        }
    }
}

static const struct bad {
    const char *text, *words;
} bads[] = {
    {"", "empty"},
    {"0", "from 1 to 65535"},
    {"65536", "from 1 to 65535"},
    {"99999999999999999999999", "from 1 to 65535"},
    {":0", "from 1 to 65535"},
    {"localhost:0", "from 1 to 65535"},
    {"localhost:65536", "from 1 to 65535"},
    {"localhost:", "from 1 to 65535"},
    {"localhost:80x", "from 1 to 65535"},
    {"localhost:-1", "from 1 to 65535"},
    {"localhost:+1", "from 1 to 65535"},
    {"http://localhost:0", "from 1 to 65535"},
    {"http://localhost:/", "from 1 to 65535"},
    {":", "from 1 to 65535"},
    {"80x", "from 1 to 65535"},
    {"-1", "from 1 to 65535"},
    {"8080,", "from 1 to 65535"},
    {"-x", "port is missing"},
    {"web", "port is missing"},
    {"http:/localhost:80", "two slashes"},
    {"https:/localhost", "two slashes"},
    {"localhost", "port is missing"},
    {"127.0.0.1", "port is missing"},
    {"[::1]", "port is missing"},
    {"http://", "no host"},
    {"http:///", "no host"},
    {"http:///path", "leave out"},
    {"http://:80", "no host"},
    {"http://.:80", "a host is"},
    {"http://localhost/path", "leave out"},
    {"http://localhost?q", "leave out"},
    {"http://localhost/#f", "leave out"},
    {"localhost:80/path", "leave out"},
    {"80/path", "leave out"},
    {"http://localhost//", "leave out"},
    {"user@localhost:80", "user or password"},
    {"http://user:secret@localhost", "user or password"},
    {" 80", "space or a control"},
    {"80 ", "space or a control"},
    {"local host:80", "space or a control"},
    {"localhost:80\n", "space or a control"},
    {"\x1b[31mx:80", "space or a control"},
    {"x\x7f:80", "space or a control"},
    {"::1", "in brackets"},
    {"::1:80", "in brackets"},
    {"fe80::1%eth0", "in brackets"},
    {"http://::1", "in brackets"},
    {"[fe80::1%eth0]:80", "zone"},
    {"http://[fe80::1%25eth0]", "zone"},
    {"[::1:80", "not closed"},
    {"[::1]80", ":PORT"},
    {"[]:80", "not an IPv6"},
    {"[127.0.0.1]:80", "not an IPv6"},
    {"[localhost]:80", "not an IPv6"},
    {"256.0.0.1:80", "four numbers"},
    {"1.2.3:80", "four numbers"},
    {"2130706433:80", "four numbers"},
    {"a..b:80", "a host is"},
    {".a:80", "a host is"},
    {"a%41:80", "a host is"},
    {"b\xc3\xbc"
     "cher.example:80",
     "xn--"},
    {"a" LABEL ":80", "a host is"},
    {NAME_253 "a:80", "at most 253"},
};

static void whatever_is_refused_says_why(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++)
        for (int use = DESTINATION_SERVICE; use <= DESTINATION_RELAY; use++) {
            struct destination e;
            const char *why = destination_parse(bads[i].text, (enum destination_use)use, &e);
            if (!why || !strstr(why, bads[i].words))
                fail_msg("%s: %s", bads[i].text, why ? why : "taken");
        }
}

static void only_a_relay_may_have_https(void **state)
{
    struct destination e;
    (void)state;
    assert_null(destination_parse("https://example.com", DESTINATION_RELAY, &e));
    assert_true(e.tls);
    assert_int_equal(e.port, 443);
    assert_null(destination_parse("HTTPS://[::1]:8443/", DESTINATION_RELAY, &e));
    assert_int_equal(e.port, 8443);
    assert_non_null(strstr(destination_parse("https://example.com", DESTINATION_SERVICE, &e),
                           "not supported yet"));
    for (int use = DESTINATION_SERVICE; use <= DESTINATION_RELAY; use++)
        for (const char *const *s = (const char *const[]){"ftp://a", "ws://a", "://a", "://", NULL};
             *s; s++)
            assert_non_null(
                strstr(destination_parse(*s, (enum destination_use)use, &e), "http://"));
}

// The token must not go out in the clear since a scheme was left out.
static void a_relay_without_scheme_and_port_is_asked_by_https(void **state)
{
    static const struct good relays[] = {
        {"example.com", "example.com", 443, "https://example.com"},
        {"Example.COM./", "example.com", 443, "https://example.com"},
        {"10.0.0.1", "10.0.0.1", 443, "https://10.0.0.1"},
        {"[fd00::1]", "fd00::1", 443, "https://[fd00::1]"},
        {"example.com:443", "example.com", 443, "https://example.com"},
        {"localhost:443", "localhost", 443, "https://localhost"},
        {"example.com:7080", "example.com", 7080, "http://example.com:7080"},
    };
    struct destination e;
    char url[DESTINATION_URL_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof(relays) / sizeof(relays[0]); i++) {
        assert_null(destination_parse(relays[i].text, DESTINATION_RELAY, &e));
        assert_string_equal(e.host, relays[i].host);
        assert_int_equal(e.port, relays[i].port);
        destination_url(&e, url);
        assert_string_equal(url, relays[i].url);
    }
    for (const char *const *s =
             (const char *const[]){"localhost", "a.localhost", "127.0.0.1", "[::1]", "web", NULL};
         *s; s++)
        assert_non_null(strstr(destination_parse(*s, DESTINATION_RELAY, &e), "port is missing"));
}

static void a_message_repeats_nothing_that_may_be_secret_or_obeyed(void **state)
{
    char out[DESTINATION_MESSAGE_MAX];
    (void)state;
    destination_explain(out, "--to", "why", "x:0");
    assert_string_equal(out, "--to: why: x:0");
    destination_explain(out, "--to", "why", "http://u:secret@x");
    assert_string_equal(out, "--to: why");
    destination_explain(out, "--to", "why", "\x1b[2Jx");
    assert_string_equal(out, "--to: why");
    destination_explain(out, "--to", "why", "http://x:1/secret?token=secret");
    assert_string_equal(out, "--to: why: http://x:1...");
    destination_explain(out, "--to", "why", "x:1#secret");
    assert_string_equal(out, "--to: why: x:1...");
    destination_explain(out, "--to", "why", "");
    assert_string_equal(out, "--to: why");
}

static void localhost_and_the_names_below_it_are_loopback(void **state)
{
    (void)state;
    assert_true(destination_is_localhost("localhost"));
    assert_true(destination_is_localhost("LOCALHOST."));
    assert_true(destination_is_localhost("a.b.localhost"));
    assert_false(destination_is_localhost("notlocalhost"));
    assert_false(destination_is_localhost("localhost.example"));
    assert_false(destination_is_localhost(""));
    assert_false(destination_is_localhost("."));
    assert_true(destination_is_loopback("127.9.9.9"));
    assert_true(destination_is_loopback("::1"));
    assert_true(destination_is_loopback("::ffff:127.0.0.1"));
    assert_false(destination_is_loopback("128.0.0.1"));
    assert_false(destination_is_loopback("::2"));
    assert_false(destination_is_loopback("127.0.0.1.example"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_has_one_meaning),
        cmocka_unit_test(whatever_is_refused_says_why),
        cmocka_unit_test(only_a_relay_may_have_https),
        cmocka_unit_test(a_relay_without_scheme_and_port_is_asked_by_https),
        cmocka_unit_test(a_message_repeats_nothing_that_may_be_secret_or_obeyed),
        cmocka_unit_test(localhost_and_the_names_below_it_are_loopback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
