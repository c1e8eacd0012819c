// SPDX-License-Identifier: MIT
// Which certificates are ordered, when, and how.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include "server/acme_plan.h"

enum {
    DAY_S = 24 * 60 * 60
};

static struct acme_order orders[ACME_ORDERS_MAX];

static size_t plan(const struct acme_config *c, const char **why)
{
    return acme_plan(c, "example.com", orders, why);
}

static void the_domain_and_each_name_is_an_order(void **state)
{
    const struct acme_config c = {
        .names = {"api", "Shop.Example.com", "api", "example.com", "a.b.example.com"},
        .name_count = 5};
    const char *why = NULL;
    (void)state;
    assert_int_equal(plan(&c, &why), 4);
    assert_null(why);
    assert_string_equal(orders[0].host, "example.com");
    assert_string_equal(orders[0].wildcard, "");
    assert_string_equal(orders[1].host, "api.example.com");
    assert_string_equal(orders[2].host, "shop.example.com");
    assert_string_equal(orders[3].host, "a.b.example.com");
}

static void a_wildcard_covers_names_of_one_label(void **state)
{
    const struct acme_config c = {
        .dns = "rfc2136", .names = {"api", "a.b.example.com"}, .name_count = 2};
    const char *why = NULL;
    char text[ACME_TEXT_MAX];
    (void)state;
    assert_int_equal(plan(&c, &why), 2);
    acme_order_text(&orders[0], text);
    assert_string_equal(text, "example.com, *.example.com");
    acme_order_text(&orders[1], text);
    assert_string_equal(text, "a.b.example.com");
}

static void a_name_elsewhere_is_refused(void **state)
{
    static const char *const names[] = {"other.org", "notexample.com", "",     "-api",
                                        "api.",      ".api",           "a_b",  "*.example.com",
                                        "a..b",      "x.example.org",  "--dns"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct acme_config c = {.names = {names[i]}, .name_count = 1};
        const char *why = NULL;
        if (plan(&c, &why) != 0 || !why)
            fail_msg("%s is ordered", names[i]);
    }
}

static void the_most_names_fit(void **state)
{
    static char names[ACME_NAMES_MAX][16];
    struct acme_config c = {.name_count = ACME_NAMES_MAX};
    const char *why = NULL;
    (void)state;
    for (int i = 0; i < ACME_NAMES_MAX; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "n%d", i);
        c.names[i] = names[i];
    }
    assert_int_equal(plan(&c, &why), ACME_ORDERS_MAX);
}

static void a_certificate_is_renewed_in_its_last_third(void **state)
{
    struct acme_order o = {0};
    (void)state;
    assert_true(acme_is_due(&o, 0)); // there is none
    o = (struct acme_order){.from_s = 100 * DAY_S, .until_s = 190 * DAY_S};
    assert_false(acme_is_due(&o, 100 * DAY_S));
    assert_false(acme_is_due(&o, 160 * DAY_S));
    assert_true(acme_is_due(&o, 160 * DAY_S + 1));
    assert_true(acme_is_due(&o, 1000 * DAY_S));
    assert_false(acme_is_due(&o, 0)); // the clock was set back
}

static void failures_are_waited_for_longer_and_longer(void **state)
{
    (void)state;
    assert_int_equal(acme_wait_s(1), ACME_RETRY_S);
    assert_int_equal(acme_wait_s(2), 2 * ACME_RETRY_S);
    assert_int_equal(acme_wait_s(4), 8 * ACME_RETRY_S);
    assert_int_equal(acme_wait_s(100), ACME_RETRY_MAX_S);
    assert_int_equal(acme_wait_s(UINT32_MAX), ACME_RETRY_MAX_S);
}

static void check_command(const struct acme_config *c, const char *expected)
{
    const struct acme_paths paths = {"/state", "/web"};
    const char *args[ACME_ARGS_MAX];
    char text[1024] = "";
    const char *why = NULL;
    assert_true(plan(c, &why) > 0);
    acme_command(c, &orders[0], &paths, args);
    for (size_t i = 0; args[i]; i++) {
        size_t len = strlen(text);
        assert_true(i < ACME_ARGS_MAX - 1);
        (void)snprintf(text + len, sizeof(text) - len, "%s%s", i ? " " : "", args[i]);
    }
    assert_string_equal(text, expected);
}

static void the_command_is_that_of_the_challenge(void **state)
{
    const struct acme_config http = {.email = "a@example.com", .resolver = "1.1.1.1:53"};
    struct acme_config dns = {.email = "a@example.com",
                              .directory = "https://ca.example.net/dir",
                              .dns = "rfc2136",
                              .resolver = "192.0.2.1:53"};
    (void)state;
    check_command(&http, "lego --accept-tos --path /state --email a@example.com --http "
                         "--http.webroot /web --domains example.com run");
    check_command(&dns, "lego --accept-tos --path /state --email a@example.com --server "
                        "https://ca.example.net/dir --dns rfc2136 --dns.disable-cp "
                        "--dns.resolvers 192.0.2.1:53 "
                        "--domains example.com --domains *.example.com run");
    dns.resolver = NULL;
    dns.directory = NULL;
    check_command(&dns, "lego --accept-tos --path /state --email a@example.com --dns rfc2136 "
                        "--domains example.com --domains *.example.com run");
}

static void the_line_that_tells_most_is_kept(void **state)
{
    static const char *const lines[] = {
        "2026/12/01 00:52:06 [INFO] acme: Registering account for a@example.com",
        "2026/12/01 00:52:06 [INFO] retry due to: acme: error: 400 :: badNonce",
        "2026/12/01 00:52:07 Could not obtain certificates:",
        "\terror: one or more domains had a problem:",
        "[example.com] acme: error: 403 :: unauthorized :: no such file",
        "2026/12/01 00:52:09 [INFO] bye",
    };
    char said[256] = "";
    (void)state;
    assert_string_equal(acme_line_text(lines[0]), "acme: Registering account for a@example.com");
    assert_string_equal(acme_line_text(""), "");
    assert_string_equal(acme_line_text("2026/12/01 00:52:06 "), "2026/12/01 00:52:06 ");
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        if (acme_line_tells(acme_line_text(lines[i]), said))
            (void)snprintf(said, sizeof(said), "%s", acme_line_text(lines[i]));
    assert_string_equal(said, "[example.com] acme: error: 403 :: unauthorized :: no such file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_domain_and_each_name_is_an_order),
        cmocka_unit_test(a_wildcard_covers_names_of_one_label),
        cmocka_unit_test(a_name_elsewhere_is_refused),
        cmocka_unit_test(the_most_names_fit),
        cmocka_unit_test(a_certificate_is_renewed_in_its_last_third),
        cmocka_unit_test(failures_are_waited_for_longer_and_longer),
        cmocka_unit_test(the_command_is_that_of_the_challenge),
        cmocka_unit_test(the_line_that_tells_most_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
