// SPDX-License-Identifier: MIT
// A spool whose segment has lost its head, as a machine that failed may leave it.
#include "recover_fixture.h"

enum {
    HEAD = sizeof(struct spool_segment_head),
    RUNS = 7,     // batches up to those of the exchange that goes on running
    BATCHES = 12, // all
    UNKNOWN = -1, // the record does not know the spool
    ALL = 1 << 20 // more bytes than the segment has
};

struct damage {
    const char *what;
    int indexed; // batches that are in rows, or UNKNOWN
    size_t zeros;
    int64_t complete, gone, shed; // rows
    unsigned told;                // breaks
};

static void tell(void *ctx)
{
    (*(unsigned *)ctx)++;
}

static void overwrite(const char *path, size_t zeros)
{
    struct stat st;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0 && fstat(fd, &st) == 0);
    for (off_t at = 0; at < st.st_size && at < (off_t)zeros; at++)
        CHECK(pwrite(fd, "", 1, at) == 1);
    (void)close(fd);
}

// Leaves the spool of a program that died: one exchange runs, and one is over before and after it.
static void leave_spool(const char *dir, const struct damage *d)
{
    char path[PATH_BYTES];
    struct events *v = new_events();
    add_small(v, 0, 1);
    add_begun(v, 1, SLICE("A: 1\r\n"));
    add_routed(v, 1, 2, 0);
    add_small(v, 0, 3);
    CHECK(v->count == BATCHES);
    struct spool *s = begin_spool(dir, 0);
    append_all(s, v, 1);
    path_of(path, dir, spool_id(s), "00000001.seg");
    if (d->indexed != UNKNOWN)
        CHECK(index_and_die(dir, s, (size_t)d->indexed));
    (void)spool_free(s, NULL);
    overwrite(path, d->zeros);
    free_events(v);
    free(v);
}

static void what_is_readable_is_kept_and_the_rest_is_told(void **state)
{
    static const struct damage cases[] = {
        {"the head of batches that are all in rows", BATCHES, HEAD, 2, 1, 0, 0},
        {"the head, before the position", RUNS, HEAD, 2, 1, 0, 0},
        {"everything, behind the position too", RUNS, ALL, 1, 1, 1, 1},
        {"the head, and nothing is in rows", 0, HEAD, 0, 0, 0, 1},
        {"the head of a spool that is not known", UNKNOWN, HEAD, 0, 0, 0, 1},
        {"everything of a spool that is not known", UNKNOWN, ALL, 0, 0, 0, 1},
        {"nothing", UNKNOWN, 0, 2, 1, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct damage *d = &cases[i];
        char dir[64];
        unsigned told = 0;
        const struct record_recovery r = {.broken = tell, .ctx = &told};
        make_dir(dir);
        leave_spool(dir, d);
        check_context("%s", d->what);
        for (int again = 0; again < 2; again++) {
            CHECK(record_recover(dir, &r) == SQLITE_OK);
            CHECK(told == d->told);
            CHECK(count(dir, "SELECT count(*) FROM exchange WHERE outcome='complete'") ==
                  d->complete);
            CHECK(count(dir, "SELECT count(*) FROM exchange WHERE outcome='recorder gone'") ==
                  d->gone);
            CHECK(count(dir, "SELECT count(*) FROM exchange WHERE flags & 2") == d->shed);
            CHECK(count(dir, "SELECT count(*) FROM writer WHERE ended_ns IS NULL") == 0);
            CHECK(spool_bytes_of_all(dir) == 0);
        }
        remove_all(dir);
    }
    check_context("%s", "");
}

// A program that died before its first batch was written.
static void a_spool_without_bytes_has_lost_nothing(void **state)
{
    (void)state;
    char dir[64];
    unsigned told = 0;
    const struct record_recovery r = {.broken = tell, .ctx = &told};
    make_dir(dir);
    struct spool *s = begin_spool(dir, 0);
    assert_int_equal(append_bytes(s, "", 0), 0);
    write_file(dir, spool_id(s), "00000001.seg", SLICE(""));
    (void)spool_free(s, NULL);
    assert_int_equal(record_recover(dir, &r), SQLITE_OK);
    assert_int_equal(told, 0);
    remove_all(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_readable_is_kept_and_the_rest_is_told),
        cmocka_unit_test(a_spool_without_bytes_has_lost_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
