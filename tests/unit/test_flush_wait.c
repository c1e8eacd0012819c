// SPDX-License-Identifier: MIT
// How long a reader waits for writers: as long as they get on.
#include "flush_fixture.h"

#include <stdatomic.h>
#include <uv.h>

#include "common/base/clock.h"
#include "common/record/flush_wait.h"

enum {
    NEVER_MS = 3600 * 1000,
    SHORT_MS = 150,
    STEPS = 30,
    STEP_MS = SHORT_MS / 10,
    SEEN_NONE = -2
};

// A reader in a thread of its own.
struct reader {
    const char *dir;
    struct flush_wait how;
    uv_thread_t thread;
    bool written;
    pid_t pid;
    uint64_t took_ms;
    atomic_int seen; // the last percentage that was shown
};

static void on_show(void *ctx, int percent)
{
    struct reader *r = ctx;
    atomic_store(&r->seen, percent);
}

static void read_record(void *arg)
{
    struct reader *r = arg;
    uint64_t began = clock_ns();
    r->written = flush_wait(r->dir, &r->how, &r->pid);
    r->took_ms = (clock_ns() - began) / 1000000;
}

static void begin(struct reader *r, const struct fixture *f, struct flush_wait how)
{
    *r = (struct reader){.dir = f->dir, .how = how, .written = true};
    atomic_init(&r->seen, SEEN_NONE);
    r->how.ctx = r;
    assert_int_equal(uv_thread_create(&r->thread, read_record, r), 0);
}

static bool end(struct reader *r)
{
    assert_int_equal(uv_thread_join(&r->thread), 0);
    return r->written;
}

static void wait_until_shown(struct reader *r, int percent)
{
    while (atomic_load(&r->seen) != percent)
        uv_sleep(1);
}

// Sends percentages that grow. Returns the longest time between two, which a busy machine
// stretches.
static uint64_t get_on(int fd, uint64_t since_ns)
{
    uint64_t longest = 0;
    for (unsigned i = 0; i < STEPS; i++) {
        uv_sleep(STEP_MS);
        flush_send_progress(fd, i);
        uint64_t now = clock_ns();
        longest = now - since_ns > longest ? now - since_ns : longest;
        since_ns = now;
    }
    return longest;
}

static void a_writer_that_gets_on_is_waited_for(void **state)
{
    struct fixture *f = *state;
    int writer = add_writer(f, FLUSH_BACKLOG);
    uint64_t longest = UINT64_MAX;
    while (longest >= SHORT_MS * 1000000ULL) { // the machine was too slow to tell
        struct reader r;
        uint64_t began = clock_ns();
        begin(&r, f, (struct flush_wait){.silent_ms = SHORT_MS, .standstill_ms = SHORT_MS});
        int fd = accept_reader(writer);
        longest = get_on(fd, began);
        flush_finish(fd, FLUSH_WRITTEN);
        bool written = end(&r);
        if (longest < SHORT_MS * 1000000ULL) {
            assert_true(written);
            assert_int_equal(r.pid, 0);
            assert_true(r.took_ms >= 2 * SHORT_MS);
        }
    }
}

static void a_writer_whose_percentage_stays_is_given_up(void **state)
{
    struct fixture *f = *state;
    struct reader r;
    int writer = add_writer(f, FLUSH_BACKLOG);
    begin(&r, f, (struct flush_wait){.silent_ms = NEVER_MS, .standstill_ms = SHORT_MS});
    int fd = accept_reader(writer);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    for (unsigned percent = 51; poll(&p, 1, 1) == 0; percent = 50) // a fall is no growth
        flush_send_progress(fd, percent);
    assert_false(end(&r));
    assert_int_equal(r.pid, getpid());
    assert_true(r.took_ms >= SHORT_MS);
    assert_int_equal(close(fd), 0);
}

static void a_writer_that_falls_silent_is_given_up(void **state)
{
    struct fixture *f = *state;
    int writer = add_writer(f, FLUSH_BACKLOG);
    for (int sends = 0; sends < 2; sends++) {
        struct reader r;
        begin(&r, f, (struct flush_wait){.silent_ms = SHORT_MS, .standstill_ms = NEVER_MS});
        int fd = accept_reader(writer);
        if (sends)
            flush_send_progress(fd, 1);
        assert_false(end(&r));
        assert_int_equal(r.pid, getpid());
        assert_true(r.took_ms >= SHORT_MS);
        assert_int_equal(close(fd), 0);
    }
}

// What each reply means, alone and behind others.
static void replies_end_the_wait(void **state)
{
    static const struct {
        const char *replies;
        bool reports, written;
    } cases[] = {
        {"w", false, true},
        {"\x80\xe4w", false, true},
        {"wr", true, true},
        {"\xa0w\xa0r", true, true},
        {"b", false, false},
        {"\xa0"
         "b",
         false, false},
        {"b", true, false},
        {"", false, true},
        {"\xa0", false, true},
        {"w", true, true},
        {"\xe5", false, false},
        {"\xff", false, false},
        {"x", false, false},
        {"w\xe5", true, true},
        {"\x7f", false, false},
    };
    struct fixture *f = *state;
    int writer = add_writer(f, FLUSH_BACKLOG);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct reader r;
        const struct flush_wait how = {cases[i].reports, NEVER_MS, NEVER_MS, NULL, NULL};
        begin(&r, f, how);
        int fd = accept_reader(writer);
        size_t len = strlen(cases[i].replies);
        assert_int_equal(send(fd, cases[i].replies, len, MSG_NOSIGNAL), len);
        assert_int_equal(close(fd), 0); // the end of the program ends the wait, too
        assert_int_equal(end(&r), cases[i].written);
    }
}

static void missing_reports_are_waited_for_and_no_failure(void **state)
{
    struct fixture *f = *state;
    struct reader r;
    int writer = add_writer(f, FLUSH_BACKLOG);
    begin(&r, f, (struct flush_wait){true, SHORT_MS, NEVER_MS, NULL, NULL});
    int fd = accept_reader(writer);
    flush_send_progress(fd, 90);
    flush_send(fd, FLUSH_WRITTEN);
    assert_true(end(&r));
    assert_true(r.took_ms >= SHORT_MS);
    assert_int_equal(close(fd), 0);
}

static void the_least_percentage_is_shown(void **state)
{
    struct fixture *f = *state;
    struct reader r;
    int writers[2] = {add_writer(f, FLUSH_BACKLOG), add_writer(f, FLUSH_BACKLOG)};
    begin(&r, f, (struct flush_wait){true, NEVER_MS, NEVER_MS, on_show, NULL});
    int one = accept_reader(writers[0]);
    int two = accept_reader(writers[1]);
    flush_send_progress(one, 40);
    wait_until_shown(&r, -1); // the other is silent
    flush_send_progress(two, 70);
    wait_until_shown(&r, 40);
    flush_send_progress(one, 90);
    wait_until_shown(&r, 70);
    flush_send(two, FLUSH_WRITTEN);
    wait_until_shown(&r, 90);
    flush_send(one, FLUSH_WRITTEN);
    wait_until_shown(&r, 100); // reports are outstanding
    flush_finish(one, FLUSH_REPORTED);
    flush_finish(two, FLUSH_REPORTED);
    assert_true(end(&r));
}

static void one_of_many_that_has_not_written_is_told(void **state)
{
    struct fixture *f = *state;
    struct reader r;
    int writers[2] = {add_writer(f, FLUSH_BACKLOG), add_writer(f, FLUSH_BACKLOG)};
    begin(&r, f, (struct flush_wait){.silent_ms = SHORT_MS, .standstill_ms = NEVER_MS});
    int one = accept_reader(writers[0]);
    int two = accept_reader(writers[1]);
    flush_finish(two, FLUSH_WRITTEN);
    assert_false(end(&r));
    assert_int_equal(close(one), 0);
}

// Its backlog is full: asking alone takes all the time there is. The other's reply came meanwhile.
static void a_writer_that_accepts_nobody_is_given_up(void **state)
{
    struct fixture *f = *state;
    struct reader r;
    int full = add_writer(f, 0);
    int writer = add_writer(f, FLUSH_BACKLOG);
    struct reader before;
    begin(&before, f, (struct flush_wait){.silent_ms = SHORT_MS, .standstill_ms = NEVER_MS});
    flush_finish(accept_reader(writer), FLUSH_WRITTEN);
    assert_false(end(&before)); // its connection stays in the backlog
    begin(&r, f, (struct flush_wait){.silent_ms = SHORT_MS, .standstill_ms = NEVER_MS});
    flush_finish(accept_reader(writer), FLUSH_WRITTEN);
    assert_false(end(&r));
    assert_int_equal(r.pid, 0); // unknown
    assert_true(r.took_ms >= SHORT_MS);
    assert_int_equal(close(accept_reader(full)), 0);
}

static void nobody_is_waited_for_where_nobody_writes(void **state)
{
    const struct fixture *f = *state;
    const struct flush_wait how = {.silent_ms = NEVER_MS, .standstill_ms = NEVER_MS};
    pid_t pid = 1;
    assert_true(flush_wait(f->dir, &how, &pid));
    assert_int_equal(pid, 0);
    assert_true(flush_wait("/nonexistent", &how, &pid));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_writer_that_gets_on_is_waited_for),
        TEST(a_writer_whose_percentage_stays_is_given_up),
        TEST(a_writer_that_falls_silent_is_given_up),
        TEST(replies_end_the_wait),
        TEST(missing_reports_are_waited_for_and_no_failure),
        TEST(the_least_percentage_is_shown),
        TEST(one_of_many_that_has_not_written_is_told),
        TEST(a_writer_that_accepts_nobody_is_given_up),
        TEST(nobody_is_waited_for_where_nobody_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
