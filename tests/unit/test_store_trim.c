// SPDX-License-Identifier: MIT
// Deleting: the oldest of the tunnel, owner or address that takes the most.
#include "store_fixture.h"

static int64_t pages(struct fixture *f)
{
    return number(f, "SELECT page_count - freelist_count FROM pragma_page_count,"
                     " pragma_freelist_count");
}

// The victim's percentage of the record beside 16 busy tunnels of this many owners and addresses.
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
        check_ranges(f);
    }
    char sql[120];
    (void)snprintf(sql, sizeof(sql), "seq=%lld", (long long)quiet);
    assert_true(holds(f, sql));
    (void)snprintf(sql, sizeof(sql), "seq=%lld", (long long)newest);
    assert_true(holds(f, sql));
    int64_t left = number(f, "SELECT count(*) FROM exchange WHERE tunnel=2");
    assert_in_range(left, 20, 60); // no more were deleted than needed
    assert_int_equal(number(f, "SELECT max(seq) - min(seq) + 1 FROM exchange WHERE tunnel=2"),
                     left);
    assert_int_equal(number(f, "SELECT count(*) FROM body WHERE exchange NOT IN (SELECT seq FROM"
                               " exchange)"),
                     0);
    assert_int_equal(number(f, "SELECT count(*) FROM tunnel t WHERE bytes <> (SELECT sum(size) FROM"
                               " exchange WHERE tunnel=t.id)"),
                     0);
}

// Running exchanges are not deleted: if their tunnel takes the most, the next largest one shrinks.
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
    (void)add(f, running, 60); // nothing else is left to delete
    trim_all(f, 3);
    check_ranges(f);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange"), 2);
}

static enum store_excess excess(struct fixture *f, uint64_t spooled)
{
    enum store_excess excess = STORE_EXCESS_NONE;
    assert_int_equal(store_trim(f->store, 3, spooled, &excess), SQLITE_OK);
    return excess;
}

// Where a spool takes the room of rows, they go beside the writing of others.
static void only_rows_that_are_too_many_themselves_press(void **state)
{
    const uint64_t limit = (uint64_t)PAGES * STORE_PAGE_BYTES;
    const int64_t slack = PAGES + PAGES / STORE_SLACK_PART;
    struct fixture *f = *state;
    f->config.bytes = limit;
    open_store(f);
    while (pages(f) < PAGES - 20)
        (void)add(f, exchange("a", 1), 1);
    assert_int_equal(excess(f, 0), STORE_EXCESS_NONE);
    assert_int_equal(excess(f, limit), STORE_EXCESS_SOME);
    while (pages(f) < slack - 20)
        (void)add(f, exchange("a", 1), 1);
    assert_int_equal(excess(f, 0), STORE_EXCESS_SOME);
    while (pages(f) < slack + 20)
        (void)add(f, exchange("a", 1), 1);
    assert_int_equal(excess(f, 0), STORE_EXCESS_PRESSING);
    trim_all(f, 3);
    assert_true(pages(f) <= PAGES);
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
    check_ranges(f);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(many_names_of_one_owner_have_its_share),
        TEST(many_owners_at_one_address_have_its_share),
        TEST(where_addresses_may_be_anybodys_owners_have_shares),
        TEST(the_tunnel_that_takes_most_loses_its_oldest),
        TEST(what_runs_stays),
        TEST(only_rows_that_are_too_many_themselves_press),
        TEST(what_is_too_old_goes),
        TEST(the_file_shrinks_to_a_smaller_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
