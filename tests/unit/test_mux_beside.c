// SPDX-License-Identifier: MIT
// Fields that a request's sender adds beside the head: they arrive behind the head's own, and count
// as fields of the head.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/check.h"
#include "tests/support/mux_pair.h"

static const struct mux_beside two = {
    .fields = {{{"adit-bind", 9}, {"7", 1}}, {{"adit-id", 7}, {"0123456789abcdef", 16}}},
    .count = 2,
};

// Whether the relay begins a request of so many fields beside those of `two`.
static bool opens(struct mux_pair *p, size_t fields)
{
    struct http_head head = head_request("GET", "/");
    while (head.field_count < fields)
        head_put(&head, "x", "y");
    return mux_side_open_beside(&p->relay, &head, &two, true) != NULL;
}

static void fields_beside_a_head_follow_its_own(void **state)
{
    struct mux_pair p;
    (void)state;
    mux_pair_init(&p);
    assert_true(opens(&p, 1));
    mux_settle(&p);
    assert_int_equal(p.agent.count, 1);
    buf_expect(&p.agent.views[0]->heads,
               "GET http a.example /\nx: y\nadit-bind: 7\nadit-id: 0123456789abcdef\n");
    assert_true(p.agent.views[0]->head_end);
    mux_pair_deinit(&p);
}

static void as_many_as_may_be_beside_a_full_head_arrive(void **state)
{
    struct mux_beside most = {.count = MUX_BESIDE_MAX};
    struct http_head head = head_request("GET", "/");
    struct mux_pair p;
    (void)state;
    mux_pair_init(&p);
    for (size_t i = 0; i < MUX_BESIDE_MAX; i++)
        most.fields[i] = two.fields[0];
    while (head.field_count < MESSAGE_FIELDS_DEFAULT - MUX_BESIDE_MAX)
        head_put(&head, "x", "y");
    head.upgrade = SLICE("websocket");
    assert_non_null(mux_side_open_beside(&p.relay, &head, &most, false));
    mux_settle(&p);
    assert_int_equal(p.agent.count, 1);
    mux_pair_deinit(&p);
}

static void they_count_as_fields_of_the_head(void **state)
{
    struct mux_pair p;
    (void)state;
    mux_pair_init(&p);
    assert_true(opens(&p, MESSAGE_FIELDS_DEFAULT - 3));
    assert_true(opens(&p, MESSAGE_FIELDS_DEFAULT - 2));
    assert_false(opens(&p, MESSAGE_FIELDS_DEFAULT - 1));
    mux_settle(&p);
    assert_int_equal(p.agent.count, 2);
    mux_pair_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_beside_a_head_follow_its_own),
        cmocka_unit_test(as_many_as_may_be_beside_a_full_head_arrive),
        cmocka_unit_test(they_count_as_fields_of_the_head),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
