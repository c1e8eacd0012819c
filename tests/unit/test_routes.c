// SPDX-License-Identifier: MIT
// Which name is evicted when the table of names, or the share of an owner or address, is full.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/limits.h"
#include "server/routes.h"
#include "tests/support/chance.h"

static struct loop the_loop;
static struct routes table;

static int begin(void **state)
{
    (void)state;
    if (loop_init(&the_loop))
        return -1;
    the_loop.limits = limits_default;
    routes_init(&table, &the_loop, 42);
    return 0;
}

// An empty table counts nothing, whatever happened before.
static int end(void **state)
{
    (void)state;
    routes_deinit(&table);
    bool empty = table.count == 0 && table.owners.count == 0 && table.addresses.count == 0;
    for (size_t i = 0; i < ROUTE_GONE_CLASSES; i++)
        empty = empty && !table.gone[i].first && !table.gone[i].last;
    loop_deinit(&the_loop);
    return empty ? 0 : -1;
}

static void pass(uint64_t ms)
{
    the_loop.uv.time += ms;
}

// Binds a name. `owner` and `address` stand for their keys; address 0 has no share.
static struct route *take(const char *name, char owner, char address)
{
    char digits[ROUTE_OWNER_DIGITS];
    memset(digits, owner, sizeof(digits));
    const struct route_holder holder = {digits, slice_of(&address, address ? 1 : 0)};
    struct route *r = routes_find(&table, name);
    if (!r)
        r = routes_add(&table, name, &holder);
    else if (memcmp(r->owner, digits, sizeof(digits)) != 0)
        assert_true(routes_give(r, &holder));
    assert_non_null(r);
    r->agent = (struct agent *)&the_loop; // never dereferenced
    routes_agent_came(r);
    return r;
}

static struct route *take_and_lose(const char *name, char owner, char address, uint64_t held_ms)
{
    struct route *r = take(name, owner, address);
    pass(held_ms);
    routes_agent_left(r, true);
    return r;
}

static void check_makes_room(const char *name, const struct share *owner,
                             const struct share *address)
{
    assert_non_null(routes_find(&table, name));
    assert_true(routes_make_room(&table, owner, address));
    if (routes_find(&table, name))
        fail_msg("%s is still there", name);
}

static void a_name_that_was_had_for_a_moment_makes_room_before_one_that_lasted(void **state)
{
    (void)state;
    take_and_lose("victim", 'v', 0, 20000);
    for (int i = 0; i < 100; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "a%d", i);
        take_and_lose(name, (char)i, 0, 10);
        pass(100);
    }
    for (int i = 0; i < 100; i++)
        assert_true(routes_make_room(&table, NULL, NULL));
    assert_non_null(routes_find(&table, "victim"));
    check_makes_room("victim", NULL, NULL);
}

static void of_those_that_were_had_for_as_long_the_longest_gone_makes_room(void **state)
{
    (void)state;
    take_and_lose("first", 'a', 0, 10);
    take_and_lose("second", 'b', 0, 900);
    take_and_lose("third", 'c', 0, 10);
    check_makes_room("first", NULL, NULL);
    check_makes_room("second", NULL, NULL);
    check_makes_room("third", NULL, NULL);
    assert_false(routes_make_room(&table, NULL, NULL));
}

static void whose_names_are_many_makes_room_before_whose_is_one(void **state)
{
    (void)state;
    take_and_lose("victim", 'v', 'V', 10);
    for (int i = 0; i < 16; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "o%d", i);
        take_and_lose(name, 'o', 0, 1500); // of one owner, and had for longer
        (void)snprintf(name, sizeof(name), "a%d", i);
        take_and_lose(name, (char)i, 'A', 1500); // from one address
    }
    for (int i = 0; i < 26; i++) // three are left of each
        assert_true(routes_make_room(&table, NULL, NULL));
    assert_non_null(routes_find(&table, "victim"));
    assert_int_equal(table.count, 7);
}

static void to_have_had_a_name_for_longer_outweighs_having_few_more(void **state)
{
    (void)state;
    take_and_lose("one", 'v', 0, 20000);
    take_and_lose("two", 'v', 0, 20000);
    take_and_lose("three", 'v', 0, 20000);
    for (int i = 0; i < 100; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "a%d", i);
        take_and_lose(name, (char)i, 0, 10);
    }
    for (int i = 0; i < 100; i++)
        assert_true(routes_make_room(&table, NULL, NULL));
    assert_int_equal(shares_count(&table.owners,
                                  slice_of(routes_find(&table, "one")->owner, ROUTE_OWNER_DIGITS)),
                     3);
}

static void a_name_that_its_owner_takes_again_and_again_lasts_from_the_first_time_on(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++)
        take_and_lose("unsteady", 'a', 0, 1000);
    take_and_lose("later", 'b', 0, 2500);
    check_makes_room("later", NULL, NULL);
}

static void neither_a_name_with_an_agent_nor_one_that_lasted_makes_room(void **state)
{
    (void)state;
    take("live", 'a', 'A');
    take_and_lose("lasted", 'b', 'B', the_loop.limits.gone_ms);
    assert_false(routes_make_room(&table, NULL, NULL));
    take_and_lose("less", 'c', 'C', the_loop.limits.gone_ms - 1);
    check_makes_room("less", NULL, NULL);
    assert_int_equal(table.count, 2);
    const struct share *owner = routes_find(&table, "lasted")->of_owner;
    assert_false(routes_make_room(&table, routes_find(&table, "live")->of_owner, NULL));
    check_makes_room("lasted", owner, NULL); // for its owner
}

static void a_name_that_was_left_for_good_makes_room_first(void **state)
{
    (void)state;
    take_and_lose("lost", 'a', 0, 10);
    struct route *left = take("left", 'b', 0);
    pass(3600000);
    routes_agent_left(left, false);
    check_makes_room("left", NULL, NULL);
    check_makes_room("lost", NULL, NULL);
}

static void within_a_share_only_its_own_names_make_room(void **state)
{
    (void)state;
    take_and_lose("other", 'o', 'O', 1);
    struct route *mine = take_and_lose("mine", 'm', 'M', 5000);
    struct route *near = take_and_lose("near", 'n', 'M', 9000);
    const struct share *owner = mine->of_owner;
    const struct share *address = near->of_address;
    assert_ptr_equal(mine->of_address, address);
    check_makes_room("mine", owner, NULL);
    check_makes_room("near", NULL, address);
    assert_non_null(routes_find(&table, "other"));
}

static void an_owner_who_is_back_counts_where_the_name_was_taken_first(void **state)
{
    (void)state;
    struct route *r = take_and_lose("mine", 'm', 'M', 10);
    assert_int_equal(shares_count(&table.addresses, SLICE("M")), 1);
    take("mine", 'm', 'N');
    assert_int_equal(shares_count(&table.addresses, SLICE("M")), 1);
    assert_int_equal(shares_count(&table.addresses, SLICE("N")), 0);
    char other[ROUTE_OWNER_DIGITS];
    memset(other, 'x', sizeof(other));
    assert_true(routes_give(r, &(struct route_holder){other, SLICE("N")}));
    assert_int_equal(shares_count(&table.addresses, SLICE("M")), 0);
    assert_int_equal(shares_count(&table.addresses, SLICE("N")), 1);
    assert_int_equal(table.owners.keys, 1);
    assert_int_equal(r->served_ms, 0);
}

static void of_names_of_before_a_restart_those_that_had_agents_make_no_room(void **state)
{
    (void)state;
    struct route *here = take("here", 'h', 0);
    struct route *gone = take("gone", 'g', 0);
    routes_restore_gone(here, 1, true);
    routes_restore_gone(gone, 1, false);
    take_and_lose("new", 'n', 0, the_loop.limits.gone_ms - 1);
    check_makes_room("new", NULL, NULL);
    check_makes_room("gone", NULL, NULL);
    assert_false(routes_make_room(&table, NULL, NULL));
    char digits[ROUTE_OWNER_DIGITS];
    memset(digits, 'h', sizeof(digits));
    routes_update_holder(here, &(struct route_holder){digits, SLICE("")});
    routes_update_holder(here, &(struct route_holder){digits, SLICE("A")});
    routes_update_holder(here, &(struct route_holder){digits, SLICE("B")});
    assert_int_equal(shares_count(&table.addresses, SLICE("A")), 1);
    assert_int_equal(table.addresses.count, 1);
}

static void an_owner_with_another_key_has_the_name_as_before(void **state)
{
    (void)state;
    struct route *r = take_and_lose("mine", 'a', 'A', 5000);
    char other[ROUTE_OWNER_DIGITS];
    memset(other, 'b', sizeof(other));
    routes_update_holder(r, &(struct route_holder){other, SLICE("B")});
    assert_memory_equal(r->owner, other, sizeof(other));
    assert_int_equal(r->of_owner->count, 1);
    assert_int_equal(table.owners.keys, 1);
    assert_int_equal(shares_count(&table.addresses, SLICE("A")), 1);
    assert_true(r->served_ms == 5000);
}

// Whether there is room for one more name of this owner from this address.
static bool has_room(char owner, char address, bool is_new)
{
    char digits[ROUTE_OWNER_DIGITS];
    memset(digits, owner, sizeof(digits));
    const struct route_holder holder = {digits, slice_of(&address, address ? 1 : 0)};
    return !routes_make_room_for(&table, &holder, is_new);
}

static void names_of(char owner, char address, int count)
{
    for (int i = 0; i < count; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "%c%d", owner, i);
        take(name, owner, address);
    }
}

static void an_owner_has_its_share_wherever_it_comes_from(void **state)
{
    (void)state;
    the_loop.limits.names_per_owner = 3;
    names_of('a', 'A', 2);
    assert_true(has_room('a', 'A', true));
    take("last", 'a', 0);
    assert_false(has_room('a', 'A', true));
    assert_false(has_room('a', 0, true));
    assert_true(has_room('b', 'A', true));
    routes_agent_left(routes_find(&table, "last"), true);
    assert_true(has_room('a', 'B', true));
    assert_null(routes_find(&table, "last"));
}

static void an_address_has_its_share_whoever_comes_from_there(void **state)
{
    (void)state;
    the_loop.limits.names_per_address = 3;
    names_of('a', 'A', 2);
    assert_true(has_room('b', 'A', true));
    names_of('b', 'A', 1);
    assert_false(has_room('a', 'A', true));
    assert_false(has_room('c', 'A', true));
    assert_false(has_room('c', 'A', false));
    assert_true(has_room('c', 'B', true));
    names_of('c', 0, 5); // an address without a share
    assert_true(has_room('c', 0, true));
}

static void all_together_have_room_for_names_that_are_there(void **state)
{
    (void)state;
    the_loop.limits.tunnels = 3;
    names_of('a', 0, 2);
    assert_true(has_room('b', 'B', true));
    names_of('b', 'B', 1);
    assert_false(has_room('c', 'C', true));
    assert_true(has_room('c', 'C', false));
    routes_agent_left(routes_find(&table, "a0"), true);
    assert_true(has_room('c', 'C', true));
    assert_int_equal(table.count, 2);
}

static void a_name_that_is_forgotten_or_taken_is_in_no_list(void **state)
{
    (void)state;
    struct route *a = take_and_lose("a", 'a', 0, 1);
    take_and_lose("b", 'b', 0, 1);
    take_and_lose("c", 'c', 0, 1);
    take("b", 'b', 0);
    routes_forget(a);
    check_makes_room("c", NULL, NULL);
    assert_false(routes_make_room(&table, NULL, NULL));
}

// Checks that lists, counts and shares agree with the routes in the buckets.
static void check_table(void)
{
    size_t routes = 0;
    size_t gone = 0;
    size_t listed = 0;
    size_t with_address = 0;
    for (size_t i = 0; i < ROUTE_BUCKETS; i++)
        for (const struct route *r = table.buckets[i]; r; r = r->next) {
            routes++;
            gone += r->agent ? 0 : 1;
            with_address += r->of_address ? 1 : 0;
            assert_true((r->gone_class < 0) == (r->agent != NULL));
            assert_true(timeout_runs(&r->gone) == (r->agent == NULL));
            assert_memory_equal(r->of_owner->key, r->owner, ROUTE_OWNER_DIGITS);
        }
    for (int class = 0; class < ROUTE_GONE_CLASSES; class ++)
        for (struct list_link *l = table.gone[class].first; l; l = l->next) {
            const struct route *r = LIST_ITEM(l, struct route, in_gone);
            listed++;
            assert_int_equal(r->gone_class, class);
            assert_true(l->next || table.gone[class].last == l);
        }
    assert_int_equal(routes, table.count);
    assert_int_equal(gone, listed);
    assert_int_equal(table.owners.count, table.count);
    assert_int_equal(table.addresses.count, with_address);
}

static void do_something(struct chance *c)
{
    char name[8];
    char owner = (char)('a' + chance_below(c, 5));
    char address = (char)('A' + chance_below(c, 4));
    (void)snprintf(name, sizeof(name), "n%u", (unsigned)chance_below(c, 40));
    struct route *r = routes_find(&table, name);
    struct share *of_owner = r && chance_below(c, 2) ? r->of_owner : NULL;
    struct share *of_address = r && chance_below(c, 2) ? r->of_address : NULL;
    pass(chance_below(c, 2000));
    switch (chance_below(c, 5)) {
    case 0: take(name, owner, address == 'D' ? 0 : address); return;
    case 1: (void)routes_make_room(&table, of_owner, of_address); return;
    case 2:
        if (r && !r->agent)
            routes_forget(r);
        return;
    default:
        if (r && r->agent)
            routes_agent_left(r, chance_below(c, 4) > 0);
        return;
    }
}

static void whatever_happens_all_lists_and_counts_agree(void **state)
{
    struct chance c = chance_of_seed(20);
    (void)state;
    for (int i = 0; i < 20000; i++) {
        do_something(&c);
        if (i % 16 == 0)
            check_table();
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_name_that_was_had_for_a_moment_makes_room_before_one_that_lasted),
        TEST(of_those_that_were_had_for_as_long_the_longest_gone_makes_room),
        TEST(whose_names_are_many_makes_room_before_whose_is_one),
        TEST(to_have_had_a_name_for_longer_outweighs_having_few_more),
        TEST(a_name_that_its_owner_takes_again_and_again_lasts_from_the_first_time_on),
        TEST(neither_a_name_with_an_agent_nor_one_that_lasted_makes_room),
        TEST(a_name_that_was_left_for_good_makes_room_first),
        TEST(within_a_share_only_its_own_names_make_room),
        TEST(an_owner_who_is_back_counts_where_the_name_was_taken_first),
        TEST(of_names_of_before_a_restart_those_that_had_agents_make_no_room),
        TEST(an_owner_with_another_key_has_the_name_as_before),
        TEST(an_owner_has_its_share_wherever_it_comes_from),
        TEST(an_address_has_its_share_whoever_comes_from_there),
        TEST(all_together_have_room_for_names_that_are_there),
        TEST(whatever_happens_all_lists_and_counts_agree),
        TEST(a_name_that_is_forgotten_or_taken_is_in_no_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
