// SPDX-License-Identifier: MIT
// Requests made fit to be forwarded: Max-Forwards, loops, hop-by-hop fields, Host.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/exchange/forward.h"
#include "common/exchange/outbound.h"

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

// The filter behind the one that is tested: keeps the head that it passes on.
struct keeper {
    struct filter filter;
    struct head_copy *head;
};

static struct keeper *keeper_of(const struct filter *f)
{
    return (struct keeper *)(uintptr_t)f;
}

static void keep_head(const struct filter *f, struct exchange *x, enum exchange_side from,
                      struct http_head *head, const struct body_framing *framing)
{
    (void)x;
    (void)from;
    (void)framing;
    keeper_of(f)->head = head_copy_new(head);
    assert_non_null(keeper_of(f)->head);
}

static void free_head(const struct filter *f, struct exchange *x)
{
    (void)x;
    free(keeper_of(f)->head);
}

static const struct filter_ops keeper_ops = {.head = keep_head, .closed = free_head};

struct fixture {
    struct visitor visitor;
    struct http_head head;
    struct outbound nobody;
    struct forward forward;
    struct keeper keeper;
    struct filter_chain chain;
    struct exchange *x;
};

static void begin(struct fixture *f, const char *method)
{
    memset(f, 0, sizeof(*f));
    forward_init(&f->forward, LOOP_ID);
    f->keeper.filter.ops = &keeper_ops;
    filter_chain_add(&f->chain, &f->forward.filter);
    filter_chain_add(&f->chain, &f->keeper.filter);
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

// Whether the request goes on. Its head is then the one that goes on.
static bool forward(struct fixture *f)
{
    const struct body_framing none = {BODY_NONE, 0};
    outbound_forward(&f->nobody, &f->chain, f->x, &f->head, &none);
    if (f->keeper.head)
        head_copy_read(f->keeper.head, &f->head);
    return f->keeper.head != NULL;
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

// All fields that the hop adds stand behind those that pass, and nothing that the visitor says of
// its way is believed.
static void the_hops_fields_are_appended_in_the_place_of_the_visitors(void **state)
{
    static const struct slice added[][2] = {
        {{"A", 1}, {"1", 1}},
        {{"Via", 3}, {"1.0 other", 9}},
        {{"B", 1}, {"2", 1}},
        {{"Forwarded", 9}, {"for=192.0.2.1;host=name.localhost;proto=https", 45}},
        {{"X-Forwarded-For", 15}, {"192.0.2.1", 9}},
        {{"X-Forwarded-Proto", 17}, {"https", 5}},
        {{"X-Forwarded-Host", 16}, {"name.localhost", 14}},
        {{"Via", 3}, {"1.0 " LOOP_ID, 4 + sizeof(LOOP_ID) - 1}},
    };
    struct fixture f;
    (void)state;
    begin(&f, "GET");
    f.head.minor_version = 0;
    add(&f, "X-Forwarded-Proto", "http");
    add(&f, "A", "1");
    add(&f, "FORWARDED", "for=203.0.113.9");
    add(&f, "Via", "1.0 other");
    add(&f, "x-forwarded-host", "evil.example");
    add(&f, "B", "2");
    add(&f, "X-Forwarded-For", "203.0.113.9");
    assert_true(forward(&f));
    assert_int_equal(f.head.field_count, sizeof(added) / sizeof(added[0]));
    for (size_t i = 0; i < f.head.field_count; i++)
        if (!slice_eq(f.head.fields[i].name, added[i][0]) ||
            !slice_eq(f.head.fields[i].value, added[i][1]))
            fail_msg("%.*s: %.*s", (int)f.head.fields[i].name.len, f.head.fields[i].name.p,
                     (int)f.head.fields[i].value.len, f.head.fields[i].value.p);
    exchange_discard(f.x);
}

static void an_authority_that_is_too_long_or_missing_is_not_repeated(void **state)
{
    static const size_t lengths[] = {0, 254, 255, 256, 8000};
    static char host[8000];
    (void)state;
    memset(host, 'a', sizeof(host));
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct fixture f;
        begin(&f, "GET");
        f.head.authority = slice_of(host, lengths[i]);
        assert_true(forward(&f));
        assert_int_equal(f.head.authority.len, lengths[i]);
        const struct field *said = head_find(&f.head, SLICE("x-forwarded-host"));
        const struct field *forwarded = head_find(&f.head, SLICE("forwarded"));
        bool repeats = lengths[i] > 0 && lengths[i] < 256;
        assert_int_equal(said != NULL, repeats);
        assert_true(!said || slice_eq(said->value, f.head.authority));
        assert_non_null(forwarded);
        assert_int_equal(memmem(forwarded->value.p, forwarded->value.len, ";host=", 6) != NULL,
                         repeats);
        exchange_discard(f.x);
    }
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
    static const struct {
        const char *via, *second; // NULL: there is one
        bool loops;
    } cases[] = {
        {"1.1 " LOOP_ID, NULL, true},
        {"1.1 other, 1.1 " LOOP_ID, NULL, true},
        {"1.1 other", "1.1 " LOOP_ID, true},
        {"HTTP/1.0 ADIT-0123456789ABCDEF (a comment, with a comma), 1.1 b", NULL, true},
        {"1.1 " LOOP_ID "0", NULL, false}, // of somebody else
        {"1.1 adit-0123456789abcde", NULL, false},
        {"1.1 other (1.1 " LOOP_ID ")", NULL, false}, // in a comment
        {LOOP_ID, NULL, false},                       // a version, without a name
        {"", NULL, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        begin(&f, "GET");
        add(&f, "Via", cases[i].via);
        if (cases[i].second)
            add(&f, "via", cases[i].second);
        if (forward(&f) == cases[i].loops)
            fail_msg("Via: %s", cases[i].via);
        assert_int_equal(f.visitor.status, cases[i].loops ? 508 : 0);
        assert_string_equal(f.visitor.code, cases[i].loops ? "ADIT-LOOP" : "");
        exchange_discard(f.x);
    }
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
        {"options", "0", "0"},                                     // methods are case-sensitive
        {"TRACE", "18446744073709551616", "18446744073709551616"}, // more than we count
        {"OPTIONS", "007", "6"},
        {"HEAD", "0", "0"},
        {"OPTIONS", "1 ", "1 "},
        {"OPTIONS", "+1", "+1"},
        {"TRACE", "0x1", "0x1"},
        {"TRACE", "1.5", "1.5"},
        {"TRACE", "0, 1", "0, 1"},
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
    static const struct {
        const char *method, *value;
        uint16_t status;
        const char *code;
    } cases[] = {
        {"OPTIONS", "0", 200, ""},
        {"OPTIONS", "00", 200, ""},
        {"TRACE", "0", 501, "ADIT-NOT-IMPLEMENTED"},
        {"TRACE", "0000000000000000000000000", 501, "ADIT-NOT-IMPLEMENTED"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        begin(&f, cases[i].method);
        add(&f, "Max-Forwards", cases[i].value);
        assert_false(forward(&f));
        assert_int_equal(f.visitor.status, cases[i].status);
        assert_string_equal(f.visitor.code, cases[i].code);
        assert_int_equal(f.visitor.heads, 1);
        assert_int_equal(f.visitor.body_bytes == 0, cases[i].status == 200);
        assert_int_equal(f.visitor.finished, 1);
        exchange_discard(f.x);
    }
}

// The hop adds five fields and takes Host away.
static void a_head_without_room_for_the_hops_fields_is_refused(void **state)
{
    (void)state;
    for (size_t count = MESSAGE_FIELDS_CAP - 6; count <= MESSAGE_FIELDS_CAP - 1; count++) {
        struct fixture f;
        bool fits = count + 5 <= MESSAGE_FIELDS_CAP;
        begin(&f, "GET");
        for (size_t i = 0; i < count; i++)
            add(&f, "X-A", "x");
        assert_int_equal(forward(&f), fits);
        assert_int_equal(f.visitor.status, fits ? 0 : 431);
        assert_true(!fits || f.head.field_count == count + 5);
        exchange_discard(f.x);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loop_id_is_the_name_and_the_id),
        cmocka_unit_test(a_request_is_forwarded_with_what_the_hop_adds),
        cmocka_unit_test(the_hops_fields_are_appended_in_the_place_of_the_visitors),
        cmocka_unit_test(an_authority_that_is_too_long_or_missing_is_not_repeated),
        cmocka_unit_test(hop_by_hop_fields_stay_behind),
        cmocka_unit_test(a_request_that_came_through_us_is_a_loop),
        cmocka_unit_test(max_forwards_is_counted_down_for_options_and_trace_alone),
        cmocka_unit_test(max_forwards_of_zero_is_answered_here),
        cmocka_unit_test(a_head_without_room_for_the_hops_fields_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
