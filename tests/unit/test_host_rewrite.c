// SPDX-License-Identifier: MIT
// Fields that follow a replaced Host: the public origin becomes the service's in a request, and
// back in its response.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/exchange/host_rewrite.h"

static const char public_origin[] = "https://name.example";
static const struct slice service = {"localhost:5000", 14};
static const struct host_rewrite_origin own = {{"http", 4}, {"localhost:5000", 14}};

static void assert_public(const char *scheme, const char *authority, const char *origin)
{
    struct http_head request = {.scheme = slice_str(scheme), .authority = slice_str(authority)};
    char *text = host_rewrite_public(&request);
    assert_non_null(text);
    assert_string_equal(text, origin);
    free(text);
}

static void the_public_origin_is_scheme_and_authority(void **state)
{
    (void)state;
    assert_public("https", "name.example", "https://name.example");
    assert_public("https", "Name.example:8443", "https://Name.example:8443");
    assert_public("", "[::1]:80", "http://[::1]:80");
    assert_public("http", "", "");
    assert_public("http", "name.example:99999", "");
    assert_public("http", "user@name.example", "");
}

struct change {
    const char *name, *before, *after;
};

static struct http_head head_with(const struct change *c)
{
    struct http_head head = {0};
    assert_true(head_add(&head, slice_str(c->name), slice_str(c->before)));
    return head;
}

static void assert_changed(const struct http_head *head, const struct change *c, char *values)
{
    if (!slice_eq(head->fields[0].value, slice_str(c->after)))
        fail_msg("%s: %s became %.*s", c->name, c->before, (int)head->fields[0].value.len,
                 head->fields[0].value.p);
    assert_int_equal(values != NULL, strcmp(c->before, c->after) != 0);
    free(values);
}

static void a_request_names_the_service(void **state)
{
    static const struct change changes[] = {
        {"Origin", "https://name.example", "http://localhost:5000"},
        {"origin", "HTTPS://NAME.EXAMPLE:443", "http://localhost:5000"},
        {"Referer", "https://name.example/a?b", "http://localhost:5000/a?b"},
        {"Origin", "http://name.example", "http://name.example"}, // another origin
        {"Origin", "https://other.example", "https://other.example"},
        {"Origin", "null", "null"},
        {"Referer", "/a", "/a"},
        {"Location", "https://name.example/", "https://name.example/"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct http_head request = head_with(&changes[i]);
        char *values = (char *)&request;
        assert_true(host_rewrite_request(&request, public_origin, &own, &values));
        assert_changed(&request, &changes[i], values);
    }
}

static void a_response_names_the_public_origin(void **state)
{
    static const struct change changes[] = {
        {"Location", "http://localhost:5000/a", "https://name.example/a"},
        {"location", "https://LOCALHOST:5000", "https://name.example"}, // any scheme
        {"Location", "//localhost:5000/a", "//name.example/a"},
        {"Content-Location", "http://localhost:5000/a#b", "https://name.example/a#b"},
        {"Location", "http://localhost/a", "http://localhost/a"}, // another port
        {"Location", "http://other:5000/a", "http://other:5000/a"},
        {"Location", "/a", "/a"},
        {"Link", "http://localhost:5000/a", "http://localhost:5000/a"},
        {"Origin", "http://localhost:5000", "http://localhost:5000"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct http_head response = head_with(&changes[i]);
        char *values = (char *)&response;
        assert_true(host_rewrite_response(&response, public_origin, service, &values));
        assert_changed(&response, &changes[i], values);
    }
}

static void without_a_host_on_either_side_nothing_changes(void **state)
{
    static const struct change asked = {"Origin", "https://name.example", "https://name.example"};
    static const struct change answered = {"Location", "http://localhost:5000",
                                           "http://localhost:5000"};
    struct http_head request = head_with(&asked);
    struct http_head response = head_with(&answered);
    const struct host_rewrite_origin odd = {own.scheme, SLICE("a b")};
    char *values;
    (void)state;
    assert_true(host_rewrite_request(&request, "", &own, &values));
    assert_changed(&request, &asked, values);
    assert_true(host_rewrite_request(&request, public_origin, &odd, &values));
    assert_changed(&request, &asked, values);
    assert_true(host_rewrite_response(&response, "", service, &values));
    assert_changed(&response, &answered, values);
    assert_true(host_rewrite_response(&response, public_origin, SLICE("a b"), &values));
    assert_changed(&response, &answered, values);
}

// Values that would grow over the limit stay as they are, all of them.
static void the_rewritten_values_are_bounded(void **state)
{
    static char path[HOST_REWRITE_BYTES_MAX + 8];
    static const char before[] = "http://localhost:5000";
    (void)state;
    memset(path, 'a', sizeof(path));
    memcpy(path, before, strlen(before));
    size_t most = HOST_REWRITE_BYTES_MAX - strlen(public_origin) + strlen(before);
    for (size_t len = most - 1; len <= most + 1; len++) {
        struct http_head response = {0};
        char *values = NULL;
        path[strlen(before)] = '/';
        assert_true(head_add(&response, SLICE("Location"), slice_of(path, len)));
        assert_true(host_rewrite_response(&response, public_origin, service, &values));
        assert_int_equal(values != NULL, len <= most);
        assert_int_equal(response.fields[0].value.len,
                         len <= most ? len - strlen(before) + strlen(public_origin) : len);
        free(values);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_public_origin_is_scheme_and_authority),
        cmocka_unit_test(a_request_names_the_service),
        cmocka_unit_test(a_response_names_the_public_origin),
        cmocka_unit_test(without_a_host_on_either_side_nothing_changes),
        cmocka_unit_test(the_rewritten_values_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
