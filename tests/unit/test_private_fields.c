// SPDX-License-Identifier: MIT
// Private fields: the legal sections, counts and values of each.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/exchange/answer.h"
#include "proto/tunnel/private_fields.h"

enum {
    SECTIONS = 5
};

static struct http_head head;

static bool says(enum private_section section, uint16_t status, const char *name, const char *value)
{
    head_init(&head);
    head.status = status;
    assert_true(head_add(&head, SLICE("a"), SLICE("b")));
    if (strcmp(name, "adit-upgrade") == 0)
        head.upgrade = slice_str(value);
    else
        assert_true(head_add(&head, slice_str(name), slice_str(value)));
    return private_fields_check(&head, section);
}

static void each_is_said_where_it_may_be_and_nowhere_else(void **state)
{
    static const struct {
        const char *name, *value;
        unsigned sections;
    } cases[] = {
        {"adit-bind", "1", PRIVATE_REQUEST},
        {"adit-id", "0123456789abcdef", PRIVATE_REQUEST},
        {"adit-visitor", "18446744073709551615", PRIVATE_REQUEST},
        {"adit-upgrade", "websocket", PRIVATE_REQUEST | PRIVATE_RESPONSE},
        {"adit-error", "ADIT-UPSTREAM-CLOSED", PRIVATE_RESPONSE},
        {"adit-case", "A", 31},
        {"adit-", "", 0},
        {"adit-new", "x", 0},
        {"adit-Bind", "1", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (unsigned n = 0; n < SECTIONS; n++) {
            enum private_section section = (enum private_section)(1U << n);
            bool upgrade = strcmp(cases[i].name, "adit-upgrade") == 0;
            uint16_t status = section == PRIVATE_RESPONSE ? (upgrade ? 426 : 502) : 0;
            assert_int_equal(says(section, status, cases[i].name, cases[i].value),
                             (cases[i].sections & section) != 0);
        }
}

static void each_is_said_once(void **state)
{
    (void)state;
    assert_true(says(PRIVATE_REQUEST, 0, "adit-bind", "1"));
    assert_true(head_add(&head, SLICE("adit-id"), SLICE("0123456789abcdef")));
    assert_true(private_fields_check(&head, PRIVATE_REQUEST));
    assert_true(head_add(&head, SLICE("adit-bind"), SLICE("1")));
    assert_false(private_fields_check(&head, PRIVATE_REQUEST));
    struct private_request values;
    private_fields_take(&head, &values);
    assert_int_equal(head.field_count, 1);
}

static void those_of_a_request_are_taken_out(void **state)
{
    struct private_request values = {9, SLICE("x"), 9};
    (void)state;
    assert_true(says(PRIVATE_REQUEST, 0, "adit-bind", "7"));
    assert_true(head_add(&head, SLICE("Adit-Id"), SLICE("0123456789abcdef")));
    assert_true(head_add(&head, SLICE("adit-visitor"), SLICE("12")));
    assert_true(head_add(&head, SLICE("aditx"), SLICE("stays")));
    private_fields_take(&head, &values);
    assert_true(values.bind == 7 && values.visitor == 12);
    assert_true(slice_eq(values.id, SLICE("0123456789abcdef")));
    assert_true(slice_eq(head.fields[head.field_count - 1].name, SLICE("aditx")));
    assert_false(head_find(&head, SLICE("adit-bind")));
    private_fields_take(&head, &values);
    assert_true(values.bind == 0 && values.visitor == 0 && values.id.len == 0);
}

static void values_have_their_form(void **state)
{
    static const char *const numbers[] = {
        "", "0", "01", "-1", "+1", "1 ", "x", "1x", "18446744073709551616"};
    static const char *const ids[] = {"", "0123456789abcde", "0123456789abcdefg",
                                      "0123456789ABCDEF", "0123456789abcdei"};
    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        assert_false(says(PRIVATE_REQUEST, 0, "adit-bind", numbers[i]));
        assert_false(says(PRIVATE_REQUEST, 0, "adit-visitor", numbers[i]));
    }
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
        assert_false(says(PRIVATE_REQUEST, 0, "adit-id", ids[i]));
}

static void an_agent_answers_itself_with_few_codes_and_their_statuses(void **state)
{
    static const enum answer of_agents[] = {ANSWER_UPSTREAM_REFUSED,
                                            ANSWER_UPSTREAM_UNREACHABLE,
                                            ANSWER_UPSTREAM_CLOSED,
                                            ANSWER_UPSTREAM_INVALID,
                                            ANSWER_UPSTREAM_TOO_LARGE,
                                            ANSWER_UPSTREAM_TIMEOUT,
                                            ANSWER_UPSTREAM_TLS,
                                            ANSWER_FILE_NOT_FOUND,
                                            ANSWER_FILE_FORBIDDEN,
                                            ANSWER_FILE_METHOD,
                                            ANSWER_BUSY,
                                            ANSWER_LOOP};
    (void)state;
    for (int a = 0; a < ANSWERS; a++) {
        bool may = false;
        for (size_t i = 0; i < sizeof(of_agents) / sizeof(of_agents[0]); i++)
            may = may || (int)of_agents[i] == a;
        const char *code = answer_code((enum answer)a);
        uint16_t status = answer_status((enum answer)a);
        assert_true(private_is_code(slice_str(code)));
        assert_int_equal(says(PRIVATE_RESPONSE, status, "adit-error", code), may);
        assert_false(says(PRIVATE_RESPONSE, 200, "adit-error", code));
    }
    assert_false(says(PRIVATE_RESPONSE, 502, "adit-error", "ADIT-UPSTREAM-CLOSED "));
    assert_false(says(PRIVATE_RESPONSE, 502, "adit-error", "adit-upstream-closed"));
}

static void an_upgrade_belongs_to_two_statuses(void **state)
{
    char longest[PRIVATE_UPGRADE_MAX + 2];
    (void)state;
    for (uint16_t status = 200; status < 600; status++)
        assert_int_equal(says(PRIVATE_RESPONSE, status, "adit-upgrade", "a"),
                         status == 200 || status == 426);
    assert_false(says(PRIVATE_RESPONSE, 200, "adit-upgrade", ""));
    assert_false(says(PRIVATE_REQUEST, 0, "adit-upgrade", " ,"));
    memset(longest, 'a', sizeof(longest));
    longest[PRIVATE_UPGRADE_MAX] = 0;
    assert_true(says(PRIVATE_RESPONSE, 200, "adit-upgrade", longest));
    longest[PRIVATE_UPGRADE_MAX] = 'a';
    longest[PRIVATE_UPGRADE_MAX + 1] = 0;
    assert_false(says(PRIVATE_RESPONSE, 200, "adit-upgrade", longest));
}

static void a_list_lies_within_another(void **state)
{
    (void)state;
    assert_true(slice_list_is_within(SLICE("b, A"), SLICE("a,b,c")));
    assert_false(slice_list_is_within(SLICE("a, d"), SLICE("a,b,c")));
    assert_false(slice_list_is_within(SLICE(" , "), SLICE("a")));
    assert_false(slice_list_is_within(SLICE("a"), SLICE("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_said_where_it_may_be_and_nowhere_else),
        cmocka_unit_test(each_is_said_once),
        cmocka_unit_test(those_of_a_request_are_taken_out),
        cmocka_unit_test(values_have_their_form),
        cmocka_unit_test(an_agent_answers_itself_with_few_codes_and_their_statuses),
        cmocka_unit_test(an_upgrade_belongs_to_two_statuses),
        cmocka_unit_test(a_list_lies_within_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
