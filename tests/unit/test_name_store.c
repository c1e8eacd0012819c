// SPDX-License-Identifier: MIT
// Names read from their file are held for the owners in its lines, and no longer than gone-time:
// with any times in the file, after any cut and any corruption.
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/chance.h"
#include "tests/support/name_files.h"

enum {
    NS = 1000000000 // in a second
};

static int64_t now_s(void)
{
    return wall_clock_ns() / 1000000000;
}

static void a_file_cut_at_any_byte_holds_what_was_whole(void **state)
{
    struct name_files *f = *state;
    static const char text[] = "adit names 1 0000000000000000000\n";
    char whole[NAME_FILES_TEXT_MAX];
    int64_t now = now_s();
    size_t first =
        (size_t)snprintf(whole, sizeof(whole), "adit names 1 %019" PRId64 "\n", now * NS);
    size_t len = first + (size_t)snprintf(whole + first, sizeof(whole) - first,
                                          "here one " OWNER_A "\ngone two " OWNER_B " %" PRId64
                                          "\nfree one\n",
                                          now - 1);
    assert_int_equal(first, sizeof(text) - 1);
    size_t one = first + 9 + 64 + 1;
    size_t two = one + (size_t)snprintf(NULL, 0, "gone two " OWNER_B " %" PRId64 "\n", now - 1);
    for (size_t cut = 0; cut <= len; cut++) {
        name_files_put(f, whole, cut);
        name_files_open(f);
        name_files_check(f);
        assert_int_equal(name_files_holds(f, "one", OWNER_A), cut >= one && cut < len);
        assert_int_equal(name_files_holds(f, "two", OWNER_B), cut >= two);
        name_files_close(f);
        name_files_clear(f);
    }
}

// Makes one random change to a text of `*len` bytes.
static void corrupt(struct chance *c, char *text, size_t *len)
{
    static char rest[NAME_FILES_TEXT_MAX];
    static const char *const pieces[] = {"\r",
                                         "\n",
                                         "",
                                         " ",
                                         "here one " OWNER_B "\n",
                                         "gone one " OWNER_B " 99999999999\n",
                                         "free one\n",
                                         "here ONE " OWNER_A "\n",
                                         "here -x " OWNER_A "\n",
                                         "adit names 2\n",
                                         "gone one " OWNER_A " 0\n",
                                         "\xff\xfe",
                                         "gone x " OWNER_A " 18446744073709551615\n",
                                         "here  " OWNER_A "\n",
                                         "here one " OWNER_A " 1\n"};
    size_t at = chance_below(c, *len + 1);
    size_t n = chance_below(c, 40);
    const char *piece = pieces[chance_below(c, sizeof(pieces) / sizeof(pieces[0]))];
    size_t added = piece[0] ? strlen(piece) : 1; // empty: a zero byte
    n = n < *len - at ? n : *len - at;
    switch (chance_below(c, 4)) {
    case 0: // change a byte
        if (at < *len)
            text[at] = (char)chance_below(c, 256);
        return;
    case 1: // remove some bytes
        memcpy(rest, text + at + n, *len - at - n);
        memcpy(text + at, rest, *len - at - n);
        *len -= n;
        return;
    case 2: // cut the end
        *len = at;
        return;
    default: // insert a piece
        if (*len + added > NAME_FILES_TEXT_MAX)
            return;
        memcpy(rest, text + at, *len - at);
        memcpy(text + at, piece, added);
        memcpy(text + at + added, rest, *len - at);
        *len += added;
    }
}

static void a_corrupt_file_gives_a_name_to_nobody_that_no_line_has(void **state)
{
    struct name_files *f = *state;
    for (uint64_t seed = 0; seed < 1500; seed++) {
        struct chance c = chance_of_seed(seed);
        char text[NAME_FILES_TEXT_MAX];
        char aside[128];
        struct stat st;
        size_t len = (size_t)snprintf(text, sizeof(text),
                                      "adit names 1 %019" PRId64 "\nhere one " OWNER_A
                                      "\nhere two " OWNER_B "\ngone three " OWNER_A " %" PRId64
                                      "\nfree two\nhere two " OWNER_A "\n",
                                      now_s() * NS, now_s() - 3);
        for (uint32_t i = chance_below(&c, 4) + 1; i > 0; i--)
            corrupt(&c, text, &len);
        name_files_put(f, text, len);
        name_files_open(f);
        name_files_check(f);
        for (size_t i = 0; i < ROUTE_BUCKETS; i++)
            for (const struct route *r = f->routes.buckets[i]; r; r = r->next) {
                char line[200];
                int n = snprintf(line, sizeof(line), "%s %s", r->name, r->owner);
                assert_non_null(memmem(text, len, line, (size_t)n));
            }
        name_files_close(f);
        // The file was neither changed nor deleted, but perhaps renamed.
        (void)snprintf(aside, sizeof(aside), "%s.damaged", f->path);
        assert_int_equal(lstat(f->path, &st) ? lstat(aside, &st) : 0, 0);
        assert_int_equal(st.st_size, len);
        name_files_clear(f);
    }
}

static void times_past_to_come_and_impossible_hold_no_name_for_longer(void **state)
{
    struct name_files *f = *state;
    const int64_t now = now_s();
    const struct {
        int64_t written, gone; // in s; `gone` -1: a line "here"
        bool held;
    } cases[] = {
        {now, now - NAME_FILES_GONE_S - 5, false},
        {now, now - 1, true},
        {now, 0, false},
        {now, 1, false},
        {now, now + 86400, true},
        {now, INT64_MAX, true},
        {now, -1, true},
        {now - 3600 + 30, -1, true},
        {now - 3600, -1, false},
        {0, -1, false},
        {now + 86400, -1, true},
        {INT64_MAX, -1, true},
        {0, now - 1, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[NAME_FILES_TEXT_MAX];
        char gone[32] = "";
        if (cases[i].gone >= 0)
            (void)snprintf(gone, sizeof(gone), " %" PRId64, cases[i].gone);
        (void)snprintf(text, sizeof(text), "adit names 1 %019" PRId64 "\n%s x " OWNER_A "%s\n",
                       cases[i].written < INT64_MAX / NS ? cases[i].written * NS : INT64_MAX,
                       cases[i].gone < 0 ? "here" : "gone", gone);
        name_files_put_text(f, text);
        name_files_open(f);
        name_files_check(f);
        assert_int_equal(name_files_holds(f, "x", OWNER_A), cases[i].held);
        name_files_close(f);
        name_files_clear(f);
    }
}

// Otherwise a relay that restarts again and again would hold the name for ever.
static void a_name_that_was_held_once_is_not_held_anew_by_each_start(void **state)
{
    struct name_files *f = *state;
    char text[NAME_FILES_TEXT_MAX];
    long long gone = 0;
    name_files_put_text(f, "adit names 1\nhere x " OWNER_A "\ngone y " OWNER_A " 9999999999\n");
    name_files_open(f);
    assert_true(name_files_holds(f, "x", OWNER_A) && name_files_holds(f, "y", OWNER_A));
    name_files_settle(f);
    name_files_close(f);
    (void)name_files_get(f, text);
    assert_null(strstr(text, "here"));
    assert_int_equal(sscanf(strstr(text, "gone x"), "gone x " OWNER_A " %lld", &gone), 1);
    assert_true(gone <= now_s() && gone > now_s() - 30);
    assert_int_equal(sscanf(strstr(text, "gone y"), "gone y " OWNER_A " %lld", &gone), 1);
    assert_true(gone <= now_s());
}

static void put_lock(const struct name_files *f, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/names.lock", f->dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

// Name x was A's, then B's. After an older copy of the file was put back, x is held for neither.
static void an_older_copy_holds_no_name_however_young_it_is(void **state)
{
    struct name_files *f = *state;
    char text[NAME_FILES_TEXT_MAX];
    name_files_open(f);
    name_files_leave(f, "x", OWNER_A);
    name_files_settle(f);
    size_t len = name_files_get(f, text);
    name_files_leave(f, "x", OWNER_B);
    name_files_settle(f);
    name_files_close(f);
    name_files_open(f);
    assert_true(name_files_holds(f, "x", OWNER_B)); // the file is the latest
    name_files_close(f);
    name_files_put(f, text, len);
    name_files_open(f);
    assert_int_equal(f->routes.count, 0);
    name_files_leave(f, "x", OWNER_B);
    name_files_settle(f);
    name_files_close(f);
    name_files_open(f);
    assert_true(name_files_holds(f, "x", OWNER_B));
    name_files_close(f);
}

static void a_lock_says_what_is_older_and_else_nothing(void **state)
{
    static const struct {
        const char *lock, *first;
        bool held;
    } cases[] = {
        {"0000000000000000000\n", "adit names 1", true},
        {"", "adit names 1", true},
        {"nonsense\n", "adit names 1", true},
        {"9999999999999999999\n", "adit names 1", true}, // above INT64_MAX
        {"0000000000000000001\n", "adit names 1", false},
        {"9223372036854775807\n", "adit names 1 9223372036854775807", true},
        {"9223372036854775807\n", "adit names 1 9223372036854775806", false},
        {"1764436403000000000\n", "adit names 1 9223372036854775807", true},
    };
    struct name_files *f = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[NAME_FILES_TEXT_MAX];
        put_lock(f, cases[i].lock);
        (void)snprintf(text, sizeof(text), "%s\nhere x " OWNER_A "\n", cases[i].first);
        name_files_put_text(f, text);
        for (int start = 0; start < 2; start++) {
            name_files_open(f);
            name_files_check(f);
            assert_int_equal(name_files_holds(f, "x", OWNER_A), cases[i].held);
            name_files_settle(f);
            name_files_close(f);
        }
        name_files_clear(f);
    }
}

// The time tells a file in use from an old copy.
static void the_time_in_the_file_is_kept_up_to_date(void **state)
{
    struct name_files *f = *state;
    uv_timer_t *delay = &f->store.timer;
    char before[NAME_FILES_TEXT_MAX];
    char after[NAME_FILES_TEXT_MAX];
    name_files_open(f);
    assert_false(uv_is_active((uv_handle_t *)delay)); // no names, no writes
    name_files_leave(f, "x", OWNER_A);
    name_files_settle(f);
    (void)name_files_get(f, before);
    assert_true(uv_is_active((uv_handle_t *)delay));
    assert_true(uv_timer_get_due_in(delay) <= NAME_STORE_ALIVE_MS);
    FILE *file = fopen(f->path, "r+");
    (void)fputs("adit names 1 0000000000000000007\n", file);
    assert_int_equal(fclose(file), 0);
    (void)uv_timer_stop(delay);
    delay->timer_cb(delay);
    name_files_settle(f);
    (void)name_files_get(f, after);
    assert_int_equal(strlen(before), strlen(after));
    assert_string_equal(strchr(before, '\n'), strchr(after, '\n'));
    assert_true(strcmp(before, after) <= 0); // the 7 was overwritten
    assert_true(uv_is_active((uv_handle_t *)delay));
    name_files_close(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, name_files_setup, name_files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_file_cut_at_any_byte_holds_what_was_whole),
        TEST(a_corrupt_file_gives_a_name_to_nobody_that_no_line_has),
        TEST(times_past_to_come_and_impossible_hold_no_name_for_longer),
        TEST(a_name_that_was_held_once_is_not_held_anew_by_each_start),
        TEST(an_older_copy_holds_no_name_however_young_it_is),
        TEST(a_lock_says_what_is_older_and_else_nothing),
        TEST(the_time_in_the_file_is_kept_up_to_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
