// SPDX-License-Identifier: MIT
// Messages about a link that failed: each is one sentence with one end mark, for every failure.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "client/link/link_messages.h"
#include "proto/tunnel/tunnel.h"

static const char url[] = "https://r.example";

static void check(const struct link_target *relay, const struct link_failure *failure)
{
    char text[LINK_MESSAGE_MAX];
    link_message_failed(text, relay, url, failure);
    const char *tail = strstr(text, " Trying again");
    if (!tail || strcmp(tail, " Trying again") != 0 || tail < text + 2)
        fail_msg("%s", text);
    if (!strchr(".?", tail[-1]) || strchr(".?!", tail[-2]))
        fail_msg("%s", text);
}

static void check_each_way(const struct link_failure *failure)
{
    struct link_target relay = {.at = {.tls = true, .host = "r.example", .port = 443}};
    for (int way = 0; way < 8; way++) {
        struct link_failure e = *failure;
        relay.at.tls = way & 1;
        relay.proxy.used = way & 2;
        e.at_proxy = relay.proxy.used && way & 4;
        (void)snprintf(relay.proxy.url, sizeof(relay.proxy.url), "%s", "http://p:1");
        (void)snprintf(relay.proxy.variable, sizeof(relay.proxy.variable), "%s", "http_proxy");
        check(&relay, &e);
    }
}

static void every_status_is_told_in_a_sentence(void **state)
{
    static const char *const codes[] = {"", "ADIT-NO-TUNNEL", "ADIT-UPGRADE-REQUIRED",
                                        "ADIT-AGENT-GONE", "ADIT-RELAY-FULL"};
    (void)state;
    for (unsigned status = 100; status < 600; status++)
        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
            struct link_failure failure = {.status = status, .text = "", .handshake_sent = true};
            (void)snprintf(failure.code, sizeof(failure.code), "%s", codes[i]);
            check_each_way(&failure);
        }
}

static void every_error_is_told_in_a_sentence(void **state)
{
    (void)state;
    for (int error = -4096; error <= 0; error++) {
        check_each_way(
            &(struct link_failure){.error = error, .text = "why", .address = "10.0.0.1:80"});
        check_each_way(
            &(struct link_failure){.error = error, .text = "why", .no_unix_socket = true});
    }
}

static void what_is_no_error_is_told_in_a_sentence(void **state)
{
    (void)state;
    check_each_way(&(struct link_failure){.bad_certificate = true, .text = "expired"});
    check_each_way(&(struct link_failure){.not_tls = true, .text = ""});
    check_each_way(
        &(struct link_failure){.handshake_sent = true, .text = "it closed the connection"});
}

static void the_proxy_on_the_way_is_named(void **state)
{
    const struct link_failure failures[] = {
        {.bad_certificate = true, .text = "self-signed certificate in certificate chain"},
        {.status = 404, .text = ""},
        {.not_tls = true, .text = ""},
        {.handshake_sent = true, .text = "it closed the connection"},
        {.text = "it ended the TLS handshake without a reason"},
        {.status = 403, .text = "", .at_proxy = true},
        {.error = UV_ECONNREFUSED, .text = "connection refused", .at_proxy = true},
    };
    struct link_target relay = {.at = {.tls = true, .host = "r.example", .port = 443},
                                .proxy = {.used = true, .url = "http://p:1"}};
    char text[LINK_MESSAGE_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        link_message_failed(text, &relay, url, &failures[i]);
        if (!strstr(text, "the proxy http://p:1"))
            fail_msg("%s", text);
    }
    relay.proxy.used = false;
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        link_message_failed(text, &relay, url, &failures[i]);
        assert_true(failures[i].at_proxy || !strstr(text, "http://p:1"));
    }
}

static void a_unix_socket_that_is_forbidden_is_told_with_what_forbids_it(void **state)
{
    static const int errors[] = {UV_EAFNOSUPPORT, UV_EACCES, UV_EPERM};
    const struct link_target relay = {.at = {.host = "r.example", .port = 80}};
    char text[LINK_MESSAGE_MAX];
    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        link_message_failed(
            text, &relay, url,
            &(struct link_failure){.error = errors[i], .text = "why", .no_unix_socket = true});
        assert_non_null(strstr(text, "RestrictAddressFamilies= must name AF_UNIX"));
    }
    link_message_failed(
        text, &relay, url,
        &(struct link_failure){.error = UV_EMFILE, .text = "why", .no_unix_socket = true});
    assert_non_null(strstr(text, "ulimit -n"));
}

static void an_ipv6_address_stands_in_brackets_before_its_port(void **state)
{
    struct link_target relay = {.at = {.host = "fd00::1", .port = 8080}, .proxy.used = true};
    char text[LINK_MESSAGE_MAX];
    (void)state;
    link_message_failed(text, &relay, "http://[fd00::1]:8080",
                        &(struct link_failure){.status = 403, .text = "", .at_proxy = true});
    assert_non_null(strstr(text, "does not connect to [fd00::1]:8080,"));
}

static void an_outage_is_told_once_and_every_so_often(void **state)
{
    struct last_link_message o = {0};
    (void)state;
    assert_true(link_message_is_due(&o, "a", 1000));
    assert_false(link_message_is_due(&o, "a", 1000));
    assert_false(link_message_is_due(&o, "a", 999 + LINK_MESSAGE_REPEAT_MS));
    assert_true(link_message_is_due(&o, "a", 1000 + LINK_MESSAGE_REPEAT_MS));
    assert_false(link_message_is_due(&o, "a", 1001 + LINK_MESSAGE_REPEAT_MS));
    assert_true(link_message_is_due(&o, "b", 1001 + LINK_MESSAGE_REPEAT_MS));
    link_message_reset(&o);
    assert_true(link_message_is_due(&o, "b", 1002 + LINK_MESSAGE_REPEAT_MS));
}

static void what_lasts_no_longer_says_why_and_what_comes(void **state)
{
    char text[LINK_MESSAGE_MAX];
    (void)state;
    link_message_gone(text, url, "it stops");
    assert_string_equal(text, "the relay https://r.example has gone (it stops); connecting again");
    link_message_lost(text, url, TUNNEL_E_SILENT, "");
    assert_string_equal(text,
                        "the tunnel to the relay https://r.example is lost: it has fallen silent "
                        "(the network is down, or this machine slept); connecting again");
    link_message_lost(text, url, TUNNEL_E_MUX, "a DATA frame");
    assert_string_equal(text, "the tunnel to the relay https://r.example is lost: it broke the "
                              "multiplexing: a DATA frame; connecting again");
    for (int error = TUNNEL_E_IDS; error < 0; error++) {
        link_message_lost(text, url, error, "");
        assert_null(strstr(text, "peer"));
    }
}

static void a_relay_that_refuses_is_started_here_or_elsewhere(void **state)
{
    const struct link_failure failure = {.error = UV_ECONNREFUSED, .text = "connection refused"};
    struct link_target relay = {.at = {.host = "localhost", .port = 80}};
    char text[LINK_MESSAGE_MAX];
    (void)state;
    link_message_failed(text, &relay, url, &failure);
    assert_non_null(strstr(text, "with aditd, or name another one with --relay URL. "));
    relay.at = (struct destination){.tls = true, .host = "r.example", .port = 443};
    link_message_failed(text, &relay, url, &failure);
    assert_non_null(strstr(text, "is that its port? "));
    assert_null(strstr(text, "aditd"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_lasts_no_longer_says_why_and_what_comes),
        cmocka_unit_test(a_relay_that_refuses_is_started_here_or_elsewhere),
        cmocka_unit_test(an_outage_is_told_once_and_every_so_often),
        cmocka_unit_test(every_status_is_told_in_a_sentence),
        cmocka_unit_test(every_error_is_told_in_a_sentence),
        cmocka_unit_test(what_is_no_error_is_told_in_a_sentence),
        cmocka_unit_test(the_proxy_on_the_way_is_named),
        cmocka_unit_test(a_unix_socket_that_is_forbidden_is_told_with_what_forbids_it),
        cmocka_unit_test(an_ipv6_address_stands_in_brackets_before_its_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
