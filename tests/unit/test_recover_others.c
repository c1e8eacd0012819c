// SPDX-License-Identifier: MIT
// Recovery beside a process that recovers already, and by root in a user's directory.
#include <sys/file.h>
#include "recover_fixture.h"

enum {
    USER = 65534,
    STANDSTILL = RECOVER_STANDSTILL_MS / RECOVER_POLL_MS, // attempts
    LATER = STANDSTILL / 2
};

static void setup_dir(char dir[static 64])
{
    struct events *v = new_events();
    make_dir(dir);
    add_small(v, 0, 1);
    struct spool *s = begin_spool(dir, 0);
    append_all(s, v, 1);
    (void)spool_free(s, NULL);
    free_events(v);
    free(v);
}

static int give_one(const char *path, const struct stat *st, int type, struct FTW *place)
{
    (void)st;
    (void)type;
    (void)place;
    return lchown(path, USER, USER);
}

static int check_one(const char *path, const struct stat *st, int type, struct FTW *place)
{
    (void)type;
    (void)place;
    check_context("%s", path);
    CHECK(st->st_uid == USER && st->st_gid == USER);
    return 0;
}

static void root_makes_only_files_of_the_owner(void **state)
{
    (void)state;
    const struct record_recovery r = {.as_owner = true};
    char dir[64];
    if (geteuid() != 0)
        skip();
    setup_dir(dir);
    assert_int_equal(nftw(dir, give_one, 16, FTW_PHYS), 0);
    assert_int_equal(record_recover(dir, &r), SQLITE_OK);
    assert_int_equal(nftw(dir, check_one, 16, FTW_PHYS), 0);
    check_context("%s", "");
    assert_int_equal(geteuid(), 0);
    assert_int_equal(getegid(), 0);
    assert_int_equal(count(dir, "SELECT count(*) FROM exchange WHERE outcome='complete'"), 1);
    assert_int_equal(spool_bytes_of_all(dir), 0);
    remove_all(dir);
}

struct trap {
    const char *dir, *away, *target;
    int lock;
};

// Once the spool is found, and before the record is: the path leads to root's own directory.
static bool spring(void *ctx)
{
    struct trap *t = ctx;
    if (t->lock >= 0) {
        CHECK(rename(t->dir, t->away) == 0 && symlink(t->target, t->dir) == 0);
        (void)close(t->lock);
        t->lock = -1;
    }
    return false;
}

static void root_writes_nowhere_that_the_owner_may_not(void **state)
{
    (void)state;
    char dir[64];
    char away[80];
    char target[64];
    if (geteuid() != 0)
        skip();
    setup_dir(dir);
    make_dir(target);
    (void)snprintf(away, sizeof(away), "%s-away", dir);
    assert_int_equal(nftw(dir, give_one, 16, FTW_PHYS), 0);
    struct trap t = {dir, away, target, open_parent(dir)};
    assert_int_equal(flock(t.lock, LOCK_EX), 0);
    const struct record_recovery r = {.waits = true, .as_owner = true, .stops = spring, .ctx = &t};
    assert_int_not_equal(record_recover(dir, &r), SQLITE_OK);
    assert_int_equal(t.lock, -1);
    assert_int_equal(rmdir(target), 0); // nothing was made in it
    assert_true(spool_bytes_of_all(away) > 0);
    assert_int_equal(geteuid(), 0);
    assert_int_equal(unlink(dir), 0);
    remove_all(away);
}

// A process that recovers, and a program that records meanwhile.
struct beside {
    char segment[PATH_BYTES]; // of a dead program
    struct spool *lives;
    const struct events *events;
    int attempts;
};

static bool go_on(void *ctx)
{
    struct beside *b = ctx;
    append_all(b->lives, b->events, 1);
    (void)spool_seal(b->lives);
    if (b->attempts % 2)
        spool_drop(b->lives, spool_end(b->lives));
    if (++b->attempts == LATER)
        CHECK(unlink(b->segment) == 0);
    return b->attempts > 3 * STANDSTILL;
}

// The wait begins anew when a dead program's segment goes. What a program appends and removes that
// records meanwhile is no sign of a process that recovers.
static void a_recovery_that_stands_still_is_not_waited_for(void **state)
{
    (void)state;
    const struct spool_position everything = {UINT32_MAX, UINT64_MAX};
    char dir[64];
    struct beside b = {0};
    struct events *v = new_events();
    make_dir(dir);
    add_small(v, 0, 1);
    struct spool *died = begin_spool(dir, 0);
    append_all(died, v, 1);
    path_of(b.segment, dir, spool_id(died), "00000001.seg");
    (void)spool_free(died, NULL);
    b.lives = begin_spool(dir, 0);
    b.events = v;
    append_all(b.lives, v, 1);
    int held = open_parent(dir);
    assert_int_equal(flock(held, LOCK_EX), 0);
    const struct record_recovery r = {.waits = true, .stops = go_on, .ctx = &b};
    assert_int_equal(record_recover(dir, &r), SQLITE_BUSY);
    assert_int_equal(b.attempts, LATER + STANDSTILL);
    (void)close(held);
    (void)spool_free(b.lives, &everything);
    remove_all(dir);
    free_events(v);
    free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recovery_that_stands_still_is_not_waited_for),
        cmocka_unit_test(root_makes_only_files_of_the_owner),
        cmocka_unit_test(root_writes_nowhere_that_the_owner_may_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
