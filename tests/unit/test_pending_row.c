// SPDX-License-Identifier: MIT
// Rows that events become, and the transactions that write them.
#include "pending_row_fixture.h"

static void a_small_body_is_in_the_row_of_its_exchange(void **state)
{
    static const char text[RECORD_SMALL_BODY_BYTES + 1];
    struct fixture *f = *state;
    for (size_t len = RECORD_SMALL_BODY_BYTES - 1; len <= RECORD_SMALL_BODY_BYTES + 1; len++) {
        begin(f, 0, SLICE("A: 1\r\n"));
        route(f, 0, 0, "0123456789abcdef");
        add_data(f, 1, slice_of(text, len));
        end(f, 0);
    }
    begin(f, 0, SLICE("A: 1\r\n")); // a running exchange's body may grow
    route(f, 0, 0, "0123456789abcdef");
    add_data(f, 1, SLICE("a"));
    write_all(f, 0);
    add_data(f, 1, SLICE("b"));
    end(f, 0);
    write_all(f, 0);
    assert_int_equal(number(f, "SELECT sum(seq) FROM exchange WHERE response_body IS NOT NULL"),
                     1 + 2);
    assert_int_equal(number(f, "SELECT sum(exchange) FROM body"), 3 + 4 + 4);
    assert_int_equal(number(f, "SELECT sum(length(bytes)) FROM bodies"),
                     3 * RECORD_SMALL_BODY_BYTES + 2);
    assert_int_equal(number(f, "SELECT sum(response_kept) FROM exchange"),
                     3 * RECORD_SMALL_BODY_BYTES + 2);
}

// What runs, or lacks a report, is written with the rest, and again when it is complete. A rollback
// leaves nothing behind.
static void what_is_not_over_is_written_too(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 0; i < 10; i++) {
        begin(f, i, SLICE("A: 1\r\n"));
        route(f, i, i == 1 ? 7 : 0, "0123456789abcdef");
    }
    end(f, 0);
    end(f, 1); // its report is still to come
    assert_int_equal(store_begin(f->store), SQLITE_OK);
    assert_int_equal(pending_rows_write(&f->pending, f->store), SQLITE_OK);
    store_rollback(f->store);
    pending_rows_rolled_back(&f->pending);
    assert_int_equal(pending_rows_count_dirty(&f->pending), 10);
    write_all(f, 0);
    assert_int_equal(pending_rows_count_dirty(&f->pending), 0);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange"), 10);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE outcome IS NULL"), 8);
    report(f, 7, "0123456789abcdef");
    for (uint32_t i = 2; i < 10; i++)
        end(f, i);
    write_all(f, 0);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE outcome='complete'"), 10);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE far_outcome IS NOT NULL"), 1);
}

// Counts how often rows of exchanges are written.
static void count_writes(struct fixture *f)
{
    record_rows_sql(&f->rows, "CREATE TABLE written(seq)");
    record_rows_sql(&f->rows, "CREATE TRIGGER inserted AFTER INSERT ON exchange BEGIN"
                              " INSERT INTO written VALUES(new.seq); END");
    record_rows_sql(&f->rows, "CREATE TRIGGER updated AFTER UPDATE ON exchange BEGIN"
                              " INSERT INTO written VALUES(new.seq); END");
}

static void progress(struct fixture *f, uint32_t slot, unsigned flags)
{
    struct {
        struct event_facts facts;
        struct event_body passed;
    } e = {.facts = {.event = event_of(EVENT_PROGRESS, flags),
                     .sent_on_ns = 1,
                     .connect_ns = 2,
                     .heard_ns = 3,
                     .answered_ns = -1,
                     .duration_ns = -1},
           .passed = {.bytes = 9, .first_ns = 6, .last_ns = 7, .stalled_ns = 8}};
    e.facts.event.slot = slot;
    tell(f, &e, sizeof(e), (struct slice){0});
}

static void what_is_known_of_one_that_lasts_is_written(void **state)
{
    static const char known[] =
        "SELECT count(*) FROM exchange WHERE outcome IS NULL AND sent_on_ns=1 AND connect_ns=2"
        " AND service_first_ns=3 AND answered_ns IS NULL AND duration_ns IS NULL AND"
        " request_bytes=9 AND request_last_ns=7 AND request_stalled_ns=8 AND request_digest IS NULL"
        " AND flags=64";
    struct fixture *f = *state;
    begin(f, 0, SLICE("A: 1\r\n"));
    route(f, 0, 0, "0123456789abcdef");
    progress(f, 0, EVENT_REQUEST_BODY | EVENT_NO_DIGEST | EVENT_REUSED);
    write_all(f, 0);
    assert_int_equal(number(f, known), 1);
    // Later facts replace earlier ones, even if they are fewer.
    progress(f, 0, EVENT_REQUEST_BODY | EVENT_REQUEST_WHOLE | EVENT_UPGRADED);
    write_all(f, 0);
    assert_int_equal(number(f, "SELECT flags FROM exchange"),
                     RECORD_REQUEST_WHOLE | RECORD_UPGRADED);
    assert_int_equal(number(f, "SELECT length(request_digest) FROM exchange"), DIGEST_BYTES);
    end(f, 0);
    write_all(f, 0);
    assert_int_equal(number(f, "SELECT flags FROM exchange WHERE outcome='complete'"),
                     RECORD_REQUEST_WHOLE);
}

// When adit answers instead of the origin, nothing of the origin's phrase is left.
static void a_reason_phrase_goes_with_its_head(void **state)
{
    static const char which[] = "SELECT CASE WHEN reason IS NULL THEN 0 WHEN reason='' THEN 1"
                                " WHEN reason='Fine' THEN 2 WHEN reason='Bad Gateway' THEN 3 END"
                                " FROM exchange WHERE length(response_head)=6";
    struct fixture *f = *state;
    struct event_head e = {.event = event_of(EVENT_HEAD, EVENT_REASON),
                           .lines_len = 6,
                           .reason_len = 4,
                           .status = 200};
    begin(f, 0, SLICE("A: 1\r\n"));
    route(f, 0, 0, "0123456789abcdef");
    tell(f, &e, sizeof(e), SLICE("B: 2\r\nFine"));
    write_all(f, 0);
    assert_int_equal(number(f, which), 2);
    add_data(f, 1, SLICE("abc")); // another update
    write_all(f, 0);
    assert_int_equal(number(f, which), 2);
    add_head(f, 502, 0, SLICE("C: 3\r\n"));
    write_all(f, 0);
    assert_int_equal(number(f, which), 3);
    e.reason_len = 0;
    tell(f, &e, sizeof(e), SLICE("B: 2\r\n"));
    end(f, 0);
    write_all(f, 0);
    assert_int_equal(number(f, which), 1);
    add_head(f, 200, 0, SLICE("C: 3\r\n")); // no exchange in this slot
    begin(f, 0, SLICE("A: 1\r\n"));
    route(f, 0, 0, "0123456789abcdef");
    add_head(f, 200, 0, SLICE("C: 3\r\n"));
    end(f, 0);
    write_all(f, 0);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE seq=2 AND reason IS NULL AND"
                               " response_protocol='HTTP/1.1'"),
                     1);
}

static void short_exchanges_are_written_once(void **state)
{
    struct fixture *f = *state;
    count_writes(f);
    for (int i = 0; i < 10; i++) {
        begin(f, 0, SLICE("A: 1\r\n"));
        route(f, 0, 0, "0123456789abcdef");
        add_head(f, 200, 0, SLICE("B: 2\r\n"));
        add_data(f, 1, SLICE("abc"));
        end(f, 0);
    }
    write_all(f, 0);
    assert_int_equal(number(f, "SELECT count(*) FROM written"), 10);
    begin(f, 0, SLICE("A: 1\r\n"));
    route(f, 0, 0, "0123456789abcdef");
    progress(f, 0, 0);
    write_all(f, 0);
    write_all(f, 0); // no change
    end(f, 0);
    write_all(f, 0);
    assert_int_equal(number(f, "SELECT count(*) FROM written"), 12);
}

// The wait for a report ends even if nothing more is written.
static void a_report_is_waited_for_no_longer_than_it_may_take(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 0; i < 2; i++) {
        begin(f, i, SLICE("A: 1\r\n"));
        route(f, i, 7, "0123456789abcdef");
        end(f, i);
        write_all(f, i);
    }
    pending_rows_expire_waiting(&f->pending, RECORDER_REPORT_MS - 1);
    assert_int_equal(pending_rows_reported(&f->pending), 0);
    pending_rows_expire_waiting(&f->pending, RECORDER_REPORT_MS);
    assert_int_equal(pending_rows_reported(&f->pending), 1);
    pending_rows_expire_waiting(&f->pending, RECORDER_REPORT_MS + 1);
    assert_int_equal(pending_rows_reported(&f->pending), 2);
    assert_int_equal(f->pending.waiting_count, 0);
}

// While events lag, even those before the wait are still to be applied.
static void no_wait_for_a_report_ends_before_its_time_was_applied(void **state)
{
    struct fixture *f = *state;
    begin(f, 0, SLICE("A: 1\r\n"));
    route(f, 0, 7, "0123456789abcdef");
    end(f, 0);
    write_all(f, 1000);
    write_all(f, 1000 + 3 * RECORDER_REPORT_MS);
    pending_rows_expire_waiting(&f->pending, 0);
    pending_rows_expire_waiting(&f->pending, 999);
    assert_int_equal(f->pending.waiting_count, 1);
    pending_rows_expire_waiting(&f->pending, 1000 + RECORDER_REPORT_MS);
    assert_int_equal(f->pending.waiting_count, 0);
}

static void as_many_rows_wait_as_may(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 0; i < RECORDER_WAITING_MAX + 1; i++) {
        char id[EXCHANGE_ID_LEN + 1];
        (void)snprintf(id, sizeof(id), "%016u", i);
        begin(f, 0, SLICE("A: 1\r\n"));
        route(f, 0, 7, id);
        end(f, 0);
        if (i < RECORDER_WAITING_MAX - 2)
            continue;
        write_all(f, 0);
        pending_rows_expire_waiting(&f->pending, 0);
        assert_int_equal(f->pending.waiting_count,
                         i < RECORDER_WAITING_MAX ? i + 1 : RECORDER_WAITING_MAX);
        assert_int_equal(pending_rows_reported(&f->pending), i < RECORDER_WAITING_MAX ? 0 : 1);
    }
}

// An agent that never reports has only its share of the places.
static void who_never_reports_takes_no_others_place(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 0; i < RECORDER_WAITING_MAX + 100; i++) {
        struct event_routed e = {
            .event = event_of(EVENT_ROUTED, 0), .tunnel_id = 7, .tunnel_len = 3};
        begin(f, 0, SLICE("A: 1\r\n"));
        e.share = i < RECORDER_WAITING_MAX ? 1 : 2;
        (void)snprintf(e.id, sizeof(e.id), "%015u", i);
        tell(f, &e, sizeof(e), SLICE("web"));
        end(f, 0);
        if (i % 512 == 511)
            write_all(f, 0);
    }
    write_all(f, 0);
    assert_in_range(f->pending.waiting_of[1], RECORDER_WAITING_MAX / 4 * 3,
                    RECORDER_WAITING_MAX / 4 * 3 + 1);
    assert_int_equal(f->pending.waiting_of[2], 100);
    assert_int_equal(pending_rows_reported(&f->pending), 0);
}

// Of shares 0 to 2 with ended exchanges, the second one takes the most.
static void the_largest_share_is_dropped(void **state)
{
    static const int counts[] = {3, 5, 4};
    struct fixture *f = *state;
    uint32_t slot = 0;
    for (uint8_t share = 0; share < 3; share++)
        for (int i = 0; i < counts[share]; i++, slot++) {
            begin(f, slot, SLICE("A: 1\r\n"));
            route_as(f, slot, 0, "0123456789abcdef", share);
            if (i > 0) // the first one runs, and is not dropped
                end(f, slot);
        }
    pending_rows_drop_largest(&f->pending);
    assert_int_equal(f->pending.lost, 4);
    assert_int_equal(f->pending.begun, 8);
    write_all(f, 0);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange"), 8);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE outcome IS NULL"), 3);
}

// A row that was written is not dropped when it ends, nor is one that follows.
static void what_is_written_is_not_dropped(void **state)
{
    struct fixture *f = *state;
    begin(f, 0, SLICE("A: 1\r\n"));
    route(f, 0, 0, "0123456789abcdef");
    write_all(f, 0);
    end(f, 0);
    pending_rows_drop_largest(&f->pending);
    assert_int_equal(f->pending.lost, 0);
    begin(f, 0, SLICE("A: 1\r\n"));
    route(f, 0, 0, "0123456789abcdef");
    write_all(f, 0);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE outcome='complete'"), 1);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_small_body_is_in_the_row_of_its_exchange),
        TEST(what_is_not_over_is_written_too),
        TEST(what_is_known_of_one_that_lasts_is_written),
        TEST(a_reason_phrase_goes_with_its_head),
        TEST(short_exchanges_are_written_once),
        TEST(the_largest_share_is_dropped),
        TEST(what_is_written_is_not_dropped),
        TEST(a_report_is_waited_for_no_longer_than_it_may_take),
        TEST(no_wait_for_a_report_ends_before_its_time_was_applied),
        TEST(as_many_rows_wait_as_may),
        TEST(who_never_reports_takes_no_others_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
