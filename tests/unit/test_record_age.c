// SPDX-License-Identifier: MIT
// `record-age`, and exchanges that are in the spool of a dead program while it passes.
#include <stddef.h>
#include "common/record/write/recover.h"
#include "common/record/write/store.h"
#include "spool_fixture.h"
#include "tests/support/record_rows.h"

#define SECOND INT64_C(1000000000)

enum {
    AGE_S = 100
};

struct fixture {
    char dir[64];
    struct events *events;
    struct store *store; // of a program that lives
    unsigned number;     // of the next exchange
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    CHECK(f);
    make_dir(f->dir);
    f->events = new_events();
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    store_close(f->store);
    remove_all(f->dir);
    free_events(f->events);
    free(f->events);
    free(f);
    return 0;
}

static void open_program(struct fixture *f)
{
    const struct store_config config = {.dir = f->dir, .program = "test", .age_ms = AGE_S * 1000};
    struct store_file file;
    store_close(f->store);
    assert_int_equal(store_open(&config, &f->store, &file), SQLITE_OK);
}

// Adds an exchange that began at this second; without `ends` it still ran when its program died.
static void add(struct fixture *f, int64_t began_s, bool ends)
{
    struct events *v = f->events;
    size_t at = v->at[v->count] + sizeof(struct spool_entry_head);
    add_begun(v, f->number, SLICE("A: 1\r\n"));
    const int64_t began_ns = began_s * SECOND;
    memcpy(buf_at(&v->bytes) + at + offsetof(struct event_begun, began_ns), &began_ns,
           sizeof(began_ns));
    add_routed(v, f->number, f->number, 0);
    if (ends)
        add_facts(v, EVENT_CLOSED, f->number, 5);
    f->number++;
}

// A program dies with the added exchanges in its spool, which then come into the record.
static void recover(struct fixture *f)
{
    static const struct record_recovery whole;
    struct spool *s = begin_spool(f->dir, 0);
    assert_int_equal(append_events(s, f->events, 0, f->events->count), 0);
    (void)spool_free(s, NULL);
    assert_int_equal(record_recover(f->dir, &whole), SQLITE_OK);
    buf_free(&f->events->bytes);
    *f->events = (struct events){0};
}

static void trim(struct fixture *f, int64_t now_s)
{
    enum store_excess rest = STORE_EXCESS_SOME;
    for (int i = 0; rest != STORE_EXCESS_NONE; i++) {
        CHECK(i < 1000);
        CHECK(store_trim(f->store, now_s * SECOND, 0, &rest) == SQLITE_OK);
    }
}

// The seconds at which the exchanges of the record began, in the order of their rows.
static void check_left(const struct fixture *f, const char *expected)
{
    char path[STATE_PATH_MAX + 16];
    char found[256] = "";
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    record_path(f->dir, path);
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(sqlite3_prepare_v2(db, "SELECT began_ns / 1000000000 FROM exchange ORDER BY seq", -1, &q,
                             NULL) == SQLITE_OK);
    while (sqlite3_step(q) == SQLITE_ROW) {
        size_t len = strlen(found);
        (void)snprintf(found + len, sizeof(found) - len, "%lld ",
                       (long long)sqlite3_column_int64(q, 0));
    }
    (void)sqlite3_finalize(q);
    (void)sqlite3_close(db);
    assert_string_equal(found, expected);
}

static void what_grew_too_old_in_a_spool_goes_and_nothing_younger(void **state)
{
    struct fixture *f = *state;
    add(f, 200, true);
    add(f, 299, false);
    add(f, 300, true);
    add(f, 301, true);
    recover(f);
    check_left(f, "200 299 300 301 ");
    open_program(f);
    trim(f, 300 + AGE_S);
    check_left(f, "300 301 ");
    trim(f, 301 + AGE_S);
    check_left(f, "301 ");
}

static void it_goes_although_younger_exchanges_were_in_the_record_before(void **state)
{
    struct fixture *f = *state;
    add(f, 350, true);
    recover(f);
    add(f, 200, true);
    add(f, 360, true);
    add(f, 250, true);
    recover(f);
    check_left(f, "350 200 360 250 ");
    open_program(f);
    trim(f, 300 + AGE_S);
    check_left(f, "350 360 ");
}

// A program that lives takes up the spools of others, or a command does.
static void it_goes_although_a_program_has_looked_before(void **state)
{
    struct fixture *f = *state;
    const int64_t look_s = STORE_AGE_MS / 1000;
    add(f, 350 + look_s, true);
    recover(f);
    open_program(f);
    trim(f, 300 + AGE_S);
    add(f, 200, true);
    add(f, 340 + look_s, true);
    recover(f);
    trim(f, 300 + AGE_S + look_s);
    check_left(f, "950 940 ");
    add(f, 300, true);
    recover(f);
    trim(f, 300 + AGE_S); // the clock was set back: when it looked is not known
    check_left(f, "950 940 300 ");
    trim(f, 301 + AGE_S + look_s);
    check_left(f, "950 940 ");
}

// Runs SQL on the record. Returns the first value, or 0.
static int64_t ask(const struct fixture *f, const char *sql)
{
    char path[STATE_PATH_MAX + 16];
    sqlite3 *db = NULL;
    sqlite3_stmt *q = NULL;
    record_path(f->dir, path);
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    CHECK(sqlite3_prepare_v2(db, sql, -1, &q, NULL) == SQLITE_OK);
    int result = sqlite3_step(q);
    CHECK(result == SQLITE_ROW || result == SQLITE_DONE);
    int64_t value = result == SQLITE_ROW ? sqlite3_column_int64(q, 0) : 0;
    (void)sqlite3_finalize(q);
    (void)sqlite3_close(db);
    return value;
}

// All rows are looked at a part at a time.
static void wherever_they_are_in_a_large_record(void **state)
{
    struct fixture *f = *state;
    enum store_excess rest = STORE_EXCESS_NONE;
    add(f, 350, true);
    recover(f);
    (void)ask(f, "CREATE TABLE copy AS SELECT * FROM exchange");
    for (int64_t rows = 1; rows < 2LL * STORE_AGE_ROWS; rows *= 2) {
        (void)ask(f, "UPDATE copy SET seq = seq + (SELECT max(seq) FROM copy)");
        (void)ask(f, "INSERT INTO exchange SELECT * FROM copy");
        (void)ask(f, "DELETE FROM copy");
        (void)ask(f, "INSERT INTO copy SELECT * FROM exchange");
    }
    (void)ask(f, "DROP TABLE copy");
    _Static_assert(STORE_AGE_ROWS == 4096, "the rows below are the first and last of a part");
    (void)ask(f, "UPDATE exchange SET began_ns = 200000000000 WHERE seq IN (2, 4096, 4097, 8192)");
    open_program(f);
    assert_int_equal(store_trim(f->store, (300 + AGE_S) * SECOND, 0, &rest), SQLITE_OK);
    assert_int_equal(rest, STORE_EXCESS_SOME);
    assert_int_equal(ask(f, "SELECT count(*) FROM exchange"), 2 * STORE_AGE_ROWS - 2);
    trim(f, 300 + AGE_S);
    assert_int_equal(ask(f, "SELECT count(*) FROM exchange WHERE began_ns < 300000000000"), 0);
    assert_int_equal(ask(f, "SELECT count(*) FROM exchange"), 2 * STORE_AGE_ROWS - 4);
}

static void however_many_there_are(void **state)
{
    struct fixture *f = *state;
    add(f, 350, true);
    recover(f);
    open_program(f);
    for (int i = 0; i < 2 * STORE_DELETE_STEP + 1; i++) {
        if (f->events->count + 3 > EVENTS_MAX)
            recover(f);
        add(f, 200, true);
    }
    recover(f);
    trim(f, 300 + AGE_S);
    check_left(f, "350 ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_grew_too_old_in_a_spool_goes_and_nothing_younger),
        TEST(it_goes_although_younger_exchanges_were_in_the_record_before),
        TEST(it_goes_although_a_program_has_looked_before),
        TEST(wherever_they_are_in_a_large_record),
        TEST(however_many_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
