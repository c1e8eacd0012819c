// SPDX-License-Identifier: MIT
// HOST[:PORT]: the end of the host in every form.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/http/authority.h"

static void a_host_ends_where_its_port_begins(void **state)
{
    static const struct {
        const char *text, *host, *port; // port NULL: none
        bool bracketed;
        int error;
    } cases[] = {
        {"a", "a", NULL, false, 0},
        {"a:1", "a", "1", false, 0},
        {"a:", "a", "", false, 0},
        {":1", "", "1", false, 0},
        {"", "", NULL, false, 0},
        {":", "", "", false, 0},
        {"127.0.0.1:80", "127.0.0.1", "80", false, 0},
        {"[::1]", "::1", NULL, true, 0},
        {"[::1]:443", "::1", "443", true, 0},
        {"[]", "", NULL, true, 0},
        {"[::1]:", "::1", "", true, 0},
        {"[::1", "[::1", NULL, true, AUTHORITY_E_OPEN},
        {"[", "[", NULL, true, AUTHORITY_E_OPEN},
        {"[::1]x", "::1", NULL, true, AUTHORITY_E_BEHIND},
        {"[::1]]:1", "::1", NULL, true, AUTHORITY_E_BEHIND},
        {"::1", "::1", NULL, false, AUTHORITY_E_COLONS},
        {"a:1:2", "a:1:2", NULL, false, AUTHORITY_E_COLONS},
        {"::", "::", NULL, false, AUTHORITY_E_COLONS},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct authority a;
        assert_int_equal(authority_split(slice_str(cases[i].text), &a), cases[i].error);
        assert_true(slice_eq(a.host, slice_str(cases[i].host)));
        assert_int_equal(a.bracketed, cases[i].bracketed);
        assert_int_equal(a.has_port, cases[i].port != NULL);
        if (cases[i].port)
            assert_true(slice_eq(a.port, slice_str(cases[i].port)));
    }
}

static void a_port_is_a_number_of_sixteen_bits(void **state)
{
    static const char *const bad[] = {"", "65536", "-1", "+1", "1 ", "0x1", "99999999999999999999"};
    uint16_t port = 7;
    (void)state;
    assert_true(authority_port(SLICE("0"), &port) && port == 0);
    assert_true(authority_port(SLICE("65535"), &port) && port == 65535);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(authority_port(slice_str(bad[i]), &port));
    assert_int_equal(port, 65535);
}

static void what_was_put_together_comes_apart_again(void **state)
{
    static const char *const hosts[] = {"a", "localhost", "127.0.0.1", "::1", "fe80::1"};
    char text[AUTHORITY_MAX];
    char longest[257];
    struct authority a;
    uint16_t port = 0;
    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        size_t len = authority_text(hosts[i], 65535, text);
        assert_int_equal(authority_split(slice_of(text, len), &a), 0);
        assert_true(slice_eq(a.host, slice_str(hosts[i])));
        assert_true(authority_port(a.port, &port) && port == 65535);
    }
    memset(longest, ':', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = 0;
    assert_int_equal(authority_text(longest, 65535, text), 256 + 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_ends_where_its_port_begins),
        cmocka_unit_test(a_port_is_a_number_of_sixteen_bits),
        cmocka_unit_test(what_was_put_together_comes_apart_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
