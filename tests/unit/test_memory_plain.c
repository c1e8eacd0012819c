// SPDX-License-Identifier: MIT
// Answers to requests without TLS, also when there is no memory for a redirect.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/challenge.h"
#include "server/plain.h"
#include "tests/support/failing_memory.h"

// The endpoint of a visitor.
struct visitor {
    struct exchange_endpoint endpoint;
    uint16_t status;
    char location[1024];
    bool finished;
};

static void on_head(struct exchange_endpoint *e, const struct http_head *head,
                    const struct body_framing *framing)
{
    struct visitor *v = container_of(e, struct visitor, endpoint);
    const struct field *field = head_find(head, SLICE("location"));
    (void)framing;
    v->status = head->status;
    if (field)
        (void)snprintf(v->location, sizeof(v->location), "%.*s", (int)field->value.len,
                       field->value.p);
}

static void on_data(struct exchange_endpoint *e, const char *bytes, size_t len)
{
    (void)e;
    (void)bytes;
    (void)len;
}

static void on_finish(struct exchange_endpoint *e, const struct http_head *trailers)
{
    (void)trailers;
    container_of(e, struct visitor, endpoint)->finished = true;
}

static void on_unwanted(struct exchange_endpoint *e)
{
    (void)e;
}

static const struct exchange_ops visitor_ops = {
    .head = on_head, .data = on_data, .finish = on_finish, .unwanted = on_unwanted};

// Answers one request. `memory`: there is some.
static struct visitor answer(uint16_t port, const char *target, bool memory)
{
    const struct plain plain = {.dir = "/nowhere", .domain = "example.com", .port = port};
    struct visitor v = {.endpoint.ops = &visitor_ops};
    struct http_head get = {
        .method = SLICE("GET"), .target = slice_str(target), .authority = SLICE("a.example.com")};
    struct exchange *x = exchange_new(&v.endpoint, &get, NULL);
    assert_non_null(x);
    if (!memory)
        failing_memory_begin(1, 1);
    plain_answer(&plain, x, &get, get.authority);
    if (!memory)
        assert_int_equal(failing_memory_end(), 1);
    assert_true(v.finished);
    exchange_discard(x);
    return v;
}

static void a_redirect_keeps_the_target_and_leaves_out_the_ports_of_https(void **state)
{
    static const struct {
        uint16_t port;
        const char *target, *location;
    } rows[] = {
        {443, "/", "https://a.example.com/"},
        {443, "/a?b=//c", "https://a.example.com/a?b=//c"},
        {8443, "//x/..", "https://a.example.com:8443//x/.."},
        {65535, "*", "https://a.example.com:65535/"},
        {1, "", "https://a.example.com:1/"},
        {443, "/.well-known/acme-challenge", "https://a.example.com/.well-known/acme-challenge"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct visitor v = answer(rows[i].port, rows[i].target, true);
        assert_int_equal(v.status, 308);
        assert_string_equal(v.location, rows[i].location);
    }
}

static void without_memory_the_visitor_is_asked_to_come_again(void **state)
{
    struct visitor v = answer(443, "/", false);
    (void)state;
    assert_int_equal(v.status, 503);
    assert_string_equal(v.location, "");
}

static void a_challenge_that_is_not_there_is_no_redirect(void **state)
{
    struct visitor v = answer(443, "/.well-known/acme-challenge/a", true);
    (void)state;
    assert_int_equal(v.status, 404);
    assert_string_equal(v.location, "");
}

static void a_token_is_no_path(void **state)
{
    char out[CHALLENGE_MAX];
    struct slice token;
    (void)state;
    assert_false(challenge_is_path(SLICE("/.well-known/acme-challeng/a"), &token));
    assert_false(challenge_is_path(SLICE("/.well-known/acme-challenge"), &token));
    assert_true(challenge_is_path(SLICE("/.well-known/acme-challenge/a/b"), &token));
    assert_true(slice_eq(token, SLICE("a/b")));
    for (const char *const *s =
             (const char *const[]){"", ".", "..", "a/b", "../a", "a.", "a%2e", "a\n", NULL};
         *s; s++)
        assert_int_equal(challenge_read("/", slice_str(*s), out), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_redirect_keeps_the_target_and_leaves_out_the_ports_of_https),
        cmocka_unit_test(without_memory_the_visitor_is_asked_to_come_again),
        cmocka_unit_test(a_challenge_that_is_not_there_is_no_redirect),
        cmocka_unit_test(a_token_is_no_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
