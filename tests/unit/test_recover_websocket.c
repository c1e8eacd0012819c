// SPDX-License-Identifier: MIT
// WebSockets whose frames are partly in rows and partly in the spool of a program that died.
#include "recover_fixture.h"
#include "ws_capture_fixture.h"

enum {
    MESSAGES = 80,
    MESSAGE = 50 * 1000, // bytes, some messages a piece or some pieces a message
    PIECE = 60 * 1000
};

static void begin_websocket(struct events *v, unsigned flags)
{
    add_begun(v, 3, SLICE("A: 1\r\n"));
    add_routed(v, 3, 1, 0);
    add_head(v, 3, 101, flags);
}

// Both sides speak at once, and each byte is an event.
static struct events *websocket(void)
{
    struct events *v = new_events();
    struct stream side[2] = {{.len = 0}, {.len = 0}};
    conversation(&side[0], true);
    conversation(&side[1], false);
    begin_websocket(v, EVENT_WEBSOCKET);
    for (size_t at = 0; at < side[0].len || at < side[1].len; at++)
        for (unsigned from = 0; from < 2; from++)
            if (at < side[from].len)
                add_data(v, 3, from, slice_of((const char *)side[from].bytes + at, 1));
    add_facts(v, EVENT_CLOSED, 3, 12);
    return v;
}

// Messages of one side, cut into large pieces.
static struct events *large_websocket(void)
{
    static char payload[MESSAGE];
    static struct stream s;
    struct events *v = new_events();
    struct buf all = {0};
    begin_websocket(v, EVENT_WEBSOCKET);
    memset(payload, 'm', sizeof(payload));
    for (size_t i = 0; i < MESSAGES; i++) {
        s.len = 0;
        add_frame(&s, FIN | WS_BINARY, slice_of(payload, sizeof(payload)), false);
        CHECK(buf_append(&all, s.bytes, s.len));
    }
    for (size_t at = 0, len = buf_len(&all); at < len; at += PIECE)
        add_data(v, 3, 1, slice_of(buf_at(&all) + at, len - at < PIECE ? len - at : PIECE));
    add_facts(v, EVENT_CLOSED, 3, 12);
    buf_free(&all);
    return v;
}

// Compares with the expected record, which is attached as `x`. Returns the messages whose bytes are
// missing; all else is alike.
static int64_t compare(const char *dir, const char *expected_dir, size_t position)
{
    struct record_rows rows = {0};
    char path[STATE_PATH_MAX + 16];
    record_path(dir, path);
    CHECK(sqlite3_open(path, &rows.db) == SQLITE_OK);
    record_path(expected_dir, path);
    record_rows_sql(&rows, "ATTACH %Q AS x", path);
    check_context("position %zu", position);
    CHECK(record_rows_number(&rows, "SELECT count(*) FROM main.message") ==
          record_rows_number(&rows, "SELECT count(*) FROM x.message"));
    CHECK(record_rows_number(&rows,
                             "SELECT count(*) FROM (SELECT exchange, number, side, opcode,"
                             " flags, at_ns, size FROM main.message EXCEPT SELECT exchange,"
                             " number, side, opcode, flags, at_ns, size FROM x.message)") == 0);
    CHECK(record_rows_number(&rows, "SELECT count(*) FROM main.message m JOIN x.message USING"
                                    "(exchange, number) WHERE m.bytes IS NOT NULL AND m.bytes IS"
                                    " NOT x.message.bytes") == 0);
    CHECK(record_rows_number(&rows, "SELECT count(*) FROM main.exchange WHERE outcome='complete'"
                                    " AND ws_state IS NULL") == 1);
    CHECK(record_rows_number(&rows, "SELECT count(*) FROM main.body") == 0);
    int64_t cut = record_rows_number(&rows, "SELECT count(*) FROM main.message WHERE bytes IS NULL"
                                            " AND size > 0");
    CHECK(record_rows_number(&rows, "SELECT flags & 2 FROM main.exchange") == (cut > 0 ? 2 : 0));
    (void)sqlite3_close(rows.db);
    return cut;
}

static void messages_behind_any_position_are_recorded(void **state)
{
    (void)state;
    struct events *v = websocket();
    char all[64];
    int64_t most = 0;
    make_expected(all, v);
    for (size_t batches = 0; batches < v->count; batches++) {
        char dir[64];
        make_dir(dir);
        struct spool *s = begin_spool(dir, 0);
        append_all(s, v, 1);
        bool writes = index_and_die(dir, s, batches);
        (void)spool_free(s, NULL);
        if (writes) {
            CHECK(record_recover(dir, &whole) == SQLITE_OK);
            int64_t cut = compare(dir, all, batches);
            CHECK(cut <= 4); // of each side a message, and a control frame amid
            CHECK(batches > 3 || cut == 0);
            most = cut > most ? cut : most;
        }
        remove_all(dir);
    }
    CHECK(most > 0);
    check_context("%s", "");
    remove_all(all);
    free_events(v);
    free(v);
}

// A recovery that is stopped behind each transaction. Returns how often.
static int recover_in_parts(const char *dir)
{
    struct patience p = {0};
    const struct record_recovery often = {.stops = is_over, .ctx = &p};
    int stopped = 0;
    int error = SQLITE_OK;
    while ((error = record_recover(dir, &often)) == SQLITE_INTERRUPT) {
        p = (struct patience){.left = 1};
        CHECK(++stopped < 100);
    }
    CHECK(error == SQLITE_OK);
    return stopped;
}

static void a_recovery_that_is_stopped_keeps_the_messages(void **state)
{
    (void)state;
    struct events *v = large_websocket();
    char all[64];
    char dir[64];
    make_expected(all, v);
    make_dir(dir);
    struct spool *s = begin_spool(dir, 0);
    append_all(s, v, 1);
    (void)spool_free(s, NULL);
    int stopped = recover_in_parts(dir);
    CHECK(stopped > 3);
    int64_t cut = compare(dir, all, 0);
    CHECK(cut > 0 && cut <= stopped);
    CHECK(is_spool_empty(dir));
    remove_all(dir);
    remove_all(all);
    free_events(v);
    free(v);
}

// No parser of frames is needed here, from the first byte on.
static void another_upgrade_is_a_body_from_any_position(void **state)
{
    (void)state;
    struct events *v = new_events();
    begin_websocket(v, 0);
    add_data(v, 3, 1, SLICE("\x81\x02hi"));
    add_data(v, 3, 0, SLICE("ask"));
    add_data(v, 3, 1, SLICE("answer"));
    add_facts(v, EVENT_CLOSED, 3, 10);
    check_positions(v, 32 << 20, 1);
    free_events(v);
    free(v);
}

static void change(const char *dir, const char *sql, const char *value)
{
    struct record_rows rows = {0};
    char path[STATE_PATH_MAX + 16];
    record_path(dir, path);
    CHECK(sqlite3_open(path, &rows.db) == SQLITE_OK);
    record_rows_sql(&rows, sql, value);
    CHECK(sqlite3_changes(rows.db) == 1);
    (void)sqlite3_close(rows.db);
}

// Frames whose place is unknown are neither messages nor a body, however often that is taken up.
static void behind_a_damaged_state_nothing_is_kept(void **state)
{
    static const char *const states[] = {"x'00'",
                                         "'text'",
                                         "5",
                                         "-1.5",
                                         "zeroblob(79)",
                                         "zeroblob(81)",
                                         "zeroblob(1e6)",
                                         "CAST(zeroblob(79) || x'03' AS BLOB)"};
    (void)state;
    struct events *v = large_websocket();
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        char dir[64];
        make_dir(dir);
        struct spool *s = begin_spool(dir, 0);
        append_all(s, v, 1);
        CHECK(index_and_die(dir, s, 20));
        (void)spool_free(s, NULL);
        int64_t messages = count(dir, "SELECT count(*) FROM message");
        change(dir, "UPDATE exchange SET ws_state=%s", states[i]);
        check_context("state %s", states[i]);
        CHECK(recover_in_parts(dir) > 2);
        CHECK(count(dir, "SELECT count(*) FROM exchange WHERE outcome='complete' AND flags & 2 AND"
                         " ws_state IS NULL") == 1);
        CHECK(messages > 0 && count(dir, "SELECT count(*) FROM message") == messages);
        CHECK(count(dir, "SELECT count(*) FROM body") == 0);
        remove_all(dir);
    }
    check_context("%s", "");
    free_events(v);
    free(v);
}

// Numbers go on behind those that the record has, whatever these are.
static void a_number_is_not_given_twice(void **state)
{
    static const char *const numbers[] = {"7", "1000000", "9223372036854775807",
                                          "-9223372036854775807"};
    (void)state;
    struct events *v = websocket();
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        char dir[64];
        make_dir(dir);
        struct spool *s = begin_spool(dir, 0);
        append_all(s, v, 1);
        CHECK(index_and_die(dir, s, 40));
        (void)spool_free(s, NULL);
        check_context("number %s", numbers[i]);
        change(dir, "UPDATE message SET number=%s WHERE number=(SELECT max(number) FROM message)",
               numbers[i]);
        CHECK(record_recover(dir, &whole) == SQLITE_OK);
        CHECK(count(dir, "SELECT count(*) FROM exchange WHERE outcome='complete'") == 1);
        remove_all(dir);
    }
    check_context("%s", "");
    free_events(v);
    free(v);
}

// A program of which no spool is left has nothing to go on with.
static void a_row_that_ends_without_its_spool_has_no_state(void **state)
{
    (void)state;
    struct events *v = websocket();
    char dir[64];
    char path[PATH_BYTES];
    struct store *store = NULL;
    struct store_file file;
    make_dir(dir);
    struct spool *s = begin_spool(dir, 0);
    append_all(s, v, 1);
    CHECK(index_and_die(dir, s, 40));
    path_of(path, dir, spool_id(s), "");
    (void)spool_free(s, NULL);
    remove_all(path);
    assert_int_equal(count(dir, "SELECT length(ws_state) FROM exchange"), WS_CAPTURE_STATE_BYTES);
    const struct store_config config = {.dir = dir, .program = "other"};
    assert_int_equal(store_open(&config, &store, &file), SQLITE_OK);
    store_close(store);
    assert_int_equal(count(dir, "SELECT count(*) FROM exchange WHERE outcome='recorder gone' AND"
                                " ws_state IS NULL"),
                     1);
    remove_all(dir);
    free_events(v);
    free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_behind_any_position_are_recorded),
        cmocka_unit_test(a_recovery_that_is_stopped_keeps_the_messages),
        cmocka_unit_test(another_upgrade_is_a_body_from_any_position),
        cmocka_unit_test(behind_a_damaged_state_nothing_is_kept),
        cmocka_unit_test(a_number_is_not_given_twice),
        cmocka_unit_test(a_row_that_ends_without_its_spool_has_no_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
