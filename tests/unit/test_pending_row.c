// SPDX-License-Identifier: MIT
// Tracks that are used again: what they keep has a bound, and nothing of one exchange is seen in
// the next. Events are made by hand, and rows are written into a real record.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/record/write/pending_row.h"
#include "tests/support/check.h"
#include "tests/support/record_rows.h"

enum {
    LARGE = 100 * 1000,
    MANY = 6000,
};

struct fixture {
    struct record_rows rows;
    struct store_config config;
    struct store_file file;
    struct store *store;
    struct pending_rows pending;
    uint64_t event[LARGE / 8 + 64]; // the event that is made
    char large[LARGE];
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    record_rows_init(&f->rows);
    f->config = (struct store_config){.dir = f->rows.dir, .program = "test"};
    assert_int_equal(store_open(&f->config, &f->store, &f->file), SQLITE_OK);
    pending_rows_init(&f->pending, 0);
    memset(f->large, 'x', sizeof(f->large));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    pending_rows_deinit(&f->pending);
    store_close(f->store);
    record_rows_deinit(&f->rows);
    free(f);
    return 0;
}

// An event: its fixed part and one piece of text behind it.
static void tell(struct fixture *f, const void *fixed, size_t len, struct slice text)
{
    char *out = (char *)f->event;
    CHECK(len + text.len <= sizeof(f->event));
    memcpy(out, fixed, len);
    if (text.len > 0)
        memcpy(out + len, text.p, text.len);
    CHECK(pending_rows_event(&f->pending, out));
}

static struct event event_of(enum event_kind kind, unsigned flags)
{
    return (struct event){.kind = (uint8_t)kind, .flags = (uint16_t)flags};
}

static void begin(struct fixture *f, uint32_t slot, struct slice lines)
{
    struct event_begun e = {.event = event_of(EVENT_BEGUN, 0),
                            .began_ns = 1,
                            .method_len = 3,
                            .host_len = 1,
                            .target_len = 1,
                            .lines_len = (uint32_t)lines.len};
    char text[LARGE + 8] = "GETh/";
    e.event.slot = slot;
    memcpy(text + 5, lines.p, lines.len);
    tell(f, &e, sizeof(e), slice_of(text, lines.len + 5));
}

static void settle(struct fixture *f, uint32_t slot, uint64_t tunnel_id, const char *id)
{
    struct event_routed e = {
        .event = event_of(EVENT_ROUTED, 0), .tunnel_id = tunnel_id, .tunnel_len = 3};
    e.event.slot = slot;
    memcpy(e.id, id, sizeof(e.id));
    tell(f, &e, sizeof(e), SLICE("web"));
}

static void end(struct fixture *f, uint32_t slot)
{
    struct event_facts e = {.event = event_of(EVENT_CLOSED, EVENT_REQUEST_WHOLE), .status = 204};
    e.event.slot = slot;
    e.sent_on_ns = e.connect_ns = e.heard_ns = e.answered_ns = -1;
    tell(f, &e, sizeof(e), (struct slice){0});
}

static void small(struct fixture *f, uint32_t slot)
{
    begin(f, slot, SLICE("A: 1\r\n"));
    settle(f, slot, 0, "0123456789abcdef");
    end(f, slot);
}

static void add_head(struct fixture *f, uint16_t status, unsigned flags, struct slice lines)
{
    struct event_head e = {
        .event = event_of(EVENT_HEAD, flags), .lines_len = (uint32_t)lines.len, .status = status};
    tell(f, &e, sizeof(e), lines);
}

static void add_data(struct fixture *f, unsigned side, struct slice bytes)
{
    struct event_data e = {
        .event = event_of(EVENT_DATA, 0), .at_ns = 5, .len = (uint32_t)bytes.len};
    e.event.side = (uint8_t)side;
    tell(f, &e, sizeof(e), bytes);
}

static void add_trailers(struct fixture *f, unsigned side)
{
    struct event_trailers e = {.event = event_of(EVENT_TRAILERS, EVENT_REDACTED), .lines_len = 6};
    e.event.side = (uint8_t)side;
    tell(f, &e, sizeof(e), SLICE("T: 1\r\n"));
}

static void report(struct fixture *f, uint64_t tunnel_id, const char *id)
{
    struct event_report e = {.event = event_of(EVENT_REPORTED, 0), .tunnel_id = tunnel_id};
    memcpy(e.id, id, sizeof(e.id));
    tell(f, &e, sizeof(e), (struct slice){0});
}

// Everything that an exchange can say, in slot 0.
static void full(struct fixture *f, struct slice text)
{
    static const char id[] = "fedcba9876543210";
    struct event_routed about = {.event = event_of(EVENT_ROUTED, EVENT_HEADS_ONLY),
                                 .tunnel_id = 7,
                                 .visitor_len = 7,
                                 .tunnel_len = 5,
                                 .scheme_len = 5,
                                 .upstream_len = 6,
                                 .replay_len = 4};
    struct {
        struct event_facts end;
        struct event_body passed[2];
    } e = {.end = {.event = event_of(EVENT_CLOSED, 0xffff & ~(unsigned)EVENT_NO_DIGEST &
                                                       ~(unsigned)EVENT_NO_RESPONSE_DIGEST),
                   .status = 500,
                   .outcome = EXCHANGE_RESET,
                   .sent_on_ns = 1,
                   .connect_ns = 2,
                   .heard_ns = 3,
                   .answered_ns = 4,
                   .duration_ns = 5},
           .passed = {{.bytes = 9, .first_ns = 6, .last_ns = 7, .stalled_ns = 8, .digest = "q"},
                      {.bytes = 9, .first_ns = 6, .last_ns = 7, .stalled_ns = 8, .digest = "r"}}};
    begin(f, 0, text);
    memcpy(about.id, id, sizeof(about.id));
    tell(f, &about, sizeof(about), SLICE("visitorotherhttpsup:123back"));
    report(f, 7, id);
    add_head(f, 103, 0, text);
    add_head(f, 200, EVENT_REDACTED, text);
    add_data(f, 0, text);
    add_data(f, 1, text);
    add_trailers(f, 0);
    add_trailers(f, 1);
    tell(f, &e, sizeof(e), (struct slice){0});
}

static void write_some(struct fixture *f, enum pending_rows_defer leave, uint64_t now_ms)
{
    bool more = true;
    assert_int_equal(store_begin(f->store), SQLITE_OK);
    while (more)
        assert_int_equal(pending_rows_write(&f->pending, f->store, leave, 3, &more), SQLITE_OK);
    assert_int_equal(store_commit(f->store), SQLITE_OK);
    pending_rows_committed(&f->pending, now_ms);
}

static void write_all(struct fixture *f, uint64_t now_ms)
{
    write_some(f, PENDING_ROWS_DEFER_NONE, now_ms);
}

static int64_t number(struct fixture *f, const char *sql)
{
    return record_rows_number(&f->rows, sql);
}

// The same exchange is recorded by a new track and by one that has had another: the rows are alike.
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
    // The other one had said all of that.
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE seq=2 AND visitor='visitor'"
                               " AND upstream='up:123' AND replay_of='back' AND far_outcome"
                               " IS NOT NULL AND interim IS NOT NULL AND response_head IS NOT NULL"
                               " AND request_trailers IS NOT NULL AND response_trailers IS NOT NULL"
                               " AND response_stalled_ns=8 AND error IS NOT NULL"),
                     1);
    assert_int_equal(number(f, "SELECT count(*) FROM bodies WHERE exchange <> 2"), 0);
    assert_int_equal(number(f, "SELECT count(*) FROM bodies"), 2);
}

static void a_small_body_is_in_the_row_of_its_exchange(void **state)
{
    static const char text[RECORD_SMALL_BODY_BYTES + 1];
    struct fixture *f = *state;
    for (size_t len = RECORD_SMALL_BODY_BYTES - 1; len <= RECORD_SMALL_BODY_BYTES + 1; len++) {
        begin(f, 0, SLICE("A: 1\r\n"));
        settle(f, 0, 0, "0123456789abcdef");
        add_data(f, 1, slice_of(text, len));
        end(f, 0);
    }
    begin(f, 0, SLICE("A: 1\r\n")); // of one that runs it may become more
    settle(f, 0, 0, "0123456789abcdef");
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

// What runs, and what waits for a report, is left for the next transaction once; a row that comes
// to its end meanwhile is written once. What fails leaves nothing behind.
static void what_is_not_over_is_left_once(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 0; i < 10; i++) {
        begin(f, i, SLICE("A: 1\r\n"));
        settle(f, i, i == 1 ? 7 : 0, "0123456789abcdef");
    }
    end(f, 0);
    end(f, 1); // its report is still to come
    write_some(f, PENDING_ROWS_DEFER_UNREPORTED, 0);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange"), 1);
    assert_int_equal(pending_rows_count_dirty(&f->pending), 9);
    end(f, 2);
    bool more = true;
    assert_int_equal(store_begin(f->store), SQLITE_OK);
    assert_int_equal(
        pending_rows_write(&f->pending, f->store, PENDING_ROWS_DEFER_UNREPORTED, 4, &more),
        SQLITE_OK);
    assert_true(more);
    store_rollback(f->store);
    pending_rows_rolled_back(&f->pending);
    assert_int_equal(pending_rows_count_dirty(&f->pending), 9);
    write_some(f, PENDING_ROWS_DEFER_UNREPORTED, 0);
    assert_int_equal(pending_rows_count_dirty(&f->pending), 0);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange"), 10);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE outcome IS NULL"), 7);
    report(f, 7, "0123456789abcdef");
    for (uint32_t i = 3; i < 10; i++)
        end(f, i);
    write_some(f, true, 0);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE outcome IS NOT NULL"), 10);
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

// Also where what is not over is left for the next transaction.
static void what_is_known_of_one_that_lasts_is_written_at_once(void **state)
{
    static const char known[] =
        "SELECT count(*) FROM exchange WHERE outcome IS NULL AND sent_on_ns=1 AND connect_ns=2"
        " AND service_first_ns=3 AND answered_ns IS NULL AND duration_ns IS NULL AND"
        " request_bytes=9 AND request_last_ns=7 AND request_stalled_ns=8 AND request_digest IS NULL"
        " AND flags=64";
    struct fixture *f = *state;
    begin(f, 0, SLICE("A: 1\r\n"));
    settle(f, 0, 0, "0123456789abcdef");
    progress(f, 0, EVENT_REQUEST_BODY | EVENT_NO_DIGEST | EVENT_REUSED);
    write_some(f, true, 0);
    assert_int_equal(number(f, known), 1);
    // What is said later counts, also where it says less.
    progress(f, 0, EVENT_REQUEST_BODY | EVENT_REQUEST_WHOLE | EVENT_UPGRADED);
    write_some(f, true, 0);
    assert_int_equal(number(f, "SELECT flags FROM exchange"),
                     RECORD_REQUEST_WHOLE | RECORD_UPGRADED);
    assert_int_equal(number(f, "SELECT length(request_digest) FROM exchange"), DIGEST_BYTES);
    end(f, 0);
    write_some(f, true, 0);
    assert_int_equal(number(f, "SELECT flags FROM exchange WHERE outcome='complete'"),
                     RECORD_REQUEST_WHOLE);
}

// Of the service's phrase nothing is left in the record when the answer becomes ours.
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
    settle(f, 0, 0, "0123456789abcdef");
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
    add_head(f, 200, 0, SLICE("C: 3\r\n")); // of no exchange
    begin(f, 0, SLICE("A: 1\r\n"));
    settle(f, 0, 0, "0123456789abcdef");
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
        settle(f, 0, 0, "0123456789abcdef");
        add_head(f, 200, 0, SLICE("B: 2\r\n"));
        add_data(f, 1, SLICE("abc"));
        end(f, 0);
    }
    write_all(f, 0);
    assert_int_equal(number(f, "SELECT count(*) FROM written"), 10);
    begin(f, 0, SLICE("A: 1\r\n"));
    settle(f, 0, 0, "0123456789abcdef");
    progress(f, 0, 0);
    write_all(f, 0);
    write_all(f, 0); // nothing is new
    end(f, 0);
    write_all(f, 0);
    assert_int_equal(number(f, "SELECT count(*) FROM written"), 12);
}

// Also when nothing more is written.
static void a_report_is_waited_for_no_longer_than_it_may_take(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 0; i < 2; i++) {
        begin(f, i, SLICE("A: 1\r\n"));
        settle(f, i, 7, "0123456789abcdef");
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

// An agent that never reports has a share of the places alone.
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

// One that was dropped, and one that could not go on, are used again as well.
// Where reports need not be waited for, what has ended is written without.
static void what_has_ended_is_not_left_for_its_report(void **state)
{
    struct fixture *f = *state;
    for (uint32_t i = 0; i < 2; i++) {
        begin(f, i, SLICE("A: 1\r\n"));
        settle(f, i, 7, "0123456789abcdef");
    }
    end(f, 0);
    write_some(f, PENDING_ROWS_DEFER_RUNNING, 0);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE outcome='complete'"), 1);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange"), 1);
    write_some(f, PENDING_ROWS_DEFER_RUNNING, 0); // left once
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE outcome IS NULL"), 1);
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
    small(f, 0); // a batch of one: there is little to do
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

// Those that wait for their report may be many, so they have no buffers.
static void who_waits_for_a_report_is_used_again_afterwards(void **state)
{
    struct fixture *f = *state;
    static const char id[] = "0000000000000001";
    begin(f, 0, SLICE("A: 1\r\n"));
    settle(f, 0, 7, id);
    end(f, 0);
    write_all(f, 0);
    assert_true(f->pending.waiting_count == 1 && f->pending.kept_count == 0);
    report(f, 7, id);
    write_all(f, 1);
    assert_true(f->pending.waiting_count == 0 && f->pending.kept_count == 1);
    begin(f, 0, SLICE("A: 2\r\n")); // the same id again, through no tunnel
    settle(f, 0, 0, id);
    report(f, 7, id);
    end(f, 0);
    write_all(f, 2);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE far_outcome='complete'"), 1);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange"), 2);
}

// What is routed may have more texts than there is room behind those of the request.
static void long_texts_move_together(void **state)
{
    struct fixture *f = *state;
    struct event_routed about = {.event = event_of(EVENT_ROUTED, 0), .upstream_len = 300};
    memcpy(about.id, "0123456789abcdef", sizeof(about.id));
    for (size_t len = 300; len < 600; len += 7) {
        begin(f, 0, slice_of(f->large, len));
        tell(f, &about, sizeof(about), slice_of(f->large, 300));
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_of_an_exchange_is_seen_in_the_next),
        TEST(a_small_body_is_in_the_row_of_its_exchange),
        TEST(what_is_not_over_is_left_once),
        TEST(what_is_known_of_one_that_lasts_is_written_at_once),
        TEST(a_reason_phrase_goes_with_its_head),
        TEST(short_exchanges_are_written_once),
        TEST(what_has_ended_is_not_left_for_its_report),
        TEST(a_report_is_waited_for_no_longer_than_it_may_take),
        TEST(who_never_reports_takes_no_others_place),
        TEST(what_was_dropped_leaves_nothing),
        TEST(what_is_kept_has_a_bound),
        TEST(large_buffers_are_given_back),
        TEST(who_waits_for_a_report_is_used_again_afterwards),
        TEST(long_texts_move_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
