// SPDX-License-Identifier: MIT
// Running exchanges: their progress, many of them, and a full queue.
#include "common/record/spool/spool_format.h"
#include "recorder_fixture.h"
#include "tests/support/trials.h"

static void what_runs_can_be_read(void **state)
{
    struct fixture *f = *state;
    struct ends e;
    record(f);
    ask(f, &e);
    wait_until(f, "SELECT count(*) = 1 FROM exchange WHERE outcome IS NULL AND status IS NULL");
    answer(&e, 200);
    for (int i = 1; i <= 3; i++) {
        char sql[120];
        send_body(&e.service, 1000);
        (void)snprintf(sql, sizeof(sql),
                       "SELECT response_kept = %d AND outcome IS NULL AND status"
                       " = 200 AND response_digest IS NULL FROM exchange",
                       i * 1000);
        wait_until(f, sql);
    }
    exchange_abort(&e.visitor, EXCHANGE_VISITOR_GONE);
    wait_until(f, "SELECT outcome = 'visitor gone' FROM exchange");
    assert_int_equal(number(f, "SELECT count(*) FROM body"), 3);
    stop(f);
}

// More exchanges than one turn of the loop visits; some are over before their progress is queued.
static void of_each_that_lasts_is_told_what_is_known(void **state)
{
    const int count = 2 * RECORDER_PROGRESS_SLOTS + 10;
    struct fixture *f = *state;
    struct ends *running = calloc((size_t)count, sizeof(*running));
    assert_non_null(running);
    record(f);
    for (int i = 0; i < count; i++) {
        ask(f, &running[i]);
        send_body(&running[i].visitor, 10);
        if (i % 2)
            exchange_finish(&running[i].visitor, NULL);
    }
    wait_until(f, "SELECT count(sent_on_ns) = 2058 FROM exchange WHERE request_bytes = 10 AND"
                  " outcome IS NULL AND request_last_ns >= sent_on_ns");
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE flags & 8"), count / 2);
    assert_int_equal(number(f, "SELECT count(request_digest) FROM exchange"), count / 2);
    answer(&running[0], 101);
    wait_until(f, "SELECT count(*) = 1 FROM exchange WHERE flags & 32 AND answered_ns > 0");
    small_exchange(f); // takes a slot that the pass visits
    for (int i = 0; i < count; i++)
        exchange_abort(&running[i].visitor, EXCHANGE_VISITOR_GONE);
    stop(f);
    free(running);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE outcome='visitor gone'"),
                     count);
}

// A file is in the place of the spool's directory while more passes than the queue holds.
static void what_finds_no_room_is_counted_and_the_rest_is_right(void **state)
{
    struct fixture *f = *state;
    const int count = 2000;
    struct ends *running = calloc((size_t)count, sizeof(*running));
    assert_non_null(running);
    char path[sizeof(f->rows.dir) + 16];
    (void)snprintf(path, sizeof(path), "%s/" SPOOL_PARENT, f->rows.dir);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    (void)fclose(file);
    record(f);
    small_exchange(f);
    for (int i = 0; i < count; i++) {
        ask(f, &running[i]);
        send_body(&running[i].visitor, 60000);
    }
    for (int i = 0; i < count; i++) {
        exchange_finish(&running[i].visitor, NULL);
        answer(&running[i], 200);
        exchange_finish(&running[i].service, NULL);
    }
    assert_int_equal(unlink(path), 0);
    wait_until(f, "SELECT exchanges + shed = 2001 AND shed > 0 FROM writer");
    small_exchange(f); // recording goes on
    stop(f);
    free(running);
    assert_int_equal(number(f, "SELECT exchanges + shed FROM writer"), count + 2);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange"),
                     number(f, "SELECT exchanges FROM writer"));
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE outcome IS NULL"), 0);
    assert_true(number(f, "SELECT shed_bytes > 0 FROM writer"));
    // A body that was cut has the flag 2, and no gaps.
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE NOT flags & 2 AND"
                               " request_kept <> request_bytes"),
                     0);
    assert_int_equal(number(f,
                            "SELECT count(*) FROM exchange e WHERE request_kept <>"
                            " (SELECT coalesce(sum(length(bytes)), 0) FROM bodies WHERE"
                            " exchange=seq AND side=0) OR request_kept <> (SELECT"
                            " coalesce(max(at + length(bytes)), 0) FROM bodies WHERE exchange=seq"
                            " AND side=0)"),
                     0);
}

// A pass over the slots takes several turns of the loop, which follow at once: sockets do not wait.
static void run_turns(struct fixture *f, int wanted)
{
    const uint64_t end_ns = uv_hrtime() + PATIENCE_MS * 1000000ULL;
    for (int turns = 0; turns < wanted; assert_true(uv_hrtime() < end_ns)) {
        (void)uv_run(&f->loop.uv, UV_RUN_NOWAIT);
        turns = uv_backend_timeout(&f->loop.uv) == 0 ? turns + 1 : 0;
    }
}

// A relay serves 16,384 connections or more, each with an exchange.
static void many_may_run_at_once(void **state)
{
    const int count = (int)trials(30000, 3000);
    struct fixture *f = *state;
    struct ends *running = calloc((size_t)count, sizeof(*running));
    char all_run[100];
    char all_are_over[100];
    assert_non_null(running);
    (void)snprintf(all_run, sizeof(all_run),
                   "SELECT count(*) = %d FROM exchange WHERE outcome IS NULL", count);
    (void)snprintf(all_are_over, sizeof(all_are_over), "SELECT exchanges + shed = %d FROM writer",
                   count + 1000);
    record(f);
    for (int i = 0; i < count; i++) {
        ask(f, &running[i]);
        exchange_finish(&running[i].visitor, NULL);
    }
    wait_until(f, all_run);
    run_turns(f, count / RECORDER_PROGRESS_SLOTS);
    for (int i = 0; i < 1000; i++)
        small_exchange(f);
    for (int i = 0; i < count; i++)
        exchange_abort(&running[i].visitor, EXCHANGE_VISITOR_GONE);
    wait_until(f, all_are_over); // recorder_free would not wait that long
    stop(f);
    free(running);
    assert_int_equal(number(f, "SELECT exchanges FROM writer"), count + 1000);
    assert_int_equal(number(f, "SELECT shed FROM writer"), 0);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE outcome='visitor gone'"),
                     count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_runs_can_be_read),
        TEST(of_each_that_lasts_is_told_what_is_known),
        TEST(what_finds_no_room_is_counted_and_the_rest_is_right),
        TEST(many_may_run_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
