// SPDX-License-Identifier: MIT
// The line of an exchange is never wider than its terminal, and safe for any bytes of a visitor.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/display/exchange_line.h"

enum {
    NARROWEST = LINE_COLUMNS_MIN,
    WIDEST = 220
};

static struct exchange exchange_of(const char *method, const char *target)
{
    struct exchange x = {.facts = {.id = "1m8a4jp1njsgb7c5", .status = 200}};
    x.direction[OUTBOUND].bytes = 13;
    (void)snprintf(x.facts.method, sizeof(x.facts.method), "%s", method);
    (void)snprintf(x.facts.target, sizeof(x.facts.target), "%s", target);
    return x;
}

static const char *text_of(const struct line_format *format, const struct exchange *x,
                           const struct exchange_line_state *state)
{
    static struct line_buf l;
    exchange_line(&l, format, x, state);
    l.text[l.len] = 0;
    return l.text;
}

static const struct exchange_line_state ended = {.time = "19:58:00", .status = 200, .ns = 500000};
static const struct exchange_line_state runs = {
    .time = "19:58:00", .status = 0, .ns = 3000000000, .runs = true};

static void a_file_gets_all_of_it(void **state)
{
    const struct line_format file = {0};
    struct exchange x = exchange_of("GET", "/orders");
    (void)state;
    assert_string_equal(text_of(&file, &x, &ended),
                        "1m8a4jp1njsgb7c5  19:58:00  200        13 B     0.5 ms  GET    /orders");
    assert_string_equal(text_of(&file, &x, &runs), "1m8a4jp1njsgb7c5  19:58:00    -        13 B    "
                                                   " 3.00 s  GET    /orders             running");
    memset(x.facts.target, 'x', EXCHANGE_TARGET_MAX - 1);
    memset(x.facts.detail, 'y', EXCHANGE_DETAIL_MAX - 1);
    x.facts.refused = true;
    x.facts.answer = ANSWER_UPSTREAM_UNREACHABLE;
    const char *text = text_of(&file, &x, &ended);
    assert_non_null(strstr(text, x.facts.target));
    assert_non_null(strstr(text, "  ADIT-UPSTREAM-UNREACHABLE: "));
    assert_non_null(strstr(text, x.facts.detail));
}

static void columns_are_left_out_in_their_order(void **state)
{
    struct exchange x = exchange_of("GET", "/orders");
    static const struct {
        size_t columns;
        const char *text;
    } rows[] = {
        {200, "gb7c5  19:58:00  200        13 B     0.5 ms  GET    /orders"},
        {80, "gb7c5  19:58:00  200        13 B     0.5 ms  GET    /orders"},
        {60, "gb7c5  19:58:00  200     0.5 ms  GET    /orders"},
        {50, "gb7c5  19:58:00  200  GET    /orders"},
        {40, "gb7c5  200  GET    /orders"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct line_format format = {.columns = rows[i].columns};
        assert_string_equal(text_of(&format, &x, &ended) + 1, rows[i].text);
    }
}

static void a_remark_stays_recognisable(void **state)
{
    struct exchange x = exchange_of("GET", "/a/path/that/is/long?and=has&a=query");
    static const struct {
        size_t columns;
        const char *end;
    } rows[] = {
        {200, "GET    /a/path/that/is/long?and=has&a=query  ADIT-UPSTREAM-REFUSED: 127.0.0.1:80: "
              "connection refused"},
        {120, "GET    /a/path/that/is/long?and=has&a=query  ADIT-UPSTREAM-REFUSED"},
        {80, "GET    /a/pat...  UPSTREAM-REFUSED"},
        {40, "GET    /a/path/...  REFUSED"},
    };
    (void)state;
    x.facts.refused = true;
    x.facts.answer = ANSWER_UPSTREAM_REFUSED;
    (void)snprintf(x.facts.detail, sizeof(x.facts.detail), "127.0.0.1:80: connection refused");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct line_format format = {.columns = rows[i].columns};
        const char *text = text_of(&format, &x, &ended);
        assert_string_equal(strstr(text, "GET"), rows[i].end);
    }
}

static void an_upgraded_one_tells_both_ways(void **state)
{
    struct exchange x = exchange_of("GET", "/ws");
    const struct line_format wide = {.columns = 120};
    const struct line_format narrow = {.columns = 40};
    struct exchange_line_state closed = ended;
    (void)state;
    x.upgraded = true;
    x.direction[INBOUND].bytes = 2048;
    assert_non_null(
        strstr(text_of(&wide, &x, &closed), "/ws                 closed: 2.0 KiB in, 13 B out"));
    assert_non_null(strstr(text_of(&narrow, &x, &closed), "/ws           closed"));
    assert_null(strstr(text_of(&narrow, &x, &closed), "KiB"));
    closed.why = EXCHANGE_VISITOR_GONE;
    assert_non_null(strstr(text_of(&wide, &x, &closed),
                           "/ws                 visitor gone: 2.0 KiB in, 13 B out"));
}

// Every field has a long value.
static void no_line_is_wider_than_its_terminal(void **state)
{
    static const char *const methods[] = {"GET", "PROPFIND", "AMETHODOFTWENTYTHREELET"};
    static const char long_text[] =
        "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    struct line_buf l;
    (void)state;
    for (size_t columns = NARROWEST; columns <= WIDEST; columns++)
        for (unsigned i = 0; i < 3 * 4 * 4 * 2; i++) {
            const struct line_format format = {.colours = i & 1, .columns = columns};
            struct exchange x = exchange_of(methods[i / 2 % 3], "");
            struct exchange_line_state now = ended;
            (void)snprintf(x.facts.target, sizeof(x.facts.target), "%.*s",
                           (int)(i / 6 % 4 * 65 + 1), long_text);
            (void)snprintf(x.facts.detail, sizeof(x.facts.detail), "%.*s", (int)(i / 24 % 4 * 50),
                           long_text);
            x.facts.refused = i / 6 % 2;
            x.facts.answer = ANSWER_UPSTREAM_UNREACHABLE;
            x.upgraded = i / 12 % 2;
            now.why = i / 24 % 2 ? EXCHANGE_MEMORY : EXCHANGE_COMPLETE;
            now.ns = 5999990000000; // 100 minutes
            x.direction[OUTBOUND].bytes = 1ULL << 50;
            exchange_line(&l, &format, &x, &now);
            assert_true(line_buf_columns(&l) <= columns);
        }
}

static void only_our_colours_are_in_it(void **state)
{
    struct exchange x = exchange_of("\033[31m", "/\033[32m\033[0m\x9b?\xe2\x80\xae");
    struct line_format format = {.columns = 120};
    (void)state;
    (void)snprintf(x.facts.detail, sizeof(x.facts.detail), "\033[2m");
    x.facts.refused = true;
    assert_null(strchr(text_of(&format, &x, &ended), '\033'));
    format.colours = true;
    size_t sequences = 0;
    for (const char *at = text_of(&format, &x, &ended); (at = strchr(at, '\033')); at++)
        sequences++;
    assert_int_equal(sequences, 6); // id and time; status; remark
    assert_null(strchr(text_of(&(struct line_format){0}, &x, &ended), '\033'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_gets_all_of_it),
        cmocka_unit_test(columns_are_left_out_in_their_order),
        cmocka_unit_test(a_remark_stays_recognisable),
        cmocka_unit_test(an_upgraded_one_tells_both_ways),
        cmocka_unit_test(no_line_is_wider_than_its_terminal),
        cmocka_unit_test(only_our_colours_are_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
