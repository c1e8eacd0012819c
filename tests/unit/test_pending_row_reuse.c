// SPDX-License-Identifier: MIT
// The memory of pending rows: it is bounded, and nothing of one exchange shows in the next.
#include "pending_row_fixture.h"

// A new row and a reused one record the same exchange: the record's rows are equal.
static void nothing_of_an_exchange_is_seen_in_the_next(void **state)
{
    struct fixture *f = *state;
    small(f, 0);
    write_all(f, 0);
    pending_rows_deinit(&f->pending);
    pending_rows_init(&f->pending, 0);
    full(f, SLICE("B: 2\r\n"));
    write_all(f, 0);
    assert_int_equal(f->pending.kept_count, 1);
    small(f, 0);
    assert_int_equal(f->pending.kept_count, 0);
    write_all(f, 0);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange"), 3);
    record_rows_sql(&f->rows, "CREATE TEMP TABLE t AS SELECT * FROM exchange");
    record_rows_sql(&f->rows, "UPDATE t SET seq=0");
    assert_int_equal(number(f, "SELECT count(*) FROM (SELECT DISTINCT * FROM t)"), 2);
    // The exchange between them had set all columns.
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE seq=2 AND visitor='visitor'"
                               " AND upstream='up:123' AND replay_of='back' AND far_outcome"
                               " IS NOT NULL AND interim IS NOT NULL AND response_head IS NOT NULL"
                               " AND request_trailers IS NOT NULL AND response_trailers IS NOT NULL"
                               " AND response_stalled_ns=8 AND error IS NOT NULL"),
                     1);
    assert_int_equal(number(f, "SELECT count(*) FROM bodies WHERE exchange <> 2"), 0);
    assert_int_equal(number(f, "SELECT count(*) FROM bodies"), 2);
}

static void what_was_dropped_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    const struct event drop = event_of(EVENT_DISCARDED, 0);
    begin(f, 0, SLICE("Secret: 1\r\n"));
    add_data(f, 1, SLICE("secret"));
    tell(f, &drop, sizeof(drop), (struct slice){0});
    assert_int_equal(f->pending.kept_count, 1);
    small(f, 0);
    write_all(f, 0);
    assert_int_equal(f->pending.kept_count, 1);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE request_head=x'413a20310d0a'"
                               " AND response_bytes=0 AND response_kept=0"),
                     1);
    assert_int_equal(number(f, "SELECT count(*) FROM bodies"), 0);
}

static void what_is_kept_has_a_bound(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 0; i < MANY; i++)
        small(f, i);
    write_all(f, 0);
    assert_true(f->pending.kept_bytes <= PENDING_ROWS_KEPT_BYTES);
    assert_true(f->pending.kept_count > PENDING_ROWS_KEPT_QUIET && f->pending.kept_count < MANY);
    pending_rows_shrink(&f->pending);
    assert_int_equal(f->pending.kept_count, PENDING_ROWS_KEPT_QUIET);
    for (uint32_t i = 0; i < PENDING_ROWS_KEPT_QUIET + 10; i++)
        small(f, i);
    assert_true(f->pending.kept_count == 0 && f->pending.kept_bytes == 0);
    write_all(f, 0);
    assert_int_equal(f->pending.kept_count, PENDING_ROWS_KEPT_QUIET + 10);
    small(f, 0); // a batch of one: low load
    write_all(f, 0);
    assert_int_equal(f->pending.kept_count, PENDING_ROWS_KEPT_QUIET);
}

static void large_buffers_are_given_back(void **state)
{
    struct fixture *f = *state;
    small(f, 0);
    write_all(f, 0);
    const size_t least = f->pending.kept_bytes;
    full(f, slice_of(f->large, sizeof(f->large)));
    write_all(f, 0);
    assert_int_equal(f->pending.kept_count, 1);
    assert_true(f->pending.kept_bytes <= least);
    assert_int_equal(number(f, "SELECT sum(length(bytes)) FROM body"), 2 * LARGE);
}

// Rows that wait for reports keep no buffers, since there may be many.
static void who_waits_for_a_report_is_used_again_afterwards(void **state)
{
    struct fixture *f = *state;
    static const char id[] = "0000000000000001";
    begin(f, 0, SLICE("A: 1\r\n"));
    route(f, 0, 7, id);
    end(f, 0);
    write_all(f, 0);
    assert_true(f->pending.waiting_count == 1 && f->pending.kept_count == 0);
    report(f, 7, id);
    write_all(f, 1);
    assert_true(f->pending.waiting_count == 0 && f->pending.kept_count == 1);
    begin(f, 0, SLICE("A: 2\r\n")); // the same id again, through no tunnel
    route(f, 0, 0, id);
    report(f, 7, id);
    end(f, 0);
    write_all(f, 2);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE far_outcome='complete'"), 1);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange"), 2);
}

// The route's texts may need more room than is left after the request's texts.
static void long_texts_move_together(void **state)
{
    struct fixture *f = *state;
    struct event_routed routed = {.event = event_of(EVENT_ROUTED, 0), .upstream_len = 300};
    memcpy(routed.id, "0123456789abcdef", sizeof(routed.id));
    for (size_t len = 300; len < 600; len += 7) {
        begin(f, 0, slice_of(f->large, len));
        tell(f, &routed, sizeof(routed), slice_of(f->large, 300));
        end(f, 0);
        write_all(f, 0);
        pending_rows_deinit(&f->pending);
        pending_rows_init(&f->pending, 0);
    }
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE method='GET' AND host='h' AND"
                               " target='/' AND length(upstream)=300 AND"
                               " length(request_head)=300 + 7 * (seq - 1)"),
                     43);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_of_an_exchange_is_seen_in_the_next),
        TEST(what_was_dropped_leaves_nothing),
        TEST(what_is_kept_has_a_bound),
        TEST(large_buffers_are_given_back),
        TEST(who_waits_for_a_report_is_used_again_afterwards),
        TEST(long_texts_move_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
