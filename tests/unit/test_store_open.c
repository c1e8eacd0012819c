// SPDX-License-Identifier: MIT
// Opening a record: writers that died, damaged and moved files, other versions, file modes.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/record/lock.h"
#include "store_fixture.h"

// A second writer ends the running exchanges of dead writers, but not those of a live one.
static void only_the_dead_are_swept(void **state)
{
    struct fixture *f = *state;
    struct store *other = NULL;
    struct store_file file;
    open_store(f);
    struct record_exchange x = exchange("web", 1);
    x.outcome = (struct slice){0};
    (void)add(f, x, 0);
    record_rows_sql(&f->rows, "INSERT INTO writer(id, program, version, pid, began_ns)"
                              " VALUES(1000, 'gone', '0', 1, 1)");
    record_rows_sql(&f->rows, "CREATE TEMP TABLE its AS SELECT * FROM exchange");
    record_rows_sql(&f->rows, "UPDATE its SET seq=1000, writer=1000");
    record_rows_sql(&f->rows, "INSERT INTO exchange SELECT * FROM its");
    assert_int_equal(store_open(&f->config, &other, &file), SQLITE_OK);
    assert_int_equal(store_writer(other), 1001);
    assert_true(holds(f, "seq=1 AND outcome IS NULL"));
    assert_true(holds(f, "seq=1000 AND outcome='recorder gone'"));
    assert_int_equal(number(f, "SELECT count(*) FROM writer WHERE ended_ns IS NULL"), 2);
    store_close(other);
    assert_int_equal(number(f, "SELECT count(*) FROM writer WHERE ended_ns IS NULL"), 1);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static void a_damaged_record_is_put_aside_once(void **state)
{
    struct fixture *f = *state;
    char path[STATE_PATH_MAX + 16];
    char name[STATE_PATH_MAX + 64];
    struct stat st;
    struct store_file file;
    record_path(f->rows.dir, path);
    write_file(path, "this is no database, and as long as one might be: 0123456789 0123456789");
    assert_int_equal(store_open(&f->config, &f->store, &file) & 0xff, SQLITE_NOTADB);
    assert_null(f->store);
    assert_true(store_put_aside(f->rows.dir, &file, name));
    assert_int_equal(stat(name, &st), 0);
    assert_int_equal(stat(path, &st), -1);
    open_store(f);
    (void)add(f, exchange("web", 1), 0);
    assert_false(store_put_aside(f->rows.dir, &file, name)); // another process came later
    assert_int_equal(number(f, "SELECT count(*) FROM exchange"), 1);
}

// A new record is in the place of a moved one. Closing the moved one must not remove its log.
static void a_record_that_was_moved_is_left(void **state)
{
    struct fixture *f = *state;
    char name[STATE_PATH_MAX + 64];
    char path[STATE_PATH_MAX + 16];
    struct store_file file;
    struct store *old = NULL;
    assert_int_equal(store_open(&f->config, &old, &file), SQLITE_OK);
    assert_true(store_put_aside(f->rows.dir, &file, name));
    assert_int_equal(store_begin(old), SQLITE_READONLY_DBMOVED);
    open_store(f);
    (void)add(f, exchange("web", 1), 3);
    store_close(old);
    (void)snprintf(path, sizeof(path), "%s/record.db-wal", f->rows.dir);
    assert_int_equal(access(path, F_OK), 0);
    (void)add(f, exchange("web", 1), 3);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange"), 2);
    assert_int_equal(number(f, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
}

static void a_record_that_is_being_moved_is_waited_for(void **state)
{
    struct fixture *f = *state;
    int lock = record_lock_open(f->rows.dir);
    assert_true(record_lock_take(lock, RECORD_LOCK_FILES));
    assert_int_equal(store_open(&f->config, &f->store, &f->file), SQLITE_BUSY);
    record_lock_release(lock, RECORD_LOCK_FILES);
    open_store(f);
    assert_true(record_lock_take(lock, RECORD_LOCK_FILES)); // released
    (void)close(lock);
}

static void what_is_a_later_versions_or_another_programs_is_left_alone(void **state)
{
    struct fixture *f = *state;
    open_store(f);
    store_close(f->store);
    f->store = NULL;
    record_rows_sql(&f->rows, "PRAGMA user_version=%d", RECORD_VERSION + 1);
    assert_int_equal(store_open(&f->config, &f->store, &f->file), SQLITE_MISMATCH);
    record_rows_sql(&f->rows, "PRAGMA user_version=%d", RECORD_VERSION);
    record_rows_sql(&f->rows, "PRAGMA application_id=7");
    assert_int_equal(store_open(&f->config, &f->store, &f->file), SQLITE_MISMATCH);
    assert_int_equal(number(f, "SELECT count(*) FROM writer"), 1);
}

static void files_are_for_their_owner_alone(void **state)
{
    static const char *const names[] = {"", "-wal", "-shm"};
    struct fixture *f = *state;
    struct stat st;
    char path[STATE_PATH_MAX + 32];
    mode_t before = umask(0);
    open_store(f);
    (void)add(f, exchange("web", 1), 1);
    (void)umask(before);
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof(path), "%s/record.db%s", f->rows.dir, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    (void)snprintf(path, sizeof(path), "%s/record.lock", f->rows.dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_the_dead_are_swept),
        TEST(a_damaged_record_is_put_aside_once),
        TEST(a_record_that_was_moved_is_left),
        TEST(a_record_that_is_being_moved_is_waited_for),
        TEST(what_is_a_later_versions_or_another_programs_is_left_alone),
        TEST(files_are_for_their_owner_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
