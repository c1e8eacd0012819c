// SPDX-License-Identifier: MIT
// The chain of filters: its order, its memory, what it holds; the limit of bodies.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/exchange/body_limit.h"
#include "common/exchange/outbound.h"
#include "exchange_fixture.h"

// A filter that writes its letter into a field or into a log for each event.
struct letter {
    struct filter filter;
    char name;
    bool holds[2]; // the next head of this side
};

static char log_text[EVENTS_MAX]; // of data and finish

static struct letter *letter_of(const struct filter *f)
{
    return (struct letter *)(uintptr_t)f;
}

static void letter_head(const struct filter *f, struct exchange *x, enum exchange_side from,
                        struct http_head *head, const struct body_framing *framing)
{
    struct letter *l = letter_of(f);
    uint64_t *count = filter_memory(f, x);
    CHECK((uintptr_t)count % sizeof(*count) == 0 && *count == (from == INBOUND ? 0 : 1));
    ++*count;
    CHECK(head_add(head, SLICE("Way"), slice_of(&l->name, 1)));
    bool holds = l->holds[from];
    l->holds[from] = false;
    if (holds)
        filter_hold(f, x, from, head, framing);
    else
        filter_pass_head(f, x, from, head, framing);
}

static void letter_data(const struct filter *f, struct exchange *x, enum exchange_side from,
                        struct slice bytes)
{
    note(log_text, letter_of(f)->name);
    filter_pass_data(f, x, from, bytes);
}

static void letter_finish(const struct filter *f, struct exchange *x, enum exchange_side from,
                          const struct http_head *trailers)
{
    note(log_text, (char)(letter_of(f)->name & ~0x20));
    filter_pass_finish(f, x, from, trailers);
}

static int letters_closed;

static void letter_closed(const struct filter *f, struct exchange *x)
{
    (void)f;
    (void)x;
    letters_closed++;
}

static const struct filter_ops letter_ops = {.memory = sizeof(uint64_t),
                                             .head = letter_head,
                                             .data = letter_data,
                                             .finish = letter_finish,
                                             .closed = letter_closed};
static const struct filter_ops silent_ops = {0}; // wants nothing

// An outbound whose endpoint is the fixture's service.
struct way {
    struct fixture f;
    struct outbound outbound;
    struct letter a, b;
    struct filter silent;
    struct body_limit limit;
    struct filter_chain chain;
    char seen[2][16]; // the letters of "Way", as each side got them
    char observed[16];
    int attached;
};

static struct way *w;

static void read_way(const struct http_head *head, char out[static 16])
{
    for (size_t i = 0; i < head->field_count; i++)
        if (slice_eq(head->fields[i].name, SLICE("Way")))
            *out++ = head->fields[i].value.p[0];
    *out = 0;
}

static void way_head(struct exchange_endpoint *e, const struct http_head *head,
                     const struct body_framing *framing)
{
    read_way(head, w->seen[e->side]);
    on_head(e, head, framing);
}

static void see_way(void *ctx, struct exchange *x, const struct http_head *response)
{
    see_head(ctx, x, response);
    read_way(response, w->observed);
}

static bool attach(struct outbound *o, struct exchange *x, enum answer *why)
{
    (void)o;
    (void)why;
    w->attached++;
    exchange_attach(x, &w->f.service.endpoint);
    return true;
}

static void begin_way(const char *method)
{
    static struct exchange_ops way_ops;
    static const struct outbound_ops outbound_ops = {attach};
    w = calloc(1, sizeof(*w));
    assert_non_null(w);
    begin(&w->f, method);
    way_ops = ops;
    way_ops.head = way_head;
    w->f.visitor.endpoint.ops = w->f.service.endpoint.ops = &way_ops;
    w->f.first.observer.head = see_way;
    w->outbound.ops = &outbound_ops;
    w->a = (struct letter){.filter.ops = &letter_ops, .name = 'a'};
    w->b = (struct letter){.filter.ops = &letter_ops, .name = 'b'};
    w->silent.ops = &silent_ops;
    log_text[0] = 0;
    letters_closed = 0;
}

static void end_way(void)
{
    if (w->f.visitor.endpoint.x)
        exchange_discard(w->f.x);
    free(w);
}

static void forward(const char *method, struct body_framing framing)
{
    struct http_head head = request_head(method);
    outbound_forward(&w->outbound, &w->chain, w->f.x, &head, &framing);
}

static void add_letters(void)
{
    filter_chain_add(&w->chain, &w->a.filter);
    filter_chain_add(&w->chain, &w->silent);
    filter_chain_add(&w->chain, &w->b.filter);
}

static const struct body_framing chunked = {BODY_CHUNKED, 0};

static void requests_pass_in_order_and_responses_in_reverse(void **state)
{
    (void)state;
    begin_way("POST");
    add_letters();
    forward("POST", chunked);
    exchange_data(&w->f.visitor.endpoint, "hello", 5);
    exchange_finish(&w->f.visitor.endpoint, NULL);
    assert_string_equal(w->seen[OUTBOUND], "ab");
    assert_string_equal(log_text, "abAB");
    respond(&w->f, 200, 2);
    exchange_data(&w->f.service.endpoint, "ok", 2);
    exchange_finish(&w->f.service.endpoint, NULL);
    assert_string_equal(w->seen[INBOUND], "ba");
    assert_string_equal(w->observed, "ba");
    assert_string_equal(log_text, "abABbaBA");
    assert_closed(&w->f, "hdfx", "hdfx", EXCHANGE_COMPLETE);
    assert_int_equal(letters_closed, 2);
    end_way();
}

static void what_follows_a_held_request_waits_for_it(void **state)
{
    struct http_head trailers = {.field_count = 1, .fields = {{SLICE("T"), SLICE("1")}}};
    (void)state;
    begin_way("POST");
    add_letters();
    w->a.holds[INBOUND] = true;
    forward("POST", chunked);
    assert_int_equal(w->attached, 0);
    exchange_data(&w->f.visitor.endpoint, "hel", 3);
    exchange_data(&w->f.visitor.endpoint, "lo", 2);
    exchange_finish(&w->f.visitor.endpoint, &trailers);
    assert_int_equal(exchange_may_send(&w->f.visitor.endpoint), LIMIT_CREDIT_BYTES - 5);
    assert_string_equal(w->f.service.events, "");
    assert_string_equal(w->f.first.events, "B"); // neither routed nor counted
    filter_go_on(w->f.x, INBOUND);
    assert_string_equal(w->f.service.events, "hdf");
    assert_int_equal(w->f.service.bytes, 5);
    assert_string_equal(w->seen[OUTBOUND], "ab");
    assert_string_equal(w->f.first.events, "Brdf");
    assert_int_equal(exchange_may_send(&w->f.visitor.endpoint), LIMIT_CREDIT_BYTES - 5);
    filter_go_on(w->f.x, INBOUND); // nothing is held any more
    exchange_credit(&w->f.service.endpoint, 5);
    assert_int_equal(exchange_may_send(&w->f.visitor.endpoint), LIMIT_CREDIT_BYTES);
    end_way();
}

static void what_follows_a_held_response_waits_for_it_though_its_sender_has_left(void **state)
{
    (void)state;
    begin_way("GET");
    add_letters();
    w->b.holds[OUTBOUND] = true;
    forward("GET", (struct body_framing){BODY_NONE, 0});
    exchange_finish(&w->f.visitor.endpoint, NULL);
    respond(&w->f, 200, 2);
    exchange_data(&w->f.service.endpoint, "ok", 2);
    exchange_finish(&w->f.service.endpoint, NULL);
    exchange_detach(&w->f.service.endpoint);
    assert_string_equal(w->f.visitor.events, "");
    filter_go_on(w->f.x, OUTBOUND);
    assert_string_equal(w->f.visitor.events, "hdfx");
    assert_int_equal(w->f.visitor.why, EXCHANGE_COMPLETE);
    assert_string_equal(w->seen[INBOUND], "ba");
    end_way();
}

static void what_one_filter_lets_go_another_may_hold(void **state)
{
    (void)state;
    begin_way("POST");
    add_letters();
    w->a.holds[INBOUND] = w->b.holds[INBOUND] = true;
    forward("POST", (struct body_framing){BODY_LENGTH, 5});
    exchange_data(&w->f.visitor.endpoint, "hello", 5);
    exchange_finish(&w->f.visitor.endpoint, NULL);
    filter_go_on(w->f.x, INBOUND);
    assert_string_equal(w->f.service.events, "");
    filter_go_on(w->f.x, INBOUND);
    assert_string_equal(w->f.service.events, "hdf");
    assert_int_equal(exchange_may_send(&w->f.visitor.endpoint), LIMIT_CREDIT_BYTES - 5);
    end_way();
}

// `sent` bytes of a body of five behind a head that is held.
static void assert_held_body_breaks(const char *sent, bool ends)
{
    begin_way("POST");
    add_letters();
    w->a.holds[INBOUND] = true;
    forward("POST", (struct body_framing){BODY_LENGTH, 5});
    exchange_data(&w->f.visitor.endpoint, sent, strlen(sent));
    if (ends)
        exchange_finish(&w->f.visitor.endpoint, NULL);
    assert_string_equal(w->f.visitor.events, "x");
    assert_int_equal(w->f.visitor.why, EXCHANGE_PROTOCOL);
    end_way();
}

static void a_held_body_is_as_long_as_its_head_says(void **state)
{
    (void)state;
    assert_held_body_breaks("hello!", false);
    assert_held_body_breaks("hell", true);
}

static void instead_of_a_held_response_the_visitor_may_get_an_answer(void **state)
{
    (void)state;
    for (int fails = 0; fails < 2; fails++) {
        begin_way("GET");
        add_letters();
        w->b.holds[OUTBOUND] = true;
        forward("GET", (struct body_framing){BODY_NONE, 0});
        exchange_finish(&w->f.visitor.endpoint, NULL);
        respond(&w->f, 200, 5);
        exchange_data(&w->f.service.endpoint, "he", 2);
        if (fails)
            exchange_refuse(&w->f.service.endpoint, ANSWER_UPSTREAM_CLOSED, EXCHANGE_UPSTREAM_GONE);
        else
            exchange_stop(w->f.x, ANSWER_UPSTREAM_INVALID, EXCHANGE_PROTOCOL);
        assert_int_equal(w->f.visitor.status, 502);
        assert_string_equal(w->f.visitor.events, "hdfx");
        assert_string_equal(w->f.service.events, fails ? "hf" : "hfx");
        end_way();
    }
}

static void a_held_switch_of_protocols_that_is_answered_upgrades_nothing(void **state)
{
    struct http_head head = request_head("GET");
    const struct body_framing none = {BODY_NONE, 0};
    (void)state;
    begin_way("GET");
    add_letters();
    w->b.holds[OUTBOUND] = true;
    head.upgrade = SLICE("echo");
    outbound_forward(&w->outbound, &w->chain, w->f.x, &head, &none);
    assert_true(exchange_is_undecided(w->f.x));
    respond(&w->f, 101, 0);
    assert_true(exchange_is_undecided(w->f.x) && !w->f.x->upgraded);
    exchange_stop(w->f.x, ANSWER_BUSY, EXCHANGE_MEMORY);
    assert_false(w->f.x->upgraded);
    assert_int_equal(w->f.visitor.status, 503);
    exchange_finish(&w->f.visitor.endpoint, NULL);
    assert_int_equal(w->f.visitor.why, EXCHANGE_COMPLETE);
    end_way();
}

static void a_held_request_that_is_answered_ends_with_what_has_come(void **state)
{
    (void)state;
    begin_way("POST");
    add_letters();
    w->a.holds[INBOUND] = true;
    forward("POST", (struct body_framing){BODY_LENGTH, 5});
    exchange_data(&w->f.visitor.endpoint, "hello", 5);
    exchange_finish(&w->f.visitor.endpoint, NULL);
    outbound_end(&w->outbound, ANSWER_AGENT_GONE);
    assert_null(w->outbound.held.first);
    assert_int_equal(w->f.visitor.status, 503);
    assert_string_equal(w->f.visitor.events, "chdfx");
    assert_int_equal(w->f.first.report.body[INBOUND].bytes, 5);
    assert_string_equal(log_text, ""); // no filter sees a body without its head
    end_way();
}

static void a_held_request_may_be_answered_before_its_body_has_come(void **state)
{
    (void)state;
    begin_way("POST");
    add_letters();
    w->b.holds[INBOUND] = true;
    forward("POST", (struct body_framing){BODY_LENGTH, 5});
    exchange_data(&w->f.visitor.endpoint, "he", 2);
    exchange_stop(w->f.x, ANSWER_FORBIDDEN, EXCHANGE_REFUSED);
    assert_string_equal(w->f.visitor.events, "chdfu");
    exchange_data(&w->f.visitor.endpoint, "llo", 3);
    exchange_finish(&w->f.visitor.endpoint, NULL);
    assert_string_equal(w->f.visitor.events, "chdfucx");
    assert_int_equal(w->attached, 0);
    end_way();
}

static void what_is_held_goes_with_its_exchange(void **state)
{
    (void)state;
    begin_way("POST");
    add_letters();
    w->a.holds[INBOUND] = true;
    forward("POST", chunked);
    exchange_data(&w->f.visitor.endpoint, "hello", 5);
    exchange_abort(&w->f.visitor.endpoint, EXCHANGE_VISITOR_GONE);
    assert_null(w->outbound.held.first);
    assert_int_equal(letters_closed, 2);
    end_way();
}

static void one_that_has_begun_to_answer_is_aborted_by_a_stop(void **state)
{
    (void)state;
    begin_way("POST");
    forward("POST", chunked);
    respond(&w->f, 200, 2);
    exchange_stop(w->f.x, ANSWER_BODY_TOO_LARGE, EXCHANGE_REFUSED);
    assert_closed(&w->f, "hx", "hx", EXCHANGE_REFUSED);
    end_way();
}

static void begin_limited(uint64_t most)
{
    begin_way("POST");
    body_limit_add(&w->limit, most, &w->chain);
}

static void a_body_over_the_limit_is_answered(void **state)
{
    (void)state;
    for (uint64_t length = 9; length <= 11; length++) {
        begin_limited(10);
        forward("POST", (struct body_framing){BODY_LENGTH, length});
        assert_int_equal(w->attached, length <= 10);
        assert_int_equal(w->f.visitor.status, length <= 10 ? 0 : 413);
        end_way();
    }
}

static void a_body_of_unknown_length_is_answered_once_it_is_over_the_limit(void **state)
{
    (void)state;
    begin_limited(10);
    forward("POST", chunked);
    exchange_data(&w->f.visitor.endpoint, "0123456789", 10);
    assert_int_equal(w->f.service.bytes, 10);
    exchange_data(&w->f.visitor.endpoint, "x", 1);
    assert_int_equal(w->f.visitor.status, 413);
    assert_int_equal(w->f.service.bytes, 10);
    assert_string_equal(w->f.service.events, "hdx");
    assert_int_equal(w->f.service.why, EXCHANGE_REFUSED);
    end_way();
}

static void a_limit_of_zero_is_none_and_an_upgraded_stream_has_none(void **state)
{
    struct http_head head = request_head("GET");
    const struct body_framing none = {BODY_NONE, 0};
    (void)state;
    begin_limited(0);
    assert_null(w->chain.first[INBOUND]);
    end_way();
    begin_limited(10);
    head.upgrade = SLICE("echo");
    outbound_forward(&w->outbound, &w->chain, w->f.x, &head, &none);
    respond(&w->f, 101, 0);
    exchange_data(&w->f.visitor.endpoint, "0123456789abc", 13);
    assert_int_equal(w->f.service.bytes, 13);
    end_way();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_pass_in_order_and_responses_in_reverse),
        cmocka_unit_test(what_follows_a_held_request_waits_for_it),
        cmocka_unit_test(what_follows_a_held_response_waits_for_it_though_its_sender_has_left),
        cmocka_unit_test(what_one_filter_lets_go_another_may_hold),
        cmocka_unit_test(a_held_body_is_as_long_as_its_head_says),
        cmocka_unit_test(instead_of_a_held_response_the_visitor_may_get_an_answer),
        cmocka_unit_test(a_held_switch_of_protocols_that_is_answered_upgrades_nothing),
        cmocka_unit_test(a_held_request_that_is_answered_ends_with_what_has_come),
        cmocka_unit_test(a_held_request_may_be_answered_before_its_body_has_come),
        cmocka_unit_test(what_is_held_goes_with_its_exchange),
        cmocka_unit_test(one_that_has_begun_to_answer_is_aborted_by_a_stop),
        cmocka_unit_test(a_body_over_the_limit_is_answered),
        cmocka_unit_test(a_body_of_unknown_length_is_answered_once_it_is_over_the_limit),
        cmocka_unit_test(a_limit_of_zero_is_none_and_an_upgraded_stream_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
