// SPDX-License-Identifier: MIT
// A line has the columns that fit, and path, host and remark share the rest.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/inspect/requests_row_layout.h"

enum {
    TIME = 8 // "12:00:01"
};

// The columns as letters of "itds": id, time, duration, size.
static const char *columns_at(size_t columns, size_t time)
{
    static char text[5];
    struct row_columns c = row_columns_for(columns, time);
    (void)snprintf(text, sizeof(text), "%s%s%s%s", c.id ? "i" : "", c.time ? "t" : "",
                   c.duration ? "d" : "", c.size ? "s" : "");
    return text;
}

static void narrow_terminals_lose_size_then_duration_then_time(void **state)
{
    (void)state;
    assert_string_equal(columns_at(200, TIME), "itds");
    assert_string_equal(columns_at(80, TIME), "itds");
    assert_string_equal(columns_at(80, 19), "itds"); // with a whole date, too
    assert_string_equal(columns_at(69, TIME), "itds");
    assert_string_equal(columns_at(68, TIME), "itd");
    assert_string_equal(columns_at(60, TIME), "itd");
    assert_string_equal(columns_at(56, TIME), "it");
    assert_string_equal(columns_at(45, TIME), "i");
    assert_string_equal(columns_at(40, TIME), "i");
    assert_string_equal(columns_at(27, TIME), "");
    assert_string_equal(columns_at(0, TIME), "");
}

static void columns_never_come_back_on_narrower_terminals(void **state)
{
    (void)state;
    for (size_t time = 8; time <= 19; time++)
        for (size_t n = 200; n > 0; n--)
            assert_true(strlen(columns_at(n - 1, time)) <= strlen(columns_at(n, time)));
}

static void assert_shares(size_t room, const struct row_parts *parts)
{
    struct row_shares s = row_share(room, parts);
    size_t used = s.path + (s.host ? s.host + ROW_GAP : 0) + (s.remark ? s.remark + ROW_GAP : 0);
    assert_true(used <= room);
    assert_true(s.host <= parts->host);
    assert_true(s.remark <= (s.is_short ? parts->remark_short : parts->remark));
    size_t all = parts->path + (parts->host ? parts->host + ROW_GAP : 0) +
                 (parts->remark ? parts->remark + ROW_GAP : 0);
    if (all <= room) { // everything fits, so nothing is cut
        assert_true(s.path >= parts->path && !s.is_short);
        assert_true(s.host == parts->host && s.remark == parts->remark);
    }
    if (parts->remark > 0 && room >= ROW_REST_MIN)
        assert_true(s.remark > 0); // the remark always has room
    if (parts->path > 0 && room >= ROW_REST_MIN)
        assert_true(s.path >= (parts->path < 4 ? parts->path : 4));
}

static void parts_never_take_more_than_there_is_and_remarks_stay(void **state)
{
    static const size_t lengths[] = {0, 1, 3, 4, 7, 12, 18, 21, 30, 100, 5000};
    enum {
        COUNT = sizeof(lengths) / sizeof(lengths[0])
    };
    (void)state;
    for (size_t room = 0; room <= 200; room++)
        for (size_t i = 0; i < COUNT * COUNT * COUNT; i++) {
            const struct row_parts parts = {
                .path = lengths[i % COUNT],
                .host = lengths[i / COUNT % COUNT],
                .remark = lengths[i / COUNT / COUNT],
                .remark_short = lengths[i / COUNT / COUNT] * 2 / 3 + 1,
            };
            assert_shares(room, &parts);
        }
}

static void a_remark_has_half_of_the_room_and_more_where_it_is_free(void **state)
{
    struct row_parts parts = {.path = 100, .remark = 21, .remark_short = 16};
    (void)state;
    struct row_shares s = row_share(50, &parts);
    assert_true(s.remark == 21 && !s.is_short && s.path == 27);
    s = row_share(40, &parts);
    assert_true(s.remark == 16 && s.is_short && s.path == 22);
    s = row_share(20, &parts);
    assert_true(s.remark == 8 && s.is_short && s.path == 10);
    parts.path = 7; // the remark gets what the path leaves
    s = row_share(30, &parts);
    assert_true(s.remark == 21 && s.path == 7);
}

// "/early  UPSTREAM-REFUSED" rather than "/early  myapp…  UPSTREAM-R…".
static void a_host_gives_way_to_a_remark(void **state)
{
    struct row_parts parts = {.path = 6, .host = 20, .remark = 21, .remark_short = 16};
    (void)state;
    struct row_shares s = row_share(27, &parts);
    assert_true(s.remark == 16 && s.is_short && s.host == 0 && s.path >= 6);
    parts.remark = parts.remark_short = 12; // "visitor gone"
    s = row_share(27, &parts);
    assert_true(s.remark == 12 && s.host == 5 && s.path == 6);
}

static void what_is_behind_a_path_is_in_a_column(void **state)
{
    struct row_parts parts = {.path = 7, .remark = 7, .remark_short = 7};
    (void)state;
    assert_int_equal(row_share(80, &parts).path, ROW_PATH);
    parts.remark = parts.remark_short = 0;
    assert_int_equal(row_share(80, &parts).path, 7); // no padding at the end
    parts.host = 9;
    assert_int_equal(row_share(80, &parts).path, ROW_PATH);
    parts.path = 30;
    assert_int_equal(row_share(80, &parts).path, 30);
}

static void long_paths_and_hosts_leave_each_other_room(void **state)
{
    (void)state;
    struct row_shares s = row_share(30, &(struct row_parts){.path = 100, .host = 100});
    assert_true(s.path == 20 && s.host == 8);
    s = row_share(30, &(struct row_parts){.path = 100, .host = 6});
    assert_true(s.path == 22 && s.host == 6);
    s = row_share(12, &(struct row_parts){.path = 100, .host = 100});
    assert_true(s.path == 12 && s.host == 0); // a host of two letters is left out
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(narrow_terminals_lose_size_then_duration_then_time),
        cmocka_unit_test(columns_never_come_back_on_narrower_terminals),
        cmocka_unit_test(parts_never_take_more_than_there_is_and_remarks_stay),
        cmocka_unit_test(a_remark_has_half_of_the_room_and_more_where_it_is_free),
        cmocka_unit_test(a_host_gives_way_to_a_remark),
        cmocka_unit_test(what_is_behind_a_path_is_in_a_column),
        cmocka_unit_test(long_paths_and_hosts_leave_each_other_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
