// SPDX-License-Identifier: MIT
// Admission of connections: the caps in total and per address, and eviction.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <sys/resource.h>

#include "common/inbound/admission.h"

static struct sockaddr_storage peer_of(const char *text)
{
    struct sockaddr_storage s = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&s;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&s;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        s.ss_family = AF_INET;
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
        s.ss_family = AF_INET6;
    }
    return s;
}

enum {
    MOST = 4096
};

// Places in the order in which they were entered; NULL: evicted.
static struct admission_place *held[MOST];
static size_t held_count;
static const struct admission_place *stays; // may not be evicted

static bool evict(struct admission_place *p)
{
    if (p == stays)
        return false;
    for (size_t i = 0; i < held_count; i++)
        if (held[i] == p)
            held[i] = NULL;
    return true;
}

static struct admission_place *enter(struct admission *v, const struct limits *l, const char *text)
{
    struct sockaddr_storage peer = peer_of(text);
    struct client_address address;
    client_address_of(&peer, &address);
    v->evict = evict;
    struct admission_place *p = admission_enter(v, l, &address);
    assert_non_null(p);
    assert_true(held_count < MOST);
    held[held_count++] = p;
    return p;
}

static enum admission_verdict verdict(struct admission *v, const struct limits *l, const char *text)
{
    return enter(v, l, text)->verdict;
}

// A connection on which an exchange runs.
static struct admission_place *enter_busy(struct admission *v, const struct limits *l,
                                          const char *text)
{
    struct admission_place *p = enter(v, l, text);
    admission_set_busy(p);
    return p;
}

static void leave_all(struct admission *v)
{
    while (held_count > 0)
        admission_leave(held[--held_count]);
    assert_int_equal(v->shares.count, 0);
    assert_null(v->shares.buckets);
    assert_null(v->idle.first);
    assert_null(v->spare.last);
    assert_int_equal(v->spares, 0);
}

static void an_address_has_its_share_and_then_some_who_hear_why_not(void **state)
{
    struct admission v = {0};
    const struct limits l = {.visitors = 1000, .visitors_per_address = 3};
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(verdict(&v, &l, "192.0.2.1"), ADMIT_SERVED);
    for (int i = 0; i < LIMIT_ADDRESS_SPARE; i++)
        assert_int_equal(verdict(&v, &l, "192.0.2.1"), ADMIT_TOO_MANY);
    assert_int_equal(verdict(&v, &l, "192.0.2.2"), ADMIT_SERVED);
    leave_all(&v);
    assert_int_equal(verdict(&v, &l, "192.0.2.1"), ADMIT_SERVED);
    leave_all(&v);
}

// Leaves an evicted place, as the code that closes its connection does.
static void gone(struct admission_place *p)
{
    for (size_t i = 0; i < held_count; i++)
        assert_true(held[i] != p);
    admission_leave(p);
}

static void of_an_address_above_its_share_the_oldest_gives_way_to_the_newest(void **state)
{
    struct admission v = {0};
    const struct limits l = {.visitors = 1000, .visitors_per_address = 1};
    struct admission_place *spare[LIMIT_ADDRESS_SPARE];
    (void)state;
    struct admission_place *first = enter_busy(&v, &l, "192.0.2.1");
    (void)enter_busy(&v, &l, "192.0.2.2");
    struct admission_place *other = enter(&v, &l, "192.0.2.2");
    for (int i = 0; i < LIMIT_ADDRESS_SPARE; i++)
        spare[i] = enter(&v, &l, "192.0.2.1");
    for (int i = 0; i < LIMIT_ADDRESS_SPARE; i++) {
        assert_int_equal(verdict(&v, &l, "192.0.2.1"), ADMIT_TOO_MANY);
        assert_null(spare[i]->share);
        gone(spare[i]);
        assert_non_null(first->share);
        assert_non_null(other->share);
    }
    leave_all(&v);
}

static void all_together_have_a_share_and_then_some_who_hear_why_not(void **state)
{
    struct admission v = {0};
    const struct limits l = {.visitors = 2};
    struct admission_place *spare[LIMIT_VISITORS_SPARE];
    (void)state;
    (void)enter_busy(&v, &l, "192.0.2.1");
    struct admission_place *second = enter_busy(&v, &l, "2001:db8::1");
    for (int i = 0; i < LIMIT_VISITORS_SPARE; i++) {
        spare[i] = enter(&v, &l, "192.0.2.3");
        assert_int_equal(spare[i]->verdict, ADMIT_FULL);
    }
    assert_int_equal(verdict(&v, &l, "192.0.2.4"), ADMIT_FULL);
    assert_null(spare[0]->share); // the oldest above the cap
    gone(spare[0]);
    assert_int_equal(v.spares, LIMIT_VISITORS_SPARE);
    admission_leave(second);
    held[1] = NULL;
    assert_int_equal(verdict(&v, &l, "192.0.2.4"), ADMIT_SERVED);
    leave_all(&v);
}

static void when_all_places_are_taken_whoever_is_idle_for_longest_gives_way(void **state)
{
    struct admission v = {0};
    const struct limits l = {.visitors = 3};
    (void)state;
    struct admission_place *first = enter_busy(&v, &l, "192.0.2.1");
    struct admission_place *silent = enter(&v, &l, "192.0.2.1"); // no request yet
    admission_set_idle(first);                                   // its request has been answered
    (void)enter_busy(&v, &l, "192.0.2.1");
    assert_int_equal(verdict(&v, &l, "192.0.2.9"), ADMIT_SERVED);
    assert_null(silent->share);
    gone(silent);
    stays = first;
    held[held_count - 1]->owner = NULL;
    admission_set_busy(held[held_count - 1]);
    assert_int_equal(verdict(&v, &l, "192.0.2.9"), ADMIT_FULL);
    stays = NULL;
    assert_int_equal(verdict(&v, &l, "192.0.2.9"), ADMIT_SERVED);
    assert_null(first->share);
    gone(first);
    leave_all(&v);
}

static void a_spare_place_stays_one_whatever_becomes_of_it(void **state)
{
    struct admission v = {0};
    const struct limits l = {.visitors = 1};
    (void)state;
    (void)enter_busy(&v, &l, "192.0.2.1");
    struct admission_place *spare = enter(&v, &l, "192.0.2.1");
    admission_set_busy(spare);
    admission_set_idle(spare);
    assert_true(spare->list == &v.spare);
    leave_all(&v);
}

static void a_trusted_proxy_counts_in_total_alone(void **state)
{
    struct admission v = {.evict = evict};
    const struct limits l = {.visitors = 8, .visitors_per_address = 1};
    (void)state;
    for (int i = 0; i < 8; i++) {
        held[held_count++] = admission_enter(&v, &l, NULL);
        assert_int_equal(held[i]->verdict, ADMIT_SERVED);
        admission_set_busy(held[i]);
    }
    assert_int_equal(verdict(&v, &l, "192.0.2.1"), ADMIT_FULL);
    leave_all(&v);
}

static void a_network_of_64_bits_is_one_address(void **state)
{
    struct admission v = {0};
    const struct limits l = {.visitors = 1000, .visitors_per_address = 2};
    (void)state;
    assert_int_equal(verdict(&v, &l, "2001:db8:1:2::1"), ADMIT_SERVED);
    assert_int_equal(verdict(&v, &l, "2001:db8:1:2:ffff::9"), ADMIT_SERVED);
    assert_int_equal(verdict(&v, &l, "2001:db8:1:2:3:4:5:6"), ADMIT_TOO_MANY);
    assert_int_equal(verdict(&v, &l, "2001:db8:1:3::1"), ADMIT_SERVED);
    leave_all(&v);
}

static void an_ipv4_address_is_the_same_through_ipv6(void **state)
{
    struct admission v = {0};
    const struct limits l = {.visitors = 1000, .visitors_per_address = 1};
    (void)state;
    assert_int_equal(verdict(&v, &l, "192.0.2.7"), ADMIT_SERVED);
    assert_int_equal(verdict(&v, &l, "::ffff:192.0.2.7"), ADMIT_TOO_MANY);
    assert_int_equal(verdict(&v, &l, "::ffff:192.0.2.8"), ADMIT_SERVED);
    leave_all(&v);
}

static void an_address_is_read_as_people_write_it(void **state)
{
    static const char *const texts[][2] = {{"::ffff:192.0.2.7", "192.0.2.7"},
                                           {"192.0.2.7", "192.0.2.7"},
                                           {"2001:db8::7", "2001:db8::7"}};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct sockaddr_storage peer = peer_of(texts[i][0]);
        char text[INET6_ADDRSTRLEN];
        struct client_address a;
        client_address_of(&peer, &a);
        client_address_text(&a, text);
        assert_string_equal(text, texts[i][1]);
    }
}

static void a_share_is_named_by_its_network_and_that_of_anybody_by_nothing(void **state)
{
    static const char *const texts[][2] = {{"192.0.2.7", "192.0.2.7"},
                                           {"::ffff:192.0.2.7", "192.0.2.7"},
                                           {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
                                           {"127.0.0.1", ""},
                                           {"::1", ""}};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct sockaddr_storage peer = peer_of(texts[i][0]);
        char text[INET6_ADDRSTRLEN];
        struct client_address a;
        client_address_of(&peer, &a);
        client_address_share_text(&a, text);
        assert_string_equal(text, texts[i][1]);
    }
}

static void unless_it_was_set_the_share_is_not_for_loopback(void **state)
{
    static const char *const loopbacks[] = {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"};
    struct admission v = {0};
    struct limits l = {.visitors = 4000};
    (void)state;
    for (size_t i = 0; i < 4; i++)
        for (int n = 0; n < 400; n++)
            assert_int_equal(verdict(&v, &l, loopbacks[i]), ADMIT_SERVED);
    for (int n = 0; n < LIMIT_VISITORS_PER_ADDRESS; n++)
        assert_int_equal(verdict(&v, &l, "192.0.2.1"), ADMIT_SERVED);
    assert_int_equal(verdict(&v, &l, "192.0.2.1"), ADMIT_TOO_MANY);
    leave_all(&v);
    l.visitors_per_address = 1;
    assert_int_equal(verdict(&v, &l, "127.0.0.1"), ADMIT_SERVED);
    assert_int_equal(verdict(&v, &l, "127.0.0.1"), ADMIT_TOO_MANY);
    leave_all(&v);
}

static void who_found_no_place_is_served_when_one_is_free_by_the_time_of_the_request(void **state)
{
    struct admission v = {0};
    const struct limits l = {.visitors = 1};
    (void)state;
    struct admission_place *first = enter_busy(&v, &l, "192.0.2.1");
    struct admission_place *second = enter(&v, &l, "192.0.2.2");
    struct admission_place *third = enter(&v, &l, "192.0.2.3");
    admission_retry(second, &l);
    assert_int_equal(second->verdict, ADMIT_FULL);
    admission_set_idle(first);
    admission_retry(second, &l);
    assert_int_equal(second->verdict, ADMIT_SERVED);
    assert_null(first->share);
    gone(first);
    admission_set_busy(second);
    admission_retry(third, &l);
    assert_int_equal(third->verdict, ADMIT_FULL);
    assert_int_equal(v.spares, 1);
    leave_all(&v);
}

static void few_files_are_shared_between_visitors_and_agents(void **state)
{
    struct rlimit before;
    struct limits l = {.visitors = 16384, .tunnels = 8192, .handshakes = 512};
    const uint32_t all = 2048 - LIMIT_FILES_SPARE - LIMIT_VISITORS_SPARE;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    const struct rlimit few = {2048, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    admission_fit_files(&l, 1, true);
    assert_int_equal(l.tunnel_files, all / 3);
    assert_int_equal(l.tunnels, 8192); // names need no files
    assert_int_equal(l.handshakes, all / 3 / 4);
    assert_int_equal(l.visitors + l.tunnel_files, all);
    l = (struct limits){.visitors = 16384, .tunnels = 8192};
    admission_fit_files(&l, 2, false);
    assert_int_equal(l.visitors, all / 2);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_has_its_share_and_then_some_who_hear_why_not),
        cmocka_unit_test(of_an_address_above_its_share_the_oldest_gives_way_to_the_newest),
        cmocka_unit_test(when_all_places_are_taken_whoever_is_idle_for_longest_gives_way),
        cmocka_unit_test(a_spare_place_stays_one_whatever_becomes_of_it),
        cmocka_unit_test(a_trusted_proxy_counts_in_total_alone),
        cmocka_unit_test(who_found_no_place_is_served_when_one_is_free_by_the_time_of_the_request),
        cmocka_unit_test(few_files_are_shared_between_visitors_and_agents),
        cmocka_unit_test(all_together_have_a_share_and_then_some_who_hear_why_not),
        cmocka_unit_test(a_network_of_64_bits_is_one_address),
        cmocka_unit_test(an_ipv4_address_is_the_same_through_ipv6),
        cmocka_unit_test(an_address_is_read_as_people_write_it),
        cmocka_unit_test(a_share_is_named_by_its_network_and_that_of_anybody_by_nothing),
        cmocka_unit_test(unless_it_was_set_the_share_is_not_for_loopback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
