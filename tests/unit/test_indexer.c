// SPDX-License-Identifier: MIT
// Events of a spool become rows once, whatever fails, and are discarded by whole segments.
#include "common/record/write/indexer.h"
#include "spool_fixture.h"
#include "tests/support/record_rows.h"

enum {
    CHUNK = 60 * 1000
};

static char large[CHUNK];

struct fixture {
    char dir[64];
    struct record_rows rows; // another connection to the record
    struct events *events;
    struct indexer indexer;
    int counted; // how often the counters were written
    int fails;   // what that returns
    uint64_t now_ms;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct store_file file;
    char path[STATE_PATH_MAX + 16];
    CHECK(f);
    make_dir(f->dir);
    f->events = new_events();
    struct spool *s = begin_spool(f->dir, 0);
    indexer_init(&f->indexer, s, (struct spool_position){0}, 0);
    const struct store_config config = {.dir = f->dir, .program = "test", .spool = spool_id(s)};
    CHECK(store_open(&config, &f->indexer.store, &file) == SQLITE_OK);
    record_path(f->dir, path);
    CHECK(sqlite3_open(path, &f->rows.db) == SQLITE_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    const struct spool_position everything = {UINT32_MAX, UINT64_MAX};
    indexer_deinit(&f->indexer);
    indexer_close(f->indexer.store, f->indexer.spool, &everything);
    (void)sqlite3_close(f->rows.db);
    remove_all(f->dir);
    free_events(f->events);
    free(f->events);
    free(f);
    return 0;
}

static int count(void *ctx, struct store *store)
{
    struct fixture *f = ctx;
    (void)store;
    f->counted++;
    return f->fails;
}

static int64_t number(struct fixture *f, const char *sql)
{
    return record_rows_number(&f->rows, sql);
}

// Appends what was added, as one batch.
static void append_added(struct fixture *f)
{
    CHECK(append_events(f->indexer.spool, f->events, 0, f->events->count) == 0);
    buf_free(&f->events->bytes);
    *f->events = (struct events){0};
}

static bool take(struct fixture *f)
{
    bool more = true;
    CHECK(indexer_take(&f->indexer, f->now_ms, &more) == SQLITE_OK);
    return more;
}

static void a_batch_that_was_rolled_back_is_written_once(void **state)
{
    struct fixture *f = *state;
    struct indexer *ix = &f->indexer;
    add_small(f->events, 0, 1);
    add_small(f->events, 0, 2);
    append_added(f);
    assert_false(indexer_has_all(ix));
    assert_false(take(f));
    for (f->fails = SQLITE_FULL; f->counted < 3;) {
        assert_int_equal(indexer_write(ix, count, f), SQLITE_FULL);
        assert_int_equal(number(f, "SELECT count(*) FROM exchange"), 0);
        assert_int_equal(number(f, "SELECT segment + position FROM spool"), 0);
        assert_false(indexer_has_all(ix));
    }
    f->fails = SQLITE_OK;
    assert_int_equal(indexer_write(ix, count, f), SQLITE_OK);
    assert_true(indexer_has_all(ix));
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE outcome='complete'"), 2);
    assert_int_equal(number(f, "SELECT position FROM spool WHERE segment=1"),
                     spool_end(ix->spool).offset);
    assert_false(take(f)); // nothing comes twice
    assert_int_equal(indexer_write(ix, count, f), SQLITE_OK);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange"), 2);
}

static void segments_go_when_their_rows_are_written_and_not_before(void **state)
{
    struct fixture *f = *state;
    struct indexer *ix = &f->indexer;
    add_small(f->events, 0, 1);
    append_added(f);
    spool_seal(ix->spool);
    add_small(f->events, 0, 2);
    append_added(f);
    assert_false(take(f));
    f->fails = SQLITE_FULL;
    assert_int_equal(indexer_write(ix, count, f), SQLITE_FULL);
    assert_true(exists(f->dir, spool_id(ix->spool), "00000001.seg"));
    f->fails = SQLITE_OK;
    assert_int_equal(indexer_write(ix, count, f), SQLITE_OK);
    assert_false(exists(f->dir, spool_id(ix->spool), "00000001.seg"));
    assert_true(exists(f->dir, spool_id(ix->spool), "00000002.seg")); // it may grow
}

// Its position would leave the begin of the exchange out.
static void a_transaction_waits_for_the_routes_of_its_exchanges(void **state)
{
    struct fixture *f = *state;
    struct indexer *ix = &f->indexer;
    add_begun(f->events, 0, SLICE("A: 1\r\n"));
    append_added(f);
    assert_false(take(f));
    assert_true(indexer_must_wait(ix));
    add_routed(f->events, 0, 1, 0);
    append_added(f);
    assert_false(take(f));
    assert_false(indexer_must_wait(ix));
    assert_int_equal(indexer_write(ix, count, f), SQLITE_OK);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE outcome IS NULL"), 1);
}

// Appends `batches` batches of an exchange that is routed.
static void append_large(struct fixture *f, int batches)
{
    for (int i = 0; i < batches; i++) {
        for (int j = 0; j < 4; j++)
            add_data(f->events, 1, 1, slice_of(large, CHUNK));
        append_added(f);
    }
}

static void a_route_that_does_not_come_is_not_waited_for_without_end(void **state)
{
    struct fixture *f = *state;
    struct indexer *ix = &f->indexer;
    const int batches = INDEXER_BATCH_BYTES_MAX / (4 * CHUNK) + 2;
    add_begun(f->events, 1, SLICE("A: 1\r\n"));
    add_routed(f->events, 1, 1, 0);
    add_begun(f->events, 0, SLICE("A: 1\r\n"));
    append_added(f);
    append_large(f, batches);
    assert_true(take(f)); // more than RECORDER_BATCH_BYTES, and not all
    assert_in_range(ix->taken, INDEXER_BATCH_BYTES_MAX,
                    INDEXER_BATCH_BYTES_MAX + SPOOL_BATCH_BYTES);
    assert_false(indexer_must_wait(ix));
    assert_int_equal(indexer_write(ix, count, f), SQLITE_OK);
    assert_int_equal(ix->taken, 0);
}

static void a_transaction_has_its_size(void **state)
{
    struct fixture *f = *state;
    struct indexer *ix = &f->indexer;
    add_begun(f->events, 1, SLICE("A: 1\r\n"));
    add_routed(f->events, 1, 1, 0);
    append_added(f);
    append_large(f, RECORDER_BATCH_BYTES / (4 * CHUNK) + 2);
    assert_true(take(f));
    assert_in_range(ix->taken, RECORDER_BATCH_BYTES, RECORDER_BATCH_BYTES + SPOOL_BATCH_BYTES);
}

// An exchange whose peer reports, or does not.
static void add_tunnelled(struct fixture *f)
{
    add_begun(f->events, 0, SLICE("A: 1\r\n"));
    add_routed(f->events, 0, 1, 7);
    add_facts(f->events, EVENT_CLOSED, 0, 5);
}

static bool take_and_write(struct fixture *f, uint64_t now_ms)
{
    f->now_ms = now_ms;
    bool more = take(f);
    CHECK(indexer_write(&f->indexer, count, f) == SQLITE_OK);
    return more;
}

// Begins an exchange in slot 1 that append_large goes on with, and ends another one.
static void begin_both(struct fixture *f)
{
    add_begun(f->events, 1, SLICE("A: 1\r\n"));
    add_routed(f->events, 1, 2, 0);
    add_tunnelled(f);
    append_added(f);
}

static void a_report_finds_its_row_however_long_both_lay_in_the_spool(void **state)
{
    struct fixture *f = *state;
    uint64_t now_ms = 3 * RECORDER_REPORT_MS;
    begin_both(f);
    assert_false(take_and_write(f, now_ms));
    append_large(f, 2 * RECORDER_BATCH_BYTES / (4 * CHUNK) + 2);
    add_report(f->events, 1, 7);
    append_added(f);
    for (bool more = true; more;) {
        assert_int_equal(f->indexer.pending.waiting_count, 1);
        more = take_and_write(f, now_ms += 3 * RECORDER_REPORT_MS);
    }
    assert_int_equal(f->indexer.pending.waiting_count, 0);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE far_outcome IS NOT NULL"), 1);
}

// Neither a spool that goes on under the next number nor one that is never read to its end keeps
// a wait from ending.
static void a_report_is_given_up_when_all_was_read_that_came_in_its_time(void **state)
{
    struct fixture *f = *state;
    struct indexer *ix = &f->indexer;
    uint64_t now_ms = 5;
    begin_both(f);
    assert_false(take_and_write(f, now_ms));
    spool_seal(ix->spool);
    spool_drop(ix->spool, ix->indexed);
    assert_true(spool_is_before(ix->reader.at, spool_end(ix->spool)));
    assert_false(take_and_write(f, 5 + RECORDER_REPORT_MS - 1));
    assert_int_equal(ix->pending.waiting_count, 1);
    assert_false(take_and_write(f, now_ms = 5 + RECORDER_REPORT_MS));
    assert_int_equal(ix->pending.waiting_count, 0);
    add_tunnelled(f);
    append_added(f);
    append_large(f, 4 * RECORDER_BATCH_BYTES / (4 * CHUNK));
    const uint64_t end_ms = now_ms + 3 * RECORDER_REPORT_MS;
    do {
        append_large(f, RECORDER_BATCH_BYTES / (4 * CHUNK) + 1);
        assert_true(take_and_write(f, now_ms += RECORDER_REPORT_MS / 10));
        CHECK(now_ms < end_ms);
    } while (ix->pending.waiting_count > 0);
    assert_true(now_ms >= end_ms - 2 * RECORDER_REPORT_MS);
}

static void a_discarded_segment_costs_its_exchanges_and_those_that_run(void **state)
{
    struct fixture *f = *state;
    struct indexer *ix = &f->indexer;
    add_begun(f->events, 7, SLICE("A: 1\r\n"));
    add_routed(f->events, 7, 1, 0); // runs on through the segment that goes
    append_added(f);
    assert_false(take(f));
    assert_int_equal(indexer_write(ix, count, f), SQLITE_OK);
    spool_seal(ix->spool);
    add_small(f->events, 0, 2);
    add_small(f->events, 0, 3);
    append_added(f);
    spool_seal(ix->spool);
    add_facts(f->events, EVENT_CLOSED, 7, 5);
    add_small(f->events, 0, 4);
    append_added(f);
    indexer_discard(ix);
    assert_int_equal(ix->pending.lost, 2);
    assert_false(exists(f->dir, spool_id(ix->spool), "00000002.seg"));
    assert_true(exists(f->dir, spool_id(ix->spool), "00000003.seg"));
    assert_false(take(f));
    assert_int_equal(indexer_write(ix, count, f), SQLITE_OK);
    assert_true(indexer_has_all(ix));
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE outcome='recorder gone'"
                               " AND flags & 2 AND id LIKE '%0001'"),
                     1);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE outcome='complete'"
                               " AND id LIKE '%0004'"),
                     1);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange"), 2);
}

// Without any event left, the ends of those that ran are still to be written.
static void what_a_discarded_segment_ends_is_written(void **state)
{
    struct fixture *f = *state;
    struct indexer *ix = &f->indexer;
    add_begun(f->events, 7, SLICE("A: 1\r\n"));
    add_routed(f->events, 7, 1, 0);
    append_added(f);
    assert_false(take(f));
    assert_int_equal(indexer_write(ix, count, f), SQLITE_OK);
    spool_seal(ix->spool);
    add_small(f->events, 0, 2);
    append_added(f);
    indexer_discard(ix);
    assert_int_equal(spool_left(ix->spool, ix->indexed), 0);
    assert_false(indexer_has_all(ix));
    assert_int_equal(indexer_write(ix, count, f), SQLITE_OK);
    assert_true(indexer_has_all(ix));
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE outcome='recorder gone'"), 1);
}

// Closed without its end, a spool and its writer are left to a recovery.
static void what_is_not_indexed_is_left(void **state)
{
    struct fixture *f = *state;
    struct indexer *ix = &f->indexer;
    char id[SPOOL_ID_MAX];
    (void)snprintf(id, sizeof(id), "%s", spool_id(ix->spool));
    add_small(f->events, 0, 1);
    append_added(f);
    indexer_close(ix->store, ix->spool, NULL);
    ix->store = NULL;
    ix->spool = NULL;
    assert_true(exists(f->dir, id, "00000001.seg"));
    assert_int_equal(number(f, "SELECT count(*) FROM spool s JOIN writer w ON w.id=s.writer"
                               " WHERE w.ended_ns IS NULL"),
                     1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_batch_that_was_rolled_back_is_written_once),
        TEST(segments_go_when_their_rows_are_written_and_not_before),
        TEST(a_transaction_waits_for_the_routes_of_its_exchanges),
        TEST(a_route_that_does_not_come_is_not_waited_for_without_end),
        TEST(a_transaction_has_its_size),
        TEST(a_report_finds_its_row_however_long_both_lay_in_the_spool),
        TEST(a_report_is_given_up_when_all_was_read_that_came_in_its_time),
        TEST(a_discarded_segment_costs_its_exchanges_and_those_that_run),
        TEST(what_a_discarded_segment_ends_is_written),
        TEST(what_is_not_indexed_is_left),
    };
    memset(large, 'x', sizeof(large));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
