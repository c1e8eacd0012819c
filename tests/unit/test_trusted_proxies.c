// SPDX-License-Identifier: MIT
// Which proxies are trusted, and what is read from their fields: nothing that a visitor forged is
// believed.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/inbound/trusted_proxies.h"
#include "proto/http/forwarded.h"

static struct client_address address(const char *text)
{
    struct client_address a;
    assert_true(client_address_parse(slice_str(text), &a));
    return a;
}

static struct trusted_proxies trust(const char *first, const char *second)
{
    struct trusted_proxies t = {0};
    assert_null(trusted_proxies_add(&t, first));
    if (second)
        assert_null(trusted_proxies_add(&t, second));
    return t;
}

static void an_address_is_read_as_proxies_write_it(void **state)
{
    static const char *const texts[][2] = {
        {"192.0.2.1", "192.0.2.1"},
        {"192.0.2.1:567", "192.0.2.1"},
        {"192.0.2.1:_x", "192.0.2.1"},
        {"2001:db8::1", "2001:db8::1"},
        {"[2001:db8::1]", "2001:db8::1"},
        {"[2001:db8::1]:8", "2001:db8::1"},
        {"[::ffff:192.0.2.1]:8", "192.0.2.1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"fe80::1%eth0", "fe80::1"},
        {"[fe80::1%25eth0]:80", "fe80::1"}, // percent-encoded, as in a URL (RFC 6874)
        {"[fe80::1%eth0]:80", "fe80::1"},
        {"::1", "::1"},
        {"", NULL},
        {"unknown", NULL},
        {"_hidden", NULL},
        {"192.0.2.1:", NULL},
        {"192.0.2.1:65536", NULL},
        {"192.0.2.1:1:2", NULL},
        {"192.0.2.256", NULL},
        {"192.0.2", NULL},
        {"192.0.2.01", NULL},
        {"0x7f.1.1.1", NULL},
        {"192.0.2.1%eth0", NULL},
        {"[192.0.2.1]", NULL},
        {"[2001:db8::1", NULL},
        {"[2001:db8::1]8", NULL},
        {"2001:db8::1]", NULL},
        {"fe80::1%", NULL},
        {"1.2.3.4 5.6.7.8", NULL},
        {"example.com", NULL},
        {"1111:2222:3333:4444:5555:6666:7777:8888:9999:1111:2222:3333:4444", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct client_address a;
        char text[INET6_ADDRSTRLEN];
        bool read = client_address_parse(slice_str(texts[i][0]), &a);
        const char *want = texts[i][1];
        if (read != (want != NULL))
            fail_msg("%s", texts[i][0]);
        if (!read)
            continue;
        client_address_text(&a, text);
        assert_string_equal(text, want);
    }
}

static void a_range_has_its_addresses_and_no_others(void **state)
{
    static const struct {
        const char *range, *address;
        bool has;
    } cases[] = {
        {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.1", "127.0.0.2", false},
        {"loopback", "127.9.9.9", true},
        {"loopback", "::1", true},
        {"loopback", "::2", false},
        {"loopback", "128.0.0.1", false},
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"10.0.0.0/8", "::ffff:10.1.1.1", true},
        {"10.0.0.0/8", "a00::", false},
        {"192.168.4.0/23", "192.168.5.255", true},
        {"192.168.4.0/23", "192.168.6.0", false},
        {"192.0.2.1/32", "192.0.2.1", true},
        {"128.0.0.0/1", "192.0.2.1", true},
        {"128.0.0.0/1", "8.0.2.1", false},
        {"fd00::/8", "fdff::1", true},
        {"fd00::/8", "fe00::1", false},
        {"2001:db8::/33", "2001:db8:7fff::", true},
        {"2001:db8::/33", "2001:db8:8000::", false},
        {"2001:db8::1/128", "2001:db8::1", true},
        {"::ffff:10.0.0.0/104", "10.2.3.4", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct trusted_proxies t = trust(cases[i].range, NULL);
        struct client_address a = address(cases[i].address);
        if (trusted_proxies_contain(&t, &a) != cases[i].has)
            fail_msg("%s %s", cases[i].range, cases[i].address);
    }
}

static void a_range_that_is_none_is_refused(void **state)
{
    static const char *const values[] = {
        "",          "nginx",       "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/a",   "10.0.0.0/-1",
        "0.0.0.0/0", "::/0",        "10.0.0.1/8",  "fd00::1/8", "10.0.0.0/8/8", "fd00::/129",
        "localhost", "10.0.0.0 /8", "*",
    };
    struct trusted_proxies t = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        if (!trusted_proxies_add(&t, values[i]))
            fail_msg("%s", values[i]);
    assert_int_equal(t.count, 0);
    for (int i = 0; i < TRUSTED_PROXIES_MAX; i++)
        assert_null(trusted_proxies_add(&t, "192.0.2.1"));
    assert_non_null(trusted_proxies_add(&t, "192.0.2.1"));
}

// Fields in order, each as "Name: value".
static void check(const char *const *fields, const char *client, const char *scheme)
{
    struct trusted_proxies t = trust("10.0.0.0/8", "fd00::/8");
    struct http_head head;
    struct proxied_request r = {.client = address("10.0.0.1")};
    char text[INET6_ADDRSTRLEN];
    head_init(&head);
    for (; *fields; fields++) {
        const char *colon = strchr(*fields, ':');
        assert_true(head_add(&head, slice_of(*fields, (size_t)(colon - *fields)),
                             slice_trim(slice_str(colon + 1))));
    }
    r.client.exempt = true; // as the edge sets it for a proxy
    trusted_proxies_read(&t, &head, &r);
    client_address_text(&r.client, text);
    if (strcmp(text, client) != 0)
        fail_msg("%s: %s and not %s", fields[-1], text, client);
    assert_int_equal(r.client.exempt, trusted_proxies_contain(&t, &r.client));
    if (scheme)
        assert_string_equal(r.scheme, scheme);
    else
        assert_null(r.scheme);
}

#define FIELDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void the_client_is_the_last_that_is_not_trusted(void **state)
{
    (void)state;
    check(FIELDS("A: b"), "10.0.0.1", NULL);
    check(FIELDS("X-Forwarded-For: 192.0.2.1"), "192.0.2.1", NULL);
    check(FIELDS("X-Forwarded-For: 203.0.113.6, 192.0.2.1"), "192.0.2.1",
          NULL); // the first: forged
    check(FIELDS("X-Forwarded-For: 203.0.113.6, 192.0.2.1, 10.2.2.2"), "192.0.2.1", NULL);
    check(FIELDS("X-Forwarded-For: 203.0.113.6", "x-forwarded-for: 192.0.2.1"), "192.0.2.1", NULL);
    check(FIELDS("X-Forwarded-For: 192.0.2.1", "x-forwarded-for: 10.9.9.9, fd00::7"), "192.0.2.1",
          NULL);
    check(FIELDS("X-Forwarded-For: 10.3.3.3, 10.4.4.4"), "10.3.3.3", NULL);
    check(FIELDS("X-Forwarded-For: ,, 192.0.2.1 ,"), "192.0.2.1", NULL);
    check(FIELDS("X-Forwarded-For: 2001:db8::5"), "2001:db8::5", NULL);
    check(FIELDS("X-Forwarded-For: [2001:db8::5]:443"), "2001:db8::5", NULL);
    check(FIELDS("X-Forwarded-For: 192.0.2.1:567"), "192.0.2.1", NULL);
    check(FIELDS("X-Forwarded-For:"), "10.0.0.1", NULL);
}

static void left_of_what_is_no_address_nothing_is_believed(void **state)
{
    (void)state;
    check(FIELDS("X-Forwarded-For: 203.0.113.6, unknown"), "10.0.0.1", NULL);
    check(FIELDS("X-Forwarded-For: 203.0.113.6, unknown, 10.2.2.2"), "10.2.2.2", NULL);
    check(FIELDS("X-Forwarded-For: 203.0.113.6, <x>, 10.2.2.2, 10.3.3.3"), "10.2.2.2", NULL);
    check(FIELDS("X-Forwarded-For: unknown, 192.0.2.1"), "192.0.2.1", NULL);
    check(FIELDS("X-Forwarded-For: 203.0.113.6, unknown", "X-Forwarded-For: 192.0.2.1"),
          "192.0.2.1", NULL);
    check(FIELDS("Forwarded: for=203.0.113.6, for=_hidden"), "10.0.0.1", NULL);
    check(FIELDS("Forwarded: for=203.0.113.6;proto=https, by=10.0.0.1"), "10.0.0.1", NULL);
}

static void a_quote_that_is_left_open_hides_nobody_else(void **state)
{
    (void)state;
    // The visitor sends the first part, and the proxy appends the rest.
    check(FIELDS("Forwarded: for=203.0.113.6;x=\", for=192.0.2.1"), "10.0.0.1", NULL);
    check(FIELDS("Forwarded: for=203.0.113.6;x=\", for=\"[2001:db8::5]\""), "10.0.0.1", NULL);
    check(FIELDS("Forwarded: for=203.0.113.6;x=\"\\", "Forwarded: for=192.0.2.1"), "192.0.2.1",
          NULL);
    check(FIELDS("Forwarded: for=203.0.113.6;for=203.0.113.7"), "10.0.0.1", NULL);
}

static void forwarded_is_read_where_the_other_fields_are_missing(void **state)
{
    (void)state;
    check(FIELDS("Forwarded: for=192.0.2.1"), "192.0.2.1", NULL);
    check(FIELDS("Forwarded: For=\"[2001:db8::5]:47011\";PROTO=HTTPS;by=10.0.0.1"), "2001:db8::5",
          "https");
    check(FIELDS("Forwarded: for=203.0.113.6;proto=https, for=192.0.2.1;proto=http"), "192.0.2.1",
          "http");
    check(FIELDS("Forwarded: for=192.0.2.1 ; proto=http , for=10.2.2.2;proto=https"), "192.0.2.1",
          "http");
    check(FIELDS("Forwarded: for=203.0.113.6;proto=http", "X-Forwarded-For: 192.0.2.1"),
          "192.0.2.1", NULL); // sent by the visitor and passed on by the proxy
    check(FIELDS("X-Forwarded-For: 192.0.2.1", "Forwarded: for=192.0.2.1;proto=https",
                 "X-Forwarded-Proto: gopher"),
          "192.0.2.1", NULL);
    check(FIELDS("Forwarded: for=192.0.2.1;proto=http", "X-Forwarded-Proto: https"), "192.0.2.1",
          "https");
    check(FIELDS("Forwarded: for=203.0.113.6, proto=https;by=10.0.0.1"), "10.0.0.1", "https");
    check(FIELDS("Forwarded: for=unknown;proto=https"), "10.0.0.1", "https");
    check(FIELDS("Forwarded: for=203.0.113.6;proto=http", "X-Forwarded-For: nonsense",
                 "X-Forwarded-Proto: https"),
          "10.0.0.1", "https");
}

static void the_scheme_is_what_the_nearest_proxy_says(void **state)
{
    (void)state;
    check(FIELDS("X-Forwarded-Proto: https"), "10.0.0.1", "https");
    check(FIELDS("X-Forwarded-Proto: HTTP"), "10.0.0.1", "http");
    check(FIELDS("X-Forwarded-Proto: wss"), "10.0.0.1", "https");
    check(FIELDS("X-Forwarded-Proto: https, http"), "10.0.0.1", "http"); // the first: forged
    check(FIELDS("X-Forwarded-Proto: https", "X-Forwarded-Proto: http"), "10.0.0.1", "http");
    check(FIELDS("X-Forwarded-Proto: gopher"), "10.0.0.1", NULL);
    check(FIELDS("X-Forwarded-Proto:"), "10.0.0.1", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_is_read_as_proxies_write_it),
        cmocka_unit_test(a_range_has_its_addresses_and_no_others),
        cmocka_unit_test(a_range_that_is_none_is_refused),
        cmocka_unit_test(the_client_is_the_last_that_is_not_trusted),
        cmocka_unit_test(left_of_what_is_no_address_nothing_is_believed),
        cmocka_unit_test(a_quote_that_is_left_open_hides_nobody_else),
        cmocka_unit_test(forwarded_is_read_where_the_other_fields_are_missing),
        cmocka_unit_test(the_scheme_is_what_the_nearest_proxy_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
