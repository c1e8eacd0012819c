// SPDX-License-Identifier: MIT
// Reading a record: its content, the order, and whether writers are alive.
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include <cmocka.h>

#include "common/record/read/reader.h"
#include "common/record/schema.h"
#include "tests/support/record_rows.h"

struct fixture {
    struct record_rows rows;
    struct record_reader *reader;
};

static int setup(void **state)
{
    char why[RECORD_WHY_MAX];
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    record_rows_init(&f->rows);
    f->reader = record_reader_open(f->rows.dir, why);
    assert_non_null(f->reader);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    record_reader_close(f->reader);
    record_rows_deinit(&f->rows);
    free(f);
    return 0;
}

static int64_t add(struct fixture *f, struct record_row row)
{
    return record_rows_add(&f->rows, &row);
}

static void assert_text(struct slice got, const char *expected)
{
    assert_true(slice_eq(got, slice_str(expected)));
}

// Locks a byte of record.lock as a live writer does. Returns the descriptor that holds the lock.
static int live(struct fixture *f, int64_t writer)
{
    char path[128];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = writer, .l_len = 1};
    (void)snprintf(path, sizeof(path), "%s/record.lock", f->rows.dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock) == 0);
    return fd;
}

static void expect(struct fixture *f, const struct record_query *query, const int64_t *seqs,
                   size_t count)
{
    struct record_exchange x;
    assert_int_equal(record_reader_query(f->reader, query), 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(record_reader_next(f->reader, &x), 1);
        assert_int_equal(x.seq, seqs[i]);
    }
    assert_int_equal(record_reader_next(f->reader, &x), 0);
    assert_int_equal(record_reader_next(f->reader, &x), 0);
}

static void exchanges_come_newest_first_or_oldest_first(void **state)
{
    struct fixture *f = *state;
    expect(f, &(struct record_query){0}, NULL, 0);
    for (int i = 0; i < 4; i++)
        (void)add(f, (struct record_row){0});
    expect(f, &(struct record_query){0}, (int64_t[]){4, 3, 2, 1}, 4);
    expect(f, &(struct record_query){.oldest_first = true}, (int64_t[]){1, 2, 3, 4}, 4);
    expect(f, &(struct record_query){.after_seq = 2}, (int64_t[]){4, 3}, 2);
    assert_int_equal(record_reader_newest(f->reader), 4);
}

static void expect_filtered(struct fixture *f, const char *text, struct record_query query,
                            const int64_t *seqs, size_t count)
{
    struct filter_mistake mistake;
    struct filter *filter = filter_new(slice_str(text), 10000000000, &mistake);
    assert_non_null(filter);
    query.filter = filter;
    expect(f, &query, seqs, count);
    filter_free(filter);
}

static void a_filter_and_its_bounds_choose(void **state)
{
    struct fixture *f = *state;
    static const char *const ids[] = {"aaa0000000000000", "aab0000000000000", "ab00000000000000"};
    struct record_query newest = {0};
    struct record_query behind = {.oldest_first = true, .after_seq = 2};
    for (int i = 0; i < 6; i++) // begun 1 s to 6 s after 1970; now is 10 s
        (void)add(f, (struct record_row){.id = ids[i % 3], .method = i == 5 ? "GET" : "PUT"});
    record_rows_body(&f->rows, 3, RECORD_RESPONSE, SLICE("a needle in it"), 4);
    expect_filtered(f, "method=PUT", newest, (int64_t[]){5, 4, 3, 2, 1}, 5);
    expect_filtered(f, "since=8s", newest, (int64_t[]){6, 5, 4, 3, 2}, 5);
    expect_filtered(f, "id=aab0000000000000", newest, (int64_t[]){5, 2}, 2);
    expect_filtered(f, "id=aab0000000000000 since=8s method=PUT", behind, (int64_t[]){5}, 1);
    expect_filtered(f, "body~needle", newest, (int64_t[]){3}, 1);
    expect_filtered(f, "not body~needle", behind, (int64_t[]){4, 5, 6}, 3);
}

static void a_row_becomes_an_exchange(void **state)
{
    struct fixture *f = *state;
    struct record_exchange x;
    char why[RECORD_WHY_MAX];
    int64_t seq = add(f, (struct record_row){.id = "0123456789abcdef",
                                             .method = "POST",
                                             .host = "h",
                                             .target = "/p?q",
                                             .status = 404,
                                             .request_head = SLICE("A: b\r\n"),
                                             .response_head = SLICE("C:\xff\0d\r\n"),
                                             .flags = RECORD_UPGRADED,
                                             .bytes = {5, 7},
                                             .kept = {3, 4}});
    record_rows_sql(&f->rows,
                    "UPDATE exchange SET connect_ns=NULL, sent_on_ns=12, far_flags=8,"
                    " far_outcome='reset', far_response_bytes=99, far_response_digest=x'%032d',"
                    " request_digest=x'%032d', visitor='::1' WHERE seq=%lld",
                    1, 2, (long long)seq);
    assert_int_equal(record_reader_find(f->reader, "last", &x, why), 1);
    assert_string_equal(x.id, "0123456789abcdef");
    assert_text(x.program, "adit http");
    assert_text(x.tunnel, "web");
    assert_text(x.method, "POST");
    assert_text(x.host, "h");
    assert_text(x.target, "/p?q");
    assert_text(x.visitor, "::1");
    assert_text(x.outcome, "complete");
    assert_text(x.error, "");
    assert_true(x.status == 404 && x.flags == RECORD_UPGRADED);
    assert_true(x.connect_ns == -1 && x.sent_on_ns == 12 && x.duration_ns == 1000000);
    assert_true(x.body[0].bytes == 5 && x.body[0].kept == 3 && x.body[1].kept == 4);
    assert_true(x.body[0].has_digest && x.body[0].digest[15] == 2 && !x.body[1].has_digest);
    assert_true(x.body[1].first_ns == -1);
    assert_true(slice_eq(x.response_head, SLICE("C:\xff\0d\r\n")));
    assert_true(x.peer.known && x.peer.whole[0] && !x.peer.whole[1] && x.peer.bytes[1] == 99);
    assert_true(x.peer.digest[1][15] == 1 && x.peer.duration_ns == -1);
    assert_text(x.peer.outcome, "reset");
}

static void the_running_are_gone_when_their_recorder_is(void **state)
{
    struct fixture *f = *state;
    struct record_exchange x;
    int lock = live(f, 2);
    for (int writer = 1; writer <= 3; writer++)
        (void)add(f, (struct record_row){.writer = writer, .outcome = ""});
    assert_false(record_reader_writer_alive(f->reader, 1));
    assert_true(record_reader_writer_alive(f->reader, 2));
    assert_int_equal(record_reader_query(f->reader, &(struct record_query){0}), 0);
    for (int writer = 3; writer >= 1; writer--) {
        assert_int_equal(record_reader_next(f->reader, &x), 1);
        assert_int_equal(x.writer, writer);
        assert_text(x.outcome, writer == 2 ? "" : "recorder gone");
    }
    (void)close(lock);
    record_reader_end(f->reader);
    assert_false(record_reader_writer_alive(f->reader, 2));
    assert_int_equal(record_reader_get(f->reader, 2, &x), 1);
    assert_text(x.outcome, "recorder gone");
}

// A writer may have ended exchanges after the query read them.
static void who_dies_during_a_query_is_not_gone_in_it(void **state)
{
    struct fixture *f = *state;
    struct record_exchange x;
    int lock = live(f, 1);
    for (int i = 0; i < 2; i++)
        (void)add(f, (struct record_row){.outcome = ""});
    assert_int_equal(record_reader_query(f->reader, &(struct record_query){0}), 0);
    assert_int_equal(record_reader_next(f->reader, &x), 1);
    record_rows_sql(&f->rows, "UPDATE exchange SET outcome='complete'");
    (void)close(lock);
    assert_int_equal(record_reader_next(f->reader, &x), 1);
    assert_text(x.outcome, "");
    assert_int_equal(record_reader_get(f->reader, 1, &x), 1);
    assert_text(x.outcome, "complete");
}

// The WAL can be emptied after every call of the reader: a slow reader delays no writer.
static void between_two_calls_nothing_is_being_read(void **state)
{
    struct fixture *f = *state;
    struct record_exchange x;
    struct slice piece;
    struct record_message m;
    struct record_losses losses;
    char why[RECORD_WHY_MAX];
    int log = 0;
    for (int i = 0; i < 2 * READER_BATCH_ROWS + 3; i++)
        (void)add(f, (struct record_row){0});
    record_rows_body(&f->rows, 1, RECORD_RESPONSE, SLICE("abcdef"), 2);
    record_rows_sql(&f->rows, "INSERT INTO message VALUES(1, 0, 1, 2, 1, 55, 9, x'61')");
    record_rows_sql(&f->rows, "PRAGMA journal_mode=WAL");
    assert_int_equal(record_reader_query(f->reader, &(struct record_query){.oldest_first = 1}), 0);
    for (int i = 0; i < 7; i++) {
        record_rows_sql(&f->rows, "UPDATE writer SET trouble = 'no'");
        assert_int_equal(i < 2 ? record_reader_next(f->reader, &x) : 1, 1);
        assert_int_equal(i == 2 ? record_reader_get(f->reader, 1, &x) : 1, 1);
        if (i == 3)
            assert_int_equal(record_reader_piece(f->reader, 1, RECORD_RESPONSE, 0, &piece), 1);
        assert_int_equal(i == 4 ? record_reader_message(f->reader, 1, 0, &m) : 1, 1);
        assert_int_equal(i == 5 ? record_reader_losses(f->reader, &losses) : 0, 0);
        assert_int_equal(i == 6 ? record_reader_find(f->reader, "last", &x, why) : 1, 1);
        (void)sqlite3_busy_timeout(f->rows.db, 0);
        assert_int_equal(
            sqlite3_wal_checkpoint_v2(f->rows.db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &log, NULL), 0);
    }
    assert_text(piece, "ab");
    assert_text(m.bytes, "a");
    assert_text(losses.trouble, "no");
}

// A reused row never gives the body of another exchange.
static void a_row_that_is_used_again_has_no_body_of_the_exchange_before(void **state)
{
    struct fixture *f = *state;
    struct record_exchange x;
    struct slice body;
    (void)add(f, (struct record_row){.id = "abc0000000000000"});
    assert_int_equal(record_reader_get(f->reader, 1, &x), 1);
    record_rows_sql(&f->rows, "UPDATE exchange SET id = 'abd0000000000000'");
    record_rows_body(&f->rows, 1, RECORD_RESPONSE, SLICE("another"), 2);
    assert_false(record_reader_exists(f->reader, &x));
    assert_true(record_reader_body(f->reader, 1, RECORD_RESPONSE, &body) && body.len == 0);
    assert_int_equal(record_reader_piece(f->reader, 1, RECORD_RESPONSE, 0, &body), 0);
}

static void each_exchange_is_read_once_whatever_comes_and_goes(void **state)
{
    struct fixture *f = *state;
    struct record_exchange x;
    const int count = 2 * READER_BATCH_ROWS;
    for (int oldest_first = 0; oldest_first < 2; oldest_first++) {
        int seen = 0;
        int64_t last = oldest_first ? 0 : INT64_MAX;
        record_rows_sql(&f->rows, "DELETE FROM exchange");
        record_rows_sql(&f->rows, "DELETE FROM span");
        for (int i = 0; i < count; i++)
            (void)add(f, (struct record_row){0});
        const struct record_query query = {.oldest_first = oldest_first};
        assert_int_equal(record_reader_query(f->reader, &query), 0);
        for (; record_reader_next(f->reader, &x) == 1; seen++) {
            assert_true(oldest_first ? x.seq > last : x.seq < last);
            last = x.seq;
            if (seen < 3) {
                (void)add(f, (struct record_row){0}); // added after the query began
                record_rows_sql(&f->rows, "DELETE FROM exchange WHERE seq = %d",
                                oldest_first ? count - seen : 1 + seen);
            }
        }
        assert_true(seen == count - 3);
    }
}

static void an_id_is_found_by_a_beginning_that_is_its_own(void **state)
{
    struct fixture *f = *state;
    struct record_exchange x;
    char why[RECORD_WHY_MAX];
    assert_int_equal(record_reader_find(f->reader, "last", &x, why), 0);
    (void)add(f, (struct record_row){.id = "abc0000000000000"});
    (void)add(f, (struct record_row){.id = "abd0000000000000"});
    (void)add(f, (struct record_row){.id = "abd0000000000000"}); // the same id: the newest wins
    assert_int_equal(record_reader_find(f->reader, "abc", &x, why), 1);
    assert_int_equal(x.seq, 1);
    assert_int_equal(record_reader_find(f->reader, "ABD0", &x, why), 1);
    assert_int_equal(x.seq, 3);
    assert_int_equal(record_reader_find(f->reader, "abd0000000000000", &x, why), 1);
    assert_int_equal(record_reader_find(f->reader, "last", &x, why), 1);
    assert_int_equal(x.seq, 3);
    assert_int_equal(record_reader_find(f->reader, "ab", &x, why), 0);
    assert_non_null(strstr(why, "abc0000000000000"));
    assert_non_null(strstr(why, "abd0000000000000"));
    assert_int_equal(record_reader_find(f->reader, "abe", &x, why), 0);
    assert_non_null(strstr(why, "abe"));
    assert_int_equal(record_reader_find(f->reader, "", &x, why), 0);
    assert_int_equal(record_reader_find(f->reader, "a\033[1m", &x, why), 0);
    assert_null(strchr(why, '\033'));
    assert_int_equal(record_reader_find(f->reader, "abd00000000000000", &x, why), 0);
}

static void a_body_is_read_in_pieces_and_whole(void **state)
{
    struct fixture *f = *state;
    static const char text[] = "0123456789";
    struct slice got;
    int64_t seq = add(f, (struct record_row){0});
    record_rows_body(&f->rows, seq, RECORD_RESPONSE, slice_of(text, 10), 4);
    for (uint64_t at = 0; at < 10; at++) {
        assert_int_equal(record_reader_piece(f->reader, seq, RECORD_RESPONSE, at, &got), 1);
        assert_true(got.len > 0 && memcmp(got.p, text + at, got.len) == 0);
        assert_int_equal((at + got.len) % 4, at + got.len == 10 ? 2 : 0);
    }
    assert_int_equal(record_reader_piece(f->reader, seq, RECORD_RESPONSE, 10, &got), 0);
    assert_int_equal(record_reader_piece(f->reader, seq, RECORD_REQUEST, 0, &got), 0);
    assert_true(record_reader_body(f->reader, seq, RECORD_RESPONSE, &got));
    assert_true(slice_eq(got, slice_of(text, 10)));
    assert_true(record_reader_body(f->reader, seq, RECORD_REQUEST, &got) && got.len == 0);
    record_rows_sql(&f->rows, "DELETE FROM body WHERE at = 4");
    assert_false(record_reader_body(f->reader, seq, RECORD_RESPONSE, &got));
}

// Bodies in the row of their exchange read like others, and both sides at once.
static void a_small_body_is_read_in_the_same_way(void **state)
{
    struct fixture *f = *state;
    struct slice request;
    struct slice response;
    int64_t seq = add(f, (struct record_row){0});
    record_rows_sql(&f->rows, "UPDATE exchange SET request_body=CAST('ask' AS BLOB),"
                              " response_body=CAST('answer' AS BLOB)");
    assert_true(record_reader_body(f->reader, seq, RECORD_REQUEST, &request));
    assert_true(record_reader_body(f->reader, seq, RECORD_RESPONSE, &response));
    assert_true(slice_eq(request, SLICE("ask")) && slice_eq(response, SLICE("answer")));
    for (uint64_t at = 0; at < 6; at++) {
        assert_int_equal(record_reader_piece(f->reader, seq, RECORD_RESPONSE, at, &response), 1);
        assert_true(slice_eq(response, slice_of(&"answer"[at], 6 - at)));
    }
    assert_int_equal(record_reader_piece(f->reader, seq, RECORD_RESPONSE, 6, &response), 0);
}

static void a_body_is_decoded_as_its_fields_say(void **state)
{
    struct fixture *f = *state;
    struct record_exchange x;
    struct record_decoded response;
    struct record_decoded request;
    char packed[128];
    uLongf len = sizeof(packed);
    assert_int_equal(compress((Bytef *)packed, &len, (const Bytef *)"hello hello", 11), Z_OK);
    int64_t seq = add(
        f, (struct record_row){.response_head = SLICE("content-type: a\r\nContent-Encoding: "
                                                      "identity\r\ncontent-encoding:deflate\r\n")});
    record_rows_body(&f->rows, seq, RECORD_REQUEST, SLICE("plain"), 64);
    record_rows_body(&f->rows, seq, RECORD_RESPONSE, slice_of(packed, len), 64);
    assert_int_equal(record_reader_get(f->reader, seq, &x), 1);
    assert_true(record_reader_decoded(f->reader, &x, RECORD_RESPONSE, &response));
    assert_true(record_reader_decoded(f->reader, &x, RECORD_REQUEST, &request));
    assert_true(response.decoded && response.whole && !request.decoded && request.whole);
    assert_text(request.body, "plain");
    assert_text(response.body, "hello hello"); // each side has its own buffer
    record_rows_sql(&f->rows, "UPDATE exchange SET request_bytes = 6");
    assert_int_equal(record_reader_get(f->reader, seq, &x), 1);
    assert_true(record_reader_decoded(f->reader, &x, RECORD_REQUEST, &request));
    assert_false(request.whole);
}

static void messages_and_losses_are_read(void **state)
{
    struct fixture *f = *state;
    struct record_message m;
    struct record_losses losses;
    uint64_t bytes = 0;
    uint64_t exchanges = 0;
    int64_t seq = add(f, (struct record_row){0});
    record_rows_sql(&f->rows, "INSERT INTO message VALUES(%lld, 0, 1, 2, 1, 55, 9, x'616263')",
                    seq);
    record_rows_sql(&f->rows, "INSERT INTO message VALUES(%lld, 1, 0, 8, 0, 56, 9, NULL)", seq);
    assert_int_equal(record_reader_message(f->reader, seq, 0, &m), 1);
    assert_true(m.side == RECORD_RESPONSE && m.opcode == 2 && m.compressed && m.at_ns == 55);
    assert_true(m.size == 9 && slice_eq(m.bytes, SLICE("abc")));
    assert_int_equal(record_reader_message(f->reader, seq, 1, &m), 1);
    assert_true(m.side == RECORD_REQUEST && m.opcode == 8 && !m.compressed && m.bytes.len == 0);
    assert_int_equal(record_reader_message(f->reader, seq, 2, &m), 0);

    assert_int_equal(record_reader_losses(f->reader, &losses), 0);
    assert_true(losses.shed == 0 && losses.trouble.len == 0);
    record_rows_sql(&f->rows, "UPDATE writer SET shed=2, shed_bytes=30, trouble='disk full'");
    record_rows_sql(&f->rows, "INSERT INTO writer(program, version, pid, began_ns, shed)"
                              " VALUES('aditd', '0', 1, 1, 5)");
    assert_int_equal(record_reader_losses(f->reader, &losses), 0);
    assert_true(losses.shed == 7 && losses.shed_bytes == 30 && losses.trouble_writer == 1);
    assert_text(losses.trouble, "disk full");
    assert_int_equal(record_reader_size(f->reader, &bytes, &exchanges), 0);
    assert_true(exchanges == 1 && bytes >= 4096);
}

static void what_others_write_is_seen(void **state)
{
    struct fixture *f = *state;
    int64_t before = record_reader_version(f->reader);
    assert_int_equal(record_reader_version(f->reader), before);
    (void)add(f, (struct record_row){0});
    assert_int_not_equal(record_reader_version(f->reader), before);
    expect(f, &(struct record_query){0}, (int64_t[]){1}, 1);
}

static void the_reader_cannot_write_and_makes_no_record(void **state)
{
    char why[RECORD_WHY_MAX];
    char path[64];
    (void)state;
    (void)snprintf(path, sizeof(path), "/tmp/adit-test-XXXXXX");
    assert_non_null(mkdtemp(path));
    assert_null(record_reader_open(path, why));
    assert_non_null(strstr(why, path));
    assert_int_equal(rmdir(path), 0); // still empty
    assert_null(record_reader_open(path, why));
}

static void what_is_no_record_is_told(void **state)
{
    struct fixture *f = *state;
    char why[RECORD_WHY_MAX];
    record_rows_sql(&f->rows, "PRAGMA user_version=%d", RECORD_VERSION + 1);
    assert_null(record_reader_open(f->rows.dir, why));
    assert_non_null(strstr(why, "later version"));
    record_rows_sql(&f->rows, "PRAGMA user_version=-1");
    assert_null(record_reader_open(f->rows.dir, why));
    assert_non_null(strstr(why, "later version"));
    record_rows_sql(&f->rows, "PRAGMA application_id=1");
    assert_null(record_reader_open(f->rows.dir, why));
    assert_non_null(strstr(why, "not a database"));
}

static void fields_are_taken_off_their_lines(void **state)
{
    struct slice lines = SLICE("A: 1\r\nb:\r\na:  2 \r\nodd\r\nlast: x");
    struct slice rest = lines;
    struct slice name;
    struct slice value;
    size_t count = 0;
    (void)state;
    while (record_next_field(&rest, &name, &value))
        count++;
    assert_int_equal(count, 5);
    assert_text(name, "last");
    assert_text(value, "x");
    assert_text(record_field(lines, SLICE("a")), "1");
    assert_text(record_field(lines, SLICE("B")), "");
    assert_text(record_field(lines, SLICE("odd")), "");
    assert_text(record_field(lines, SLICE("none")), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(exchanges_come_newest_first_or_oldest_first),
        TEST(a_filter_and_its_bounds_choose),
        TEST(a_row_becomes_an_exchange),
        TEST(the_running_are_gone_when_their_recorder_is),
        TEST(who_dies_during_a_query_is_not_gone_in_it),
        TEST(between_two_calls_nothing_is_being_read),
        TEST(a_row_that_is_used_again_has_no_body_of_the_exchange_before),
        TEST(each_exchange_is_read_once_whatever_comes_and_goes),
        TEST(an_id_is_found_by_a_beginning_that_is_its_own),
        TEST(a_body_is_read_in_pieces_and_whole),
        TEST(a_small_body_is_read_in_the_same_way),
        TEST(a_body_is_decoded_as_its_fields_say),
        TEST(messages_and_losses_are_read),
        TEST(what_others_write_is_seen),
        cmocka_unit_test(the_reader_cannot_write_and_makes_no_record),
        TEST(what_is_no_record_is_told),
        cmocka_unit_test(fields_are_taken_off_their_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
