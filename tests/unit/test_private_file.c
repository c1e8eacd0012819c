// SPDX-License-Identifier: MIT
// Files and directories in an open directory: what is not its owner's alone is refused, and what is
// made is.
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/private_file.h"
#include "tests/support/check.h"

struct fixture {
    char path[64];
    int dir;
    int free_fd; // the lowest number that no descriptor has
};

static int lowest_free(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && close(fd) == 0);
    return fd;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    CHECK(f);
    (void)snprintf(f->path, sizeof(f->path), "/tmp/adit-test-XXXXXX");
    CHECK(mkdtemp(f->path));
    f->dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(f->dir >= 0);
    f->free_fd = lowest_free();
    *state = f;
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *place)
{
    (void)st;
    (void)type;
    (void)place;
    return remove(path);
}

// Nothing that was refused is left open.
static int teardown(void **state)
{
    struct fixture *f = *state;
    CHECK(lowest_free() == f->free_fd);
    CHECK(close(f->dir) == 0);
    CHECK(nftw(f->path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
    free(f);
    return 0;
}

static void put_file(const struct fixture *f, const char *name, mode_t mode, const char *text)
{
    int fd = openat(f->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    CHECK(fchmod(fd, mode) == 0 && close(fd) == 0);
}

static void put_dir(const struct fixture *f, const char *name, mode_t mode)
{
    CHECK(mkdirat(f->dir, name, 0700) == 0 && fchmodat(f->dir, name, mode, 0) == 0);
}

static void put_link(const struct fixture *f, const char *name, const char *target)
{
    CHECK(symlinkat(target, f->dir, name) == 0);
}

static struct stat look(const struct fixture *f, const char *name)
{
    struct stat st = {0};
    CHECK(fstatat(f->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0);
    return st;
}

static bool has(const struct fixture *f, const char *name)
{
    struct stat st;
    return fstatat(f->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

// The results of private_open_dir and private_open_at, closed: 0 or an errno.
static int open_dir(const struct fixture *f, const char *name, bool make)
{
    errno = 0;
    int fd = private_open_dir(f->dir, name, make);
    return fd < 0 ? errno : close(fd);
}

static int open_at(const struct fixture *f, const char *name)
{
    errno = 0;
    int fd = private_open_at(f->dir, name);
    return fd < 0 ? errno : close(fd);
}

static int make_at(const struct fixture *f, const char *name)
{
    errno = 0;
    int fd = private_make_at(f->dir, name);
    return fd < 0 ? errno : close(fd);
}

static void a_missing_directory_is_made_on_demand_only(void **state)
{
    const struct fixture *f = *state;
    assert_int_equal(open_dir(f, "new", false), ENOENT);
    assert_false(has(f, "new"));
    assert_int_equal(open_dir(f, "new/deep", true), ENOENT);
    int fd = private_open_dir(f->dir, "new", true);
    assert_true(fd >= 0 && has(f, "new"));
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(close(fd), 0);
    assert_int_equal(open_dir(f, "new", true), 0); // it is there already
    assert_int_equal(open_dir(f, "new", false), 0);
}

static void what_is_made_is_the_owners_alone_whatever_the_umask(void **state)
{
    static const mode_t masks[] = {0, 0022, 0277, 0777};
    const struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
        char dir[16];
        char file[16];
        (void)snprintf(dir, sizeof(dir), "dir%zu", i);
        (void)snprintf(file, sizeof(file), "file%zu", i);
        mode_t before = umask(masks[i]);
        int errors[] = {open_dir(f, dir, true), make_at(f, file)};
        (void)umask(before);
        assert_int_equal(errors[0], 0);
        assert_int_equal(errors[1], 0);
        assert_int_equal(look(f, dir).st_mode, S_IFDIR | 0700);
        assert_int_equal(look(f, file).st_mode, S_IFREG | 0600);
    }
}

static void a_directory_that_others_may_write_is_refused(void **state)
{
    static const mode_t ours[] = {0700, 0755, 0500};
    static const mode_t open_to_others[] = {0720, 0702, 0777, 01777};
    const struct fixture *f = *state;
    put_dir(f, "dir", 0700);
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        assert_int_equal(fchmodat(f->dir, "dir", ours[i], 0), 0);
        assert_int_equal(open_dir(f, "dir", true), 0);
    }
    for (size_t i = 0; i < sizeof(open_to_others) / sizeof(open_to_others[0]); i++) {
        assert_int_equal(fchmodat(f->dir, "dir", open_to_others[i], 0), 0);
        assert_int_equal(open_dir(f, "dir", false), EPERM);
        assert_int_equal(open_dir(f, "dir", true), EPERM);
        assert_int_equal(look(f, "dir").st_mode, S_IFDIR | open_to_others[i]); // as it was
    }
}

static void only_a_directory_itself_is_opened_as_one(void **state)
{
    const struct fixture *f = *state;
    put_dir(f, "dir", 0700);
    put_file(f, "file", 0600, "");
    put_link(f, "link", "dir");
    put_link(f, "dangling", "missing");
    for (int make = 0; make < 2; make++) {
        assert_int_equal(open_dir(f, "file", make), ENOTDIR);
        assert_int_equal(open_dir(f, "link", make), ENOTDIR);
        assert_int_equal(open_dir(f, "dangling", make), ENOTDIR);
    }
    assert_false(has(f, "missing"));
}

static void a_file_is_made_only_where_nothing_is(void **state)
{
    const struct fixture *f = *state;
    char byte = 0;
    put_file(f, "file", 0644, "old");
    put_dir(f, "dir", 0700);
    put_link(f, "link", "file");
    put_link(f, "dangling", "missing");
    assert_int_equal(make_at(f, "file"), EEXIST);
    assert_int_equal(make_at(f, "dir"), EEXIST);
    assert_int_equal(make_at(f, "link"), EEXIST);
    assert_int_equal(make_at(f, "dangling"), EEXIST);
    assert_int_equal(make_at(f, "none/file"), ENOENT);
    assert_false(has(f, "missing"));
    assert_int_equal(look(f, "file").st_size, 3);
    assert_int_equal(look(f, "file").st_mode, S_IFREG | 0644);
    int fd = private_make_at(f->dir, "new");
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_true(write(fd, "x", 1) == 1 && pread(fd, &byte, 1, 0) == 1 && byte == 'x');
    assert_int_equal(close(fd), 0);
}

static void a_file_is_opened_for_reading_alone(void **state)
{
    static const mode_t modes[] = {0600, 0644, 0400};
    const struct fixture *f = *state;
    char text[8] = "";
    put_file(f, "file", 0600, "text");
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        assert_int_equal(fchmodat(f->dir, "file", modes[i], 0), 0);
        int fd = private_open_at(f->dir, "file");
        assert_true(fd >= 0);
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        assert_int_equal(read(fd, text, sizeof(text)), 4);
        assert_memory_equal(text, "text", 4);
        assert_true(write(fd, "x", 1) < 0 && errno == EBADF);
        assert_int_equal(close(fd), 0);
    }
    assert_int_equal(open_at(f, "missing"), ENOENT);
}

static void a_file_that_others_may_change_is_refused(void **state)
{
    static const mode_t modes[] = {0620, 0602, 0666};
    const struct fixture *f = *state;
    put_file(f, "file", 0600, "");
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        assert_int_equal(fchmodat(f->dir, "file", modes[i], 0), 0);
        assert_int_equal(open_at(f, "file"), EPERM);
    }
    assert_int_equal(fchmodat(f->dir, "file", 0600, 0), 0);
    assert_int_equal(linkat(f->dir, "file", f->dir, "second", 0), 0);
    assert_int_equal(open_at(f, "file"), EPERM);
    assert_int_equal(open_at(f, "second"), EPERM);
    assert_int_equal(private_remove(f->dir, "second"), 0);
    assert_int_equal(open_at(f, "file"), 0);
}

static void only_a_regular_file_itself_is_opened_for_reading(void **state)
{
    const struct fixture *f = *state;
    put_file(f, "file", 0600, "");
    put_dir(f, "dir", 0700);
    put_link(f, "link", "file");
    put_link(f, "dangling", "missing");
    assert_int_equal(mkfifoat(f->dir, "fifo", 0600), 0);
    assert_int_equal(open_at(f, "dir"), EPERM);
    assert_int_equal(open_at(f, "link"), ELOOP);
    assert_int_equal(open_at(f, "dangling"), ELOOP);
    assert_int_equal(open_at(f, "fifo"), EPERM); // at once: nobody writes to it
}

// Users that this program does not run as.
static uid_t owner(void)
{
    return geteuid() + 1;
}

static uid_t other(void)
{
    return geteuid() + 2;
}

// Gives an entry to a user. Skips the test unless that is allowed.
static void give(const struct fixture *f, const char *name, uid_t user)
{
    if (fchownat(f->dir, name, user, (gid_t)-1, AT_SYMLINK_NOFOLLOW))
        skip();
}

static void what_belongs_to_another_user_is_refused(void **state)
{
    const struct fixture *f = *state;
    put_dir(f, "dir", 0755);
    put_file(f, "file", 0644, "");
    give(f, "dir", other());
    give(f, "file", other());
    assert_int_equal(open_dir(f, "dir", false), EPERM);
    assert_int_equal(open_dir(f, "dir", true), EPERM);
    assert_int_equal(open_at(f, "file"), EPERM);
    give(f, "dir", geteuid());
    give(f, "file", geteuid());
    assert_int_equal(open_dir(f, "dir", false), 0);
    assert_int_equal(open_at(f, "file"), 0);
}

// Root reads in a user's directory what is that user's or its own.
static void root_may_use_what_the_owner_of_the_directory_has(void **state)
{
    const uid_t users[] = {owner(), 0, other()};
    const struct fixture *f = *state;
    struct fixture in = {.dir = -1};
    put_dir(f, "home", 0755);
    give(f, "home", owner());
    in.dir = openat(f->dir, "home", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    put_dir(&in, "dir", 0755);
    put_file(&in, "file", 0644, "");
    for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
        give(&in, "dir", users[i]);
        give(&in, "file", users[i]);
        int expected = users[i] == other() ? EPERM : 0;
        assert_int_equal(open_dir(&in, "dir", false), expected);
        assert_int_equal(open_at(&in, "file"), expected);
    }
    assert_int_equal(close(in.dir), 0);
}

static void only_an_empty_directory_is_deleted_as_one(void **state)
{
    const struct fixture *f = *state;
    put_dir(f, "dir", 0700);
    put_file(f, "dir/file", 0600, "");
    put_file(f, "file", 0600, "");
    put_link(f, "link", "dir");
    assert_int_equal(private_remove_dir(f->dir, "dir"), ENOTEMPTY);
    assert_int_equal(private_remove_dir(f->dir, "file"), ENOTDIR);
    assert_int_equal(private_remove_dir(f->dir, "link"), ENOTDIR);
    assert_int_equal(private_remove_dir(f->dir, "missing"), ENOENT);
    assert_int_equal(private_remove(f->dir, "dir"), EISDIR);
    assert_int_equal(private_remove(f->dir, "missing"), ENOENT);
    assert_true(has(f, "file") && has(f, "link"));
    assert_int_equal(private_remove(f->dir, "link"), 0); // and not what it leads to
    assert_true(has(f, "dir") && !has(f, "link"));
    assert_int_equal(private_remove(f->dir, "dir/file"), 0);
    assert_int_equal(private_remove_dir(f->dir, "dir"), 0);
    assert_false(has(f, "dir"));
}

static void a_file_that_is_moved_replaces_and_follows_nothing(void **state)
{
    const struct fixture *f = *state;
    put_file(f, "one", 0600, "1");
    put_file(f, "three", 0600, "333");
    put_file(f, "four", 0600, "4444");
    put_link(f, "link", "four");
    put_dir(f, "dir", 0700);
    assert_int_equal(private_move_at(f->dir, "missing", "one"), ENOENT);
    assert_int_equal(look(f, "one").st_size, 1);
    assert_int_equal(private_move_at(f->dir, "one", "dir"), EISDIR);
    assert_int_equal(private_move_at(f->dir, "one", "three"), 0);
    assert_int_equal(look(f, "three").st_size, 1);
    assert_int_equal(private_move_at(f->dir, "three", "link"), 0);
    assert_int_equal(look(f, "link").st_mode, S_IFREG | 0600);
    assert_int_equal(look(f, "four").st_size, 4);
    assert_false(has(f, "one") || has(f, "three"));
}

static void a_file_is_cut_to_any_length(void **state)
{
    const struct fixture *f = *state;
    char text[8] = "";
    int fd = private_make_at(f->dir, "file");
    assert_int_equal(private_write_at(fd, "text", 4, 0), 0);
    assert_int_equal(private_cut(fd, 3), 0);
    assert_int_equal(private_cut(fd, 5), 0);
    assert_int_equal(pread(fd, text, sizeof(text), 0), 5);
    assert_memory_equal(text, "tex\0\0", 5);
    assert_int_equal(private_cut(fd, UINT64_MAX), EINVAL);
    assert_int_equal(look(f, "file").st_size, 5);
    assert_int_equal(close(fd), 0);
    fd = private_open_at(f->dir, "file");
    assert_int_equal(private_cut(fd, 0), EINVAL); // it may only be read
    assert_int_equal(close(fd), 0);
    assert_int_equal(private_cut(-1, 0), EBADF);
    assert_int_equal(look(f, "file").st_size, 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_missing_directory_is_made_on_demand_only),
        TEST(what_is_made_is_the_owners_alone_whatever_the_umask),
        TEST(a_directory_that_others_may_write_is_refused),
        TEST(only_a_directory_itself_is_opened_as_one),
        TEST(a_file_is_made_only_where_nothing_is),
        TEST(a_file_is_opened_for_reading_alone),
        TEST(a_file_that_others_may_change_is_refused),
        TEST(only_a_regular_file_itself_is_opened_for_reading),
        TEST(what_belongs_to_another_user_is_refused),
        TEST(root_may_use_what_the_owner_of_the_directory_has),
        TEST(only_an_empty_directory_is_deleted_as_one),
        TEST(a_file_that_is_moved_replaces_and_follows_nothing),
        TEST(a_file_is_cut_to_any_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
