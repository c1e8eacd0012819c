// SPDX-License-Identifier: MIT
// Requests made fit to be forwarded: Max-Forwards, loops, hop-by-hop fields, Host.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/exchange/forward.h"

#define LOOP_ID "adit-0123456789abcdef"

// The visitor's endpoint, which keeps the answer that it gets.
struct visitor {
    struct exchange_endpoint endpoint;
    uint16_t status;
    char code[40];
    size_t body_bytes;
    int heads, finished;
};

static struct visitor *visitor_of(struct exchange_endpoint *e)
{
    return (struct visitor *)(void *)e;
}

static void on_head(struct exchange_endpoint *e, const struct http_head *head,
                    const struct body_framing *framing)
{
    struct visitor *v = visitor_of(e);
    const struct field *code = head_find(head, SLICE("adit-error"));
    (void)framing;
    v->heads++;
    v->status = head->status;
    if (code)
        memcpy(v->code, code->value.p, code->value.len);
}

static void on_data(struct exchange_endpoint *e, const char *bytes, size_t len)
{
    (void)bytes;
    visitor_of(e)->body_bytes += len;
}

static void on_finish(struct exchange_endpoint *e, const struct http_head *trailers)
{
    (void)trailers;
    visitor_of(e)->finished++;
}

static void on_unwanted(struct exchange_endpoint *e)
{
    (void)e;
}

static const struct exchange_ops ops = {
    .head = on_head, .data = on_data, .finish = on_finish, .unwanted = on_unwanted};

struct fixture {
    struct visitor visitor;
    struct http_head head;
    struct forward_scratch scratch;
    struct exchange *x;
};

static void begin(struct fixture *f, const char *method)
{
    memset(f, 0, sizeof(*f));
    f->visitor.endpoint.ops = &ops;
    f->head.method = slice_str(method);
    f->head.target = SLICE("/");
    f->head.authority = SLICE("name.localhost");
    f->head.minor_version = 1;
    assert_true(head_add(&f->head, SLICE("Host"), SLICE("name.localhost")));
    f->x = exchange_new(&f->visitor.endpoint, &f->head, NULL);
    assert_non_null(f->x);
    f->x->facts.visitor = "192.0.2.1";
    f->x->facts.scheme = "https";
}

static void add(struct fixture *f, const char *name, const char *value)
{
    assert_true(head_add(&f->head, slice_str(name), slice_str(value)));
}

static bool forward(struct fixture *f)
{
    return forward_request(f->x, &f->head, LOOP_ID, &f->scratch);
}

static void assert_field(const struct fixture *f, const char *name, const char *value)
{
    const struct field *field = head_find(&f->head, slice_str(name));
    if (!value) {
        assert_null(field);
        return;
    }
    assert_non_null(field);
    assert_int_equal(field->value.len, strlen(value));
    assert_memory_equal(field->value.p, value, field->value.len);
}

static void the_loop_id_is_the_name_and_the_id(void **state)
{
    char id[FORWARD_LOOP_ID_MAX];
    (void)state;
    forward_loop_id(id, "0123456789abcdef");
    assert_string_equal(id, LOOP_ID);
}

static void a_request_is_forwarded_with_what_the_hop_adds(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, "GET");
    add(&f, "Accept", "x");
    add(&f, "X-Forwarded-For", "203.0.113.9");
    assert_true(forward(&f));
    assert_field(&f, "host", NULL);
    assert_true(slice_eq(f.head.authority, SLICE("name.localhost")));
    assert_true(slice_eq(f.head.scheme, SLICE("https")));
    assert_field(&f, "accept", "x");
    assert_field(&f, "x-forwarded-for", "192.0.2.1");
    assert_field(&f, "x-forwarded-proto", "https");
    assert_field(&f, "x-forwarded-host", "name.localhost");
    assert_field(&f, "via", "1.1 " LOOP_ID);
    assert_int_equal(f.visitor.heads, 0);
    exchange_discard(f.x);
}

static void hop_by_hop_fields_stay_behind(void **state)
{
    static const char *const names[] = {"Connection",       "X-Named", "Keep-Alive",
                                        "Proxy-Connection", "TE",      "Adit-Error"};
    struct fixture f;
    (void)state;
    begin(&f, "GET");
    add(&f, "Connection", "x-named");
    for (size_t i = 1; i < sizeof(names) / sizeof(names[0]); i++)
        add(&f, names[i], "x");
    add(&f, "X-Kept", "x");
    assert_true(forward(&f));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_field(&f, names[i], NULL);
    assert_field(&f, "X-Kept", "x");
    exchange_discard(f.x);
}

static void a_request_that_came_through_us_is_a_loop(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, "GET");
    add(&f, "Via", "1.1 other, 1.1 " LOOP_ID);
    assert_false(forward(&f));
    assert_int_equal(f.visitor.status, 508);
    assert_string_equal(f.visitor.code, "ADIT-LOOP");
    exchange_discard(f.x);
    begin(&f, "GET");
    add(&f, "Via", "1.1 " LOOP_ID "0"); // of somebody else
    assert_true(forward(&f));
    exchange_discard(f.x);
}

static void max_forwards_is_counted_down_for_options_and_trace_alone(void **state)
{
    static const struct {
        const char *method, *value, *then;
    } cases[] = {
        {"OPTIONS", "2", "1"},
        {"TRACE", "1", "0"},
        {"TRACE", "18446744073709551615", "18446744073709551614"},
        {"GET", "2", "2"},
        {"GET", "0", "0"},
        {"options", "0", "0"}, // methods are case-sensitive
        {"OPTIONS", "x", "x"},
        {"OPTIONS", "-1", "-1"},
        {"OPTIONS", "", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        begin(&f, cases[i].method);
        add(&f, "Max-Forwards", cases[i].value);
        assert_true(forward(&f));
        assert_field(&f, "max-forwards", cases[i].then);
        assert_int_equal(f.visitor.heads, 0);
        exchange_discard(f.x);
    }
}

static void max_forwards_of_zero_is_answered_here(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, "OPTIONS");
    add(&f, "Max-Forwards", "0");
    assert_false(forward(&f));
    assert_int_equal(f.visitor.status, 200);
    assert_string_equal(f.visitor.code, "");
    assert_int_equal(f.visitor.body_bytes, 0);
    assert_int_equal(f.visitor.finished, 1);
    exchange_discard(f.x);
    begin(&f, "TRACE");
    add(&f, "Max-Forwards", "0");
    assert_false(forward(&f));
    assert_int_equal(f.visitor.status, 501);
    exchange_discard(f.x);
}

static void a_head_without_room_for_the_hops_fields_is_refused(void **state)
{
    struct fixture f;
    (void)state;
    begin(&f, "GET");
    while (f.head.field_count < MESSAGE_FIELDS_CAP)
        add(&f, "X-A", "x");
    assert_false(forward(&f));
    assert_int_equal(f.visitor.status, 431);
    exchange_discard(f.x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loop_id_is_the_name_and_the_id),
        cmocka_unit_test(a_request_is_forwarded_with_what_the_hop_adds),
        cmocka_unit_test(hop_by_hop_fields_stay_behind),
        cmocka_unit_test(a_request_that_came_through_us_is_a_loop),
        cmocka_unit_test(max_forwards_is_counted_down_for_options_and_trace_alone),
        cmocka_unit_test(max_forwards_of_zero_is_answered_here),
        cmocka_unit_test(a_head_without_room_for_the_hops_fields_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
