// SPDX-License-Identifier: MIT
// The URL that an agent prints: the port is left out where the scheme implies it.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/public_urls.h"

static const struct row {
    struct public_urls urls;
    const char *url;
} rows[] = {
    {{"http", "example.com", 80}, "http://blue.example.com"},
    {{"http", "example.com", 79}, "http://blue.example.com:79"},
    {{"http", "example.com", 81}, "http://blue.example.com:81"},
    {{"http", "example.com", 443}, "http://blue.example.com:443"},
    {{"https", "example.com", 443}, "https://blue.example.com"},
    {{"https", "example.com", 442}, "https://blue.example.com:442"},
    {{"https", "example.com", 444}, "https://blue.example.com:444"},
    {{"https", "example.com", 80}, "https://blue.example.com:80"},
    {{"http", "localhost", 65535}, "http://blue.localhost:65535"},
};

static void a_url_has_the_port_that_its_scheme_does_not_imply(void **state)
{
    char out[64];
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        public_urls_write(&rows[i].urls, "blue", out, sizeof(out));
        assert_string_equal(out, rows[i].url);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_has_the_port_that_its_scheme_does_not_imply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
