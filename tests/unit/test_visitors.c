// SPDX-License-Identifier: MIT
// Who is let in: counts in total and of each address.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>

#include "common/visitors.h"

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

static struct share *held[4096];
static size_t held_count;

static enum visitor_welcome enter(struct shares *v, const struct limits *l, const char *text)
{
    struct sockaddr_storage peer = peer_of(text);
    struct client_address address;
    struct share *a = NULL;
    client_address_of(&peer, &address);
    enum visitor_welcome w = visitors_enter(v, l, &address, &a);
    assert_int_equal(a == NULL, w == VISITOR_UNHEARD);
    if (a)
        held[held_count++] = a;
    return w;
}

static void leave_all(struct shares *v)
{
    while (held_count > 0)
        shares_leave(held[--held_count]);
    assert_int_equal(v->count, 0);
    assert_null(v->buckets);
}

static void an_address_has_its_share_and_then_some_who_hear_why_not(void **state)
{
    struct shares v = {0};
    const struct limits l = {.visitors = 1000, .visitors_per_address = 3};
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(enter(&v, &l, "192.0.2.1"), VISITOR_SERVED);
    for (int i = 0; i < LIMIT_ADDRESS_SPARE; i++)
        assert_int_equal(enter(&v, &l, "192.0.2.1"), VISITOR_TOO_MANY);
    assert_int_equal(enter(&v, &l, "192.0.2.1"), VISITOR_UNHEARD);
    assert_int_equal(enter(&v, &l, "192.0.2.2"), VISITOR_SERVED);
    leave_all(&v);
    assert_int_equal(enter(&v, &l, "192.0.2.1"), VISITOR_SERVED);
    leave_all(&v);
}

static void all_together_have_a_share_and_then_some_who_hear_why_not(void **state)
{
    struct shares v = {0};
    const struct limits l = {.visitors = 2};
    (void)state;
    assert_int_equal(enter(&v, &l, "192.0.2.1"), VISITOR_SERVED);
    assert_int_equal(enter(&v, &l, "2001:db8::1"), VISITOR_SERVED);
    for (int i = 0; i < LIMIT_VISITORS_SPARE; i++)
        assert_int_equal(enter(&v, &l, "192.0.2.3"), VISITOR_FULL);
    assert_int_equal(enter(&v, &l, "192.0.2.4"), VISITOR_UNHEARD);
    shares_leave(held[--held_count]);
    assert_int_equal(enter(&v, &l, "192.0.2.4"), VISITOR_FULL);
    leave_all(&v);
}

static void a_network_of_64_bits_is_one_address(void **state)
{
    struct shares v = {0};
    const struct limits l = {.visitors = 1000, .visitors_per_address = 2};
    (void)state;
    assert_int_equal(enter(&v, &l, "2001:db8:1:2::1"), VISITOR_SERVED);
    assert_int_equal(enter(&v, &l, "2001:db8:1:2:ffff::9"), VISITOR_SERVED);
    assert_int_equal(enter(&v, &l, "2001:db8:1:2:3:4:5:6"), VISITOR_TOO_MANY);
    assert_int_equal(enter(&v, &l, "2001:db8:1:3::1"), VISITOR_SERVED);
    leave_all(&v);
}

static void an_ipv4_address_is_the_same_through_ipv6(void **state)
{
    struct shares v = {0};
    const struct limits l = {.visitors = 1000, .visitors_per_address = 1};
    (void)state;
    assert_int_equal(enter(&v, &l, "192.0.2.7"), VISITOR_SERVED);
    assert_int_equal(enter(&v, &l, "::ffff:192.0.2.7"), VISITOR_TOO_MANY);
    assert_int_equal(enter(&v, &l, "::ffff:192.0.2.8"), VISITOR_SERVED);
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

static void unless_it_was_set_the_share_is_not_for_loopback(void **state)
{
    static const char *const loopbacks[] = {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"};
    struct shares v = {0};
    struct limits l = {.visitors = 4000};
    (void)state;
    for (size_t i = 0; i < 4; i++)
        for (int n = 0; n < 400; n++)
            assert_int_equal(enter(&v, &l, loopbacks[i]), VISITOR_SERVED);
    for (int n = 0; n < LIMIT_VISITORS_PER_ADDRESS; n++)
        assert_int_equal(enter(&v, &l, "192.0.2.1"), VISITOR_SERVED);
    assert_int_equal(enter(&v, &l, "192.0.2.1"), VISITOR_TOO_MANY);
    leave_all(&v);
    l.visitors_per_address = 1;
    assert_int_equal(enter(&v, &l, "127.0.0.1"), VISITOR_SERVED);
    assert_int_equal(enter(&v, &l, "127.0.0.1"), VISITOR_TOO_MANY);
    leave_all(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_has_its_share_and_then_some_who_hear_why_not),
        cmocka_unit_test(all_together_have_a_share_and_then_some_who_hear_why_not),
        cmocka_unit_test(a_network_of_64_bits_is_one_address),
        cmocka_unit_test(an_ipv4_address_is_the_same_through_ipv6),
        cmocka_unit_test(an_address_is_read_as_people_write_it),
        cmocka_unit_test(unless_it_was_set_the_share_is_not_for_loopback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
