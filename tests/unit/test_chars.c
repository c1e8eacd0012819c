// SPDX-License-Identifier: MIT
// Classes of characters and hosts against the RFCs, byte by byte; lists and numbers.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "proto/http/authority.h"
#include "proto/http/chars.h"
#include "proto/http/message.h"

static void expect(const char *what, const char *text, long got, long wanted)
{
    if (got != wanted)
        fail_msg("%s of \"%s\": %ld, not %ld", what, text, got, wanted);
}

static const char *const good_hosts[] = {
    "a",
    "A-b_c.example.",
    "a:80",
    "a:",
    "a:0",
    "a:65535",
    "127.0.0.1:1",
    "%41b",
    "a!$&'()*+,;=~",
    "[::]",
    "[::1]",
    "[1::]",
    "[1:2:3:4:5:6:7:8]",
    "[1:2:3:4:5:6:7::]",
    "[::2:3:4:5:6:7:8]",
    "[1::8]:443",
    "[::ffff:1.2.3.4]",
    "[1:2:3:4:5:6:1.2.3.4]",
    "[ABCD:ef01::]",
    "[v1.a:b]",
    "999.1.1.1",
};

static const char *const bad_hosts[] = {
    "",
    ":",
    ":1",
    "a:65536",
    "a:99999999999999999999",
    "a:8o",
    "a:+1",
    "a::1",
    "a:1:2",
    "a b",
    "a\\",
    "a%4",
    "a%4g",
    "a%",
    "a\"",
    "a<",
    "a#",
    "a?",
    "a@b",
    "[",
    "[]",
    "[:]",
    "[::1",
    "::1",
    "[::1]a",
    "[::1]:x",
    "[1:2:3:4:5:6:7]",
    "[1:2:3:4:5:6:7:8:9]",
    "[1:2:3:4:5:6:7:8::]",
    "[::1::]",
    "[:::]",
    "[1:::2]",
    "[12345::]",
    "[::g]",
    "[1:]",
    "[:1]",
    "[::1.2.3]",
    "[::1.2.3.256]",
    "[::1.2.3.04]",
    "[::1.2.3.4.5]",
    "[1.2.3.4::]",
    "[::1.2.3.4:5]",
    "[1:2:3:4:5:6:7:1.2.3.4]",
    "[fe80::1%25eth0]",
    "[v.a]",
    "[v1.]",
    "[v1]",
    "[v1.[]",
    "[vg.a]",
    "[1:2:3:4:5:6:7:]",
    "[::1.]",
    "[::.1]",
    "[::1.2.3.]",
    "[v]",
    "[v1.a@]",
};

static void hosts_are_those_of_rfc_3986(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good_hosts) / sizeof(good_hosts[0]); i++)
        expect("host", good_hosts[i], authority_is_valid(slice_str(good_hosts[i])), true);
    for (size_t i = 0; i < sizeof(bad_hosts) / sizeof(bad_hosts[0]); i++)
        expect("host", bad_hosts[i], authority_is_valid(slice_str(bad_hosts[i])), false);
}

static void character_classes_are_those_of_rfc_9110(void **state)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";

    (void)state;
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        struct slice s = slice_of(&byte, 1);
        bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        bool visible = (c > 0x20 && c < 0x7f) || c >= 0x80;
        assert_int_equal(http_is_token(s), alnum || (c > 0 && strchr(marks, c)));
        assert_int_equal(http_is_field_value(s), visible || c == ' ' || c == '\t');
        assert_int_equal(http_is_target(s), visible && c != '#');
    }
    assert_false(http_is_token(SLICE("")));
    assert_false(http_is_target(SLICE("")));
    assert_true(http_is_field_value(SLICE("")));
}

static void lists_are_split_at_commas_and_empty_elements_skipped(void **state)
{
    struct slice list = SLICE(" ,a\t, ,b c ,,  d,");
    struct slice element;

    (void)state;
    assert_true(slice_next_element(&list, &element) && slice_eq(element, SLICE("a")));
    assert_true(slice_next_element(&list, &element) && slice_eq(element, SLICE("b c")));
    assert_true(slice_next_element(&list, &element) && slice_eq(element, SLICE("d")));
    assert_false(slice_next_element(&list, &element));
    assert_true(slice_list_has(SLICE("a, Bc"), SLICE("bC")));
    assert_false(slice_list_has(SLICE("a, bcd"), SLICE("bc")));
    assert_false(slice_list_has((struct slice){0}, SLICE("bc")));
}

static void numbers_are_digits_that_fit(void **state)
{
    static const char *const bad[] = {"",
                                      " 1",
                                      "1 ",
                                      "+1",
                                      "-1",
                                      "0x1",
                                      "1a",
                                      "1,1",
                                      "1.",
                                      "18446744073709551616",
                                      "99999999999999999999999"};
    uint64_t value = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        expect("number", bad[i], slice_to_u64(slice_str(bad[i]), &value), false);
    assert_true(slice_to_u64(SLICE("0"), &value) && value == 0);
    assert_true(slice_to_u64(SLICE("000000000000000000000000042"), &value) && value == 42);
    assert_true(slice_to_u64(SLICE("18446744073709551615"), &value) && value == UINT64_MAX);
}

static void a_head_finds_counts_and_removes_fields_without_case(void **state)
{
    struct http_head head = {.field_count = 0};

    (void)state;
    assert_null(head_find(&head, SLICE("a")));
    assert_true(head_add(&head, SLICE("A"), SLICE("1")));
    assert_true(head_add(&head, SLICE("b"), SLICE("2")));
    assert_true(head_add(&head, SLICE("a"), SLICE("3")));
    assert_int_equal(head_count(&head, SLICE("a")), 2);
    assert_true(slice_eq(head_find(&head, SLICE("a"))->value, SLICE("1")));
    head_remove(&head, SLICE("a"));
    assert_int_equal(head.field_count, 1);
    assert_true(slice_eq(head.fields[0].name, SLICE("b")));
    while (head.field_count < MESSAGE_FIELDS_CAP)
        assert_true(head_add(&head, SLICE("c"), SLICE("")));
    assert_false(head_add(&head, SLICE("c"), SLICE("")));
}

// Values are checked by eight bytes at a time: each byte at each place of values up to three times
// as long.
static void a_field_value_has_no_control_but_tab_at_any_place(void **state)
{
    enum {
        LENGTHS = 25
    };
    (void)state;
    for (size_t len = 1; len <= LENGTHS; len++)
        for (size_t at = 0; at < len; at++)
            for (unsigned byte = 0; byte < 256; byte++) {
                char text[LENGTHS];
                memset(text, (int)(at % 2 ? 0xff : '~'), len);
                text[at] = (char)byte;
                const bool legal = byte == '\t' || (byte >= 0x20 && byte != 0x7f);
                if (http_is_field_value(slice_of(text, len)) != legal)
                    fail_msg("byte %u at %zu of %zu", byte, at, len);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_field_value_has_no_control_but_tab_at_any_place),
        cmocka_unit_test(hosts_are_those_of_rfc_3986),
        cmocka_unit_test(character_classes_are_those_of_rfc_9110),
        cmocka_unit_test(lists_are_split_at_commas_and_empty_elements_skipped),
        cmocka_unit_test(numbers_are_digits_that_fit),
        cmocka_unit_test(a_head_finds_counts_and_removes_fields_without_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
