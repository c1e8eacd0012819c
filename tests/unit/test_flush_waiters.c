// SPDX-License-Identifier: MIT
// The replies of a writer to the readers that wait for it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/record/write/flush_waiters.h"

// Adds a reader that waits for 200 bytes more than the first `begin`. Returns its own end of the
// connection.
static int reader_from(struct flush_waiters *f, uint64_t begin)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    flush_waiters_add(f, ends[0], begin, begin + 200);
    return ends[1];
}

static int reader(struct flush_waiters *f)
{
    return reader_from(f, 1000);
}

static void expect(int fd, const char *replies)
{
    char got[16];
    ssize_t n = recv(fd, got, sizeof(got), 0);
    assert_int_equal(n < 0 ? 0 : n, strlen(replies));
    assert_memory_equal(got, replies, strlen(replies));
}

static void expect_end(int fd)
{
    char byte;
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    assert_int_equal(close(fd), 0);
}

static void progress_is_told_at_once_and_then_as_often_as_agreed(void **state)
{
    struct flush_waiters f = {0};
    int one = reader(&f);
    (void)state;
    flush_waiters_progress(&f, 1000, 7);
    expect(one, "\x80");
    flush_waiters_progress(&f, 1020, 7 + FLUSH_PROGRESS_MS - 1);
    expect(one, "");
    int two = reader(&f);
    flush_waiters_progress(&f, 1022, 7 + FLUSH_PROGRESS_MS);
    expect(one, "\x8b");
    expect(two, "\x8b");
    flush_waiters_progress(&f, 1199, 7 + 2 * FLUSH_PROGRESS_MS);
    expect(one, "\xe3");
    flush_waiters_deinit(&f);
    expect(two, "\xe3");
    expect_end(one);
    expect_end(two);
}

// Behind damage less may be indexed than before.
static void a_percentage_never_falls_and_one_that_stays_is_a_sign_of_life(void **state)
{
    struct flush_waiters f = {0};
    int one = reader(&f);
    (void)state;
    flush_waiters_progress(&f, 1100, FLUSH_PROGRESS_MS);
    int two = reader(&f);
    flush_waiters_progress(&f, 1040, 2 * FLUSH_PROGRESS_MS);
    expect(one, "\xb2\xb2");
    expect(two, "\x94");
    flush_waiters_deinit(&f);
    expect_end(one);
    expect_end(two);
}

// A reader that asks later does not hold up one that asked before.
static void each_waits_for_its_own_end(void **state)
{
    struct flush_waiters f = {0};
    int one = reader(&f);
    int two = reader_from(&f, 1150);
    (void)state;
    assert_int_equal(flush_waiters_ready(&f, 1199), 0);
    assert_int_equal(flush_waiters_ready(&f, 1200), 1);
    flush_waiters_written(&f, 1200, 0);
    flush_waiters_progress(&f, 1200, 0);
    expect(one, "w");
    expect(two, "\x99");
    assert_int_equal(flush_waiters_ready(&f, 1350), 1);
    flush_waiters_written(&f, 1350, 0);
    expect(two, "w");
    flush_waiters_deinit(&f);
    expect_end(one);
    expect_end(two);
}

static void behind_written_no_progress_comes(void **state)
{
    struct flush_waiters f = {0};
    int one = reader(&f);
    (void)state;
    flush_waiters_written(&f, 1200, 3);
    flush_waiters_progress(&f, 1100, 1000);
    expect(one, "w");
    assert_int_equal(flush_waiters_ready(&f, 1200), 0);
    flush_waiters_reported(&f, 2);
    expect(one, "");
    flush_waiters_reported(&f, 3);
    expect(one, "r");
    expect_end(one);
    assert_int_equal(f.count, 0);
}

static void readers_that_have_left_are_dropped_behind_written(void **state)
{
    struct flush_waiters f = {0};
    int one = reader(&f);
    int two = reader(&f);
    int three = reader_from(&f, 1150);
    (void)state;
    assert_int_equal(close(three), 0);
    flush_waiters_written(&f, 1200, 3);
    flush_waiters_drop_left(&f);
    assert_int_equal(f.count, 3); // the third one still counts as one that waits for FLUSH_WRITTEN
    assert_int_equal(close(one), 0);
    flush_waiters_drop_left(&f);
    assert_int_equal(f.count, 2);
    flush_waiters_written(&f, 1350, 3);
    flush_waiters_drop_left(&f);
    assert_int_equal(f.count, 1);
    flush_waiters_reported(&f, 3);
    expect(two, "wr");
    expect_end(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(progress_is_told_at_once_and_then_as_often_as_agreed),
        cmocka_unit_test(a_percentage_never_falls_and_one_that_stays_is_a_sign_of_life),
        cmocka_unit_test(each_waits_for_its_own_end),
        cmocka_unit_test(behind_written_no_progress_comes),
        cmocka_unit_test(readers_that_have_left_are_dropped_behind_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
