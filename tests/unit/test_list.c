// SPDX-License-Identifier: MIT
// A list keeps its order in both directions through every insertion and removal.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "proto/list.h"

enum {
    ITEMS = 5
};

struct item {
    int number;
    struct list_link in_list;
};

struct fixture {
    struct list list;
    struct item items[ITEMS];
};

// `numbers` ends with a negative number.
static void expect(const struct list *list, const int *numbers)
{
    const struct list_link *last = NULL;
    for (struct list_link *at = list->first; at; at = at->next) {
        assert_int_equal(LIST_ITEM(at, struct item, in_list)->number, *numbers++);
        assert_ptr_equal(at->prev, last);
        last = at;
    }
    assert_true(*numbers < 0);
    assert_ptr_equal(list->last, last);
}

#define EXPECT(list, ...) expect(list, (const int[]){__VA_ARGS__})

static void begin(struct fixture *f)
{
    *f = (struct fixture){0};
    for (int i = 0; i < ITEMS; i++)
        f->items[i].number = i;
}

static void items_stand_in_the_order_in_which_they_were_put(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    EXPECT(&f.list, -1);
    list_append(&f.list, &f.items[1].in_list);
    EXPECT(&f.list, 1, -1);
    list_append(&f.list, &f.items[2].in_list);
    list_prepend(&f.list, &f.items[0].in_list);
    EXPECT(&f.list, 0, 1, 2, -1);
}

static void each_place_can_be_taken_out_and_used_again(void **state)
{
    (void)state;
    for (int out = 0; out < 3; out++) {
        struct fixture f;
        begin(&f);
        for (int i = 0; i < 3; i++)
            list_append(&f.list, &f.items[i].in_list);
        struct list_link *link = &f.items[out].in_list;
        list_remove(&f.list, link);
        assert_null(link->prev);
        assert_null(link->next);
        EXPECT(&f.list, out == 0 ? 1 : 0, out == 2 ? 1 : 2, -1);
        list_append(&f.list, link);
        EXPECT(&f.list, out == 0 ? 1 : 0, out == 2 ? 1 : 2, out, -1);
    }
}

static void a_list_that_became_empty_is_like_a_new_one(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    list_prepend(&f.list, &f.items[3].in_list);
    list_remove(&f.list, &f.items[3].in_list);
    EXPECT(&f.list, -1);
    list_prepend(&f.list, &f.items[4].in_list);
    EXPECT(&f.list, 4, -1);
}

static void the_first_is_taken_until_none_is_left(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    for (int i = 0; i < 3; i++)
        list_append(&f.list, &f.items[i].in_list);
    for (int i = 0; i < 3; i++) {
        struct list_link *link = list_take_first(&f.list);
        assert_ptr_equal(link, &f.items[i].in_list);
        assert_null(link->next);
        EXPECT(&f.list, i < 2 ? i + 1 : -1, i < 1 ? i + 2 : -1, -1);
    }
    assert_null(list_take_first(&f.list));
    list_append(&f.list, &f.items[4].in_list);
    EXPECT(&f.list, 4, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_stand_in_the_order_in_which_they_were_put),
        cmocka_unit_test(each_place_can_be_taken_out_and_used_again),
        cmocka_unit_test(a_list_that_became_empty_is_like_a_new_one),
        cmocka_unit_test(the_first_is_taken_until_none_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
