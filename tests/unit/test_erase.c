// SPDX-License-Identifier: MIT
// Deleting exchanges: rows that have changed meanwhile stay, and the rest is consistent.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/record/write/erase.h"
#include "tests/support/record_rows.h"

struct fixture {
    struct record_rows rows;
    struct record_eraser *eraser;
    uint64_t count, bytes;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    record_rows_init(&f->rows);
    assert_int_equal(record_eraser_open(f->rows.dir, &f->eraser), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    record_eraser_close(f->eraser);
    record_rows_deinit(&f->rows);
    free(f);
    return 0;
}

static int64_t number(struct fixture *f, const char *sql)
{
    return record_rows_number(&f->rows, sql);
}

static void erase(struct fixture *f, const char *id, bool gone)
{
    struct erase_target t = {.seq = 1, .recorder_gone = gone};
    memcpy(t.id, id, EXCHANGE_ID_LEN + 1);
    assert_int_equal(record_erase(f->eraser, &t, 1, &f->count, &f->bytes), 0);
}

static void an_exchange_goes_with_all_it_has(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        int64_t seq = record_rows_add(&f->rows, &(struct record_row){0});
        record_rows_body(&f->rows, seq, RECORD_REQUEST, SLICE("abcdef"), 2);
        record_rows_sql(&f->rows, "INSERT INTO message VALUES(%lld, 0, 1, 2, 1, 55, 9, x'61')",
                        seq);
    }
    record_rows_sql(&f->rows, "UPDATE tunnel SET bytes = 2000");
    erase(f, "0000000000000001", false);
    assert_true(f->count == 1 && f->bytes == 1000);
    assert_int_equal(number(f, "SELECT sum(seq) FROM exchange"), 2);
    assert_int_equal(number(f, "SELECT count(*) FROM body"), 3);
    assert_int_equal(number(f, "SELECT count(*) FROM message"), 1);
    assert_int_equal(number(f, "SELECT bytes FROM tunnel"), 1000);
    assert_int_equal(number(f, "SELECT sum(first) FROM span"), 2);
}

static void a_row_that_is_another_exchange_by_now_stays(void **state)
{
    struct fixture *f = *state;
    (void)record_rows_add(&f->rows, &(struct record_row){.id = "zzzz000000000000"});
    erase(f, "0000000000000001", false);
    assert_true(f->count == 0 && number(f, "SELECT count(*) FROM exchange") == 1);
}

static void what_runs_stays_unless_its_recorder_is_gone(void **state)
{
    struct fixture *f = *state;
    (void)record_rows_add(&f->rows, &(struct record_row){.outcome = ""});
    erase(f, "0000000000000001", false);
    assert_true(f->count == 0 && number(f, "SELECT count(*) FROM exchange") == 1);
    erase(f, "0000000000000001", true);
    assert_true(f->count == 1 && number(f, "SELECT count(*) FROM exchange") == 0);
}

// Large bodies are cut from their end in several transactions. An error stops this after the first:
// a reader sees a shorter body without gaps.
static void each_step_leaves_the_record_true(void **state)
{
    struct fixture *f = *state;
    size_t len = ERASE_BATCH_BYTES + 3 * RECORD_CHUNK_BYTES;
    char *body = calloc(1, len);
    assert_non_null(body);
    int64_t seq = record_rows_add(&f->rows, &(struct record_row){0});
    record_rows_body(&f->rows, seq, RECORD_RESPONSE, slice_of(body, len), RECORD_CHUNK_BYTES);
    free(body);
    record_rows_sql(&f->rows, "UPDATE exchange SET size = %lld", (long long)len + 1000);
    record_rows_sql(&f->rows, "UPDATE tunnel SET bytes = %lld", (long long)len + 1000);
    record_rows_sql(&f->rows, "CREATE TRIGGER no BEFORE DELETE ON exchange BEGIN"
                              " SELECT raise(ABORT, 'no'); END");
    struct erase_target t = {.seq = seq, .id = "0000000000000001"};
    assert_int_not_equal(record_erase(f->eraser, &t, 1, &f->count, &f->bytes), 0);
    assert_int_equal(f->count, 0);
    assert_int_equal(number(f, "SELECT sum(length(bytes)) FROM body"), 3 * RECORD_CHUNK_BYTES);
    assert_int_equal(number(f, "SELECT response_kept FROM exchange"), 3 * RECORD_CHUNK_BYTES);
    assert_int_equal(number(f, "SELECT size FROM exchange"), 3 * RECORD_CHUNK_BYTES + 1000);
    assert_int_equal(number(f, "SELECT bytes FROM tunnel"), 3 * RECORD_CHUNK_BYTES + 1000);
    assert_int_equal(f->bytes, ERASE_BATCH_BYTES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_exchange_goes_with_all_it_has),
        TEST(a_row_that_is_another_exchange_by_now_stays),
        TEST(what_runs_stays_unless_its_recorder_is_gone),
        TEST(each_step_leaves_the_record_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
