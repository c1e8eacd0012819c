// SPDX-License-Identifier: MIT
// Other files in place of the file of names: the relay starts, trusts no file that another user
// could have put there, and destroys none.
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/name_files.h"

static void put_lines(struct name_files *f, size_t count)
{
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    (void)fputs("adit names 1\nhere x " OWNER_A "\n", file);
    for (size_t i = 1; i < count; i++)
        (void)fputs("free a\n", file);
    assert_int_equal(fclose(file), 0);
}

static void a_flooded_file_is_put_aside(void **state)
{
    struct name_files *f = *state;
    const size_t most = 2 * (2 * (size_t)NAME_STORE_NAMES + NAME_STORE_SLACK);
    for (int more = -1; more <= 1; more++) {
        put_lines(f, more < 0 ? most - 1 : most + (size_t)more);
        name_files_open(f);
        assert_int_equal(name_files_holds(f, "x", OWNER_A), more <= 0);
        name_files_close(f);
        name_files_clear(f);
    }
}

static void a_line_without_end_takes_no_memory(void **state)
{
    struct name_files *f = *state;
    enum {
        LENGTH = 3 << 20
    };
    char *text = malloc(LENGTH);
    assert_non_null(text);
    for (int zero = 0; zero < 2; zero++) {
        static const char begin[] = "adit names 1\nhere x " OWNER_A "\n";
        memset(text, zero ? 0 : 'x', LENGTH);
        memcpy(text, begin, sizeof(begin) - 1);
        name_files_put(f, text, LENGTH);
        name_files_open(f);
        assert_int_equal(name_files_holds(f, "x", OWNER_A),
                         zero); // zeros at the end come from a power failure
        name_files_close(f);
        name_files_clear(f);
    }
    free(text);
}

static void lines_that_we_do_not_write_are_damage(void **state)
{
    static const char *const lines[] = {"here x " OWNER_A "\r\n",
                                        "here x " OWNER_A " \n",
                                        " here x " OWNER_A "\n",
                                        "here x  " OWNER_A "\n",
                                        "HERE x " OWNER_A "\n",
                                        "here X " OWNER_A "\n",
                                        "here x- " OWNER_A "\n",
                                        "here x " OWNER_A " 1\n",
                                        "gone x " OWNER_A " -1\n",
                                        "gone x " OWNER_A "\n",
                                        "gone x " OWNER_A " +1\n",
                                        "gone x " OWNER_A " 1 \n",
                                        "gone x " OWNER_A " 99999999999999999999\n",
                                        "free x " OWNER_A "\n",
                                        "free \n",
                                        "free\n",
                                        "\n",
                                        "gone x " OWNER_A " 9223372036854775808\n",
                                        "here x aaaa\n",
                                        "here x " OWNER_A "a\n"};
    struct name_files *f = *state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char text[NAME_FILES_TEXT_MAX];
        (void)snprintf(text, sizeof(text), "adit names 1\nhere y " OWNER_A "\n%s", lines[i]);
        name_files_put_text(f, text);
        name_files_open(f);
        assert_int_equal(f->routes.count, 0);
        name_files_close(f);
        name_files_clear(f);
    }
}

static void make_link(const char *from, const char *to)
{
    assert_int_equal(symlink(from, to), 0);
}

static void make_second_name(const char *from, const char *to)
{
    assert_int_equal(link(from, to), 0);
}

static void make_pipe(const char *from, const char *to)
{
    (void)from;
    assert_int_equal(mkfifo(to, 0600), 0);
}

static void make_directory(const char *from, const char *to)
{
    (void)from;
    assert_int_equal(mkdir(to, 0700), 0);
}

static void make_open_to_the_group(const char *from, const char *to)
{
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(chmod(to, 0660), 0);
}

static void make_open_to_all(const char *from, const char *to)
{
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(chmod(to, 0602), 0);
}

static void what_others_could_have_put_there_is_not_believed(void **state)
{
    void (*const kinds[])(const char *, const char *) = {
        make_link,      make_second_name,       make_pipe,
        make_directory, make_open_to_the_group, make_open_to_all};
    struct name_files *f = *state;
    char elsewhere[128];
    char text[NAME_FILES_TEXT_MAX];
    struct stat st;
    (void)snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", f->dir);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        name_files_put_text(f, "adit names 1\nhere x " OWNER_A "\n");
        assert_int_equal(rename(f->path, elsewhere), 0);
        kinds[i](elsewhere, f->path);
        name_files_open(f);
        assert_int_equal(f->routes.count, 0);
        name_files_leave(f, "mine", OWNER_B);
        name_files_settle(f);
        (void)name_files_get(f, text);
        assert_non_null(strstr(text, "gone mine " OWNER_B));
        assert_int_equal(lstat(f->path, &st), 0);
        assert_true(S_ISREG(st.st_mode) && (st.st_mode & 0777) == 0600 && st.st_nlink == 1);
        name_files_close(f);
        name_files_clear(f);
    }
}

// Each damaged file gets another name.
static void what_was_put_aside_is_never_overwritten(void **state)
{
    struct name_files *f = *state;
    for (size_t i = 0; i < 3; i++) {
        name_files_put_text(f, "damaged");
        name_files_open(f);
        name_files_close(f);
        (void)uv_sleep(2); // the name has the time in ms
    }
    size_t count = 0;
    DIR *list = opendir(f->dir);
    for (struct dirent *e = readdir(list); e; e = readdir(list))
        count += strncmp(e->d_name, "names.damaged", 13) == 0;
    (void)closedir(list);
    assert_int_equal(count, 3);
}

static void a_file_put_in_its_place_while_the_relay_runs_is_not_added_to(void **state)
{
    static const char old[] = "adit names 1\nhere x " OWNER_B "\n";
    struct name_files *f = *state;
    char text[NAME_FILES_TEXT_MAX];
    char copy[128];
    (void)snprintf(copy, sizeof(copy), "%s/copy", f->dir);
    name_files_open(f);
    name_files_leave(f, "x", OWNER_A);
    name_files_settle(f);
    name_files_put_text(f, old); // same inode, other contents
    name_files_leave(f, "y", OWNER_A);
    name_files_settle(f);
    (void)name_files_get(f, text);
    assert_true(strstr(text, "gone x " OWNER_A) && strstr(text, "gone y " OWNER_A) &&
                !strstr(text, OWNER_B));
    FILE *file = fopen(copy, "w");
    (void)fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(copy, 0600), 0);
    assert_int_equal(rename(copy, f->path), 0); // other inode, same contents
    name_files_leave(f, "z", OWNER_A);
    name_files_settle(f);
    (void)name_files_get(f, text);
    assert_true(strstr(text, "gone x " OWNER_A) && strstr(text, "gone z " OWNER_A));
    name_files_close(f);
}

static void of_two_relays_only_one_writes_also_when_the_lock_was_replaced(void **state)
{
    struct name_files *f = *state;
    struct name_files second = *f;
    char lock[128];
    char text[NAME_FILES_TEXT_MAX];
    (void)snprintf(lock, sizeof(lock), "%s/names.lock", f->dir);
    name_files_open(f);
    name_files_leave(f, "x", OWNER_A);
    name_files_settle(f);
    name_files_open(&second);
    assert_null(second.store.routes); // disabled: the first relay has the lock
    assert_int_equal(second.routes.count, 0);
    name_files_close(&second);
    assert_int_equal(unlink(lock), 0);
    name_files_open(&second);
    assert_non_null(second.store.routes);
    assert_true(name_files_holds(&second, "x", OWNER_A));
    name_files_settle(&second);
    name_files_leave(f, "mine", OWNER_B); // its lock file is gone
    name_files_close(f);                  // so it writes nothing
    (void)name_files_get(f, text);
    assert_true(strstr(text, "gone x " OWNER_A) && !strstr(text, "mine"));
    name_files_leave(&second, "x", OWNER_B);
    name_files_close(&second);
    (void)name_files_get(f, text);
    assert_non_null(strstr(text, "gone x " OWNER_B));
}

static void what_killed_writers_left_is_deleted_and_nothing_else(void **state)
{
    static const char *const names[] = {"names.0123456789abcdef.new", "names.new",
                                        "names.0123456789abcdeg.new", "names.0123456789abcdef.new2",
                                        "owner.key.0123456789abcdef.new"};
    struct name_files *f = *state;
    char path[160];
    for (size_t i = 0; i < 5; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
        assert_int_equal(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
    }
    name_files_open(f);
    name_files_close(f);
    for (size_t i = 0; i < 5; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
        assert_int_equal(access(path, F_OK) == 0, i > 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, name_files_setup, name_files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_flooded_file_is_put_aside),
        TEST(a_line_without_end_takes_no_memory),
        TEST(lines_that_we_do_not_write_are_damage),
        TEST(what_others_could_have_put_there_is_not_believed),
        TEST(what_was_put_aside_is_never_overwritten),
        TEST(a_file_put_in_its_place_while_the_relay_runs_is_not_added_to),
        TEST(of_two_relays_only_one_writes_also_when_the_lock_was_replaced),
        TEST(what_killed_writers_left_is_deleted_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
