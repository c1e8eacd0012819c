// SPDX-License-Identifier: MIT
// Bytes that are no valid head are recorded without secrets, wherever their lines end.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/record/record.h"
#include "common/record/write/redact.h"
#include "tests/support/check.h"

static char out[RECORD_BAD_HEAD_BYTES + 1];

static void expect_of(const struct redact *r, struct slice bytes, const char *wanted)
{
    bool any = false;
    size_t len = redact_bytes(r, bytes, out, RECORD_BAD_HEAD_BYTES, &any);
    out[len] = 0;
    assert_string_equal(out, wanted);
    assert_true(any == (strstr(wanted, "[redacted]") != NULL));
}

static void expect(const char *bytes, const char *wanted)
{
    struct redact r;
    struct recorder_config config = {0};
    assert_true(recorder_add_redact(&config, "X-Api-Key"));
    redact_init(&r, &config);
    expect_of(&r, slice_str(bytes), wanted);
}

static void a_line_that_names_a_secret_keeps_its_name_alone(void **state)
{
    (void)state;
    expect("HTTP/1.1 200 OK\r\nSet-Cookie: canary\r\nA: 1\r\n\r\n",
           "HTTP/1.1 200 OK\r\nSet-Cookie: [redacted]\r\nA: 1\r\n\r\n");
    expect("A: 1\nsEt-cOOkie : canary\nB: 2", "A: 1\nsEt-cOOkie: [redacted]\nB: 2");
    expect("x-api-key:canary: canary\r\n", "x-api-key: [redacted]\r\n");
    expect(" \tCookie: canary\r\n", "Cookie: [redacted]\r\n");
    expect("Cookie canary\r\n", "Cookie: [redacted]\r\n");
    expect("HTTP/1.1 200 OK Cookie: canary", "Cookie: [redacted]");
    expect("Cookie canary: canary", "Cookie: [redacted]");
    expect("Set-Coo kie: canary", "[redacted]");
    expect("A: 1\rCookie: canary\rB: 2\nC: 3", "A: 1\rCookie: [redacted]\nC: 3");
    expect("A: 1\vCookie: canary", "A: 1\vCookie: [redacted]");
}

static void what_continues_a_secret_is_left_out(void **state)
{
    (void)state;
    expect("Cookie: canary\r\n canary\r\n\tcanary\r\nA: 1\r\n b",
           "Cookie: [redacted]\r\n[redacted]\r\n[redacted]\r\nA: 1\r\n b");
    expect("Cookie\r\n: canary\r\nA: 1", "Cookie: [redacted]\r\n[redacted]\r\nA: 1");
    expect("Cookie: a\n\n canary\n", "Cookie: [redacted]\n\n[redacted]\n");
}

// A control character inside the value itself may make the head invalid.
static void a_control_character_does_not_end_a_secret(void **state)
{
    (void)state;
    expect("Set-Cookie: a=\x01"
           "canary\r\nA: 1\r\n",
           "Set-Cookie: [redacted]\r\nA: 1\r\n");
    expect("Set-Cookie: a\rcanary; b\v\fcanary\nA: 1", "Set-Cookie: [redacted]\nA: 1");
    expect("Cookie: a\x7f"
           "canary\r\nA: 1",
           "Cookie: [redacted]\r\nA: 1");
    expect("Cookie: a\r\r\n canary\nA: 1", "Cookie: [redacted]\r\r\n[redacted]\nA: 1");
    expect("Cookie: a\r\n\x01 canary\nA: 1", "Cookie: [redacted]\r\n[redacted]\nA: 1");
    expect("Set-C\x01ookie: canary\r\nA: 1", "[redacted]\r\nA: 1");
    expect("A: 1\vX-Api-Key: canary\vcanary\nB: 2", "A: 1\vX-Api-Key: [redacted]\nB: 2");
}

static void what_is_no_secret_is_as_it_came(void **state)
{
    static const char plain[] =
        "HTTP/1.1 20 OK\r\nVary: Cookie\r\nX-Cookie: 1\r\n: 2\r\n\x01\xff\r\n";
    (void)state;
    expect("", "");
    expect("\r\n", "\r\n");
    expect(plain, plain);
}

static void without_redaction_our_own_secret_is_left_out_still(void **state)
{
    struct redact r;
    const struct recorder_config config = {.no_redact = true, .token = "token"};
    (void)state;
    redact_init(&r, &config);
    expect_of(&r, SLICE("Cookie: a\r\nB: my token x\r\n"), "Cookie: a\r\n[redacted]\r\n");
}

// After more words than fit, the last ones still form a name.
static void of_many_words_the_last_ones_count(void **state)
{
    char line[800];
    struct redact r;
    const struct recorder_config config = {0};
    (void)state;
    redact_init(&r, &config);
    for (int len = 1; len < 300; len++) {
        (void)snprintf(line, sizeof(line), "%0*d author\x01ization: s3cret\n", len, 0);
        bool any = false;
        size_t n = redact_bytes(&r, slice_str(line), out, sizeof(out), &any);
        assert_true(any && !memmem(out, n, "s3cret", 6));
    }
}

static void no_more_is_kept_than_may(void **state)
{
    static char bytes[RECORD_BAD_HEAD_BYTES + 1];
    struct redact r;
    const struct recorder_config config = {0};
    bool any = false;
    (void)state;
    redact_init(&r, &config);
    memset(bytes, 'x', sizeof(bytes));
    for (size_t len = sizeof(bytes) - 2; len <= sizeof(bytes); len++) {
        size_t kept = len < RECORD_BAD_HEAD_BYTES ? len : RECORD_BAD_HEAD_BYTES;
        assert_int_equal(redact_bytes(&r, slice_of(bytes, len), out, RECORD_BAD_HEAD_BYTES, &any),
                         kept);
    }
    for (size_t at = 0; at + 7 <= sizeof(bytes); at += 7) // lines that become longer
        memcpy(bytes + at, "cookie\n", 7);
    assert_int_equal(
        redact_bytes(&r, slice_of(bytes, sizeof(bytes)), out, RECORD_BAD_HEAD_BYTES, &any),
        RECORD_BAD_HEAD_BYTES);
    for (size_t cap = 0; cap < 40; cap++)
        assert_true(redact_bytes(&r, SLICE("Cookie: a\r\nB: 1\r\n"), out, cap, &any) <= cap);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_that_names_a_secret_keeps_its_name_alone),
        TEST(what_continues_a_secret_is_left_out),
        TEST(a_control_character_does_not_end_a_secret),
        TEST(what_is_no_secret_is_as_it_came),
        TEST(without_redaction_our_own_secret_is_left_out_still),
        TEST(of_many_words_the_last_ones_count),
        TEST(no_more_is_kept_than_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
