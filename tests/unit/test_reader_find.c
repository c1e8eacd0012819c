// SPDX-License-Identifier: MIT
// Finding an exchange by a part of its id, or by its age ("last-N").
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/record/read/reader.h"
#include "tests/support/record_rows.h"

struct fixture {
    struct record_rows rows;
    struct record_reader *reader;
    char why[RECORD_WHY_MAX];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    record_rows_init(&f->rows);
    f->reader = record_reader_open(f->rows.dir, f->why);
    assert_non_null(f->reader);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    record_reader_close(f->reader);
    record_rows_deinit(&f->rows);
    free(f);
    return 0;
}

static void add(struct fixture *f, const char *id)
{
    (void)record_rows_add(&f->rows, &(struct record_row){.id = id, .target = "/a?b"});
}

// Returns the row found; 0: none, and `why` is set.
static int64_t find(struct fixture *f, const char *text)
{
    struct record_exchange x;
    f->why[0] = 0;
    int status = record_reader_find(f->reader, text, &x, f->why);
    assert_true(status == 1 || (status == 0 && f->why[0]));
    return status == 1 ? x.seq : 0;
}

static void an_end_of_an_id_is_enough(void **state)
{
    struct fixture *f = *state;
    add(f, "1m8a4jp1njsgb7c5");
    add(f, "1m8a4jp3yjsgb7c6");
    add(f, "1m8a4jp4djsgb8c6");
    assert_int_equal(find(f, "gb7c5"), 1);
    assert_int_equal(find(f, "GB7C5"), 1);
    assert_int_equal(find(f, "sgb7c6"), 2);
    assert_int_equal(find(f, "b7c6"), 2);
    assert_int_equal(find(f, "m8a4jp4djsgb8c6"), 3);
    assert_int_equal(find(f, "1m8a4jp1njsgb7c5"), 1);
    assert_int_equal(find(f, "1m8a4jp3"), 2); // a beginning
    assert_int_equal(find(f, "m8a4"), 0);     // neither beginning nor end
    assert_non_null(strstr(f->why, "begins or ends with m8a4"));
}

static void an_end_needs_four_characters(void **state)
{
    struct fixture *f = *state;
    add(f, "1m8a4jp1njsgb7c5");
    assert_int_equal(find(f, "7c5"), 0);
    assert_non_null(strstr(f->why, "an end needs 4"));
    assert_int_equal(find(f, "b7c5"), 1);
    assert_int_equal(find(f, "1"), 1);
}

static void a_beginning_of_one_and_an_end_of_another_is_neither(void **state)
{
    struct fixture *f = *state;
    add(f, "1m8a4jp1njsgb7c5");
    add(f, "1m8b4jp1njsg1m8a");
    assert_int_equal(find(f, "1m8a"), 0);
    assert_non_null(strstr(f->why, "\n  1m8a4jp1njsgb7c5  "));
    assert_non_null(strstr(f->why, "\n  1m8b4jp1njsg1m8a  "));
    add(f, "1m8a0000000z1m8c");
    add(f, "1m8c00000000zzzz");
    assert_int_equal(find(f, "1m8c0"), 4);
    // An id that begins and ends with the text counts once.
    add(f, "7777000000007777");
    assert_int_equal(find(f, "7777"), 5);
}

static void the_newest_of_the_same_id_is_meant(void **state)
{
    struct fixture *f = *state;
    add(f, "1m8a4jp1njsgb7c5");
    add(f, "1m8a4jp1njsgb7c5");
    assert_int_equal(find(f, "gb7c5"), 2);
}

static void several_are_listed_with_time_and_path(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(setenv("TZ", "UTC", 1), 0);
    add(f, "1m8a4jp1njsgb7c5");
    (void)record_rows_add(&f->rows, &(struct record_row){.id = "1m8a4jp2njsgb7c5",
                                                         .method = "A\033",
                                                         .target = "/\n\x9b\xc3\xa9 x"});
    assert_int_equal(find(f, "gb7c5"), 0);
    assert_string_equal(f->why, "several ids begin or end with gb7c5; give more of one:\n"
                                "  1m8a4jp2njsgb7c5  1970-01-01 00:00:02  A? /???? x\n"
                                "  1m8a4jp1njsgb7c5  1970-01-01 00:00:01  GET /a?b");
}

static void of_many_a_few_are_listed(void **state)
{
    struct fixture *f = *state;
    char id[EXCHANGE_ID_LEN + 1];
    char target[4096];
    memset(target, 'x', sizeof(target) - 1);
    target[sizeof(target) - 1] = 0;
    for (int i = 0; i < 20; i++) {
        (void)snprintf(id, sizeof(id), "%011dgb7c5", i);
        (void)record_rows_add(&f->rows, &(struct record_row){.id = id, .target = target});
    }
    assert_int_equal(find(f, "gb7c5"), 0);
    assert_non_null(strstr(f->why, "many ids"));
    size_t lines = 0;
    for (const char *c = f->why; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 6);
    assert_non_null(strstr(f->why, "\n  00000000019gb7c5  ")); // the newest are listed
    assert_non_null(strstr(f->why, "\n  00000000015gb7c5  "));
    assert_string_equal(f->why + strlen(f->why) - 6, "\n  ...");
}

static void ends_are_looked_for_among_so_many(void **state)
{
    struct fixture *f = *state;
    add(f, "1m8a4jp1njsgb7c5");
    add(f, "1m8a4jp3yjsgb7c6");
    record_rows_sql(&f->rows, "UPDATE exchange SET seq = %d WHERE seq = 2", READER_END_ROWS + 1);
    record_rows_sql(&f->rows, "UPDATE span SET first = %d, last = %d WHERE first = 2",
                    READER_END_ROWS + 1, READER_END_ROWS + 1);
    assert_int_equal(find(f, "gb7c6"), READER_END_ROWS + 1);
    assert_int_equal(find(f, "gb7c5"), 0);
    assert_int_equal(find(f, "1m8a4jp1"), 1); // beginnings are searched in all rows
}

static void the_last_and_those_before_it_are_counted_back(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(find(f, "last"), 0);
    assert_int_equal(find(f, "last-1"), 0);
    for (int i = 0; i < 3; i++)
        (void)record_rows_add(&f->rows, &(struct record_row){0});
    assert_int_equal(find(f, "last"), 3);
    assert_int_equal(find(f, "last-0"), 3);
    assert_int_equal(find(f, "last-1"), 2);
    assert_int_equal(find(f, "last~2"), 1);
    assert_int_equal(find(f, "last-3"), 0);
    assert_non_null(strstr(f->why, "not that many"));
    static const char *const wrong[] = {"last-",  "last~x", "last--1", "last-99999999999999999999",
                                        "lastly", "las"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(find(f, wrong[i]), 0);
}

static void expect_filtered(struct fixture *f, const char *text, const int64_t *seqs, size_t count)
{
    struct record_exchange x;
    struct filter_mistake mistake;
    struct filter *filter = filter_new(slice_str(text), 0, &mistake);
    assert_non_null(filter);
    for (int oldest_first = 0; oldest_first <= 1; oldest_first++) {
        const struct record_query query = {.filter = filter, .oldest_first = oldest_first};
        assert_int_equal(record_reader_query(f->reader, &query), 0);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(record_reader_next(f->reader, &x), 1);
            assert_int_equal(x.seq, seqs[oldest_first ? i : count - 1 - i]);
        }
        assert_int_equal(record_reader_next(f->reader, &x), 0);
    }
    filter_free(filter);
}

static void a_filter_takes_ends_as_well(void **state)
{
    struct fixture *f = *state;
    add(f, "1m8a4jp1njsgb7c5");
    add(f, "1m8a4jp3yjsgb7c6");
    add(f, "b7c5000000000000");
    expect_filtered(f, "id=b7c5", (int64_t[]){1, 3}, 2);
    expect_filtered(f, "id=gb7c5 or id=gb7c6", (int64_t[]){1, 2}, 2);
    expect_filtered(f, "id=gb7c5 id=1m8a", (int64_t[]){1}, 1);
    expect_filtered(f, "id=7c5", NULL, 0);
    expect_filtered(f, "id!=b7c5", (int64_t[]){2}, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    (void)setenv("TZ", "UTC", 1); // lists show local times
    const struct CMUnitTest tests[] = {
        TEST(an_end_of_an_id_is_enough),
        TEST(an_end_needs_four_characters),
        TEST(a_beginning_of_one_and_an_end_of_another_is_neither),
        TEST(the_newest_of_the_same_id_is_meant),
        TEST(several_are_listed_with_time_and_path),
        TEST(of_many_a_few_are_listed),
        TEST(ends_are_looked_for_among_so_many),
        TEST(the_last_and_those_before_it_are_counted_back),
        TEST(a_filter_takes_ends_as_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
