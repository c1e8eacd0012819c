// SPDX-License-Identifier: MIT
// Copies of heads, idempotent methods, and standard reason phrases.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/http/http1.h"

static void a_copy_has_all_that_is_there(void **state)
{
    static struct http_head from;
    static struct http_head to;
    (void)state;
    memset(&to, 0xff, sizeof(to));
    head_init(&from);
    from.status = 204;
    from.reason = SLICE("No Content");
    assert_true(head_add(&from, SLICE("A"), SLICE("b")));
    assert_true(head_add(&from, SLICE("a"), SLICE("c")));
    head_copy(&to, &from);
    assert_int_equal(to.status, 204);
    assert_true(slice_eq(to.reason, from.reason));
    assert_int_equal(to.field_count, 2);
    assert_true(slice_eq(to.fields[1].value, SLICE("c")));
    assert_int_equal(head_count(&to, SLICE("A")), 2);
    head_remove(&to, SLICE("a"));
    assert_null(head_find(&to, SLICE("A")));
    while (from.field_count < MESSAGE_FIELDS_CAP)
        assert_true(head_add(&from, SLICE("A"), SLICE("b")));
    assert_false(head_add(&from, SLICE("A"), SLICE("b")));
}

static void some_methods_may_be_done_twice(void **state)
{
    static const char *const twice[] = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};
    static const char *const once[] = {"POST", "PATCH", "CONNECT", "get", "", "GETS"};
    (void)state;
    for (size_t i = 0; i < sizeof(twice) / sizeof(twice[0]); i++) {
        assert_true(method_is_idempotent(slice_str(twice[i])));
        assert_false(method_is_idempotent(slice_str(once[i])));
    }
}

static void a_status_has_its_standard_reason(void **state)
{
    (void)state;
    assert_true(slice_eq(http1_reason(200), SLICE("OK")));
    assert_true(slice_eq(http1_reason(404), SLICE("Not Found")));
    assert_int_equal(http1_reason(299).len, 0);
    assert_int_equal(http1_reason(999).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_has_all_that_is_there),
        cmocka_unit_test(some_methods_may_be_done_twice),
        cmocka_unit_test(a_status_has_its_standard_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
