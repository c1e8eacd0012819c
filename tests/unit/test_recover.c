// SPDX-License-Identifier: MIT
// A spool that a program left, and the rows that it becomes: the same, whatever was indexed before.
#include "recover_fixture.h"

enum {
    CHUNK = 60 * 1000,
    HEAD = 100 * 1000,
    MESSAGES = 3
};

static char large[HEAD];

// What a record has, as text. Bodies are compared whole: their chunks depend on the transactions.
static char *dump(const char *dir)
{
    static const char *const queries[] = {
        "SELECT program, exchanges, shed, shed_bytes, ended_ns IS NULL FROM writer ORDER BY id",
        "SELECT * FROM tunnel ORDER BY id",
        ("SELECT seq, id, writer, tunnel, began_ns, visitor, protocol, method, scheme, host, "
         "target,"
         " upstream, status, outcome, error, flags, size, sent_on_ns, connect_ns, service_first_ns,"
         " answered_ns, duration_ns, request_bytes, request_kept, quote(request_digest),"
         " request_first_ns, request_last_ns, request_stalled_ns, response_bytes, response_kept,"
         " quote(response_digest), response_first_ns, response_last_ns, response_stalled_ns"
         " FROM exchange ORDER BY seq"),
        ("SELECT seq, replay_of, far_outcome, far_flags, far_sent_on_ns, request_head, interim,"
         " response_head, request_trailers, response_trailers, response_protocol, reason, detail,"
         " bad_head FROM exchange ORDER BY seq"),
        ("SELECT exchange, side, sum(length(bytes)), max(at + length(bytes)), group_concat(bytes, "
         "'')"
         " FROM (SELECT * FROM bodies WHERE length(bytes) > 0 ORDER BY exchange, side, at)"
         " GROUP BY exchange, side"),
        "SELECT exchange, number, side, opcode, flags, at_ns, size, bytes FROM message",
        ("SELECT count(*) FROM exchange e WHERE NOT EXISTS(SELECT 1 FROM span s WHERE"
         " s.tunnel=e.tunnel AND e.seq BETWEEN s.first AND s.last)"),
        "SELECT * FROM spool",
    };
    char path[STATE_PATH_MAX + 16];
    char *text = NULL;
    size_t len = 0;
    sqlite3 *db = NULL;
    FILE *out = open_memstream(&text, &len);
    record_path(dir, path);
    CHECK(out && sqlite3_open(path, &db) == SQLITE_OK);
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        sqlite3_stmt *q = NULL;
        check_context("%s", queries[i]);
        CHECK(sqlite3_prepare_v2(db, queries[i], -1, &q, NULL) == SQLITE_OK);
        while (sqlite3_step(q) == SQLITE_ROW) {
            for (int c = 0; c < sqlite3_column_count(q); c++) {
                const unsigned char *cell = sqlite3_column_text(q, c);
                (void)fprintf(out, "%s|", cell ? (const char *)cell : "null");
            }
            (void)fputc('\n', out);
        }
        (void)sqlite3_finalize(q);
        (void)fputs("--\n", out);
    }
    check_context("%s", "");
    (void)sqlite3_close(db);
    (void)fclose(out);
    return text;
}

static void apply(struct pending_rows *pending, const struct events *v, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        size_t len = v->at[i + 1] - v->at[i] - sizeof(struct spool_entry_head);
        void *copy = malloc(len);
        CHECK(copy);
        memcpy(copy, buf_at(&v->bytes) + v->at[i] + sizeof(struct spool_entry_head), len);
        CHECK(pending_rows_event(pending, copy));
        free(copy);
    }
}

// The record that a writer makes of all events at once.
static char *expected(const struct events *v)
{
    char dir[64];
    struct store *store = NULL;
    struct store_file file;
    struct pending_rows pending;
    make_dir(dir);
    const struct store_config config = {.dir = dir, .program = "test"};
    CHECK(store_open(&config, &store, &file) == SQLITE_OK);
    pending_rows_init(&pending, 0);
    apply(&pending, v, 0, v->count);
    CHECK(write_rows(&pending, store) == SQLITE_OK);
    CHECK(store_commit(store) == SQLITE_OK);
    pending_rows_committed(&pending, 0);
    pending_rows_deinit(&pending);
    store_close(store);
    char *text = dump(dir);
    remove_all(dir);
    return text;
}

static void check_recovers(const char *dir, const char *text)
{
    CHECK(record_recover(dir, &whole) == SQLITE_OK);
    char *now = dump(dir);
    if (strcmp(now, text) != 0)
        (void)fprintf(stderr, "expected:\n%s\nrecovered:\n%s\n", text, now);
    CHECK(strcmp(now, text) == 0);
    free(now);
}

static bool is_spool_empty(const char *dir)
{
    char path[PATH_BYTES];
    path_of(path, dir, "", "");
    return rmdir(path) == 0;
}

// Recovers from positions that a program can have stored, with segments of `segment` bytes.
static void check_positions(const struct events *v, uint64_t segment, size_t step)
{
    char *text = expected(v);
    size_t tried = 0;
    for (size_t batches = 0; batches <= v->count; batches += step) {
        char dir[64];
        make_dir(dir);
        struct spool *s = begin_spool(dir, segment * SPOOL_SEGMENT_PART);
        append_all(s, v, 1);
        bool writes = index_and_die(dir, s, batches);
        tried += writes;
        (void)spool_free(s, NULL);
        if (writes) {
            check_context("position %zu of %zu", batches, v->count);
            check_recovers(dir, text);
            check_recovers(dir, text); // nothing is left to do
            CHECK(is_spool_empty(dir));
        }
        remove_all(dir);
    }
    CHECK(tried > v->count / step / 2);
    check_context("%s", "");
    free(text);
}

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

// Frames whose messages begin before a position and end behind it.
static struct events *websocket(void)
{
    struct events *v = new_events();
    add_begun(v, 3, SLICE("A: 1\r\n"));
    add_routed(v, 3, 1, 0);
    add_head(v, 3, 101, EVENT_WEBSOCKET);
    add_data(v, 3, 1, SLICE("\x81\x02hi\x01\x02"));
    add_data(v, 3, 1, SLICE("go\x80\x02on"));
    add_data(v, 3, 0, SLICE("\x81\x82\0\0\0\0ok"));
    add_facts(v, EVENT_CLOSED, 3, 12);
    return v;
}

// The parser of frames is not in the record: a WebSocket that straddles the position goes on
// without messages that were not written yet, and its row says so.
static void a_websocket_that_straddles_a_position_ends(void **state)
{
    (void)state;
    struct events *v = websocket();
    for (size_t batches = 0; batches <= v->count; batches++) {
        char dir[64];
        make_dir(dir);
        struct spool *s = begin_spool(dir, 0);
        append_all(s, v, 1);
        bool writes = index_and_die(dir, s, batches);
        (void)spool_free(s, NULL);
        if (writes) {
            check_context("position %zu", batches);
            CHECK(record_recover(dir, &whole) == SQLITE_OK);
            CHECK(count(dir, "SELECT count(*) FROM exchange WHERE outcome='complete'") == 1);
            int64_t shed = count(dir, "SELECT flags & 2 FROM exchange");
            int64_t messages = count(dir, "SELECT count(*) FROM message");
            check_context("position %zu: %lld messages, shed %lld", batches, (long long)messages,
                          (long long)shed);
            CHECK(messages == MESSAGES || (messages < MESSAGES && shed));
            CHECK(batches > 0 || !shed);
        }
        remove_all(dir);
    }
    check_context("%s", "");
    free_events(v);
    free(v);
}

// How often a recovery may go on.
struct patience {
    int left;
    unsigned percent;
    bool fell; // the progress did
};

static bool is_over(void *ctx)
{
    struct patience *p = ctx;
    return p->left-- <= 0;
}

static void note_progress(void *ctx, unsigned percent)
{
    struct patience *p = ctx;
    p->fell = p->fell || percent < p->percent || percent > 100;
    p->percent = percent;
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
        cmocka_unit_test(a_websocket_that_straddles_a_position_ends),
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
