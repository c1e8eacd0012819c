// SPDX-License-Identifier: MIT
// A spool that a program left, and the rows that it becomes: the same, whatever was indexed before.
#include "recover_fixture.h"

enum {
    CHUNK = 60 * 1000,
    HEAD = 100 * 1000
};

static char large[HEAD];

// Exchanges with everything that events can tell, interleaved.
static struct events *many_kinds(void)
{
    struct events *v = new_events();
    const struct slice lines = SLICE("A: 1\r\n");
    add_small(v, 0, 1);
    add_begun(v, 2, lines);
    add_routed(v, 2, 6, 7);
    add_report(v, 6, 8); // another tunnel's word
    add_facts(v, EVENT_CLOSED, 2, 5);
    add_begun(v, 3, lines);
    add_routed(v, 3, 7, 7);
    add_begun(v, 0, lines);
    add_routed(v, 0, 2, 0);
    add_begun(v, 1, lines);
    add_discarded(v, 1);
    add_head(v, 0, 103, 0);
    add_begun(v, 1, lines);
    add_routed(v, 1, 3, 0);
    add_data(v, 0, 0, SLICE("request"));
    add_head(v, 0, 103, 0);
    add_head(v, 0, 200, 0);
    add_data(v, 1, 0, slice_of(large, CHUNK));
    add_facts(v, EVENT_PROGRESS, 0, 7);
    add_data(v, 0, 1, slice_of(large, CHUNK));
    add_small(v, 2, 4);
    add_report(v, 6, 7); // behind its end
    add_report(v, 7, 7); // before its end
    add_data(v, 0, 1, slice_of(large, 100));
    add_facts(v, EVENT_CLOSED, 3, 5);
    add_trailers(v, 0, 0);
    add_trailers(v, 0, 1);
    add_facts(v, EVENT_CLOSED, 0, CHUNK + 100);
    add_facts(v, EVENT_PROGRESS, 1, 0); // never ends
    add_small(v, 0, 5);
    return v;
}

static void every_position_gives_the_same_rows(void **state)
{
    (void)state;
    struct events *v = many_kinds();
    check_positions(v, 32 << 20, 1);
    check_positions(v, 600, 4); // several segments
    free_events(v);
    free(v);
}

// Exchanges of several transactions, whose requests begin and are routed in different batches.
static struct events *many_bytes(void)
{
    struct events *v = new_events();
    for (unsigned i = 0; i < 80; i++) {
        add_begun(v, 2 * i + 1, slice_of(large, HEAD));
        if (i > 0) {
            add_facts(v, EVENT_CLOSED, 2 * i - 1, 0);
            add_data(v, 0, 1, slice_of(large, CHUNK));
        } else {
            add_begun(v, 0, SLICE("A: 1\r\n"));
            add_routed(v, 0, 99, 0);
        }
        add_routed(v, 2 * i + 1, i, 0);
    }
    return v;
}

static void a_recovery_that_is_stopped_is_taken_up(void **state)
{
    (void)state;
    struct events *v = many_bytes();
    char *text = expected(v);
    for (size_t step = 1; step < 3; step++) {
        char dir[64];
        int stopped = 0;
        struct patience p = {0};
        make_dir(dir);
        struct spool *s = begin_spool(dir, 0);
        append_all(s, v, step == 1 ? 1 : 2);
        (void)spool_free(s, NULL);
        struct record_recovery often = {.stops = is_over, .progress = note_progress, .ctx = &p};
        for (;; stopped++, p = (struct patience){.left = 1}) {
            int error = record_recover(dir, &often);
            CHECK(!p.fell);
            if (!error)
                break;
            CHECK(error == SQLITE_INTERRUPT && stopped < 100);
        }
        CHECK(stopped > 5);
        check_recovers(dir, text);
        CHECK(is_spool_empty(dir));
        remove_all(dir);
    }
    free(text);
    free_events(v);
    free(v);
}

static void a_spool_is_left_to_a_program_that_lives(void **state)
{
    (void)state;
    char dir[64];
    struct events *v = many_kinds();
    make_dir(dir);
    assert_int_equal(record_recover(dir, &whole), SQLITE_OK); // nothing is there
    assert_int_equal(rmdir(dir), 0);                          // and nothing was made
    make_dir(dir);
    struct spool *lives = begin_spool(dir, 0);
    append_all(lives, v, 1);
    assert_int_equal(record_recover(dir, &whole), SQLITE_OK);
    assert_true(exists(dir, spool_id(lives), "00000001.seg"));
    struct spool *died = begin_spool(dir, 0);
    append_all(died, v, 3);
    (void)spool_free(died, NULL);
    assert_int_equal(record_recover(dir, &whole), SQLITE_OK);
    assert_int_equal(count(dir, "SELECT count(*) FROM exchange"), 7);
    assert_true(exists(dir, spool_id(lives), "00000001.seg"));
    (void)spool_free(lives, NULL);
    assert_int_equal(record_recover(dir, &whole), SQLITE_OK);
    assert_int_equal(count(dir, "SELECT count(*) FROM exchange"), 14);
    assert_int_equal(count(dir, "SELECT count(*) FROM writer WHERE ended_ns > 0"), 2);
    assert_true(is_spool_empty(dir));
    remove_all(dir);
    free_events(v);
    free(v);
}

// A program was killed after its last rows, and before its files were removed; or after these.
static void what_is_left_of_an_indexed_spool_goes(void **state)
{
    (void)state;
    struct events *v = many_kinds();
    char *text = expected(v);
    for (int removed = 0; removed < 2; removed++) {
        char dir[64];
        char path[PATH_BYTES];
        struct store *store = NULL;
        struct store_file file;
        make_dir(dir);
        struct spool *s = begin_spool(dir, 0);
        append_all(s, v, 1);
        assert_true(index_and_die(dir, s, v->count));
        path_of(path, dir, spool_id(s), "");
        (void)spool_free(s, NULL);
        if (removed)
            remove_all(path);
        assert_int_equal(record_recover(dir, &whole), SQLITE_OK);
        const struct store_config config = {.dir = dir, .program = "other"};
        assert_int_equal(store_open(&config, &store, &file), SQLITE_OK);
        store_close(store);
        assert_int_equal(count(dir, "SELECT count(*) FROM exchange"), 7);
        assert_int_equal(count(dir, "SELECT count(*) FROM exchange WHERE outcome IS NULL"), 0);
        assert_int_equal(count(dir, "SELECT count(*) FROM spool"), 0);
        assert_int_equal(count(dir, "SELECT count(*) FROM writer WHERE ended_ns IS NULL"), 0);
        remove_all(dir);
    }
    free(text);
    free_events(v);
    free(v);
}

// Makes a directory with the spool of a program that died.
static void leave_spool(char dir[static 64], char id[static SPOOL_ID_MAX])
{
    struct events *v = many_kinds();
    make_dir(dir);
    struct spool *s = begin_spool(dir, 0);
    append_all(s, v, 1);
    (void)snprintf(id, SPOOL_ID_MAX, "%s", spool_id(s));
    (void)spool_free(s, NULL);
    free_events(v);
    free(v);
}

// Files that no spool has are left alone, and prevent neither rows nor the end of their writer.
static void foreign_files_hold_up_nothing(void **state)
{
    (void)state;
    char dir[64];
    char id[SPOOL_ID_MAX];
    leave_spool(dir, id);
    write_file(dir, "", "file", SLICE("junk"));
    write_file(dir, "", "a-name-that-is-longer-than-those-of-spools-may-be", SLICE("junk"));
    write_file(dir, id, "notes.txt", SLICE("junk"));
    write_file(dir, id, "1.seg", SLICE("junk"));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(record_recover(dir, &whole), SQLITE_OK);
        assert_int_equal(count(dir, "SELECT count(*) FROM exchange"), 7);
        assert_int_equal(count(dir, "SELECT count(*) FROM exchange WHERE outcome IS NULL"), 0);
        assert_int_equal(count(dir, "SELECT count(*) FROM writer WHERE ended_ns IS NULL"), 0);
    }
    assert_false(exists(dir, id, "00000001.seg"));
    assert_true(exists(dir, id, "notes.txt") && exists(dir, id, "1.seg"));
    remove_all(dir);
}

// The form of another version's segments is unknown: they stay for it.
static void segments_of_another_form_are_kept(void **state)
{
    (void)state;
    char dir[64];
    char id[SPOOL_ID_MAX];
    leave_spool(dir, id);
    write_file(dir, id, "00000001.seg", SLICE("aditspl2 and what that version has behind it"));
    assert_int_not_equal(record_recover(dir, &whole), SQLITE_OK);
    assert_true(exists(dir, id, "00000001.seg"));
    write_file(dir, id, "00000001.seg", SLICE("")); // a program that died before its first batch
    assert_int_equal(record_recover(dir, &whole), SQLITE_OK);
    assert_true(is_spool_empty(dir));
    remove_all(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_position_gives_the_same_rows),
        cmocka_unit_test(a_recovery_that_is_stopped_is_taken_up),
        cmocka_unit_test(a_spool_is_left_to_a_program_that_lives),
        cmocka_unit_test(what_is_left_of_an_indexed_spool_goes),
        cmocka_unit_test(foreign_files_hold_up_nothing),
        cmocka_unit_test(segments_of_another_form_are_kept),
    };
    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = (char)('a' + i % 251 % 26);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
