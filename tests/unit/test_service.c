// SPDX-License-Identifier: MIT
// Services as users write them: each form, its URL, which leads to the same service again, and each
// refusal.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/service.h"

static const struct form {
    const char *text, *url;
} forms[] = {
    {"3000", "http://localhost:3000"},
    {"http://web", "http://web:80"},
    {"https://localhost:8443", "https://localhost:8443"},
    {"HTTPS://Web/", "https://web:443"},
    {"https://[::1]", "https://[::1]:443"},
    {"unix:/run/app.sock", "unix:/run/app.sock"},
    {"UNIX:///run/app.sock", "unix:/run/app.sock"},
    {"unix:/a b%2f?#@", "unix:/a b%2f?#@"},
    {"file:///srv/site", "file:///srv/site"},
    {"file:/srv/site/", "file:///srv/site"},
    {"FILE://localhost/srv//", "file:///srv"},
    {"file:///a b", "file:///a%20b"},
    {"file:///a%20b%25", "file:///a%20b%25"},
    {"file:///b\xc3\xbc", "file:///b%C3%BC"},
};

static void every_form_has_a_url_that_leads_to_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct service s = {0};
        struct service again = {0};
        char url[SERVICE_URL_MAX];
        const char *why = service_take_url(&s, forms[i].text);
        if (why)
            fail_msg("%s: %s", forms[i].text, why);
        service_url(&s, url);
        assert_string_equal(url, forms[i].url);
        assert_null(service_take_url(&again, url));
        assert_memory_equal(&again, &s, sizeof(s));
    }
}

static const struct form refusals[] = {
    {"unix:", "path of a socket is missing"},
    {"unix://", "path of a socket is missing"},
    {"unix:app.sock", "whole path"},
    {"unix:/a\nb", "control character"},
    {"file:", "whole path"},
    {"file:dist", "whole path"},
    {"file://./dist", "whole path"},
    {"file://dist", "whole path"},
    {"file:///", "whole file system"},
    {"file:////", "whole file system"},
    {"file:///a%", "written %25"},
    {"file:///a%00", "written %25"},
    {"file:///a%0ab", "control character"},
    {"./dist", "whole path"},
    {"../dist", "whole path"},
    {".", "whole path"},
    {"/srv/site", "whole path"},
    {"~/site", "whole path"},
    {"C:\\site", "whole path"},
    {"c:/site", "whole path"},
    {".\\dist", "whole path"},
    {"/run/app.sock", "unix:/run/app.sock"},
    {"ftp://x", "only http://, https://, unix: and file://"},
    {"https://localhost:0", "from 1 to 65535"},
    {"https://localhost/path", "leave out"},
};

static void a_refusal_says_what_to_write(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct service s = {0};
        const char *why = service_take_url(&s, refusals[i].text);
        if (!why || !strstr(why, refusals[i].url))
            fail_msg("%s: %s", refusals[i].text, why ? why : "taken");
    }
}

// Whether a path of this many bytes behind a scheme is taken.
static bool takes(const char *scheme, size_t len)
{
    struct service s = {0};
    char text[512];
    int at = snprintf(text, sizeof(text), "%s/", scheme);
    memset(text + at, 'a', len - 1);
    text[(size_t)at + len - 1] = 0;
    return !service_take_url(&s, text);
}

static void paths_are_bounded(void **state)
{
    (void)state;
    assert_true(takes("unix:", DIAL_PATH_MAX - 2));
    assert_true(takes("unix:", DIAL_PATH_MAX - 1));
    assert_false(takes("unix:", DIAL_PATH_MAX));
    assert_true(takes("file://", SERVICE_PATH_MAX - 2));
    assert_true(takes("file://", SERVICE_PATH_MAX - 1));
    assert_false(takes("file://", SERVICE_PATH_MAX));
    // Encoded, the record would not keep all of it.
    struct service s = {0};
    char text[256] = "file:///";
    memset(text + 8, 0x80, 97);
    assert_null(service_take_url(&s, text));
    text[8 + 97] = 'a';
    assert_non_null(strstr(service_take_url(&s, text), "too long"));
}

static void options_that_contradict_the_service_are_named(void **state)
{
    struct service s = {.https = true, .ca_file = "ca.pem"};
    (void)state;
    assert_null(service_contradiction(&s));
    s.verifies_nothing = true;
    assert_non_null(service_contradiction(&s));
    s.ca_file = NULL;
    assert_null(service_contradiction(&s));
    s.https = false;
    assert_non_null(service_contradiction(&s));
    s = (struct service){.lists = true};
    assert_non_null(service_contradiction(&s));
    assert_null(service_take_url(&s, "file:///srv"));
    assert_null(service_contradiction(&s));
    s.has_idle = true;
    assert_non_null(service_contradiction(&s));
}

static void a_service_is_known_by_its_own_host(void **state)
{
    static const struct form hosts[] = {
        {"3000", "localhost:3000"},     {"http://web", "web:80"},
        {"https://web:443", "web"},     {"https://web:8443", "web:8443"},
        {"https://[::1]:443", "[::1]"}, {"unix:/run/app.sock", "localhost"},
    };
    struct tls_client *tls = (struct tls_client *)state; // only whether there is one counts
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct service s = {0};
        char host[AUTHORITY_MAX];
        assert_null(service_take_url(&s, hosts[i].text));
        s.target.tls = s.https ? tls : NULL;
        upstream_authority(&s.target, host);
        assert_string_equal(host, hosts[i].url);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_has_a_url_that_leads_to_it),
        cmocka_unit_test(a_refusal_says_what_to_write),
        cmocka_unit_test(paths_are_bounded),
        cmocka_unit_test(options_that_contradict_the_service_are_named),
        cmocka_unit_test(a_service_is_known_by_its_own_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
