// SPDX-License-Identifier: MIT
// Which exchanges a filter matches (docs/filters.md).
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/record/filter/filter_internal.h"
#include "tests/support/filters.h"

static const int64_t second = 1000000000;
static const int64_t now = FILTERS_NOW;

static struct slice bodies[2];
static int bodies_asked;

static struct slice body(void *ctx, enum record_side side)
{
    (void)ctx;
    bodies_asked++;
    return bodies[side];
}

static struct record_exchange usual(void)
{
    return (struct record_exchange){
        .seq = 7,
        .id = "0123456789abcdef",
        .began_ns = now - 60 * second,
        .program = SLICE("adit http"),
        .tunnel = SLICE("web"),
        .visitor = SLICE("192.0.2.7"),
        .protocol = SLICE("HTTP/1.1"),
        .method = SLICE("POST"),
        .scheme = SLICE("http"),
        .host = SLICE("web.localhost:7080"),
        .target = SLICE("/api/v1/Bills?id=5&x=a%20b"),
        .upstream = SLICE("127.0.0.1:3000"),
        .request_head = SLICE("Host: web.localhost:7080\r\nAccept: text/html\r\n"
                              "Accept: application/json\r\nX-Empty:\r\n"),
        .response_head = SLICE("Content-Type: application/json\r\nX-None: \t \r\n"),
        .status = 502,
        .outcome = SLICE("upstream gone"),
        .error = SLICE("ADIT-UPSTREAM-GONE"),
        .body = {{.bytes = 14, .kept = 14, .stalled_ns = 5 * second, .trailers = SLICE("")},
                 {.bytes = 1500000,
                  .stalled_ns = second,
                  .trailers = SLICE("Grpc-Status: 13\r\n")}},
        .duration_ns = 250000000,
    };
}

static struct filter *new (const char *text)
{
    struct filter_mistake mistake;
    struct filter *f = filters_try(text, &mistake);
    if (!f)
        fail_msg("%s: %s", text, mistake.message);
    return f;
}

static bool matches_exchange(const char *text, const struct record_exchange *x)
{
    struct filter_subject subject = {.x = x, .body = body};
    struct filter *f = new (text);
    bool result = filter_match(f, &subject);
    filter_free(f);
    return result;
}

static bool matches(const char *text)
{
    struct record_exchange x = usual();
    bodies[0] = SLICE("{\"bill\": 17}\n\n");
    bodies[1] = SLICE("first line\r\nan Invoice\0with zero\nlast");
    return matches_exchange(text, &x);
}

#define YES(...) each((const char *const[]){__VA_ARGS__, NULL}, true)
#define NO(...)  each((const char *const[]){__VA_ARGS__, NULL}, false)

// Checks each filter, and its negation.
static void each(const char *const *texts, bool expected)
{
    char contrary[FILTER_TEXT_MAX];
    for (; *texts; texts++) {
        if (matches(*texts) != expected)
            fail_msg("%s: %s", *texts, expected ? "no match" : "a match");
        assert_true((size_t)snprintf(contrary, sizeof(contrary), "not (%s)", *texts) <
                    sizeof(contrary));
        if (matches(contrary) == expected)
            fail_msg("%s: as without not", contrary);
    }
}

static void an_empty_filter_matches_everything(void **state)
{
    struct filter_mistake mistake;
    (void)state;
    assert_true(matches(""));
    assert_true(matches(" \t\r\n"));
    struct filter *f = filter_new((struct slice){0}, now, &mistake);
    assert_non_null(f);
    filter_free(f);
    filter_free(NULL);
}

static void a_status_is_a_number_or_a_class(void **state)
{
    struct record_exchange x = usual();
    (void)state;
    YES("status=502", "status>=502", "status>501", "status<=502", "status<503", "status!=501",
        "status=5xx", "status=5XX", "status!=4xx", "status", "status!=none", "STATUS=502",
        "status=\"502\"");
    NO("status=501", "status>=503", "status>502", "status<=501", "status<502", "status!=502",
       "status=4xx", "status!=5xx", "status=none");
    x.status = 0; // no response: no order applies
    assert_true(matches_exchange("status=none status!=200 status!=5xx not status", &x));
    assert_false(matches_exchange("status<600 or status>=100 or status=5xx or status", &x));
}

static void texts_are_compared_as_their_field_wants(void **state)
{
    (void)state;
    YES("method=post", "method~^PO", "path=/api/v1/Bills", "path~^/api", "path~^/(api|b)/v1",
        "target~id=5", "target=/api/v1/Bills?id=5&x=a%20b", "query=id=5&x=a%20b", "query",
        "scheme=HTTP", "protocol=http/1.1", "visitor=192.0.2.7", "tunnel=Web", "upstream~:3000$",
        "url~^http://web", "url=http://web.localhost:7080/api/v1/Bills?id=5&x=a%20b",
        "outcome=upstream-gone", "outcome=\"Upstream gone\"", "outcome~gone", "error",
        "error=adit-upstream-gone", "error~UPSTREAM", "program=adit-http", "program~http");
    NO("method=pos", "method~post", "path=/api/v1/bills", "path~id", "target=/api", "query~Bills",
       "query=", "scheme=https", "visitor=192.0.2", "url~bills", "outcome=gone", "error=");
}

static void a_host_is_known_by_its_first_label(void **state)
{
    struct record_exchange x = usual();
    (void)state;
    YES("host=web", "host=WEB", "host=web.localhost", "host=web.localhost:7080", "host~local",
        "host!=we", "host~:7080");
    NO("host=localhost", "host=web.", "host=7080", "host=web:7080", "host=", "host~^local",
       "host~WEB");
    x.host = SLICE("[::1]:7080");
    assert_true(matches_exchange("host=[::1] host=[::1]:7080 host!=[", &x));
    x.host = SLICE("[::1]");
    assert_true(matches_exchange("host=[::1] host!=[:", &x));
    x.host = SLICE("");
    assert_true(matches_exchange("host= not host host!=web", &x));
}

static void a_query_begins_behind_the_first_question_mark(void **state)
{
    struct record_exchange x = usual();
    (void)state;
    x.target = SLICE("?a?b");
    assert_true(matches_exchange("path= query=a?b", &x));
    x.target = SLICE("*");
    assert_true(matches_exchange("path=* query= not query", &x));
    x.target = SLICE("/?");
    assert_true(matches_exchange("path=/ query= target=/?", &x));
}

static void bodies_are_searched_on_their_sides(void **state)
{
    (void)state;
    YES("body~bill", "req.body~bill", "res.body~Invoice", "body~*INVOICE", "body~zero",
        "body~\"an Invoice\"", "res.body~^an", "res.body~line.$", "res.body~^last$",
        "body!~nothing", "body~Invoice[^x]with", "req.body", "body",
        "body~\"\\{\\\"bill\\\": [0-9]+}\"", "body~\\\"bill\\\"", "res.body~*^AN\\sINV",
        "body!~*nothing");
    NO("res.body~bill", "req.body~Invoice", "body~invoice", "body!~bill", "body~\"Invoice.with\"",
       "res.body~^line", "res.body~first.*last", "body!~*INVOICE", "body=", "req.body=x");
}

static void a_body_is_asked_for_last(void **state)
{
    (void)state;
    bodies_asked = 0;
    NO("body~bill status=200");
    assert_int_equal(bodies_asked, 0);
    NO("(body~nothing or body~bill) (status=200 or method=GET)");
    assert_int_equal(bodies_asked, 0);
    YES("body~nothing or method=POST");
    assert_int_equal(bodies_asked, 0);
}

static void a_header_has_several_values_or_none(void **state)
{
    (void)state;
    YES("header.accept=text/html", "req.header.ACCEPT=application/json", "header.accept~html",
        "res.header.content-type~json", "res.header.content-type~*JSON", "header.x-empty",
        "header.x-empty=", "res.header.x-none=", "req.header.missing!=x", "header.grpc-status=13",
        "res.header.grpc-status", "not header.missing");
    NO("res.header.accept", "req.header.content-type", "header.accept=html",
       "header.accept!=text/html", "header.missing", "header.missing=", "header.accep",
       "header.accept=", "req.header.grpc-status");
}

static void numbers_have_units(void **state)
{
    (void)state;
    YES("size=1500000", "size=1500KB", "size=1.5MB", "size>1MB", "size>1.4m", "size<1.5MiB",
        "size<1gb", "size<=1.5g", "res.size=1500000b", "req.size=14", "req.size<1k",
        "req.size>=14B", "time=250ms", "time>200ms", "time<0.3s", "time=250000us",
        "time=250000000ns", "time<1m", "time<1h", "time<1d", "time!=1s", "stalled=5s", "stalled>1s",
        "size>=0", "time>=0s", "size<=18446744073709551615", "size>1464KiB", "size<1465k");
    NO("size<0", "size>18446744073709551615", "req.size>14", "time>250ms", "time!=250ms",
       "stalled=1s", "size>1.5MB", "time<250ms");
}

static void a_running_exchange_has_no_time(void **state)
{
    struct record_exchange x = usual();
    (void)state;
    x.duration_ns = -1;
    x.outcome = SLICE("");
    assert_false(matches_exchange("time>0s or time=0s or time<1d or time!=1s", &x));
    assert_true(matches_exchange("not time>0s running outcome= not outcome", &x));
}

static void flags_stand_alone(void **state)
{
    struct record_exchange x = usual();
    (void)state;
    NO("running", "replayed", "shed", "redacted", "upgraded");
    x.replay_of = SLICE("0123456789abcdef");
    x.flags = RECORD_SHED | RECORD_REDACTED | RECORD_UPGRADED;
    assert_true(matches_exchange("not running replayed shed redacted upgraded", &x));
    x.flags = RECORD_REDACTED;
    assert_true(matches_exchange("redacted not shed not upgraded", &x));
}

static void an_id_is_known_by_its_beginning(void **state)
{
    (void)state;
    YES("id=cdef", "id=789ABCDEF", "id!=def", "id=123456789abcdef");
    NO("id=def", "id=cdeg", "id!=cdef", "id=bcde", "id=00123456789abcde");
    YES("id=0", "id=0123456789abcdef", "id=0123456789ABC", "id!=1", "id=\"01\"");
    NO("id=1", "id=0123456789abcdeg", "id!=01");
}

static void time_is_counted_back_from_now(void **state)
{
    (void)state;
    YES("since=60s", "since=1m", "since=1h", "since=1d", "until=60s", "until=1m", "until=59s",
        "since=2026-11-25Z", "until=2026-11-25Z", "since=2026-11-25T11:59Z",
        "until=2026-11-25T11:59Z", "since=2026-11-25T11:59:00Z", "until=2026-11-25t11:59:00z",
        "until=2026-11-25T11:59:00.0Z", "since=\"2026-11-25 11:59:00Z\"", "since=1970-01-01Z",
        "since=2024-02-29Z");
    NO("since=59s", "until=61s", "since=2026-11-25T11:59:00.000000001Z", "until=2026-11-25T11:58Z",
       "until=2026-11-25T11:58:59Z", "until=2026-11-24Z", "since=2026-11-26Z");
}

static int64_t since_ns(const char *text)
{
    struct filter *f = new (text);
    struct filter_bounds b = filter_bounds(f);
    filter_free(f);
    return b.since_ns != INT64_MIN ? b.since_ns : b.until_ns;
}

static void what_has_no_z_is_local_time(void **state)
{
    (void)state;
    assert_int_equal(setenv("TZ", "XYZ-2", 1), 0); // two hours before UTC
    tzset();
    assert_true(since_ns("since=2026-11-25T14:00") == now);
    assert_true(since_ns("since=2026-11-25T12:00Z") == now);
    assert_true(since_ns("since=2026-11-25") == now - 14 * 3600 * second);
    assert_true(since_ns("until=2026-11-25") == now + 10 * 3600 * second - 1);
    assert_int_equal(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1), 0);
    tzset(); // 25 October 2026 has 25 hours
    assert_true(since_ns("until=2026-10-25") - since_ns("since=2026-10-25") ==
                25 * 3600 * second - 1);
    assert_int_equal(unsetenv("TZ"), 0);
    tzset();
    assert_true(since_ns("until=2026-12-31Z") == since_ns("since=2027-01-01Z") - 1);
    assert_true(since_ns("until=2026-11-25T12:00Z") == now + 60 * second - 1);
    assert_true(since_ns("until=2026-11-25T12:00:00Z") == now + second - 1);
    assert_true(since_ns("until=2026-11-25T12:00:00.25Z") == now + 26 * second / 100 - 1);
}

static void not_binds_before_and_before_or(void **state)
{
    (void)state;
    YES("method=GET status=502 or method=POST", "method=POST or method=GET status=200",
        "not method=GET status=502", "not method=GET and status=502",
        "not (method=GET or status=200)", "NOT running AND method=POST OR running",
        "not not method=POST", "(((method=POST)))", "(method=POST)(status=502)",
        "( method=GET or method=POST ) status=502", "running or running or not running");
    NO("not (method=POST or status=200)", "method=GET (status=502 or method=POST)",
       "not method=POST or status=200", "not not method=GET", "method=POST and not status=502",
       "running and method=POST or method=GET");
}

static void values_end_where_they_should(void **state)
{
    (void)state;
    YES("(path~^/(api|x))", "(path~^/api)", "path~^/\\(|api", "(path~Bills$)",
        "path=\"/api/v1/Bills\"", "(path=\"/api/v1/Bills\")", "path~\"^/(a|b)\"", "path~\"\\.|a\"",
        "body~\"\\\\\\\\|b\"");
}

// A NOT has no bounds.
static void bounds_are_what_every_match_has(void **state)
{
    static const struct {
        const char *text;
        int64_t since, until; // seconds back from now; 0: none
        const char *id;
    } known[] = {
        {"", 0, 0, ""},
        {"status=500", 0, 0, ""},
        {"since=10s", 10, 0, ""},
        {"until=5s", 0, 5, ""},
        {"since=10s since=20s until=5s until=3s", 10, 5, ""},
        {"since=10s or since=20s", 20, 0, ""},
        {"until=10s or until=20s", 0, 10, ""},
        {"since=10s or status=500", 0, 0, ""},
        {"not since=10s", 0, 0, ""},
        {"not (since=10s id=5)", 0, 0, ""},
        {"status=500 not until=10s since=7s", 7, 0, ""},
        {"since=10s (id=5 or id=6)", 10, 0, ""},
        {"id=5", 0, 0, "5"},
        {"id=5AB", 0, 0, "5ab"},
        {"id!=5", 0, 0, ""},
        {"id=5 id=5ab", 0, 0, "5ab"},
        {"id=5ab or id=5ac", 0, 0, "5a"},
        {"id=5abc or id=5abd", 0, 0, ""}, // both may be ends of ids
        {"id=5abc id=5", 0, 0, "5abc"},
        {"id=5000000000000001 or id=5000000000000012", 0, 0, "50000000000000"},
        {"id=5 or id=6", 0, 0, ""},
        {"id=5 or running", 0, 0, ""},
        {"(since=9s id=5) or (since=8s id=57 until=1s)", 9, 0, "5"},
        {"body~x since=9s", 9, 0, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct filter *f = new (known[i].text);
        struct filter_bounds b = filter_bounds(f);
        int64_t since = known[i].since ? now - known[i].since * second : INT64_MIN;
        int64_t until = known[i].until ? now - known[i].until * second : INT64_MAX;
        if (b.since_ns != since || b.until_ns != until || !slice_eq(b.id, slice_str(known[i].id)))
            fail_msg("%s", known[i].text);
        filter_free(f);
    }
}

static void a_long_url_is_compared_whole(void **state)
{
    struct record_exchange x = usual();
    char *target = filters_repeated("/0123456789", 5000, "end");
    (void)state;
    x.target = slice_str(target);
    assert_true(matches_exchange("url~^http://web.*9end$ url!=x", &x));
    free(target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_filter_matches_everything),
        cmocka_unit_test(a_status_is_a_number_or_a_class),
        cmocka_unit_test(texts_are_compared_as_their_field_wants),
        cmocka_unit_test(a_host_is_known_by_its_first_label),
        cmocka_unit_test(a_query_begins_behind_the_first_question_mark),
        cmocka_unit_test(bodies_are_searched_on_their_sides),
        cmocka_unit_test(a_body_is_asked_for_last),
        cmocka_unit_test(a_header_has_several_values_or_none),
        cmocka_unit_test(numbers_have_units),
        cmocka_unit_test(a_running_exchange_has_no_time),
        cmocka_unit_test(flags_stand_alone),
        cmocka_unit_test(an_id_is_known_by_its_beginning),
        cmocka_unit_test(time_is_counted_back_from_now),
        cmocka_unit_test(what_has_no_z_is_local_time),
        cmocka_unit_test(not_binds_before_and_before_or),
        cmocka_unit_test(values_end_where_they_should),
        cmocka_unit_test(bounds_are_what_every_match_has),
        cmocka_unit_test(a_long_url_is_compared_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
