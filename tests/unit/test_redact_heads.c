// SPDX-License-Identifier: MIT
// Heads and targets are recorded without credentials and the program's token, within their bounds.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/record/write/redact.h"

static const char token[] = "own-token-0123456789";

static struct redact redact;
static struct recorder_config config;

static int begin(void **state)
{
    (void)state;
    config = (struct recorder_config){.token = token};
    redact_init(&redact, &config);
    return 0;
}

static void redact_more(const char *name)
{
    assert_true(recorder_add_redact(&config, name));
    redact_init(&redact, &config);
}

static void expect_target_of(const char *target, const char *wanted)
{
    const struct slice sent = slice_str(target);
    char *out = malloc(redact_target_bound(sent) + 1);
    bool any = false;
    char *end = redact_target(&redact, sent, out, &any);
    assert_true(end <= out + redact_target_bound(sent));
    *end = 0;
    assert_string_equal(out, wanted);
    assert_int_equal(any, strcmp(target, wanted) != 0);
    free(out);
}

static void expect_line(const char *name, const char *value, const char *wanted)
{
    struct http_head head;
    bool any = false;
    head_init(&head);
    (void)head_add(&head, slice_str(name), slice_str(value));
    char *out = malloc(redact_lines_bound(&head) + 1);
    char *end = redact_lines(&redact, &head, out, &any);
    assert_true(end <= out + redact_lines_bound(&head));
    *end = 0;
    assert_string_equal(out, wanted);
    assert_int_equal(any, strstr(wanted, "[redacted]") != NULL);
    free(out);
}

static void a_target_is_kept_without_credentials_and_without_our_token(void **state)
{
    (void)state;
    expect_target_of("/x?a=1&token=b", "/x?a=1&token=[redacted]");
    expect_target_of("/own-token-0123456789/x?a=own-token-0123456789&b=1",
                     "/[redacted]/x?a=[redacted]&b=1");
    expect_target_of("/x?secret=b&a=OWN-TOKEN-0123456789", "/x?secret=[redacted]&a=[redacted]");
    expect_target_of("/x?secret=own-token-0123456789", "/x?secret=[redacted]");
    expect_target_of("/x?a=%6fwn-token-0123456789&b=1", "/x?a=[redacted]&b=1");
    expect_target_of("own-token-0123456789", "[redacted]");
    expect_target_of("/x?a=own-token-012345678", "/x?a=own-token-012345678");
    expect_target_of("", "");
}

static void a_token_over_several_parts_hides_all_of_a_target(void **state)
{
    (void)state;
    redact_set_token(&redact, SLICE("own/token=0123456789"));
    expect_target_of("/x/own/token=0123456789?a=1", "/[redacted]");
    redact_set_token(&redact, SLICE("another-token-01"));
    expect_target_of("/own-token-0123456789/another-token-01", "/own-token-0123456789/[redacted]");
}

static void a_name_a_value_and_a_word_are_kept_without_our_token(void **state)
{
    char out[100];
    bool any = false;
    (void)state;
    expect_line("X-A", "x own-token-0123456789", "X-A: [redacted]\r\n");
    expect_line("X-own-token-0123456789", "x", "[redacted]: [redacted]\r\n");
    expect_line("A", "Basic b3duLXRva2VuLTAxMjM0NTY3ODk=", "A: [redacted]\r\n");
    expect_line("Referer", "/?token=own-token-0123456789&x=1",
                "Referer: /?token=[redacted]&x=1\r\n");
    *redact_text(&redact, SLICE("own-token-0123456789"), out, &any) = 0;
    assert_string_equal(out, "[redacted]");
    assert_true(any);
    any = false;
    *redact_text(&redact, SLICE("GET"), out, &any) = 0;
    assert_string_equal(out, "GET");
    assert_false(any);
}

static void one_field_with_our_token_changes_no_other(void **state)
{
    struct http_head head;
    char out[1200];
    bool any = false;
    (void)state;
    head_init(&head);
    (void)head_add(&head, SLICE("A"), SLICE("1"));
    (void)head_add(&head, SLICE("B"), SLICE("own-token-0123456789"));
    (void)head_add(&head, SLICE("Cookie"), SLICE("c"));
    (void)head_add(&head, SLICE("Referer"), SLICE("/?sig=d&e=f"));
    assert_true(redact_lines_bound(&head) < sizeof(out));
    *redact_lines(&redact, &head, out, &any) = 0;
    assert_string_equal(out, "A: 1\r\nB: [redacted]\r\nCookie: [redacted]\r\n"
                             "Referer: /?sig=[redacted]&e=f\r\n");
}

static void without_redaction_only_what_was_named_and_our_token_are_left_out(void **state)
{
    (void)state;
    config.no_redact = true;
    redact_more("query:my-own");
    redact_more("X-Own");
    expect_target_of("/x?token=1&MyOwn=2&my%5fown[]=3",
                     "/x?token=1&MyOwn=[redacted]&my%5fown[]=[redacted]");
    expect_line("Cookie", "a", "Cookie: a\r\n");
    expect_line("x-own", "a", "x-own: [redacted]\r\n");
    expect_line("Sec-WebSocket-Protocol", "bearer, abc", "Sec-WebSocket-Protocol: bearer, abc\r\n");
    expect_line("Referer", "https://a:b@c/?x=1", "Referer: https://a:b@c/?x=1\r\n");
    expect_line("A", "own-token-0123456789", "A: [redacted]\r\n");
}

static void of_subprotocols_only_credentials_go(void **state)
{
    (void)state;
    expect_line("Sec-WebSocket-Protocol", "graphql-ws, bearer,\tabc ,mqtt",
                "Sec-WebSocket-Protocol: graphql-ws, bearer,\t[redacted] ,mqtt\r\n");
    expect_line("sec-websocket-protocol", "v1.json", "sec-websocket-protocol: v1.json\r\n");
    expect_line("sec-websocket-protocol", "", "sec-websocket-protocol: \r\n");
}

// Each "&sid=1" grows by 9 bytes.
static void what_would_become_too_long_goes_as_a_whole(void **state)
{
    enum {
        FIT = REDACT_GROWTH / 9
    };
    char target[6 * (FIT + 1) + 1] = "";
    char wanted[15 * (FIT + 1) + 1] = "";
    char line[sizeof(wanted) + 10];
    (void)state;
    for (size_t i = 1; i <= FIT; i++) {
        memcpy(target + 6 * (i - 1), "&sid=1", 7);
        memcpy(wanted + 15 * (i - 1), "&sid=[redacted]", 16);
        (void)snprintf(line, sizeof(line), "A: %s\r\n", wanted);
        expect_target_of(target, wanted);
        expect_line("A", target, line);
    }
    memcpy(target + 6 * (size_t)FIT, "&sid=1", 7);
    expect_target_of(target, "/[redacted]");
    expect_line("A", target, "A: [redacted]\r\n");
}

static void names_are_checked(void **state)
{
    static const char *const good[] = {"a",         "X-Key",         "query:a", "query:user[x]",
                                       "query:%41", "query:\xc3\xa4"};
    static const char *const bad[] = {
        "", "a b", "a:", ":a", "query:", "query:-", "query:a b", "query:a#", "quer:a", "Query:a"};
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(redact_is_name(slice_str(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(redact_is_name(slice_str(bad[i])));
    config.redact_count = RECORDER_REDACT_MAX - 1;
    assert_true(recorder_add_redact(&config, "query:a"));
    assert_false(recorder_add_redact(&config, "query:b"));
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_target_is_kept_without_credentials_and_without_our_token),
        TEST(a_token_over_several_parts_hides_all_of_a_target),
        TEST(a_name_a_value_and_a_word_are_kept_without_our_token),
        TEST(one_field_with_our_token_changes_no_other),
        TEST(without_redaction_only_what_was_named_and_our_token_are_left_out),
        TEST(of_subprotocols_only_credentials_go),
        TEST(what_would_become_too_long_goes_as_a_whole),
        TEST(names_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
