// SPDX-License-Identifier: MIT
// No cookie of one name of a domain reaches another name, in any spelling of its Domain. A cookie
// that reaches none stays as the service wrote it.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/http/cookie.h"

static const struct slice domain = {"example.com", 11};

static void expect(const char *sent, const char *wanted)
{
    struct http_head head;
    char values[400];
    head_init(&head);
    head.status = 200;
    (void)head_add(&head, SLICE("Set-Cookie"), slice_str(sent));
    bool reaches = cookie_exceeds_host(&head, domain);
    assert_true(cookie_bound(&head) == strlen(sent) && strlen(sent) < sizeof(values));
    cookie_confine(&head, domain, values);
    assert_int_equal(head.field_count, 1);
    assert_true(slice_eq(head.fields[0].value, slice_str(wanted)));
    assert_int_equal(reaches, strcmp(sent, wanted) != 0);
    assert_false(cookie_exceeds_host(&head, domain));
}

static void a_domain_that_covers_all_names_is_taken_out(void **state)
{
    static const char *const beyond[] = {
        "example.com",
        ".example.com",
        "EXAMPLE.COM",
        "com",
        ".com",
        "example.com.",
        "..example.com",
        "\"example.com\"",
        "\"example.com",
        "'example.com'",
        "",
        ".",
        "a.example.com.",
        "..a.example.com.",
        "%61.example.com",
        "example%2ecom",
        "a.example.com:80",
        "example.com\t",
        "  example.com ",
        "=example.com",
        "example.com, a.example.com",
        "x/a.example.com",
        "\xef\xbd\x85xample.com",
        "example.com=a.example.com",
    };
    char sent[200];
    (void)state;
    for (size_t i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
        (void)snprintf(sent, sizeof(sent), "x=1; Domain=%s; Path=/; Secure", beyond[i]);
        expect(sent, "x=1; Path=/; Secure");
        (void)snprintf(sent, sizeof(sent), "x=1;domain=%s", beyond[i]);
        expect(sent, "x=1");
    }
}

static void a_domain_that_covers_no_other_name_stays(void **state)
{
    static const char *const own[] = {
        "a.example.com",
        ".a.example.com",
        "A.Example.Com",
        "b.a.example.com",
        " a.example.com ",
        "\ta.example.com",
        "x.y.a.example.com",
        "x_y.a.example.com",
        "b.example.com",
        "other.org",
        ".other.org",
        "ample.com",
        "org",
        "m",
        "a",
        "a.example.com.example.com",
    };
    char sent[200];
    (void)state;
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        (void)snprintf(sent, sizeof(sent), "x=1; Domain=%s; Path=/", own[i]);
        expect(sent, sent);
    }
}

static void however_the_attribute_is_spelled(void **state)
{
    (void)state;
    expect("x=1; DOMAIN = example.com ;HttpOnly", "x=1;HttpOnly");
    expect("x=1;\tdomain\t=\texample.com", "x=1");
    expect("x=1; Domain", "x=1");
    expect("x=1; Domain==example.com", "x=1");
    expect("x=1; \"Domain\"=example.com", "x=1");
    expect("x=1; $Domain=example.com", "x=1");
    expect("x=1;\xa0"
           "Domain=example.com",
           "x=1");
    expect("x=1;\xc2\xa0"
           "Domain\xe2\x80\x8b=example.com",
           "x=1");
    expect("x=1; do main=example.com", "x=1");
    expect("x=1; dodomain=example.com", "x=1");
    expect("x=1;;; Domain=example.com;;", "x=1;;;");
    expect("; Domain=example.com", "");
    expect("Domain=example.com", "Domain=example.com"); // the cookie's own name
    expect("Domain=example.com; Domain=example.com", "Domain=example.com");
    expect("x=\"a; Domain=example.com\"; Path=/", "x=\"a; Path=/");
    expect("x=1; a=\"; Domain=example.com; b=\"", "x=1; a=\"; b=\"");
    expect("x=1, y=2; Domain=example.com", "x=1, y=2");
    expect("x=1; Path=/domain=example.com", "x=1; Path=/domain=example.com");
}

// The last Domain counts (RFC 6265 §5.3), but none may reach beyond the host.
static void of_several_domains_none_that_covers_all_stays(void **state)
{
    (void)state;
    expect("x=1; Domain=a.example.com; Domain=example.com", "x=1; Domain=a.example.com");
    expect("x=1; Domain=example.com; Domain=a.example.com", "x=1; Domain=a.example.com");
    expect("x=1; Domain=com; Secure; domain=.example.com; Domain=", "x=1; Secure");
}

static void every_cookie_of_a_head_is_looked_at(void **state)
{
    struct http_head head;
    char values[200];
    (void)state;
    head_init(&head);
    (void)head_add(&head, SLICE("A"), SLICE("x; Domain=example.com"));
    (void)head_add(&head, SLICE("set-cookie"), SLICE("x=1"));
    assert_false(cookie_exceeds_host(&head, domain));
    (void)head_add(&head, SLICE("SET-COOKIE"), SLICE("y=2; domain=com"));
    (void)head_add(&head, SLICE("Set-Cookie2"), SLICE("z=3"));
    (void)head_add(&head, SLICE("Set-Cookie"), SLICE("w=4;Domain=a.example.com"));
    assert_true(cookie_exceeds_host(&head, domain));
    cookie_confine(&head, domain, values);
    assert_int_equal(head.field_count, 4);
    assert_true(slice_eq(head.fields[0].value, SLICE("x; Domain=example.com")));
    assert_true(slice_eq(head.fields[1].value, SLICE("x=1")));
    assert_true(slice_eq(head.fields[2].value, SLICE("y=2")));
    assert_true(slice_eq(head.fields[3].value, SLICE("w=4;Domain=a.example.com")));
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_domain_that_covers_all_names_is_taken_out),
        TEST(a_domain_that_covers_no_other_name_stays),
        TEST(however_the_attribute_is_spelled),
        TEST(of_several_domains_none_that_covers_all_stays),
        TEST(every_cookie_of_a_head_is_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
