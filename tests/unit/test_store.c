// SPDX-License-Identifier: MIT
// Writing a record: rows that change, transactions that fail, what is deleted, who has died.
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/record/lock.h"
#include "common/record/write/store.h"
#include "tests/support/check.h"
#include "tests/support/record_rows.h"

enum {
    PAGES = (3200 << 10) / STORE_PAGE_BYTES // of the record, where a test limits it
};

struct fixture {
    struct record_rows rows; // the same record, by hand
    struct store_config config;
    struct store_file file;
    struct store *store;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    (void)snprintf(f->rows.dir, sizeof(f->rows.dir), "/tmp/adit-test-XXXXXX");
    assert_non_null(mkdtemp(f->rows.dir));
    f->config = (struct store_config){.dir = f->rows.dir, .program = "test"};
    *state = f;
    return 0;
}

static void open_store(struct fixture *f)
{
    char path[STATE_PATH_MAX + 16];
    assert_int_equal(store_open(&f->config, &f->store, &f->file), SQLITE_OK);
    record_path(f->rows.dir, path);
    if (!f->rows.db)
        assert_int_equal(sqlite3_open(path, &f->rows.db), SQLITE_OK);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    store_close(f->store);
    record_rows_deinit(&f->rows);
    free(f);
    return 0;
}

static int64_t number(struct fixture *f, const char *sql)
{
    return record_rows_number(&f->rows, sql);
}

static bool holds(struct fixture *f, const char *condition)
{
    char sql[600];
    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM exchange WHERE %s", condition);
    return number(f, sql) == 1;
}

// Each exchange can be found by its tunnel and its id, and nothing of what is gone is left.
static void check_spans(struct fixture *f)
{
    CHECK(number(f, "SELECT count(*) FROM exchange e WHERE NOT EXISTS(SELECT 1 FROM span s WHERE"
                    " s.tunnel=e.tunnel AND e.seq BETWEEN s.first AND s.last AND"
                    " e.id BETWEEN s.first_id AND s.last_id)") == 0);
    CHECK(number(f, "SELECT count(*) FROM span s WHERE NOT EXISTS(SELECT 1 FROM exchange e WHERE"
                    " s.tunnel=e.tunnel AND e.seq BETWEEN s.first AND s.last)") == 0);
    CHECK(number(f, "SELECT coalesce(max(last - first), 0) FROM span") < RECORD_SEQ_RANGE_ROWS);
}

static const struct slice no_bodies[2];

static struct record_exchange exchange(const char *tunnel, int64_t began_ns)
{
    return (struct record_exchange){
        .id = "0123456789abcdef",
        .began_ns = began_ns,
        .tunnel = slice_str(tunnel),
        .protocol = SLICE("HTTP/1.1"),
        .method = SLICE("GET"),
        .target = SLICE("/"),
        .request_head = SLICE("a: b\r\n"),
        .outcome = SLICE("complete"),
        .size = 100,
        .body = {{.first_ns = -1, .last_ns = -1}, {.first_ns = -1, .last_ns = -1}},
        .sent_on_ns = -1,
        .connect_ns = -1,
        .answered_ns = -1,
        .duration_ns = -1,
    };
}

// An exchange of this tunnel with a response of so many chunks, in a transaction of its own.
static int64_t add(struct fixture *f, struct record_exchange x, int chunks)
{
    static char bytes[RECORD_CHUNK_BYTES];
    x.size += (uint64_t)chunks * sizeof(bytes);
    x.body[RECORD_RESPONSE].kept = (uint64_t)chunks * sizeof(bytes);
    assert_int_equal(store_begin(f->store), SQLITE_OK);
    assert_int_equal(store_exchange(f->store, &x, x.size, no_bodies), SQLITE_OK);
    for (int i = 0; i < chunks; i++)
        assert_int_equal(store_body(f->store, x.seq, RECORD_RESPONSE, (uint64_t)i * sizeof(bytes),
                                    slice_of(bytes, sizeof(bytes))),
                         SQLITE_OK);
    assert_int_equal(store_commit(f->store), SQLITE_OK);
    return x.seq;
}

static void trim_all(struct fixture *f, int64_t now_ns)
{
    enum store_excess rest = STORE_EXCESS_SOME;
    for (int i = 0; rest != STORE_EXCESS_NONE; i++) {
        CHECK(i < 1000);
        CHECK(store_trim(f->store, now_ns, &rest) == SQLITE_OK);
    }
}

static void an_update_leaves_alone_what_was_asked_and_what_is_empty_now(void **state)
{
    struct fixture *f = *state;
    open_store(f);
    struct record_exchange x = exchange("web", 5);
    x.outcome = (struct slice){0};
    x.interim = SLICE("103\r\n\r\n");
    x.response_head = SLICE("c: d\r\n");
    x.body[RECORD_REQUEST].trailers = SLICE("t: u\r\n");
    int64_t seq = add(f, x, 0);
    assert_true(holds(f, "outcome IS NULL AND status IS NULL AND sent_on_ns IS NULL"
                         " AND request_digest IS NULL AND far_flags IS NULL"));
    x = exchange("web", 0);
    x.seq = seq;
    x.status = 204;
    x.sent_on_ns = 0;
    x.interim = SLICE("102\r\n\r\n");
    x.request_head = x.method = x.target = (struct slice){0};
    x.peer =
        (struct record_report){.known = true, .outcome = SLICE("reset"), .whole = {true, false}};
    (void)add(f, x, 0);
    assert_true(holds(f, "status=204 AND outcome='complete' AND began_ns=5 AND method='GET' AND"
                         " target='/' AND sent_on_ns=0 AND far_outcome='reset' AND far_flags=8"));
    assert_true(holds(f, "CAST(request_head AS TEXT)='a: b'||char(13,10) AND"
                         " CAST(response_head AS TEXT)='c: d'||char(13,10) AND"
                         " CAST(request_trailers AS TEXT)='t: u'||char(13,10)"));
    assert_true(
        holds(f, "CAST(interim AS TEXT)='103'||char(13,10,13,10)||'102'||char(13,10,13,10)"));
}

static void what_was_rolled_back_never_was(void **state)
{
    struct fixture *f = *state;
    struct record_exchange x = exchange("new", 1);
    open_store(f);
    assert_int_equal(store_begin(f->store), SQLITE_OK);
    assert_int_equal(store_exchange(f->store, &x, 100, no_bodies), SQLITE_OK);
    store_rollback(f->store);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange"), 0);
    assert_int_equal(number(f, "SELECT count(*) FROM tunnel"), 0);
    (void)add(f, exchange("new", 1), 1); // its tunnel is made again, and counts from 0
    assert_int_equal(number(f, "SELECT bytes FROM tunnel WHERE name='new'"),
                     100 + RECORD_CHUNK_BYTES);
}

// More tunnels than are remembered, all in one transaction.
static void each_tunnel_knows_what_its_exchanges_take(void **state)
{
    struct fixture *f = *state;
    open_store(f);
    assert_int_equal(store_begin(f->store), SQLITE_OK);
    for (int i = 0; i < 1000; i++) {
        char name[16] = "";
        if (i % 7)
            (void)snprintf(name, sizeof(name), "t%d", i % 200);
        struct record_exchange x = exchange(name, 1);
        (void)snprintf(x.id, sizeof(x.id), "%016d", i * 7919 % 1000); // in no order
        assert_int_equal(store_exchange(f->store, &x, 100, no_bodies), SQLITE_OK);
    }
    assert_int_equal(store_commit(f->store), SQLITE_OK);
    check_spans(f);
    assert_int_equal(number(f, "SELECT count(*) FROM tunnel t WHERE bytes <> (SELECT sum(size) FROM"
                               " exchange WHERE tunnel=t.id)"),
                     0);
    assert_int_equal(number(f, "SELECT sum(bytes) FROM tunnel"), 1000 * 100);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange e JOIN tunnel t ON t.id=tunnel WHERE"
                               " t.name=''"),
                     143);
}

// One tunnel, many transactions, and rows that are used again.
static void spans_are_as_long_as_they_may_be(void **state)
{
    struct fixture *f = *state;
    open_store(f);
    for (int i = 0; i < 2 * RECORD_SEQ_RANGE_ROWS + 1; i++)
        (void)add(f, exchange("web", 1), 0);
    check_spans(f);
    assert_int_equal(number(f, "SELECT count(*) FROM span"), 3);
    record_rows_sql(&f->rows, "DELETE FROM exchange WHERE seq > 100");
    record_rows_sql(&f->rows, "DELETE FROM span WHERE first > 100");
    for (int i = 0; i < 2 * RECORD_SEQ_RANGE_ROWS; i++)
        assert_int_equal(add(f, exchange(i % 2 ? "web" : "api", 1), 0), 101 + i);
    check_spans(f);
}

static int64_t pages(struct fixture *f)
{
    return number(f, "SELECT page_count - freelist_count FROM pragma_page_count,"
                     " pragma_freelist_count");
}

// What the victim keeps while somebody records at 16 names, as 1 or 16 owners, from one address or
// as many.
static int64_t kept_beside(struct fixture *f, int owners, int addresses)
{
    for (int i = 0; i < 600; i++) {
        char name[16] = "victim";
        char owner[RECORD_OWNER_MAX + 1] = "a";
        char address[RECORD_ADDRESS_MAX + 1] = "192.0.2.1";
        if (i % 2) {
            (void)snprintf(name, sizeof(name), "n%d", i / 2 % 16);
            (void)snprintf(owner, sizeof(owner), "b%d", i / 2 % 16 % owners);
            (void)snprintf(address, sizeof(address), "192.0.2.%d", 2 + i / 2 % 16 % addresses);
        }
        struct record_exchange x = exchange(name, 1);
        x.owner = slice_str(owner);
        x.tunnel_address = slice_str(address);
        (void)add(f, x, 1);
        trim_all(f, 3);
    }
    return number(f, "SELECT 100 * sum(bytes * (name = 'victim')) / sum(bytes) FROM tunnel");
}

static void many_names_of_one_owner_have_its_share(void **state)
{
    struct fixture *f = *state;
    f->config.bytes = (uint64_t)PAGES * STORE_PAGE_BYTES;
    open_store(f);
    assert_in_range(kept_beside(f, 1, 1), 40, 60);
    assert_int_equal(number(f, "SELECT count(DISTINCT owner) FROM tunnel"), 2);
}

static void many_owners_at_one_address_have_its_share(void **state)
{
    struct fixture *f = *state;
    f->config.bytes = (uint64_t)PAGES * STORE_PAGE_BYTES;
    open_store(f);
    assert_in_range(kept_beside(f, 16, 1), 40, 60);
}

static void where_addresses_may_be_anybodys_owners_have_shares(void **state)
{
    struct fixture *f = *state;
    const struct slice none = {0};
    struct record_exchange x = exchange("victim", 1);
    f->config.bytes = (uint64_t)PAGES * STORE_PAGE_BYTES;
    open_store(f);
    for (int i = 0; i < 400; i++) {
        x = exchange(i % 2 ? "victim" : i % 4 ? "n1" : "n2", 1);
        x.owner = i % 2 ? SLICE("a") : SLICE("b");
        x.tunnel_address = none;
        (void)add(f, x, 1);
        trim_all(f, 3);
    }
    assert_in_range(
        number(f, "SELECT 100 * sum(bytes * (name = 'victim')) / sum(bytes) FROM tunnel"), 40, 60);
}

static void the_tunnel_that_takes_most_loses_its_oldest(void **state)
{
    struct fixture *f = *state;
    f->config.bytes = (uint64_t)PAGES * STORE_PAGE_BYTES;
    open_store(f);
    int64_t quiet = add(f, exchange("quiet", 1), 4); // the oldest of all
    int64_t newest = 0;
    for (int i = 0; i < 200; i++) {
        newest = add(f, exchange("busy", 2), 1);
        trim_all(f, 3);
        assert_true(pages(f) <= PAGES);
        check_spans(f);
    }
    char sql[120];
    (void)snprintf(sql, sizeof(sql), "seq=%lld", (long long)quiet);
    assert_true(holds(f, sql));
    (void)snprintf(sql, sizeof(sql), "seq=%lld", (long long)newest);
    assert_true(holds(f, sql));
    int64_t left = number(f, "SELECT count(*) FROM exchange WHERE tunnel=2");
    assert_in_range(left, 20, 60); // no more went than had to
    assert_int_equal(number(f, "SELECT max(seq) - min(seq) + 1 FROM exchange WHERE tunnel=2"),
                     left);
    assert_int_equal(number(f, "SELECT count(*) FROM body WHERE exchange NOT IN (SELECT seq FROM"
                               " exchange)"),
                     0);
    assert_int_equal(number(f, "SELECT count(*) FROM tunnel t WHERE bytes <> (SELECT sum(size) FROM"
                               " exchange WHERE tunnel=t.id)"),
                     0);
}

// What runs is not deleted; when it is that which takes the most, the fullest of the others gives.
static void what_runs_stays(void **state)
{
    struct fixture *f = *state;
    f->config.bytes = (uint64_t)PAGES * STORE_PAGE_BYTES;
    open_store(f);
    struct record_exchange running = exchange("running", 1);
    running.outcome = (struct slice){0};
    (void)add(f, exchange("quiet", 1), 2);
    (void)add(f, running, 35);
    for (int i = 0; i < 20; i++) {
        (void)add(f, exchange("busy", 2), 1);
        trim_all(f, 3);
    }
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE outcome IS NULL"), 1);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange e JOIN tunnel t ON t.id=tunnel WHERE"
                               " name='quiet'"),
                     1);
    assert_true(pages(f) <= PAGES);
    (void)add(f, running, 60); // now there is no way
    trim_all(f, 3);
    check_spans(f);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange"), 2);
}

static void what_is_too_old_goes(void **state)
{
    const int64_t second = 1000000000;
    struct fixture *f = *state;
    f->config.age_ms = 100 * 1000;
    open_store(f);
    for (int i = 0; i < 3 * STORE_DELETE_STEP; i++)
        (void)add(f, exchange(i % 2 ? "a" : "b", i * second), 0);
    trim_all(f, 400 * second);
    check_spans(f);
    assert_int_equal(number(f, "SELECT min(began_ns) FROM exchange"), 300 * second);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange"), 3 * STORE_DELETE_STEP - 300);
}

static void the_file_shrinks_to_a_smaller_limit(void **state)
{
    struct fixture *f = *state;
    open_store(f);
    for (int i = 0; i < 300; i++)
        (void)add(f, exchange("web", 1), 1);
    int64_t before = number(f, "PRAGMA page_count");
    store_close(f->store);
    f->config.bytes = (uint64_t)PAGES * STORE_PAGE_BYTES;
    open_store(f);
    trim_all(f, 1);
    assert_true(before > 2000);
    assert_in_range(number(f, "PRAGMA page_count"), PAGES / 2, PAGES + PAGES / STORE_SLACK_PART);
}

// A second process on the same record: what the first, which lives, has running is left alone.
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
    assert_false(store_put_aside(f->rows.dir, &file, name)); // by another, who came too late
    assert_int_equal(number(f, "SELECT count(*) FROM exchange"), 1);
}

// Another file is where the record was. Its old user must not take the new one's log away.
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
    assert_true(record_lock_take(lock, RECORD_LOCK_FILES)); // it is not held any longer
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_update_leaves_alone_what_was_asked_and_what_is_empty_now),
        TEST(what_was_rolled_back_never_was),
        TEST(each_tunnel_knows_what_its_exchanges_take),
        TEST(spans_are_as_long_as_they_may_be),
        TEST(many_names_of_one_owner_have_its_share),
        TEST(many_owners_at_one_address_have_its_share),
        TEST(where_addresses_may_be_anybodys_owners_have_shares),
        TEST(the_tunnel_that_takes_most_loses_its_oldest),
        TEST(what_runs_stays),
        TEST(what_is_too_old_goes),
        TEST(the_file_shrinks_to_a_smaller_limit),
        TEST(only_the_dead_are_swept),
        TEST(a_damaged_record_is_put_aside_once),
        TEST(a_record_that_was_moved_is_left),
        TEST(a_record_that_is_being_moved_is_waited_for),
        TEST(what_is_a_later_versions_or_another_programs_is_left_alone),
        TEST(files_are_for_their_owner_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
