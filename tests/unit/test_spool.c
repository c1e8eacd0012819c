// SPDX-License-Identifier: MIT
// Segments of a spool: how they grow, end and go, and what becomes of them in bad times.
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "segments_fixture.h"

static void files_come_with_the_first_batch_and_go_with_the_last(void **state)
{
    struct fixture *f = *state;
    struct spool *s = begin_spool(f->dir, 0);
    assert_false(exists(f->dir, "", ""));
    assert_true(spool_is_before((struct spool_position){0, 1}, (struct spool_position){1, 0}));
    assert_int_equal(spool_end(s).segment, 0);
    assert_int_equal(append(f, s), 0);
    assert_true(has(f, s, 1));
    assert_int_equal(spool_end(s).segment, 1);
    assert_int_equal(spool_end(s).offset, FIRST);
    assert_int_equal(append(f, s), 0);
    assert_int_equal(spool_end(s).offset, FIRST + BATCH);
    assert_int_equal(spool_bytes(s), FIRST + BATCH);
    assert_int_equal(spool_bytes_of_all(f->dir), FIRST + BATCH);
    spool_drop(s, spool_end(s)); // it may grow
    assert_true(has(f, s, 1));
    spool_seal(s);
    spool_drop(s, (struct spool_position){1, FIRST + BATCH - 1});
    assert_true(has(f, s, 1));
    spool_drop(s, spool_end(s));
    assert_false(has(f, s, 1));
    assert_int_equal(spool_bytes(s), 0);
    assert_int_equal(spool_appended(s), FIRST + BATCH);
    assert_int_equal(append(f, s), 0);
    assert_true(has(f, s, 2)); // numbers are not used again
    const struct spool_position end = spool_end(s);
    assert_true(spool_free(s, &end));
    char path[PATH_BYTES];
    path_of(path, f->dir, "", "");
    assert_int_equal(rmdir(path), 0);
}

static void a_spool_that_never_had_a_batch_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    const struct spool_position beginning = {0};
    assert_true(spool_free(begin_spool(f->dir, 0), &beginning));
    assert_true(spool_free(NULL, NULL));
    assert_false(exists(f->dir, "", ""));
}

static void a_batch_has_its_limit(void **state)
{
    struct fixture *f = *state;
    struct spool *s = begin_spool(f->dir, 0);
    assert_int_equal(append_bytes(s, f->entries, SPOOL_BATCH_BYTES - 1), 0);
    assert_int_equal(append_bytes(s, f->entries, SPOOL_BATCH_BYTES), 0);
    assert_int_equal(append_bytes(s, f->entries, SPOOL_BATCH_BYTES + 1), EMSGSIZE);
    (void)spool_free(s, &everything);
}

// A position is in a segment, or leads to the next one.
static void a_position_is_located(void **state)
{
    struct fixture *f = *state;
    struct spool *s = begin_spool(f->dir, FIRST * SPOOL_SEGMENT_PART);
    for (int i = 0; i < 3; i++)
        assert_int_equal(append(f, s), 0);
    static const struct {
        struct spool_position from, found;
    } cases[] = {{{0, 0}, {1, 0}},     {{0, 99}, {1, 0}},         {{1, 50}, {1, 50}},
                 {{1, FIRST}, {2, 0}}, {{1, UINT64_MAX}, {2, 0}}, {{3, FIRST - 1}, {3, FIRST - 1}},
                 {{3, FIRST}, {0, 0}}, {{4, 0}, {0, 0}}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct spool_position at = cases[i].from;
        uint64_t size = 0;
        int fd = spool_locate(s, &at, &size);
        check_context("case %zu", i);
        CHECK((fd >= 0) == (cases[i].found.segment > 0));
        CHECK(fd < 0 || (at.segment == cases[i].found.segment &&
                         at.offset == cases[i].found.offset && size == FIRST));
    }
    check_context("%s", "");
    assert_int_equal(spool_left(s, (struct spool_position){0}), 3 * FIRST);
    assert_int_equal(spool_left(s, (struct spool_position){2, 100}), 2 * FIRST - 100);
    assert_int_equal(spool_left(s, (struct spool_position){2, UINT64_MAX}), FIRST);
    assert_int_equal(spool_left(s, (struct spool_position){4, 0}), 0);
    (void)spool_free(s, &everything);
}

static void an_owner_that_lives_keeps_its_spool(void **state)
{
    struct fixture *f = *state;
    struct spool *other = NULL;
    struct spool_segment_head facts;
    char id[SPOOL_ID_MAX];
    struct spool *s = begin_spool(f->dir, 0);
    assert_int_equal(append(f, s), 0);
    id_of(s, id);
    assert_int_equal(adopt(f, id, &other), EAGAIN);
    assert_null(other);
    assert_false(spool_free(s, NULL));
    assert_int_equal(adopt(f, id, &other), 0);
    assert_int_equal(spool_bytes(other), FIRST);
    assert_true(spool_facts(other, &facts));
    assert_int_equal(facts.pid, getpid());
    assert_string_equal(facts.program, "test");
    assert_true(spool_free(other, &everything));
    assert_int_equal(adopt(f, id, &other), ENOENT);
}

// Two recorders of a process, or of two processes that begin at the same time.
static void two_spools_do_not_meet(void **state)
{
    struct fixture *f = *state;
    struct spool *one = begin_spool(f->dir, 0);
    struct spool *two = begin_spool(f->dir, 0);
    assert_string_not_equal(spool_id(one), spool_id(two));
    assert_int_equal(append(f, one), 0);
    assert_int_equal(append(f, two), 0);
    assert_int_equal(spool_bytes_of_all(f->dir), 2 * FIRST);
    assert_true(spool_free(one, &everything));
    assert_true(has(f, two, 1));
    (void)spool_free(two, &everything);
}

static void a_directory_that_is_removed_is_made_again(void **state)
{
    struct fixture *f = *state;
    char path[PATH_BYTES];
    struct spool *s = begin_spool(f->dir, 0);
    assert_int_equal(append(f, s), 0);
    path_of(path, f->dir, "", "");
    remove_all(path);
    assert_int_equal(append(f, s), 0); // to the file that is still open
    spool_seal(s);
    assert_int_equal(append(f, s), 0);
    assert_true(has(f, s, 2));
    struct spool_position at = {0};
    uint64_t size = 0;
    char byte = 0;
    int fd = spool_locate(s, &at, &size);
    assert_true(fd >= 0 && size == FIRST + BATCH && pread(fd, &byte, 1, (off_t)size - 1) == 1);
    spool_seal(s);
    assert_true(spool_free(s, &everything));
}

static void a_directory_that_is_moved_goes_on(void **state)
{
    struct fixture *f = *state;
    char moved[sizeof(f->dir) + 8];
    struct spool *s = begin_spool(f->dir, 0);
    assert_int_equal(append(f, s), 0);
    (void)snprintf(moved, sizeof(moved), "%s-moved", f->dir);
    assert_int_equal(rename(f->dir, moved), 0);
    assert_int_equal(append(f, s), 0);
    spool_seal(s);
    assert_int_equal(append(f, s), 0);
    assert_true(exists(moved, spool_id(s), "00000002.seg"));
    assert_true(spool_free(s, &everything));
    assert_int_equal(spool_bytes_of_all(moved), 0);
    assert_int_equal(rename(moved, f->dir), 0);
}

// Runs `what` in a process of its own, whose limits do not matter to others.
static void in_a_process(void (*what)(struct fixture *f), struct fixture *f)
{
    int status = 0;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        what(f);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    assert_int_equal(status, 0);
}

// A batch for which there is no room leaves nothing: the next one is where it would have been.
static void append_without_room(struct fixture *f)
{
    struct rlimit size = {0};
    struct spool *s = begin_spool(f->dir, 0);
    CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR && getrlimit(RLIMIT_FSIZE, &size) == 0);
    CHECK(append(f, s) == 0);
    const struct rlimit full = {FIRST + BATCH / 2, size.rlim_max};
    CHECK(setrlimit(RLIMIT_FSIZE, &full) == 0);
    CHECK(append(f, s) == EFBIG && append(f, s) == EFBIG);
    CHECK(spool_end(s).offset == FIRST && spool_bytes(s) == FIRST && spool_appended(s) == FIRST);
    CHECK(setrlimit(RLIMIT_FSIZE, &size) == 0);
    CHECK(append(f, s) == 0);
    CHECK(spool_end(s).offset == FIRST + BATCH);
    (void)spool_free(s, &everything);
}

static void a_full_disk_costs_a_batch_its_place_only(void **state)
{
    in_a_process(append_without_room, *state);
}

// Takes all descriptors below FILES. Returns how many.
static int take_files(int fds[static FILES])
{
    int count = 0;
    while (count < FILES && (fds[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        count++;
    CHECK(count > 0 && count < FILES && errno == EMFILE);
    return count;
}

// A spool that can make no file goes on in the last one.
static void append_without_files(struct fixture *f)
{
    struct rlimit files = {0};
    struct spool *s = begin_spool(f->dir, FIRST * SPOOL_SEGMENT_PART);
    struct spool *late = begin_spool(f->dir, 0);
    CHECK(getrlimit(RLIMIT_NOFILE, &files) == 0);
    CHECK(append(f, s) == 0);
    const struct rlimit few = {FILES, files.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    int fds[FILES];
    int taken = take_files(fds);
    CHECK(append(f, s) == 0 && append(f, late) == EMFILE);
    CHECK(spool_end(s).segment == 1 && spool_end(s).offset == FIRST + BATCH);
    CHECK(spool_bytes_of_all(f->dir) == 0);
    while (taken > 0)
        (void)close(fds[--taken]);
    // under Valgrind the attempts without descriptors left files: their numbers are left out
    CHECK(append(f, s) == 0 && append(f, s) == 0);
    CHECK(append(f, late) == 0 || append(f, late) == 0);
    CHECK(spool_end(s).segment > 1);
    (void)spool_free(s, &everything);
    (void)spool_free(late, &everything);
}

static void a_spool_without_files_goes_on_in_the_last(void **state)
{
    in_a_process(append_without_files, *state);
}

static void a_file_in_the_place_of_a_segment_makes_way(void **state)
{
    struct fixture *f = *state;
    char path[PATH_BYTES];
    struct spool *s = begin_spool(f->dir, 0);
    assert_int_equal(append(f, s), 0);
    path_of(path, f->dir, spool_id(s), "00000002.seg");
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(close(fd), 0);
    spool_seal(s);
    assert_int_equal(append(f, s), 0); // a number that is left out would count as a gap
    assert_int_equal(spool_end(s).segment, 2);
    assert_int_equal(spool_end(s).offset, FIRST);
    (void)spool_free(s, &everything);
}

static void names_that_are_no_segments_are_ignored(void **state)
{
    static const char *const names[] = {"1.seg",
                                        "00000000.seg",
                                        "0000000x.seg",
                                        "00000001.seg~",
                                        "000000001.seg",
                                        "-0000001.seg",
                                        "99999999999999999999.seg",
                                        "4294967296.seg",
                                        ".seg"};
    struct fixture *f = *state;
    struct spool *other = NULL;
    char id[SPOOL_ID_MAX];
    char path[PATH_BYTES];
    struct spool *s = begin_spool(f->dir, 0);
    assert_int_equal(append(f, s), 0);
    id_of(s, id);
    (void)spool_free(s, NULL);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        path_of(path, f->dir, id, names[i]);
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0);
    }
    assert_int_equal(spool_bytes_of_all(f->dir), FIRST);
    assert_int_equal(adopt(f, id, &other), 0);
    assert_int_equal(spool_bytes(other), FIRST);
    assert_true(spool_free(other, &everything)); // no segment is left
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_true(exists(f->dir, id, names[i]));
}

// A file or directory that others may write, a link, a directory for a segment: not ours.
static void what_others_may_write_is_refused(void **state)
{
    struct fixture *f = *state;
    struct spool *other = NULL;
    char id[SPOOL_ID_MAX];
    char path[PATH_BYTES];
    char dir[PATH_BYTES];
    struct spool *s = begin_spool(f->dir, 0);
    assert_int_equal(append(f, s), 0);
    id_of(s, id);
    (void)spool_free(s, NULL);
    path_of(path, f->dir, id, "00000001.seg");
    path_of(dir, f->dir, id, "");
    assert_int_equal(chmod(path, 0622), 0);
    assert_int_equal(adopt(f, id, &other), EPERM);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(chmod(dir, 0777), 0);
    assert_int_equal(adopt(f, id, &other), EPERM);
    assert_int_equal(chmod(dir, 0700), 0);
    path_of(path, f->dir, id, "00000002.seg");
    assert_int_equal(symlink("00000001.seg", path), 0);
    assert_int_equal(adopt(f, id, &other), ELOOP);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(adopt(f, id, &other), EPERM);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(adopt(f, id, &other), EPERM);
    assert_int_equal(unlink(path), 0);
    assert_null(other);
    assert_int_equal(adopt(f, id, &other), 0);
    assert_true(spool_free(other, &everything));
    path_of(path, f->dir, "", "");
    assert_int_equal(chmod(path, 0770), 0);
    s = begin_spool(f->dir, 0);
    assert_int_equal(append(f, s), EPERM);
    assert_int_equal(chmod(path, 0700), 0);
    assert_int_equal(append(f, s), 0);
    (void)spool_free(s, &everything);
}

static void names_that_are_no_spools_are_refused(void **state)
{
    struct fixture *f = *state;
    struct spool *s = begin_spool(f->dir, 0);
    struct spool *other = NULL;
    char path[PATH_BYTES];
    assert_int_equal(append(f, s), 0);
    assert_int_equal(adopt(f, "none", &other), ENOENT);
    assert_int_equal(adopt(f, "0123456789012345678901234567890123456789", &other), ENAMETOOLONG);
    path_of(path, f->dir, "", "file");
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(close(fd), 0);
    assert_int_equal(adopt(f, "file", &other), ENOTDIR);
    path_of(path, f->dir, "", "link");
    assert_int_equal(symlink(spool_id(s), path), 0);
    assert_int_equal(adopt(f, "link", &other), ENOTDIR);
    (void)spool_free(s, &everything);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(files_come_with_the_first_batch_and_go_with_the_last),
        TEST(a_spool_that_never_had_a_batch_leaves_nothing),
        TEST(a_batch_has_its_limit),
        TEST(a_position_is_located),
        TEST(an_owner_that_lives_keeps_its_spool),
        TEST(two_spools_do_not_meet),
        TEST(a_directory_that_is_removed_is_made_again),
        TEST(a_directory_that_is_moved_goes_on),
        TEST(a_full_disk_costs_a_batch_its_place_only),
        TEST(a_spool_without_files_goes_on_in_the_last),
        TEST(a_file_in_the_place_of_a_segment_makes_way),
        TEST(names_that_are_no_segments_are_ignored),
        TEST(what_others_may_write_is_refused),
        TEST(names_that_are_no_spools_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
