// SPDX-License-Identifier: MIT
// An exchange between two fake endpoints: order of events, credit, framing.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "exchange_fixture.h"

static void a_whole_exchange_brings_each_event_once(void **state)
{
    struct fixture f;
    (void)state;
    ask(&f, "POST", 5);
    exchange_data(&f.visitor.endpoint, "hello", 5);
    exchange_finish(&f.visitor.endpoint, NULL);
    respond(&f, 200, 2);
    exchange_data(&f.service.endpoint, "ok", 2);
    exchange_finish(&f.service.endpoint, NULL);
    assert_closed(&f, "hdfx", "hdfx", EXCHANGE_COMPLETE);
    assert_string_equal(f.first.events, "Brdfhdfx");
    assert_int_equal(f.first.report.body[INBOUND].bytes, 5);
    assert_int_equal(f.first.report.body[OUTBOUND].bytes, 2);
    assert_true(f.first.report.body[INBOUND].whole && f.first.report.body[OUTBOUND].whole);
    assert_int_equal(f.first.report.outcome, EXCHANGE_COMPLETE);
}

static void send_hello(struct fixture *f)
{
    exchange_data(&f->visitor.endpoint, "hel", 3);
    exchange_data(&f->visitor.endpoint, "lo", 2);
    exchange_finish(&f->visitor.endpoint, NULL);
    respond(f, 200, 0);
    exchange_finish(&f->service.endpoint, NULL);
}

static void one_observer_that_uses_digests_suffices(void **state)
{
    struct fixture f;
    struct digest hello = {0};
    uint8_t value[DIGEST_BYTES];
    (void)state;
    digest_add(&hello, SLICE("hello"), true);
    assert_true(digest_value(&hello, value));
    ask(&f, "POST", 5);
    send_hello(&f);
    assert_memory_equal(f.first.report.body[INBOUND].digest, value, DIGEST_BYTES);
}

static void bodies_whose_digest_nobody_uses_are_counted_alone(void **state)
{
    static const uint8_t none[DIGEST_BYTES];
    struct fixture f;
    struct http_head head = request_head("POST");
    const struct body_framing five = {BODY_LENGTH, 5};
    (void)state;
    begin(&f, "POST");
    f.second.digests = false;
    exchange_attach(f.x, &f.service.endpoint);
    exchange_head(&f.visitor.endpoint, &head, &five);
    send_hello(&f);
    assert_closed(&f, "hfx", "hddfx", EXCHANGE_COMPLETE);
    assert_int_equal(f.first.report.body[INBOUND].bytes, 5);
    assert_false(f.first.report.body[INBOUND].whole);
    assert_memory_equal(f.first.report.body[INBOUND].digest, none, DIGEST_BYTES);
}

// However the bytes were cut: the two ends of a tunnel cut them differently.
static void bytes_behind_the_body_of_an_upgraded_request_are_digested_with_it(void **state)
{
    struct fixture f;
    struct digest all = {0};
    uint8_t value[DIGEST_BYTES];
    struct http_head head = request_head("GET");
    const struct body_framing five = {BODY_LENGTH, 5};
    (void)state;
    head.upgrade = SLICE("foo");
    digest_add(&all, SLICE("1234567890"), true);
    assert_true(digest_value(&all, value));
    begin(&f, "GET");
    exchange_attach(f.x, &f.service.endpoint);
    exchange_head(&f.visitor.endpoint, &head, &five);
    exchange_data(&f.visitor.endpoint, "12345", 5);
    respond(&f, 101, 0);
    exchange_data(&f.visitor.endpoint, "67890", 5);
    exchange_finish(&f.visitor.endpoint, NULL);
    exchange_finish(&f.service.endpoint, NULL);
    assert_int_equal(f.first.report.body[INBOUND].bytes, 10);
    assert_memory_equal(f.first.report.body[INBOUND].digest, value, DIGEST_BYTES);
}

static void a_response_may_be_whole_before_its_request(void **state)
{
    struct fixture f;
    (void)state;
    ask(&f, "POST", 5);
    respond(&f, 200, 0);
    exchange_finish(&f.service.endpoint, NULL);
    assert_string_equal(f.visitor.events, "hf");
    exchange_data(&f.visitor.endpoint, "hello", 5);
    exchange_finish(&f.visitor.endpoint, NULL);
    assert_closed(&f, "hfx", "hdfx", EXCHANGE_COMPLETE);
}

static void an_inbound_is_told_once_that_the_rest_is_unwanted_and_may_abandon_it(void **state)
{
    struct fixture f;
    (void)state;
    ask(&f, "POST", 5);
    respond(&f, 200, 0);
    exchange_finish(&f.service.endpoint, NULL);
    exchange_detach(&f.service.endpoint);
    assert_string_equal(f.visitor.events, "hfu");
    exchange_abandon(&f.visitor.endpoint);
    assert_closed(&f, "hfu", "h", EXCHANGE_COMPLETE);
    assert_false(f.first.report.body[INBOUND].whole);
}

static void bytes_without_a_receiver_are_credited_at_once(void **state)
{
    struct fixture f;
    (void)state;
    ask(&f, "POST", 5);
    respond(&f, 200, 0);
    exchange_finish(&f.service.endpoint, NULL);
    exchange_detach(&f.service.endpoint);
    exchange_data(&f.visitor.endpoint, "hello", 5);
    assert_int_equal(f.visitor.credit, 5);
    exchange_finish(&f.visitor.endpoint, NULL);
    assert_closed(&f, "hfucx", "h", EXCHANGE_COMPLETE);
}

// Credit

static void credit_goes_to_the_sender_and_is_counted(void **state)
{
    struct fixture f;
    const struct exchange_direction *d;
    (void)state;
    ask(&f, "POST", 1000);
    d = &f.x->direction[INBOUND];
    assert_int_equal(d->credit, LIMIT_CREDIT_BYTES);
    exchange_data(&f.visitor.endpoint, "hello", 5);
    assert_int_equal(d->uncredited, 5);
    assert_int_equal(d->credit, LIMIT_CREDIT_BYTES - 5);
    exchange_credit(&f.service.endpoint, 3);
    assert_int_equal(f.visitor.credit, 3);
    assert_int_equal(f.service.credit, 0);
    assert_int_equal(d->uncredited, 2);
    assert_int_equal(d->credit, LIMIT_CREDIT_BYTES - 2);
    exchange_credit(&f.service.endpoint, 1000); // more than was taken: the window grows
    assert_int_equal(d->uncredited, 0);
    assert_int_equal(d->credit, LIMIT_CREDIT_BYTES + 998);
    exchange_credit(&f.service.endpoint, 0);
    assert_string_equal(f.visitor.events, "cc");
    exchange_discard(f.x);
}

static void a_receiver_that_leaves_credits_what_it_owes(void **state)
{
    struct fixture f;
    (void)state;
    ask(&f, "POST", 1000);
    exchange_data(&f.visitor.endpoint, "hello", 5);
    exchange_detach(&f.service.endpoint);
    assert_int_equal(f.visitor.credit, 5);
    exchange_discard(f.x);
}

static void a_sender_without_credit_is_timed_until_it_has_enough(void **state)
{
    static const char bytes[LIMIT_CREDIT_BYTES];
    struct fixture f;
    const struct exchange_direction *d;
    (void)state;
    ask(&f, "POST", 2 * LIMIT_CREDIT_BYTES);
    d = &f.x->direction[INBOUND];
    exchange_data(&f.visitor.endpoint, bytes, LIMIT_CREDIT_BYTES - LIMIT_CREDIT_MIN);
    assert_int_equal(d->stalled_since_ns, 0);
    exchange_data(&f.visitor.endpoint, bytes, 1);
    assert_int_not_equal(d->stalled_since_ns, 0);
    exchange_credit(&f.service.endpoint, 1);
    assert_int_equal(d->stalled_since_ns, 0);
    exchange_discard(f.x);
}

// Bodies that contradict their heads

static void a_body_longer_than_its_length_is_a_protocol_error(void **state)
{
    struct fixture f;
    (void)state;
    ask(&f, "GET", 0);
    respond(&f, 200, 2);
    exchange_data(&f.service.endpoint, "abc", 3);
    assert_closed(&f, "hx", "hx", EXCHANGE_PROTOCOL);
    assert_string_equal(f.first.events, "Brhx");
}

static void a_body_shorter_than_its_length_is_a_protocol_error(void **state)
{
    struct fixture f;
    (void)state;
    ask(&f, "GET", 0);
    respond(&f, 200, 2);
    exchange_data(&f.service.endpoint, "a", 1);
    exchange_finish(&f.service.endpoint, NULL);
    assert_closed(&f, "hdx", "hx", EXCHANGE_PROTOCOL);
}

static void a_body_where_none_may_be_is_a_protocol_error(void **state)
{
    struct fixture f;
    (void)state;
    ask(&f, "GET", 0);
    respond(&f, 204, 0);
    exchange_data(&f.service.endpoint, "a", 1);
    assert_closed(&f, "hx", "hx", EXCHANGE_PROTOCOL);
}

static void nothing_is_passed_on_after_the_end(void **state)
{
    struct fixture f;
    (void)state;
    ask(&f, "POST", 1);
    respond(&f, 200, 1);
    exchange_data(&f.service.endpoint, "a", 1);
    exchange_finish(&f.service.endpoint, NULL);
    exchange_data(&f.service.endpoint, "b", 1);
    exchange_finish(&f.service.endpoint, NULL);
    assert_string_equal(f.visitor.events, "hdf");
    exchange_discard(f.x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_exchange_brings_each_event_once),
        cmocka_unit_test(one_observer_that_uses_digests_suffices),
        cmocka_unit_test(bodies_whose_digest_nobody_uses_are_counted_alone),
        cmocka_unit_test(bytes_behind_the_body_of_an_upgraded_request_are_digested_with_it),
        cmocka_unit_test(a_response_may_be_whole_before_its_request),
        cmocka_unit_test(an_inbound_is_told_once_that_the_rest_is_unwanted_and_may_abandon_it),
        cmocka_unit_test(bytes_without_a_receiver_are_credited_at_once),
        cmocka_unit_test(credit_goes_to_the_sender_and_is_counted),
        cmocka_unit_test(a_receiver_that_leaves_credits_what_it_owes),
        cmocka_unit_test(a_sender_without_credit_is_timed_until_it_has_enough),
        cmocka_unit_test(a_body_longer_than_its_length_is_a_protocol_error),
        cmocka_unit_test(a_body_shorter_than_its_length_is_a_protocol_error),
        cmocka_unit_test(a_body_where_none_may_be_is_a_protocol_error),
        cmocka_unit_test(nothing_is_passed_on_after_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
