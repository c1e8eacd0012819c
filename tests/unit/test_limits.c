// SPDX-License-Identifier: MIT
// Limits: their values, ranges and messages.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/limits.h"

static const char *set(struct limits *l, const char *text)
{
    static char message[LIMITS_MESSAGE_MAX];
    return limits_set(l, LIMITS_OF_RELAY, text, message);
}

static void a_limit_is_set_in_its_unit(void **state)
{
    struct limits l = limits_default;
    (void)state;
    assert_null(set(&l, "head-bytes=500"));
    assert_int_equal(l.head_bytes, 500);
    assert_null(set(&l, "head-bytes=2k"));
    assert_int_equal(l.head_bytes, 2048);
    assert_null(set(&l, "body-bytes=3G"));
    assert_int_equal(l.body_bytes, 3ULL << 30);
    assert_null(set(&l, "body-bytes=5m"));
    assert_int_equal(l.body_bytes, 5ULL << 20);
    assert_null(set(&l, "head-time=250ms"));
    assert_int_equal(l.head_ms, 250);
    assert_null(set(&l, "head-time=3s"));
    assert_int_equal(l.head_ms, 3000);
    assert_null(set(&l, "keepalive-time=2m"));
    assert_int_equal(l.keepalive_ms, 120000);
    assert_null(set(&l, "tls-handshake-time=100ms"));
    assert_int_equal(l.tls_handshake_ms, 100);
    assert_non_null(set(&l, "tls-handshake-time=99ms"));
    assert_int_equal(l.tls_handshake_ms, 100);
    assert_null(set(&l, "gone-time=1h"));
    assert_int_equal(l.gone_ms, 3600000);
    assert_null(set(&l, "visitors=7"));
    assert_int_equal(l.visitors, 7);
}

static void only_the_limit_that_is_named_changes(void **state)
{
    struct limits l = limits_default;
    (void)state;
    assert_null(set(&l, "visitors=7"));
    l.visitors = limits_default.visitors;
    assert_memory_equal(&l, &limits_default, sizeof(l));
}

static void none_takes_a_limit_off_where_that_is_possible(void **state)
{
    struct limits l = limits_default;
    char message[LIMITS_MESSAGE_MAX];
    (void)state;
    assert_null(set(&l, "body-bytes=9"));
    assert_null(set(&l, "body-bytes=none"));
    assert_int_equal(l.body_bytes, 0);
    assert_null(limits_set(&l, LIMITS_OF_AGENT, "answer-time=none", message));
    assert_int_equal(l.answer_ms, 0);
    assert_null(set(&l, "record-body=unlimited"));
    assert_int_equal(l.record_body_bytes, 0);
    assert_null(set(&l, "record-age=30d"));
    assert_true(l.record_age_ms == 30ULL * 24 * 3600 * 1000);
    assert_non_null(set(&l, "record-age=3651d"));
    assert_non_null(set(&l, "visitors=unlimited"));
    assert_non_null(set(&l, "head-bytes=none"));
    assert_non_null(set(&l, "visitors=none"));
}

static void what_is_no_limit_is_told_and_changes_nothing(void **state)
{
    static const char *const wrong[] = {
        "",
        "=",
        "head-bytes",
        "head-bytes=",
        "head-bytes=k",
        "head-bytes=-1",
        "head-bytes=+1",
        "head-bytes= 500",
        "head-bytes=500 ",
        "head-bytes=500b",
        "head-bytes=500s",
        "head-bytes=0x200",
        "head-bytes=1e3",
        "head-time=10",
        "head-time=10k",
        "head-time=s",
        "head-time=1.5s",
        "visitors=1k",
        "visitors=99999999999999999999999",
        "body-bytes=18446744073709551615g",
        "body-bytes=17179869184g",
        "Head-Bytes=500",
        "head-byte=500",
        "head-bytess=500",
        "answer-time=1s", // a limit of agents
    };
    struct limits l = limits_default;
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const char *message = set(&l, wrong[i]);
        assert_non_null(message);
        assert_true(strncmp(message, "--limit ", 8) == 0 && strlen(message) > 30 &&
                    strlen(message) < LIMITS_MESSAGE_MAX - 1);
        assert_memory_equal(&l, &limits_default, sizeof(l));
    }
}

static void the_ends_of_a_range_are_in_it(void **state)
{
    struct limits l = limits_default;
    char message[LIMITS_MESSAGE_MAX];
    (void)state;
    assert_non_null(set(&l, "head-bytes=255"));
    assert_null(set(&l, "head-bytes=256"));
    assert_null(set(&l, "head-bytes=64k"));
    assert_non_null(set(&l, "head-bytes=65537"));
    assert_non_null(set(&l, "head-fields=0"));
    assert_null(set(&l, "head-fields=1"));
    assert_null(set(&l, "head-fields=100"));
    assert_non_null(set(&l, "head-fields=101"));
    l = limits_default;
    assert_int_equal(l.response_head_fields, 1000);
    assert_non_null(limits_set(&l, LIMITS_OF_RELAY, "response-head-fields=9", message));
    assert_null(limits_set(&l, LIMITS_OF_AGENT, "response-head-fields=1", message));
    assert_null(limits_set(&l, LIMITS_OF_AGENT, "response-head-fields=1000", message));
    assert_non_null(limits_set(&l, LIMITS_OF_AGENT, "response-head-fields=1001", message));
    assert_non_null(limits_set(&l, LIMITS_OF_AGENT, "head-fields=9", message)); // of relays
    assert_non_null(set(&l, "head-time=99ms"));
    assert_null(set(&l, "head-time=100ms"));
    assert_null(set(&l, "head-time=24h"));
    assert_non_null(set(&l, "head-time=25h"));
    assert_null(set(&l, "body-bytes=18446744073709551615"));
    assert_int_equal(l.body_bytes, UINT64_MAX);
}

static void each_program_lists_its_own(void **state)
{
    char *text = NULL;
    size_t len = 0;
    (void)state;
    FILE *f = open_memstream(&text, &len);
    assert_non_null(f);
    limits_print(f, LIMITS_OF_AGENT);
    (void)fclose(f);
    assert_non_null(strstr(text, "answer-time"));
    assert_null(strstr(text, "keepalive-time"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_is_set_in_its_unit),
        cmocka_unit_test(only_the_limit_that_is_named_changes),
        cmocka_unit_test(none_takes_a_limit_off_where_that_is_possible),
        cmocka_unit_test(what_is_no_limit_is_told_and_changes_nothing),
        cmocka_unit_test(the_ends_of_a_range_are_in_it),
        cmocka_unit_test(each_program_lists_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
