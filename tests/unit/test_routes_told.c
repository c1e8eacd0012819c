// SPDX-License-Identifier: MIT
// The table of names beyond eviction: what its users are told, time that runs out, names that share
// a bucket, and the classes by the time of service.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/hash.h"
#include "server/routes.h"

enum {
    SEED = 42
};

static struct {
    struct loop loop;
    struct routes routes;
    char events[256]; // "changed NAME AGENT RESERVED; " and "given up NAME; "
} the;

static void note(const char *what, const char *name)
{
    size_t len = strlen(the.events);
    (void)snprintf(the.events + len, sizeof(the.events) - len, "%s %s; ", what, name);
}

static void on_changed(void *ctx, const struct route *r)
{
    assert_ptr_equal(ctx, &the);
    note(r->agent ? "has an agent" : r->reserved ? "is held" : "is free", r->name);
}

static void on_given_up(void *ctx, const struct route *r, const char *why)
{
    assert_ptr_equal(ctx, &the);
    assert_null(r->agent);
    assert_true(r->reserved);
    note(why, r->name);
}

static int begin(void **state)
{
    (void)state;
    memset(&the, 0, sizeof(the));
    if (loop_init(&the.loop))
        return -1;
    routes_init(&the.routes, &the.loop, SEED);
    the.routes.changed = on_changed;
    the.routes.ctx = &the;
    the.routes.given_up = on_given_up;
    the.routes.given_up_ctx = &the;
    return 0;
}

static int end(void **state)
{
    (void)state;
    routes_deinit(&the.routes);
    bool empty =
        the.routes.count == 0 && the.routes.owners.count == 0 && the.routes.addresses.count == 0;
    loop_deinit(&the.loop);
    return empty ? 0 : -1;
}

static struct route *add(const char *name, char owner)
{
    char digits[ROUTE_OWNER_DIGITS];
    memset(digits, owner, sizeof(digits));
    struct route *r = routes_add(&the.routes, name, &(struct route_holder){digits, SLICE("")});
    assert_non_null(r);
    return r;
}

static struct route *take(const char *name, char owner)
{
    struct route *r = add(name, owner);
    r->agent = (struct agent *)&the; // never dereferenced
    routes_agent_came(r);
    return r;
}

static void pass(uint64_t ms)
{
    the.loop.uv.time += ms;
}

static void assert_told(const char *events)
{
    assert_string_equal(the.events, events);
    the.events[0] = 0;
}

// Ends the name's time, as the loop does.
static void let_time_run_out(struct route *r)
{
    assert_true(timeout_runs(&r->gone));
    assert_int_equal(r->gone.queue->duration_ms, the.loop.limits.gone_ms);
    timeout_stop(&r->gone);
    r->gone.fire(&r->gone);
}

static void a_name_whose_owner_stays_away_is_given_up(void **state)
{
    (void)state;
    struct route *r = take("mine", 'a');
    assert_told("has an agent mine; ");
    assert_false(timeout_runs(&r->gone));
    routes_agent_left(r, true);
    assert_told("is held mine; ");
    assert_ptr_equal(routes_find(&the.routes, "mine"), r);
    let_time_run_out(r);
    assert_told("its owner did not come back mine; is free mine; ");
    assert_null(routes_find(&the.routes, "mine"));
}

static void a_name_that_was_left_for_good_is_not_given_up_again(void **state)
{
    (void)state;
    struct route *r = take("mine", 'a');
    routes_agent_left(r, false);
    assert_told("has an agent mine; is free mine; ");
    assert_ptr_equal(routes_find(&the.routes, "mine"), r); // it answers 503 for a while
    let_time_run_out(r);
    assert_told("is free mine; ");
}

static void an_owner_who_is_back_stops_the_time(void **state)
{
    (void)state;
    struct route *r = take("mine", 'a');
    routes_agent_left(r, true);
    r->agent = (struct agent *)&the;
    routes_agent_came(r);
    assert_false(timeout_runs(&r->gone));
    assert_int_equal(r->gone_class, -1);
    assert_told("has an agent mine; is held mine; has an agent mine; ");
}

static void an_evicted_name_is_given_up_and_a_forgotten_one_is_not(void **state)
{
    (void)state;
    routes_agent_left(take("evicted", 'a'), true);
    the.events[0] = 0;
    assert_true(routes_make_room(&the.routes, NULL, NULL));
    assert_told("it made room for another evicted; is free evicted; ");
    struct route *r = take("forgotten", 'a');
    routes_agent_left(r, true);
    the.events[0] = 0;
    routes_forget(r);
    assert_told("is free forgotten; ");
    (void)take("live", 'a');
    routes_agent_left(take("gone", 'b'), true);
    the.events[0] = 0;
    routes_forget_all(&the.routes);
    assert_int_equal(the.routes.count, 0);
    assert_null(strstr(the.events, "made room"));
    assert_non_null(strstr(the.events, "is free live; "));
    assert_non_null(strstr(the.events, "is free gone; "));
}

static void a_table_without_listeners_works_as_well(void **state)
{
    (void)state;
    the.routes.changed = NULL;
    the.routes.given_up = NULL;
    routes_agent_left(take("mine", 'a'), true);
    let_time_run_out(routes_find(&the.routes, "mine"));
    assert_null(routes_find(&the.routes, "mine"));
    assert_told("");
}

// Finds names of one bucket.
static void colliding_names(char names[][16], size_t count)
{
    size_t found = 0;
    for (unsigned i = 0; found < count; i++) {
        (void)snprintf(names[found], 16, "n%u", i);
        uint64_t first = hash_bytes(slice_str(names[0]), SEED) % ROUTE_BUCKETS;
        found += hash_bytes(slice_str(names[found]), SEED) % ROUTE_BUCKETS == first;
    }
}

static void names_of_one_bucket_are_found_and_go_one_by_one(void **state)
{
    static const int orders[][3] = {{0, 1, 2}, {2, 1, 0}, {1, 0, 2}, {1, 2, 0}};
    char names[4][16];
    (void)state;
    colliding_names(names, 4);
    for (size_t order = 0; order < 4; order++) {
        for (int i = 0; i < 3; i++)
            (void)add(names[i], 'a');
        for (int i = 0; i < 3; i++) {
            int gone = orders[order][i];
            assert_null(routes_find(&the.routes, names[3]));
            assert_string_equal(routes_find(&the.routes, names[gone])->name, names[gone]);
            routes_forget(routes_find(&the.routes, names[gone]));
            assert_null(routes_find(&the.routes, names[gone]));
            assert_int_equal(the.routes.count, 2 - i);
        }
        the.events[0] = 0;
    }
}

static void the_class_grows_with_the_doublings_of_the_time_of_service(void **state)
{
    static const struct {
        uint32_t ms;
        int8_t class;
    } cases[] = {{0, 1},
                 {999, 1},
                 {1000, 2},
                 {1999, 2},
                 {2000, 3},
                 {3999, 3},
                 {4000, 4},
                 {7999, 4},
                 {8000, 5},
                 {15999, 5},
                 {16000, 6},
                 {31999, 6},
                 {32000, 7},
                 {63999, 7},
                 {64000, 8},
                 {128000, 8},
                 {255999, 8},
                 {599999, 8},
                 {600000, ROUTE_GONE_KEPT}};
    (void)state;
    the.loop.limits.gone_ms = 600000;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct route *r = take("mine", 'a');
        pass(cases[i].ms);
        routes_agent_left(r, true);
        assert_int_equal(r->gone_class, cases[i].class);
        routes_forget(r);
        the.events[0] = 0;
    }
}

// An agent that takes a name over from another one of its owner does not interrupt the service, and
// time without an agent is none of service.
static void time_of_service_adds_up_over_agents_of_one_owner(void **state)
{
    (void)state;
    struct route *r = take("mine", 'a');
    pass(3000);
    routes_agent_came(r); // another agent
    pass(2000);
    routes_agent_left(r, true);
    assert_true(r->served_ms == 5000);
    pass(10000);
    r->agent = (struct agent *)&the;
    routes_agent_came(r);
    pass(1000);
    routes_agent_left(r, true);
    assert_true(r->served_ms == 6000);
}

// A bounded number of each class is compared: the 64 longest gone.
static void only_the_longest_gone_of_a_class_are_compared(void **state)
{
    char name[16];
    (void)state;
    for (int before = 63; before <= 64; before++) {
        for (int i = 0; i < before; i++) {
            (void)snprintf(name, sizeof(name), "one%d", i);
            routes_agent_left(take(name, (char)(i + 1)), true);
            the.events[0] = 0;
        }
        routes_agent_left(take("many1", 'Z'), true); // with the most names of its owner
        routes_agent_left(take("many2", 'Z'), true);
        assert_true(routes_make_room(&the.routes, NULL, NULL));
        const char *evicted = before < 64 ? "many1" : "one0";
        assert_null(routes_find(&the.routes, evicted));
        assert_int_equal(the.routes.count, before + 1);
        the.events[0] = 0;
        routes_forget_all(&the.routes);
        the.events[0] = 0;
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_name_whose_owner_stays_away_is_given_up),
        TEST(a_name_that_was_left_for_good_is_not_given_up_again),
        TEST(an_owner_who_is_back_stops_the_time),
        TEST(an_evicted_name_is_given_up_and_a_forgotten_one_is_not),
        TEST(a_table_without_listeners_works_as_well),
        TEST(names_of_one_bucket_are_found_and_go_one_by_one),
        TEST(the_class_grows_with_the_doublings_of_the_time_of_service),
        TEST(time_of_service_adds_up_over_agents_of_one_owner),
        TEST(only_the_longest_gone_of_a_class_are_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
