// SPDX-License-Identifier: MIT
// How exchanges are given up, refused and answered; interim responses and upgrades.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "exchange_fixture.h"

// Giving up

static void an_abort_reaches_the_other_endpoint_alone(void **state)
{
    struct fixture f;
    (void)state;
    ask(&f, "GET", 0);
    exchange_abort(&f.visitor.endpoint, EXCHANGE_VISITOR_GONE);
    assert_closed(&f, "", "hx", EXCHANGE_VISITOR_GONE);
    assert_int_equal(f.service.why, EXCHANGE_VISITOR_GONE);
    exchange_abort(&f.visitor.endpoint, EXCHANGE_RESET); // no exchange is attached
    assert_string_equal(f.service.events, "hx");
}

static void an_abort_after_a_whole_response_leaves_it_complete(void **state)
{
    struct fixture f;
    (void)state;
    ask(&f, "POST", 5);
    respond(&f, 200, 0);
    exchange_finish(&f.service.endpoint, NULL);
    exchange_abort(&f.visitor.endpoint, EXCHANGE_VISITOR_GONE);
    assert_closed(&f, "hf", "hx", EXCHANGE_COMPLETE);
}

static void a_refusal_before_the_response_is_answered(void **state)
{
    struct fixture f;
    (void)state;
    ask(&f, "GET", 0);
    exchange_finish(&f.visitor.endpoint, NULL);
    exchange_refuse(&f.service.endpoint, ANSWER_UPSTREAM_REFUSED, EXCHANGE_UPSTREAM_GONE);
    assert_closed(&f, "hdfx", "hf", EXCHANGE_COMPLETE);
    assert_int_equal(f.visitor.status, 502);
    assert_string_equal(f.first.events, "Brfhdfx");
}

static void a_refusal_after_the_response_head_breaks_the_exchange(void **state)
{
    struct fixture f;
    (void)state;
    ask(&f, "GET", 0);
    respond(&f, 200, 10);
    exchange_refuse(&f.service.endpoint, ANSWER_UPSTREAM_CLOSED, EXCHANGE_UPSTREAM_GONE);
    assert_closed(&f, "hx", "h", EXCHANGE_UPSTREAM_GONE);
    assert_int_equal(f.visitor.status, 200);
}

static void an_answer_without_an_outbound_routes_the_exchange_and_waits_for_the_request(
    void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, "POST");
    exchange_answer(f.x, ANSWER_NO_TUNNEL);
    assert_string_equal(f.visitor.events, "hdfu");
    assert_string_equal(f.first.events, "Brhdf");
    assert_true(f.x->facts.refused);
    exchange_finish(&f.visitor.endpoint, NULL);
    assert_closed(&f, "hdfux", "", EXCHANGE_COMPLETE);
}

static void an_answer_to_head_has_no_body(void **state)
{
    struct fixture f;
    (void)state;
    ask(&f, "HEAD", 0);
    exchange_finish(&f.visitor.endpoint, NULL);
    exchange_refuse(&f.service.endpoint, ANSWER_LOOP, EXCHANGE_REFUSED);
    assert_closed(&f, "hfx", "hf", EXCHANGE_COMPLETE);
    assert_int_equal(f.visitor.bytes, 0);
}

static void a_malformed_response_head_is_observed_and_then_refused(void **state)
{
    struct fixture f;
    (void)state;
    ask(&f, "GET", 0);
    exchange_finish(&f.visitor.endpoint, NULL);
    exchange_bad_head(&f.service.endpoint, SLICE("HTTP/9"), "its version");
    assert_string_equal(f.x->facts.detail, "its version");
    exchange_refuse(&f.service.endpoint, ANSWER_UPSTREAM_INVALID, EXCHANGE_PROTOCOL);
    assert_string_equal(f.first.events, "Brfbhdfx");
}

static void a_discarded_exchange_tells_observers_and_no_endpoint(void **state)
{
    struct fixture f;
    (void)state;
    ask(&f, "GET", 0);
    exchange_discard(f.x);
    assert_string_equal(f.first.events, "BrD");
    assert_string_equal(f.second.events, "BrD");
    assert_string_equal(f.visitor.events, "");
    assert_string_equal(f.service.events, "h");
    assert_null(f.visitor.endpoint.x);
    assert_null(f.service.endpoint.x);
}

// Interim responses

static void interim_responses_pass_before_the_final_one(void **state)
{
    struct fixture f;
    (void)state;
    ask(&f, "GET", 0);
    exchange_finish(&f.visitor.endpoint, NULL);
    respond(&f, 100, 0);
    respond(&f, 103, 0);
    assert_int_equal(f.x->facts.status, 0);
    respond(&f, 200, 0);
    exchange_finish(&f.service.endpoint, NULL);
    assert_closed(&f, "iihfx", "hfx", EXCHANGE_COMPLETE);
}

static void one_interim_response_too_many_is_a_protocol_error(void **state)
{
    struct fixture f;
    (void)state;
    ask(&f, "GET", 0);
    for (int i = 0; i < LIMIT_INTERIM; i++)
        respond(&f, 103, 0);
    assert_int_equal(strlen(f.visitor.events), LIMIT_INTERIM);
    assert_non_null(f.visitor.endpoint.x);
    respond(&f, 103, 0);
    assert_int_equal(strlen(f.visitor.events), LIMIT_INTERIM + 1);
    assert_int_equal(f.visitor.why, EXCHANGE_PROTOCOL);
    assert_null(f.service.endpoint.x);
}

static void interim_fields_are_limited_in_bytes(void **state)
{
    static char value[LIMIT_INTERIM_BYTES - 4];
    struct fixture f;
    struct http_head head = response_head(103);
    (void)state;
    ask(&f, "GET", 0);
    assert_true(head_add(&head, SLICE("link"), slice_of(value, sizeof(value))));
    assert_true(exchange_takes_interim(f.x, &head)); // exactly the limit
    head.fields[0].name = SLICE("links");
    assert_false(exchange_takes_interim(f.x, &head));
    head.fields[0].name = SLICE("link");
    exchange_head(&f.service.endpoint, &head, &(struct body_framing){0});
    head.fields[0].value = SLICE("");
    assert_false(exchange_takes_interim(f.x, &head)); // its name exceeds the rest of the limit
    head.field_count = 0;
    assert_true(exchange_takes_interim(f.x, &head));
    exchange_discard(f.x);
}

// Upgrades

static void an_upgraded_connection_has_no_framing_and_ends_by_both_sides(void **state)
{
    struct fixture f;
    (void)state;
    ask(&f, "GET", 0);
    exchange_finish(&f.visitor.endpoint, NULL);
    respond(&f, 101, 0);
    assert_true(f.x->upgraded);
    exchange_data(&f.service.endpoint, "raw", 3);
    assert_int_equal(f.visitor.bytes, 3);
    exchange_abort(&f.service.endpoint, EXCHANGE_UPSTREAM_GONE);
    assert_closed(&f, "hdx", "hf", EXCHANGE_UPSTREAM_GONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_abort_reaches_the_other_endpoint_alone),
        cmocka_unit_test(an_abort_after_a_whole_response_leaves_it_complete),
        cmocka_unit_test(a_refusal_before_the_response_is_answered),
        cmocka_unit_test(a_refusal_after_the_response_head_breaks_the_exchange),
        cmocka_unit_test(
            an_answer_without_an_outbound_routes_the_exchange_and_waits_for_the_request),
        cmocka_unit_test(an_answer_to_head_has_no_body),
        cmocka_unit_test(a_malformed_response_head_is_observed_and_then_refused),
        cmocka_unit_test(a_discarded_exchange_tells_observers_and_no_endpoint),
        cmocka_unit_test(interim_responses_pass_before_the_final_one),
        cmocka_unit_test(one_interim_response_too_many_is_a_protocol_error),
        cmocka_unit_test(interim_fields_are_limited_in_bytes),
        cmocka_unit_test(an_upgraded_connection_has_no_framing_and_ends_by_both_sides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
