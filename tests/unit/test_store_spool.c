// SPDX-License-Identifier: MIT
// How far a spool is in rows, and whose it is, as the record has it.
#include <sys/stat.h>
#include <unistd.h>
#include "store_fixture.h"

static const struct spool_position beginning;

// Reads the fixture's record as another process would.
static void open_rows(struct fixture *f)
{
    char path[STATE_PATH_MAX + 16];
    record_path(f->rows.dir, path);
    assert_int_equal(sqlite3_open(path, &f->rows.db), SQLITE_OK);
}

static struct store *open_with(const struct fixture *f, const char *id)
{
    struct store_config config = f->config;
    struct store_file file;
    struct store *s = NULL;
    config.spool = id;
    assert_int_equal(store_open(&config, &s, &file), SQLITE_OK);
    return s;
}

// The program dies: the spool and its writer are left.
static void die(struct store *s)
{
    store_keep_spool(s);
    store_close(s);
}

static int adopt(const struct fixture *f, const char *id, const struct spool_segment_head *facts,
                 struct store **out, struct spool_position *at)
{
    struct store_config config = f->config;
    config.spool = id;
    return store_open_after(&config, facts, out, at);
}

static void save(struct store *s, uint32_t segment, uint64_t offset)
{
    assert_int_equal(store_begin(s), SQLITE_OK);
    assert_int_equal(store_indexed(s, (struct spool_position){segment, offset}), SQLITE_OK);
    assert_int_equal(store_commit(s), SQLITE_OK);
}

static void check_position(const struct fixture *f, const char *id, int64_t writer,
                           struct spool_position expected)
{
    struct store *s = NULL;
    struct spool_position at = {1, 1};
    assert_int_equal(adopt(f, id, NULL, &s, &at), SQLITE_OK);
    assert_int_equal(at.segment, expected.segment);
    assert_int_equal(at.offset, expected.offset);
    assert_int_equal(store_writer(s), writer);
    die(s);
}

static void a_position_is_read_as_it_was_stored(void **state)
{
    static const struct spool_position positions[] = {
        {1, 104}, {7, 1ULL << 40}, {UINT32_MAX, INT64_MAX}, {2, 0}, {0, 0}};
    const struct fixture *f = *state;
    struct store *s = open_with(f, "a");
    int64_t writer = store_writer(s);
    die(s);
    check_position(f, "a", writer, beginning);
    for (size_t i = 0; i < sizeof(positions) / sizeof(positions[0]); i++) {
        struct spool_position at;
        assert_int_equal(adopt(f, "a", NULL, &s, &at), SQLITE_OK);
        save(s, positions[i].segment, positions[i].offset);
        die(s);
        check_position(f, "a", writer, positions[i]);
    }
}

// The rows that a position stands for may be in another record, or nowhere.
static void a_spool_may_begin_anywhere(void **state)
{
    struct fixture *f = *state;
    f->config.indexed = (struct spool_position){5, 1000};
    struct store *s = open_with(f, "a");
    int64_t writer = store_writer(s);
    die(s);
    check_position(f, "a", writer, (struct spool_position){5, 1000});
}

// Rows and their position come together, or not at all.
static void write_rows(struct store *s, bool commits)
{
    struct record_exchange x = exchange("web", 1);
    assert_int_equal(store_begin(s), SQLITE_OK);
    assert_int_equal(store_exchange(s, &x, x.size, no_bodies), SQLITE_OK);
    assert_int_equal(store_indexed(s, (struct spool_position){3, 500}), SQLITE_OK);
    if (commits)
        assert_int_equal(store_commit(s), SQLITE_OK);
}

static void a_transaction_that_is_rolled_back_leaves_the_position_where_it_was(void **state)
{
    struct fixture *f = *state;
    struct store *s = open_with(f, "a");
    int64_t writer = store_writer(s);
    open_rows(f);
    save(s, 2, 200);
    for (int i = 0; i < 2; i++) {
        write_rows(s, false);
        store_rollback(s);
        assert_int_equal(number(f, "SELECT count(*) FROM exchange"), 0);
        assert_int_equal(number(f, "SELECT segment * 1000 + position FROM spool"), 2200);
    }
    write_rows(s, true);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange"), 1);
    die(s);
    check_position(f, "a", writer, (struct spool_position){3, 500});
}

static void a_program_that_dies_within_a_transaction_leaves_the_position_where_it_was(void **state)
{
    struct fixture *f = *state;
    struct store *s = open_with(f, "a");
    int64_t writer = store_writer(s);
    open_rows(f);
    save(s, 2, 200);
    write_rows(s, false);
    die(s);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange"), 0);
    check_position(f, "a", writer, (struct spool_position){2, 200});
}

static void a_record_that_does_not_know_a_spool_is_left_as_it_is(void **state)
{
    struct fixture *f = *state;
    struct spool_position at = {1, 1};
    struct store *none = NULL;
    store_close(open_with(f, NULL));
    open_rows(f);
    assert_int_equal(adopt(f, "a", NULL, &none, &at), SQLITE_NOTFOUND);
    assert_null(none);
    assert_true(at.segment == 0 && at.offset == 0);
    assert_int_equal(number(f, "SELECT count(*) FROM spool"), 0);
    assert_int_equal(number(f, "SELECT count(*) FROM writer"), 1);
}

static void a_spool_that_a_record_does_not_know_gets_the_writer_of_its_files(void **state)
{
    struct fixture *f = *state;
    const struct spool_segment_head facts = {
        .pid = 4711, .began_ns = 99, .program = "aditd", .version = "1.2"};
    struct spool_position at = {1, 1};
    struct store *s = NULL;
    store_close(open_with(f, NULL));
    open_rows(f);
    assert_int_equal(adopt(f, "a", &facts, &s, &at), SQLITE_OK);
    assert_true(at.segment == 0 && at.offset == 0);
    save(s, 1, 300);
    assert_int_equal(number(f, "SELECT count(*) FROM writer w JOIN spool s ON s.writer=w.id"
                               " WHERE w.pid=4711 AND w.began_ns=99 AND w.program='aditd'"
                               " AND w.version='1.2' AND s.id='a' AND s.position=300"),
                     1);
    int64_t writer = store_writer(s);
    die(s);
    check_position(f, "a", writer, (struct spool_position){1, 300}); // known from now on
    assert_int_equal(number(f, "SELECT count(*) FROM writer"), 2);
}

static void each_spool_has_its_own_position(void **state)
{
    const struct fixture *f = *state;
    struct store *a = open_with(f, "a");
    struct store *b = open_with(f, "b");
    struct store *without = open_with(f, NULL);
    int64_t writers[] = {store_writer(a), store_writer(b)};
    assert_int_not_equal(writers[0], writers[1]);
    save(a, 1, 111);
    save(b, 2, 222);
    save(without, 3, 333); // it has none to store
    save(a, 4, 444);
    die(a);
    die(b);
    store_close(without);
    check_position(f, "a", writers[0], (struct spool_position){4, 444});
    check_position(f, "b", writers[1], (struct spool_position){2, 222});
}

static void a_spool_whose_writer_lives_is_not_taken(void **state)
{
    const struct fixture *f = *state;
    struct spool_position at;
    struct store *other = NULL;
    struct store *s = open_with(f, "a");
    int64_t writer = store_writer(s);
    assert_int_equal(adopt(f, "a", NULL, &other, &at), SQLITE_BUSY);
    assert_null(other);
    save(s, 1, 300); // as before
    die(s);
    check_position(f, "a", writer, (struct spool_position){1, 300});
}

static void a_spool_is_forgotten_when_it_is_all_in_rows(void **state)
{
    struct fixture *f = *state;
    struct spool_position at;
    struct store *s = open_with(f, "a");
    open_rows(f);
    die(s);
    assert_int_equal(number(f, "SELECT count(*) FROM spool"), 1);
    assert_int_equal(number(f, "SELECT count(*) FROM writer WHERE ended_ns IS NULL"), 1);
    assert_int_equal(adopt(f, "a", NULL, &s, &at), SQLITE_OK);
    store_close(s);
    assert_int_equal(number(f, "SELECT count(*) FROM spool"), 0);
    assert_int_equal(number(f, "SELECT count(*) FROM writer WHERE ended_ns IS NULL"), 0);
}

// A dead writer whose spool is still there has more to tell; one whose spool is gone has not.
static void exchanges_run_on_as_long_as_a_spool_may_tell_more(void **state)
{
    struct fixture *f = *state;
    char parent[sizeof(f->rows.dir) + 16];
    char dir[sizeof(parent) + 8];
    struct store *s = open_with(f, "a");
    struct record_exchange x = exchange("web", 1);
    x.outcome = (struct slice){0};
    open_rows(f);
    assert_int_equal(store_begin(s), SQLITE_OK);
    assert_int_equal(store_exchange(s, &x, x.size, no_bodies), SQLITE_OK);
    assert_int_equal(store_commit(s), SQLITE_OK);
    die(s);
    (void)snprintf(parent, sizeof(parent), "%s/" SPOOL_PARENT, f->rows.dir);
    (void)snprintf(dir, sizeof(dir), "%s/a", parent);
    assert_true(mkdir(parent, 0700) == 0 && mkdir(dir, 0700) == 0);
    store_close(open_with(f, "b"));
    assert_true(holds(f, "outcome IS NULL"));
    assert_int_equal(number(f, "SELECT count(*) FROM spool"), 1);
    assert_int_equal(rmdir(dir), 0);
    store_close(open_with(f, "b"));
    assert_true(holds(f, "outcome='recorder gone'"));
    assert_int_equal(number(f, "SELECT count(*) FROM spool"), 0);
    assert_int_equal(number(f, "SELECT count(*) FROM writer WHERE ended_ns IS NULL"), 0);
}

// Numbers that no program stores lead to the beginning: all is read again rather than skipped.
static void a_position_that_cannot_be_is_the_beginning(void **state)
{
    static const char *const values[] = {
        "segment=-1, position=5", "segment=4294967297, position=5", "segment='x', position='y'",
        "segment=-9223372036854775808, position=-9223372036854775808"};
    static const uint64_t offsets[] = {5, 5, 0, 0};
    struct fixture *f = *state;
    struct store *s = open_with(f, "a");
    int64_t writer = store_writer(s);
    open_rows(f);
    save(s, 3, 300);
    die(s);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        record_rows_sql(&f->rows, "UPDATE spool SET %s", values[i]);
        check_position(f, "a", writer, (struct spool_position){0, offsets[i]});
    }
}

// A list of exchanges, as digits: each has its slot.
struct list {
    char slots[64];
    int error; // after the first one
};

static int note(void *ctx, const struct record_exchange *x)
{
    struct list *l = ctx;
    size_t len = strlen(l->slots);
    (void)snprintf(l->slots + len, sizeof(l->slots) - len, "%lld:%u:%llu ", (long long)x->seq,
                   x->slot, (unsigned long long)x->link);
    return l->error;
}

static void add_open(struct store *s, bool runs, uint32_t slot, uint64_t link, bool reported)
{
    struct record_exchange x = exchange("web", 1);
    x.outcome = runs ? (struct slice){0} : x.outcome;
    x.slot = slot;
    x.link = link;
    x.peer.known = reported;
    x.peer.outcome = SLICE("complete");
    assert_int_equal(store_begin(s), SQLITE_OK);
    assert_int_equal(store_exchange(s, &x, x.size, no_bodies), SQLITE_OK);
    assert_int_equal(store_commit(s), SQLITE_OK);
}

static void the_open_exchanges_of_a_writer_are_those_that_run_or_lack_a_report(void **state)
{
    struct fixture *f = *state;
    struct list all = {"", SQLITE_OK};
    struct list first = {"", SQLITE_NOMEM};
    struct store *s = open_with(f, "a");
    struct store *other = open_with(f, "b");
    open_rows(f);
    add_open(s, true, 11, 0, false);  // 1: runs
    add_open(s, false, 12, 0, false); // ended; no report can come
    add_open(s, false, 13, 5, false); // 3: ended, lacks one
    add_open(s, false, 14, 5, true);  // has it
    add_open(other, true, 15, 5, false);
    add_open(s, true, 16, 5, true); // 6: runs, has it
    assert_int_equal(store_each_open(s, note, &all), SQLITE_OK);
    assert_string_equal(all.slots, "1:11:0 3:0:5 6:16:5 ");
    assert_int_equal(store_each_open(s, note, &first), SQLITE_NOMEM);
    assert_string_equal(first.slots, "1:11:0 ");
    record_rows_sql(&f->rows, "UPDATE exchange SET slot=-5 WHERE seq=1");
    record_rows_sql(&f->rows, "UPDATE exchange SET slot=4294967295 WHERE seq=6");
    all = (struct list){"", SQLITE_OK};
    assert_int_equal(store_each_open(s, note, &all), SQLITE_OK);
    assert_string_equal(all.slots, "1:4294967295:0 3:0:5 6:4294967295:5 ");
    store_close(s);
    store_close(other);
}

// Reports are looked for among the newest rows, running exchanges among all.
static void reports_of_long_ago_are_given_up(void **state)
{
    struct fixture *f = *state;
    struct list all = {"", SQLITE_OK};
    struct store *s = open_with(f, "a");
    open_rows(f);
    add_open(s, true, 1, 0, false);
    add_open(s, false, 0, 5, false);
    add_open(s, false, 0, 6, false);
    add_open(s, false, 0, 0, false);
    record_rows_sql(&f->rows, "UPDATE exchange SET seq=seq + %d WHERE seq=4",
                    STORE_UNREPORTED_ROWS - 2); // the third row is the last that is looked at
    assert_int_equal(store_each_open(s, note, &all), SQLITE_OK);
    assert_string_equal(all.slots, "1:1:0 3:0:6 ");
    store_close(s);
}

static void losses_of_a_dead_writer_are_at_least_those_that_its_spool_tells(void **state)
{
    struct fixture *f = *state;
    struct store *s = open_with(f, "a");
    open_rows(f);
    assert_int_equal(store_begin(s), SQLITE_OK);
    assert_int_equal(store_add_counts(s, 10, 3, 50), SQLITE_OK);
    assert_int_equal(store_add_counts(s, 5, 2, 60), SQLITE_OK);
    assert_int_equal(store_commit(s), SQLITE_OK);
    assert_int_equal(number(f, "SELECT count(*) FROM writer WHERE exchanges=15 AND shed=3"
                               " AND shed_bytes=60"),
                     1);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_position_is_read_as_it_was_stored),
        TEST(a_spool_may_begin_anywhere),
        TEST(a_transaction_that_is_rolled_back_leaves_the_position_where_it_was),
        TEST(a_program_that_dies_within_a_transaction_leaves_the_position_where_it_was),
        TEST(a_record_that_does_not_know_a_spool_is_left_as_it_is),
        TEST(a_spool_that_a_record_does_not_know_gets_the_writer_of_its_files),
        TEST(each_spool_has_its_own_position),
        TEST(a_spool_whose_writer_lives_is_not_taken),
        TEST(a_spool_is_forgotten_when_it_is_all_in_rows),
        TEST(exchanges_run_on_as_long_as_a_spool_may_tell_more),
        TEST(a_position_that_cannot_be_is_the_beginning),
        TEST(the_open_exchanges_of_a_writer_are_those_that_run_or_lack_a_report),
        TEST(reports_of_long_ago_are_given_up),
        TEST(losses_of_a_dead_writer_are_at_least_those_that_its_spool_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
