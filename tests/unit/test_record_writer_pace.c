// SPDX-License-Identifier: MIT
// When the record writer writes rows, drops them, and appends no more (docs/record.md, "When
// exchanges are written"): just below, at and above each bound.
#include "common/record/write/record_writer_internal.h"
#include "segments_fixture.h"

enum {
    KIB = 1 << 10,
    MIB = 1 << 20,
    PART = MIB, // a quarter of the record's size
    NOW_MS = 1000000,
    WINDOW_MS = 100,
    HIGH_BYTES = 128 * KIB,
    BATCH_HEAD = sizeof(struct spool_batch_head),
    SEGMENT_HEAD = sizeof(struct spool_segment_head),
};

// A writer without threads, under a load, whose processors are busy: its rows wait.
struct paced {
    struct fixture files;
    struct record_writer writer;
    struct spool *other; // another program's
};

static void set_load(struct record_writer *w, bool high, bool idle)
{
    w->load = (struct load){.since_ms = NOW_MS,
                            .high = high,
                            .appended = spool_appended(w->spool),
                            .sampled_ms = NOW_MS,
                            .processors_idle = idle};
}

static int begin(void **state)
{
    void *files = NULL;
    struct paced *p = calloc(1, sizeof(*p));
    CHECK(p && setup(&files) == 0);
    p->files = *(struct fixture *)files;
    free(files);
    struct record_writer *w = &p->writer;
    w->config.store.dir = p->files.dir;
    w->config.store.bytes = 4ULL * PART;
    w->spool = begin_spool(p->files.dir, 0);
    p->other = begin_spool(p->files.dir, 0);
    CHECK(flush_mailbox_init(&w->asked));
    set_load(w, true, false);
    *state = p;
    return 0;
}

static int end(void **state)
{
    struct paced *p = *state;
    flush_mailbox_deinit(&p->writer.asked);
    (void)spool_free(p->writer.spool, &everything);
    (void)spool_free(p->other, &everything);
    remove_all(p->files.dir);
    free(p);
    return 0;
}

// Gives a spool exactly so many bytes: 0, or those of a segment and a batch at least.
static void resize(struct paced *p, struct spool **s, uint64_t bytes)
{
    (void)spool_free(*s, &everything);
    *s = begin_spool(p->files.dir, 0);
    while (spool_bytes(*s) < bytes) {
        uint64_t heads = BATCH_HEAD + (spool_bytes(*s) == 0 ? SEGMENT_HEAD : 0);
        uint64_t left = bytes - spool_bytes(*s) - heads;
        // what is left has room for another batch
        uint64_t len = left > SPOOL_BATCH_BYTES ? SPOOL_BATCH_BYTES / 2 : left;
        CHECK(append_bytes(*s, p->files.entries, len) == 0);
    }
    CHECK(spool_bytes(*s) == bytes);
}

static enum pace pace_at(struct paced *p, uint64_t now_ms)
{
    return record_writer_pace(&p->writer, now_ms);
}

static enum pace pace(struct paced *p)
{
    return pace_at(p, NOW_MS);
}

static void rows_wait_under_load_while_processors_are_busy(void **state)
{
    struct paced *p = *state;
    assert_int_equal(pace(p), PACE_WAIT);
    set_load(&p->writer, false, false);
    assert_int_equal(pace(p), PACE_FULL);
    set_load(&p->writer, true, true);
    assert_int_equal(pace(p), PACE_FULL);
}

// 128 KiB in 100 ms are no load yet.
static void more_than_128_kib_in_100_ms_are_a_load(void **state)
{
    static const struct {
        uint64_t bytes, ms;
        enum pace pace;
    } cases[] = {
        {HIGH_BYTES - 1, WINDOW_MS, PACE_FULL},     {HIGH_BYTES, WINDOW_MS, PACE_FULL},
        {HIGH_BYTES + 1, WINDOW_MS, PACE_WAIT},     {HIGH_BYTES + 1, WINDOW_MS + 1, PACE_FULL},
        {3 * HIGH_BYTES, 3 * WINDOW_MS, PACE_FULL}, {3 * HIGH_BYTES + 1, 3 * WINDOW_MS, PACE_WAIT},
    };
    struct paced *p = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        resize(p, &p->writer.spool, 0);
        set_load(&p->writer, cases[i].pace == PACE_FULL, false);
        resize(p, &p->writer.spool, cases[i].bytes);
        check_context("%llu bytes in %llu ms", (unsigned long long)cases[i].bytes,
                      (unsigned long long)cases[i].ms);
        CHECK(pace_at(p, NOW_MS + cases[i].ms) == cases[i].pace);
    }
    check_context("%s", "");
}

static void the_load_of_a_window_counts_until_the_next_is_over(void **state)
{
    struct paced *p = *state;
    set_load(&p->writer, false, false);
    resize(p, &p->writer.spool, HIGH_BYTES + 1);
    assert_int_equal(pace_at(p, NOW_MS + WINDOW_MS - 1), PACE_FULL);
    assert_int_equal(pace_at(p, NOW_MS + WINDOW_MS), PACE_WAIT);
    assert_int_equal(pace_at(p, NOW_MS + 2 * WINDOW_MS - 1), PACE_WAIT);
    assert_int_equal(pace_at(p, NOW_MS + 2 * WINDOW_MS), PACE_FULL);
}

static void memory_is_released_after_a_mebibyte_of_events(void **state)
{
    struct paced *p = *state;
    resize(p, &p->writer.spool, 2 * MIB);
    const uint64_t appended = spool_appended(p->writer.spool);
    p->writer.load.released = appended - (MIB - 1);
    assert_false(record_writer_should_release(&p->writer));
    p->writer.load.released = appended - MIB;
    assert_true(record_writer_should_release(&p->writer));
    p->writer.load.released = appended - (MIB + 1);
    assert_true(record_writer_should_release(&p->writer));
}

static void rows_are_written_when_somebody_asks_or_when_closing(void **state)
{
    struct paced *p = *state;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(flush_mailbox_put(&p->writer.asked, fd, 0));
    assert_int_equal(pace(p), PACE_FULL);
    flush_mailbox_deinit(&p->writer.asked);
    assert_true(flush_mailbox_init(&p->writer.asked));
    assert_int_equal(pace(p), PACE_WAIT);
    atomic_store(&p->writer.closing, true);
    assert_int_equal(pace(p), PACE_FULL);
}

// Reports come after the rows: behind FLUSH_WRITTEN they are not left in the spool.
static void rows_are_written_while_a_reader_waits_for_reports(void **state)
{
    struct paced *p = *state;
    struct flush_waiters *waiters = &p->writer.waiters;
    for (int leaves = 0; leaves < 2; leaves++) {
        int ends[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        flush_waiters_add(waiters, ends[0], 0, 0);
        flush_waiters_written(waiters, 0, 1);
        assert_int_equal(flush_mailbox_pending(&p->writer.asked), 0);
        assert_int_equal(pace(p), PACE_FULL);
        assert_true(record_writer_has_readers(&p->writer));
        if (!leaves)
            flush_waiters_reported(waiters, 1);
        assert_int_equal(close(ends[1]), 0);
        assert_int_equal(pace(p), PACE_WAIT);
        assert_false(record_writer_has_readers(&p->writer));
    }
}

// All spools together may take three eighths before rows are written, and the own one seven
// sixteenths before no pauses are made.
static void rows_are_written_whatever_the_load_when_spools_have_their_part(void **state)
{
    static const struct {
        uint64_t own, others;
        enum pace pace;
    } cases[] = {
        {PART / 2, PART - 1, PACE_WAIT},
        {PART / 2, PART, PACE_GENTLE},
        {PART / 2, PART + 1, PACE_GENTLE},
        {PART * 3 / 2 - 1, 0, PACE_WAIT},
        {PART * 3 / 2, 0, PACE_GENTLE},
        {0, PART * 3 / 2 - 1, PACE_WAIT},
        {0, PART * 3 / 2, PACE_GENTLE},
        {PART * 7 / 4 - 1, 0, PACE_GENTLE},
        {PART * 7 / 4, 0, PACE_FULL},
        {PART * 7 / 4 + 1, 0, PACE_FULL},
        {PART * 7 / 4 - 1, 2 * PART, PACE_GENTLE},
    };
    struct paced *p = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        resize(p, &p->writer.spool, cases[i].own);
        resize(p, &p->other, cases[i].others);
        set_load(&p->writer, true, false);
        check_context("%llu bytes, others %llu", (unsigned long long)cases[i].own,
                      (unsigned long long)cases[i].others);
        CHECK(pace(p) == cases[i].pace);
    }
    check_context("%s", "");
}

static void a_spool_drops_from_nine_sixteenths_and_is_full_from_eleven_on(void **state)
{
    static const struct {
        uint64_t own;
        bool drops, full;
    } cases[] = {
        {PART * 9 / 4 - 1, false, false}, {PART * 9 / 4, true, false},
        {PART * 9 / 4 + 1, true, false},  {PART * 11 / 4 - 1, true, false},
        {PART * 11 / 4, true, true},      {PART * 11 / 4 + 1, true, true},
    };
    struct paced *p = *state;
    resize(p, &p->other, 3 * PART); // does not matter
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        resize(p, &p->writer.spool, cases[i].own);
        assert_int_equal(record_writer_must_drop(&p->writer), cases[i].drops);
        assert_int_equal(record_writer_is_full(&p->writer), cases[i].full);
    }
}

// Neither rows nor events find room on the disk: the oldest segment goes, once a second.
static void a_spool_that_fills_the_disk_loses_its_oldest_segment(void **state)
{
    static const struct {
        int error;
        bool disk_full, closing, recently, gives;
    } cases[] = {
        {SQLITE_FULL, true, false, false, true},  {SQLITE_IOERR_WRITE, true, false, false, true},
        {SQLITE_BUSY, true, false, false, false}, {SQLITE_FULL, false, false, false, false},
        {SQLITE_FULL, true, true, false, false},  {SQLITE_FULL, true, false, true, false},
    };
    struct paced *p = *state;
    struct record_writer *w = &p->writer;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        resize(p, &w->spool, PART);
        indexer_init(&w->indexer, w->spool, (struct spool_position){0}, 0);
        atomic_store(&w->disk_full, cases[i].disk_full);
        atomic_store(&w->closing, cases[i].closing);
        w->discarded_ms = cases[i].recently ? record_writer_now_ms() : 0;
        check_context("case %zu", i);
        CHECK(record_writer_make_room(w, cases[i].error) == cases[i].gives);
        CHECK((spool_bytes(w->spool) < PART) == cases[i].gives);
        indexer_deinit(&w->indexer);
    }
    check_context("%s", "");
}

static void spools_have_three_eighths_of_the_records_size(void **state)
{
    struct paced *p = *state;
    static const struct {
        uint64_t record, part;
    } cases[] = {{0, 768ULL * MIB},
                 {1, PART * 3 / 2},
                 {4ULL * PART, PART * 3 / 2},
                 {4ULL * PART + 15, PART * 3 / 2},
                 {4ULL * PART + 16, PART * 3 / 2 + 6},
                 {2ULL << 30, 768ULL * MIB},
                 {(2ULL << 30) - 16, 768ULL * MIB - 6},
                 {8ULL << 30, 768ULL * MIB}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        p->writer.config.store.bytes = cases[i].record;
        assert_int_equal(record_writer_spool_part(&p->writer), cases[i].part);
    }
}

static void processors_are_idle_with_nothing_to_do_for_three_quarters_of_the_time(void **state)
{
    static const struct processor_times before = {.idle = 500, .total = 1000, .own = 30};
    static const struct {
        struct processor_times after;
        bool idle;
    } cases[] = {
        {{.idle = 574, .total = 1100, .own = 30}, false},
        {{.idle = 575, .total = 1100, .own = 30}, true},
        {{.idle = 576, .total = 1100, .own = 30}, true},
        {{.idle = 565, .total = 1100, .own = 39}, false}, // the thread's own work
        {{.idle = 565, .total = 1100, .own = 40}, true},
        {{.idle = 499, .total = 1100, .own = 30}, false}, // the time of iowait may shrink
        {{.idle = 499, .total = 1100, .own = 105}, true},
        {{.idle = 500, .total = 1000, .own = 30}, false}, // no tick has passed
        {{.idle = 575, .total = 999, .own = 30}, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        check_context("case %zu", i);
        CHECK(record_writer_were_idle(&before, &cases[i].after) == cases[i].idle);
    }
    check_context("%s", "");
}

// A look tells something if the one before is known, and not of long ago.
static void processors_count_as_busy_until_two_looks_follow_each_other(void **state)
{
    static const struct {
        uint64_t sampled_ms;
        enum pace pace;
    } cases[] = {{0, PACE_WAIT},
                 {NOW_MS - 499, PACE_WAIT}, // no look yet
                 {NOW_MS - 500, PACE_FULL},
                 {NOW_MS - 1999, PACE_FULL},
                 {NOW_MS - 2000, PACE_WAIT}};
    struct paced *p = *state;
    struct load *l = &p->writer.load;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        set_load(&p->writer, true, false);
        l->sampled_ms = cases[i].sampled_ms;
        l->sampled.own = 0 - (1ULL << 50); // since then the thread's own work was all there was
        check_context("case %zu", i);
        CHECK(pace(p) == cases[i].pace);
        CHECK(i == 1 || (l->sampled_ms == NOW_MS && l->sampled.total >= l->sampled.idle));
    }
    check_context("%s", "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_wait_under_load_while_processors_are_busy),
        TEST(more_than_128_kib_in_100_ms_are_a_load),
        TEST(the_load_of_a_window_counts_until_the_next_is_over),
        TEST(memory_is_released_after_a_mebibyte_of_events),
        TEST(rows_are_written_when_somebody_asks_or_when_closing),
        TEST(rows_are_written_while_a_reader_waits_for_reports),
        TEST(rows_are_written_whatever_the_load_when_spools_have_their_part),
        TEST(a_spool_drops_from_nine_sixteenths_and_is_full_from_eleven_on),
        TEST(a_spool_that_fills_the_disk_loses_its_oldest_segment),
        TEST(spools_have_three_eighths_of_the_records_size),
        TEST(processors_are_idle_with_nothing_to_do_for_three_quarters_of_the_time),
        TEST(processors_count_as_busy_until_two_looks_follow_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
