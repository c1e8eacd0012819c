// SPDX-License-Identifier: MIT
// Counts per key.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/shares.h"

static void each_key_has_its_own_count(void **state)
{
    struct shares t = {.seed = 7};
    (void)state;
    struct share *a = shares_enter(&t, SLICE("a"));
    struct share *again = shares_enter(&t, SLICE("a"));
    struct share *b = shares_enter(&t, SLICE("b"));
    struct share *empty = shares_enter(&t, SLICE(""));
    assert_ptr_equal(a, again);
    assert_int_equal(shares_count(&t, SLICE("a")), 2);
    assert_int_equal(shares_count(&t, SLICE("b")), 1);
    assert_int_equal(shares_count(&t, SLICE("")), 1);
    assert_int_equal(shares_count(&t, SLICE("c")), 0);
    assert_int_equal(t.count, 4);
    assert_int_equal(t.keys, 3);
    shares_leave(a);
    assert_int_equal(shares_count(&t, SLICE("a")), 1);
    shares_leave(b);
    assert_null(shares_find(&t, SLICE("b")));
    shares_leave(again);
    shares_leave(empty);
    shares_leave(NULL);
    assert_int_equal(t.count, 0);
    assert_null(t.buckets);
}

static void many_keys_are_all_found_while_it_grows(void **state)
{
    enum {
        KEYS = 20000
    };
    struct share **all = calloc(KEYS, sizeof(struct share *));
    struct shares t = {0};
    (void)state;
    assert_non_null(all);
    for (uint32_t i = 0; i < KEYS; i++)
        all[i] = shares_enter(&t, slice_of((const char *)&i, sizeof(i)));
    for (uint32_t i = 0; i < KEYS; i++)
        assert_ptr_equal(shares_find(&t, slice_of((const char *)&i, sizeof(i))), all[i]);
    assert_true(t.bucket_count >= KEYS / 2);
    for (uint32_t i = 0; i < KEYS; i++)
        shares_leave(all[i]);
    assert_null(t.buckets);
    free((void *)all);
}

static void a_key_has_as_many_bytes_as_it_may(void **state)
{
    char key[SHARE_KEY_MAX + 1];
    struct shares t = {0};
    (void)state;
    memset(key, 'k', sizeof(key));
    struct share *below = shares_enter(&t, slice_of(key, SHARE_KEY_MAX - 1));
    struct share *at = shares_enter(&t, slice_of(key, SHARE_KEY_MAX));
    assert_non_null(below);
    assert_non_null(at);
    assert_ptr_not_equal(below, at);
    assert_null(shares_enter(&t, slice_of(key, SHARE_KEY_MAX + 1)));
    shares_leave(below);
    shares_leave(at);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_key_has_its_own_count),
        cmocka_unit_test(many_keys_are_all_found_while_it_grows),
        cmocka_unit_test(a_key_has_as_many_bytes_as_it_may),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
