// SPDX-License-Identifier: MIT
// The wanted name from its written forms, and its comparison with the relay's URL.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/public_name.h"

#define LABEL "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" // 63

static const struct good {
    const char *text, *name, *host;
    uint16_t port;
} goods[] = {
    {"myapp", "myapp", "", 0},
    {"MyApp", "MyApp", "", 0},
    {"http://myapp", "myapp", "", 0},
    {LABEL, LABEL, "", 0},
    {"myapp.example.com", "myapp", "myapp.example.com", 0},
    {"MyApp.Example.com.", "MyApp", "myapp.example.com", 0},
    {"https://myapp.example.com/", "myapp", "myapp.example.com", 0},
    {"HTTPS://myapp.example.com:8443", "myapp", "myapp.example.com", 8443},
    {"8080", "8080", "", 0},
};

static void a_name_is_the_first_label(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(goods) / sizeof(goods[0]); i++) {
        struct public_name p;
        const char *why = public_name_take(&p, goods[i].text);
        if (why)
            fail_msg("%s: %s", goods[i].text, why);
        assert_string_equal(p.name, goods[i].name);
        assert_string_equal(p.host, goods[i].host);
        assert_int_equal(p.port, goods[i].port);
    }
}

static const struct bad {
    const char *text, *words;
} bads[] = {
    {"", "1 to 63"},
    {".", "1 to 63"},
    {".example.com", "1 to 63"},
    {LABEL "a", "1 to 63"},
    {"https://", "1 to 63"},
    {"tcp://x", "http://"},
    {"tls://x.example.com", "http://"},
    {"myapp:80", "leave the port out"},
    {"x.example.com:0", "a port is"},
    {"x.example.com:", "a port is"},
    {"x.example.com:8x", "a port is"},
    {"127.0.0.1", "an IP address"},
    {"http://10.0.0.1:80", "an IP address"},
    {"[::1]", "an IP address"},
    {"::1", "an IP address"},
    {"*.example.com", "wildcards"},
    {"u:p@x.example.com", "a user"},
    {"https://x.example.com/path", "follows the host"},
    {"x.example.com?q", "follows the host"},
};

static void whatever_is_refused_says_why(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
        struct public_name p;
        const char *why = public_name_take(&p, bads[i].text);
        if (!why || !strstr(why, bads[i].words))
            fail_msg("%s: %s", bads[i].text, why ? why : "taken");
    }
}

static const struct match {
    const char *wanted, *url;
    enum public_match match;
} matches[] = {
    {"a", "http://a.localhost:7080", PUBLIC_SAME},
    {"a.localhost", "http://a.localhost:7080", PUBLIC_SAME},
    {"A.LocalHost.", "http://a.localhost:7080", PUBLIC_SAME},
    {"a.localhost:7080", "http://a.localhost:7080", PUBLIC_SAME},
    {"https://a.example.com", "https://a.example.com", PUBLIC_SAME},
    {"https://a.example.com:443", "https://a.example.com", PUBLIC_SAME},
    {"https://a.example.com", "https://a.example.com:8443", PUBLIC_SAME},
    {"http://a", "http://a.example.com", PUBLIC_SAME},
    {"https://a", "http://a.example.com", PUBLIC_SAME_HOST},
    {"https://a.example.com", "http://a.example.com", PUBLIC_SAME_HOST},
    {"http://a.example.com:80", "http://a.example.com:7080", PUBLIC_SAME_HOST},
    {"a.example.com", "http://a.localhost:7080", PUBLIC_OTHER_HOST},
    {"a.b.example.com", "https://a.example.com", PUBLIC_OTHER_HOST},
    {"example.com", "https://example.example.com", PUBLIC_OTHER_HOST},
};

static void what_is_given_is_compared_with_what_was_wanted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(matches) / sizeof(matches[0]); i++) {
        struct public_name p;
        char text[PUBLIC_TEXT_MAX] = "";
        assert_null(public_name_take(&p, matches[i].wanted));
        if (public_name_compare(&p, matches[i].url, text) != matches[i].match)
            fail_msg("%s, %s: %s", matches[i].wanted, matches[i].url, text);
        assert_int_equal(text[0] != 0, matches[i].match != PUBLIC_SAME);
        assert_true(!text[0] || strstr(text, matches[i].url));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_the_first_label),
        cmocka_unit_test(whatever_is_refused_says_why),
        cmocka_unit_test(what_is_given_is_compared_with_what_was_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
