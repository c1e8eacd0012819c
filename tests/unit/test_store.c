// SPDX-License-Identifier: MIT
// Writing a record: rows that change, transactions that fail, ranges of rows.
#include "store_fixture.h"

static void an_update_leaves_alone_what_was_asked_and_what_is_empty_now(void **state)
{
    struct fixture *f = *state;
    open_store(f);
    struct record_exchange x = exchange("web", 5);
    x.outcome = (struct slice){0};
    x.interim = SLICE("103\r\n\r\n");
    x.response_head = SLICE("c: d\r\n");
    x.body[RECORD_REQUEST].trailers = SLICE("t: u\r\n");
    int64_t seq = add(f, x, 0);
    assert_true(holds(f, "outcome IS NULL AND status IS NULL AND sent_on_ns IS NULL"
                         " AND request_digest IS NULL AND far_flags IS NULL"));
    x = exchange("web", 0);
    x.seq = seq;
    x.status = 204;
    x.sent_on_ns = 0;
    x.interim = SLICE("102\r\n\r\n");
    x.request_head = x.method = x.target = (struct slice){0};
    x.peer =
        (struct record_report){.known = true, .outcome = SLICE("reset"), .whole = {true, false}};
    (void)add(f, x, 0);
    assert_true(holds(f, "status=204 AND outcome='complete' AND began_ns=5 AND method='GET' AND"
                         " target='/' AND sent_on_ns=0 AND far_outcome='reset' AND far_flags=8"));
    assert_true(holds(f, "CAST(request_head AS TEXT)='a: b'||char(13,10) AND"
                         " CAST(response_head AS TEXT)='c: d'||char(13,10) AND"
                         " CAST(request_trailers AS TEXT)='t: u'||char(13,10)"));
    assert_true(
        holds(f, "CAST(interim AS TEXT)='103'||char(13,10,13,10)||'102'||char(13,10,13,10)"));
}

static void what_was_rolled_back_never_was(void **state)
{
    struct fixture *f = *state;
    struct record_exchange x = exchange("new", 1);
    open_store(f);
    assert_int_equal(store_begin(f->store), SQLITE_OK);
    assert_int_equal(store_exchange(f->store, &x, 100, no_bodies), SQLITE_OK);
    store_rollback(f->store);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange"), 0);
    assert_int_equal(number(f, "SELECT count(*) FROM tunnel"), 0);
    (void)add(f, exchange("new", 1), 1); // the tunnel is inserted again, with size 0
    assert_int_equal(number(f, "SELECT bytes FROM tunnel WHERE name='new'"),
                     100 + RECORD_CHUNK_BYTES);
}

// More tunnels than the cache holds, in one transaction.
static void each_tunnel_knows_what_its_exchanges_take(void **state)
{
    struct fixture *f = *state;
    open_store(f);
    assert_int_equal(store_begin(f->store), SQLITE_OK);
    for (int i = 0; i < 1000; i++) {
        char name[16] = "";
        if (i % 7)
            (void)snprintf(name, sizeof(name), "t%d", i % 200);
        struct record_exchange x = exchange(name, 1);
        (void)snprintf(x.id, sizeof(x.id), "%016d", i * 7919 % 1000); // in no order
        assert_int_equal(store_exchange(f->store, &x, 100, no_bodies), SQLITE_OK);
    }
    assert_int_equal(store_commit(f->store), SQLITE_OK);
    check_ranges(f);
    assert_int_equal(number(f, "SELECT count(*) FROM tunnel t WHERE bytes <> (SELECT sum(size) FROM"
                               " exchange WHERE tunnel=t.id)"),
                     0);
    assert_int_equal(number(f, "SELECT sum(bytes) FROM tunnel"), 1000 * 100);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange e JOIN tunnel t ON t.id=tunnel WHERE"
                               " t.name=''"),
                     143);
}

// One tunnel, many transactions, and row numbers that are reused.
static void spans_are_as_long_as_they_may_be(void **state)
{
    struct fixture *f = *state;
    open_store(f);
    for (int i = 0; i < 2 * RECORD_SEQ_RANGE_ROWS + 1; i++)
        (void)add(f, exchange("web", 1), 0);
    check_ranges(f);
    assert_int_equal(number(f, "SELECT count(*) FROM span"), 3);
    record_rows_sql(&f->rows, "DELETE FROM exchange WHERE seq > 100");
    record_rows_sql(&f->rows, "DELETE FROM span WHERE first > 100");
    for (int i = 0; i < 2 * RECORD_SEQ_RANGE_ROWS; i++)
        assert_int_equal(add(f, exchange(i % 2 ? "web" : "api", 1), 0), 101 + i);
    check_ranges(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_update_leaves_alone_what_was_asked_and_what_is_empty_now),
        TEST(what_was_rolled_back_never_was),
        TEST(each_tunnel_knows_what_its_exchanges_take),
        TEST(spans_are_as_long_as_they_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
