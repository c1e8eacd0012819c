// SPDX-License-Identifier: MIT
// The fields that pass a hop, those that are added, and those that HTTP/2 must not deliver.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/http/fields.h"
#include "proto/http/http1.h"

enum {
    TEXT_MAX = 4096
};

// A slice for a static initialiser.
#define SLICE_INIT(literal)            \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

// Makes a head of field lines "name: value\n"; its slices point into them.
static struct http_head *head_of(struct http_head *head, const char *lines)
{
    *head = (struct http_head){.minor_version = 1};
    while (*lines) {
        const char *colon = strchr(lines, ':');
        const char *end = strchr(lines, '\n');
        assert_true(colon && end && colon < end);
        assert_true(head_add(head, slice_of(lines, (size_t)(colon - lines)),
                             slice_trim(slice_of(colon + 1, (size_t)(end - colon) - 1))));
        lines = end + 1;
    }
    return head;
}

static void expect_fields(const struct http_head *head, const char *wanted)
{
    char text[TEXT_MAX];
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < head->field_count; i++) {
        const struct field *f = &head->fields[i];
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%.*s: %.*s\n", (int)f->name.len,
                                f->name.p, (int)f->value.len, f->value.p);
        assert_true(len < sizeof(text));
    }
    assert_string_equal(text, wanted);
}

static void hop_by_hop_fields_are_dropped_and_others_kept_in_order(void **state)
{
    static const struct {
        const char *lines, *left;
    } cases[] = {
        {"", ""},
        {"A: 1\nB: 2\na: 3\n", "A: 1\nB: 2\na: 3\n"},
        {"A: 1\nConnection: close\nB: 2\n", "A: 1\nB: 2\n"},
        {"Keep-Alive: x\nA: 1\nPROXY-CONNECTION: x\nTransfer-Encoding: chunked\nUpgrade: x\n"
         "HTTP2-Settings: x\nTE: gzip\n",
         "A: 1\n"},
        {"adit-upgrade: x\nAdit-: x\nADIT-Id: x\nadit: 1\nadits-a: 2\n", "adit: 1\nadits-a: 2\n"},
        {"Connection: keep-alive, X-A, x-b\nX-A: 1\nX-C: 2\nX-B: 3\nX-A: 4\n", "X-C: 2\n"},
        {"X-A: 1\nX-B: 2\nConnection: x-a\nX-C: 3\nConnection: x-b\n", "X-C: 3\n"},
        {"Host: a\nContent-Length: 3\nConnection: host, CONTENT-LENGTH, a b, ,\n",
         "Host: a\nContent-Length: 3\n"},
        {"TE: gzip, Trailers\nConnection: te\n", "TE: trailers\n"},
        {"te: trailers\nTE: trailers\nConnection: TE\n", "te: trailers\n"},
        {"TE: trailers;q=0.5\n", ""},
        {"Trailer: a\nConnectio: x\nKeep-Aliv: y\nUpgrades: z\nteu: 1\n",
         "Trailer: a\nConnectio: x\nKeep-Aliv: y\nUpgrades: z\nteu: 1\n"},
        {"Connection: connection, keep-alive, upgrade, close, te\nA: 1\n", "A: 1\n"},
    };
    struct http_head head;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fields_strip_hop_by_hop(head_of(&head, cases[i].lines));
        expect_fields(&head, cases[i].left);
        fields_strip_hop_by_hop(&head);
        expect_fields(&head, cases[i].left);
    }
}

static void a_response_without_a_body_loses_its_length(void **state)
{
    static const struct {
        uint16_t status;
        bool kept;
    } cases[] = {{100, false}, {101, false}, {199, false}, {200, true},
                 {204, false}, {205, true},  {304, true},  {0, true}};
    struct http_head head;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        head_of(&head, "Content-Length: 0\n")->status = cases[i].status;
        fields_strip_hop_by_hop(&head);
        assert_int_equal(head.field_count, cases[i].kept);
    }
}

static void an_offer_of_h2c_is_dropped_and_no_other(void **state)
{
    static const struct {
        const char *offer, *left;
    } cases[] = {
        {"", ""},
        {"websocket", "websocket"},
        {"a/1, b", "a/1, b"},
        {"h2c", ""},
        {"H2C", ""},
        {"h2c-14", ""},
        {" h2c ,", ""},
        {"h2c, websocket", "websocket"},
        {"websocket, h2c", "websocket"},
        {"a, b, h2c, c", "a, b"},
        {"h2c, h2c, a, b", "a, b"},
        {"h2", "h2"},
        {"xh2c", "xh2c"},
    };
    struct http_head head;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        head_of(&head, "")->upgrade = slice_str(cases[i].offer);
        fields_strip_hop_by_hop(&head);
        if (!slice_eq(head.upgrade, slice_str(cases[i].left)))
            fail_msg("\"%s\" became \"%.*s\"", cases[i].offer, (int)head.upgrade.len,
                     head.upgrade.p);
    }
}

static void trailers_lose_what_only_a_head_may_say(void **state)
{
    struct http_head trailers;

    (void)state;
    fields_strip_trailers(
        head_of(
            &trailers,
            "grpc-status: 0\nContent-Length: 5\nTransfer-Encoding: chunked\nHost: a\nTE: trailers\n"
            "Authorization: x\nSet-Cookie: x\ncookie: x\nTrailer: x\nContent-Type: x\nVia: x\n"
            "X-Forwarded-For: x\nForwarded: x\nExpect: x\nIf-Match: x\nRange: x\nadit-a: x\n"
            "Location: x\nCONTENT-ENCODING: x\nConnection: x-y\nX-Y: 1\nDigest: sha-256=x\nETag: "
            "y\n"),
        (struct slice){0});
    expect_fields(&trailers, "grpc-status: 0\nDigest: sha-256=x\nETag: y\n");
}

static void trailers_lose_what_the_heads_connection_named(void **state)
{
    struct http_head head;
    struct http_head trailers;
    char *names = NULL;

    (void)state;
    assert_true(fields_save_connection_names(
        head_of(&head, "Connection: close, X-A\nX-A: 1\nConnection: keep-alive,x-b ,te,Host\n"),
        &names));
    assert_string_equal(names, "X-A,x-b,");
    fields_strip_trailers(head_of(&trailers, "x-a: 1\nX-B: 2\nX-C: 3\n"), slice_str(names));
    expect_fields(&trailers, "X-C: 3\n");
    assert_true(fields_save_connection_names(head_of(&head, "Connection: close\n"), &names));
    assert_null(names);
    assert_true(fields_save_connection_names(head_of(&head, "X: y\n"), &names));
    assert_null(names);
}

static const struct fields_edge edge = {SLICE_INIT("203.0.113.7"), SLICE_INIT("https"),
                                        SLICE_INIT("a.example:7080"), SLICE_INIT("adit-0123")};

static void what_the_visitor_said_of_its_way_is_replaced(void **state)
{
    char scratch[FIELDS_SCRATCH];
    struct http_head head;

    (void)state;
    head_of(&head, "Forwarded: for=x\nA: 1\nx-forwarded-for: x\nX-Forwarded-Proto: x\n"
                   "X-Forwarded-Host: x\nX-Forwarded-Port: 1\nVia: 1.0 b\n");
    assert_int_equal(fields_add_forwarded(&head, &edge, scratch, sizeof(scratch)), 0);
    expect_fields(&head, "A: 1\nVia: 1.0 b\n"
                         "Forwarded: for=203.0.113.7;host=\"a.example:7080\";proto=https\n"
                         "X-Forwarded-For: 203.0.113.7\nX-Forwarded-Proto: https\n"
                         "X-Forwarded-Host: a.example:7080\nVia: 1.1 adit-0123\n");
}

static void forwarded_is_quoted_as_rfc_7239_asks(void **state)
{
    static const struct {
        const char *visitor, *host, *forwarded;
    } cases[] = {
        {"2001:db8::1", "a", "for=\"[2001:db8::1]\";host=a;proto=http"},
        {"192.0.2.1", "[::1]:80", "for=192.0.2.1;host=\"[::1]:80\";proto=http"},
        {"192.0.2.1", "", "for=192.0.2.1;proto=http"},
        {"", "a(b)", "for=unknown;host=\"a(b)\";proto=http"},
    };
    char scratch[FIELDS_SCRATCH];
    struct http_head head;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fields_edge e = {slice_str(cases[i].visitor), SLICE("http"),
                                slice_str(cases[i].host), SLICE("adit-1")};
        head_of(&head, "")->minor_version = 0;
        assert_int_equal(fields_add_forwarded(&head, &e, scratch, sizeof(scratch)), 0);
        const struct field *forwarded = head_find(&head, SLICE("forwarded"));
        assert_true(forwarded && slice_eq(forwarded->value, slice_str(cases[i].forwarded)));
        assert_int_equal(head_count(&head, SLICE("x-forwarded-host")), cases[i].host[0] != '\0');
        assert_true(slice_eq(head_find(&head, SLICE("via"))->value, SLICE("1.0 adit-1")));
    }
}

static void a_request_that_names_this_relay_is_a_loop(void **state)
{
    static const struct {
        const char *via;
        int result;
    } cases[] = {
        {"Via: 1.1 adit-0123\n", FIELDS_E_LOOP},
        {"Via: 1.0 a, HTTP/1.1\tADIT-0123 (c, d), 1.1 b\n", FIELDS_E_LOOP},
        {"Via: 1.1 a (c, d), 1.1 adit-0123(x)\n", FIELDS_E_LOOP},
        {"Via: 1.1 a\nVIA: 1.1  adit-0123\n", FIELDS_E_LOOP},
        {"Via: 1.1 adit-01234\n", 0},
        {"Via: 1.1 adit-012\n", 0},
        {"Via: adit-0123\n", 0},
        {"Via: 1.1 b-adit-0123, ,\n", 0},
        {"X: 1.1 adit-0123\n", 0},
    };
    char scratch[FIELDS_SCRATCH];
    struct http_head head;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (fields_add_forwarded(head_of(&head, cases[i].via), &edge, scratch, sizeof(scratch)) !=
            cases[i].result)
            fail_msg("%s", cases[i].via);
}

static void our_own_via_is_recognised_next_time(void **state)
{
    char scratch[2][FIELDS_SCRATCH];
    struct http_head head;

    (void)state;
    head_of(&head, "");
    assert_int_equal(fields_add_forwarded(&head, &edge, scratch[0], sizeof(scratch[0])), 0);
    assert_int_equal(fields_add_forwarded(&head, &edge, scratch[1], sizeof(scratch[1])),
                     FIELDS_E_LOOP);
}

static void what_has_no_room_is_refused(void **state)
{
    char long_text[256];
    char scratch[FIELDS_SCRATCH];
    struct http_head head;

    (void)state;
    memset(long_text, 'a', sizeof(long_text));
    struct slice s = slice_of(long_text, 255);
    struct fields_edge longest = {s, s, s, s};
    assert_int_equal(fields_add_forwarded(head_of(&head, ""), &longest, scratch, sizeof(scratch)),
                     0);
    size_t needed = 0;
    for (size_t i = 0; i < head.field_count; i++)
        needed += head.fields[i].value.len;
    char *exact = malloc(needed);
    assert_non_null(exact);
    assert_int_equal(fields_add_forwarded(head_of(&head, ""), &longest, exact, needed), 0);
    for (size_t cap = 0; cap < needed; cap++)
        assert_int_equal(fields_add_forwarded(head_of(&head, ""), &longest, exact, cap),
                         FIELDS_E_TOO_MANY);
    free(exact);
    for (size_t count = MESSAGE_FIELDS_CAP - 6; count <= MESSAGE_FIELDS_CAP; count++) {
        head_of(&head, "");
        while (head.field_count < count)
            assert_true(head_add(&head, SLICE("a"), SLICE("b")));
        assert_int_equal(fields_add_forwarded(&head, &edge, scratch, sizeof(scratch)),
                         count + 5 <= MESSAGE_FIELDS_CAP ? 0 : FIELDS_E_TOO_MANY);
    }
}

static void a_host_that_is_none_is_not_forwarded(void **state)
{
    char scratch[FIELDS_SCRATCH];
    struct fields_edge bad = edge;
    struct http_head head;

    (void)state;
    bad.host = SLICE("a\";for=b");
    assert_int_equal(fields_add_forwarded(head_of(&head, ""), &bad, scratch, sizeof(scratch)),
                     FIELDS_E_INVALID);
}

static void only_sound_fields_come_out_of_hpack(void **state)
{
    static const char *const good[] = {"a: b\n",         "a: \xff c\n",         "a:\n",
                                       "te: trailers\n", "content-length: 5\n", "host: a\n",
                                       "adit-x: 1\n"};
    static const struct field bad[] = {
        {SLICE_INIT("A"), SLICE_INIT("b")},
        {SLICE_INIT("a:b"), SLICE_INIT("c")},
        {SLICE_INIT("a b"), SLICE_INIT("c")},
        {SLICE_INIT(""), SLICE_INIT("c")},
        {SLICE_INIT(":path"), SLICE_INIT("/")},
        {SLICE_INIT("a\r\nb"), SLICE_INIT("c")},
        {SLICE_INIT("a"), SLICE_INIT("b\r\nc: d")},
        {SLICE_INIT("a"), SLICE_INIT("b\nc")},
        {SLICE_INIT("a"), SLICE_INIT("b\0c")},
        {SLICE_INIT("a"), SLICE_INIT(" b")},
        {SLICE_INIT("a"), SLICE_INIT("b\t")},
        {SLICE_INIT("connection"), SLICE_INIT("close")},
        {SLICE_INIT("keep-alive"), SLICE_INIT("1")},
        {SLICE_INIT("proxy-connection"), SLICE_INIT("x")},
        {SLICE_INIT("transfer-encoding"), SLICE_INIT("chunked")},
        {SLICE_INIT("upgrade"), SLICE_INIT("x")},
        {SLICE_INIT("te"), SLICE_INIT("gzip")},
        {SLICE_INIT("content-length"), SLICE_INIT("5, 5")},
        {SLICE_INIT("content-length"), SLICE_INIT("")},
        {SLICE_INIT("content-length"), SLICE_INIT("9223372036854775808")},
    };
    struct http_head head;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (fields_check(head_of(&head, good[i])))
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        head_of(&head, "x: y\n");
        assert_true(head_add(&head, bad[i].name, bad[i].value));
        if (fields_check(&head) != FIELDS_E_INVALID)
            fail_msg("%s: %s", bad[i].name.p, bad[i].value.p);
    }
    assert_int_equal(fields_check(head_of(&head, "content-length: 5\ncontent-length: 5\n")),
                     FIELDS_E_INVALID);
}

static void only_sound_requests_come_out_of_hpack(void **state)
{
    static const struct {
        const char *method, *scheme, *authority, *target;
        int result;
    } cases[] = {
        {"GET", "http", "a", "/", 0},
        {"GET", "", "", "/b?c", 0},
        {"GET", "https", "a:1", "?q", 0},
        {"OPTIONS", "http", "a", "*", 0},
        {"CONNECT", "", "a:22", "", 0},
        {"CONNECT", "", "", "", FIELDS_E_INVALID},
        {"CONNECT", "", "a", "\n", FIELDS_E_INVALID},
        {"GET", "http", "a", "*", FIELDS_E_INVALID},
        {"GET", "http", "a", "", FIELDS_E_INVALID},
        {"GET", "http", "a", "b", FIELDS_E_INVALID},
        {"GET", "http", "a", "/ HTTP/1.1", FIELDS_E_INVALID},
        {"GET", "http", "a", "/\r\nA: b", FIELDS_E_INVALID},
        {"GET", "http", "a", "/#b", FIELDS_E_INVALID},
        {"GET", "ftp", "a", "/", FIELDS_E_INVALID},
        {"GET", "http", "a/b", "/", FIELDS_E_INVALID},
        {"GET", "http", "a\r\nb: c", "/", FIELDS_E_INVALID},
        {"G T", "http", "a", "/", FIELDS_E_INVALID},
        {"GET\r\n", "http", "a", "/", FIELDS_E_INVALID},
        {"", "http", "", "", FIELDS_E_INVALID},
        {"", "", "a", "", FIELDS_E_INVALID},
        {"", "", "", "/", FIELDS_E_INVALID},
        {"", "", "", "", 0},
    };
    struct http_head head;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        head_of(&head, "a: b\n");
        head.method = slice_str(cases[i].method);
        head.scheme = slice_str(cases[i].scheme);
        head.authority = slice_str(cases[i].authority);
        head.target = slice_str(cases[i].target);
        if (fields_check(&head) != cases[i].result)
            fail_msg("case %zu", i);
    }
    head_of(&head, "host: a\nhost: a\n");
    head.method = SLICE("GET");
    head.target = SLICE("/");
    assert_int_equal(fields_check(&head), FIELDS_E_INVALID);
    head_of(&head, "")->upgrade = SLICE("a\r\nb");
    assert_int_equal(fields_check(&head), FIELDS_E_INVALID);
}

static void only_sound_statuses_come_out_of_hpack(void **state)
{
    struct http_head head;

    (void)state;
    for (unsigned status = 1; status < 1100; status++) {
        head_of(&head, "a: b\n")->status = (uint16_t)status;
        assert_int_equal(fields_check(&head),
                         status >= 100 && status <= 999 ? 0 : FIELDS_E_INVALID);
    }
    head.status = 200;
    head.method = SLICE("GET");
    head.target = SLICE("/");
    assert_int_equal(fields_check(&head), FIELDS_E_INVALID);
}

static void every_error_has_its_own_words(void **state)
{
    (void)state;
    for (int a = FIELDS_E_INVALID - 1; a <= 0; a++)
        for (int b = FIELDS_E_INVALID - 1; b < a; b++)
            assert_string_not_equal(fields_strerror(a), fields_strerror(b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hop_by_hop_fields_are_dropped_and_others_kept_in_order),
        cmocka_unit_test(a_response_without_a_body_loses_its_length),
        cmocka_unit_test(an_offer_of_h2c_is_dropped_and_no_other),
        cmocka_unit_test(trailers_lose_what_only_a_head_may_say),
        cmocka_unit_test(trailers_lose_what_the_heads_connection_named),
        cmocka_unit_test(what_the_visitor_said_of_its_way_is_replaced),
        cmocka_unit_test(forwarded_is_quoted_as_rfc_7239_asks),
        cmocka_unit_test(a_request_that_names_this_relay_is_a_loop),
        cmocka_unit_test(our_own_via_is_recognised_next_time),
        cmocka_unit_test(what_has_no_room_is_refused),
        cmocka_unit_test(a_host_that_is_none_is_not_forwarded),
        cmocka_unit_test(only_sound_fields_come_out_of_hpack),
        cmocka_unit_test(only_sound_requests_come_out_of_hpack),
        cmocka_unit_test(only_sound_statuses_come_out_of_hpack),
        cmocka_unit_test(every_error_has_its_own_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
