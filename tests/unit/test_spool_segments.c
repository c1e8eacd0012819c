// SPDX-License-Identifier: MIT
// When a segment of a spool is followed by another.
#include <sys/resource.h>
#include "segments_fixture.h"

// Readers that ask while nothing can be indexed make no files without end.
static void seals_have_their_limit(void **state)
{
    struct fixture *f = *state;
    struct spool *s = begin_spool(f->dir, 0);
    for (int i = 0; i < SPOOL_SEALS_MAX + 2; i++, spool_seal(s))
        assert_int_equal(append(f, s), 0);
    assert_int_equal(spool_end(s).segment, SPOOL_SEALS_MAX);
    (void)spool_free(s, &everything);
}

// What an indexed segment had is in no file, and its file is the next segment's.
static void the_last_segments_file_is_used_again(void **state)
{
    struct fixture *f = *state;
    struct spool *s = begin_spool(f->dir, 0);
    for (uint32_t i = 1; i <= 3; i++) {
        assert_int_equal(append(f, s), 0);
        assert_int_equal(spool_oldest(s), spool_appended(s) - FIRST);
        spool_drop(s, spool_end(s)); // it may grow
        assert_true(has(f, s, i));
        spool_seal(s);
        spool_drop(s, spool_end(s));
        assert_false(has(f, s, i));
        assert_true(has(f, s, i + 1));
        assert_int_equal(spool_bytes(s), 0);
        assert_int_equal(spool_oldest(s), spool_appended(s));
    }
    assert_true(spool_free(s, &everything));
}

// Two asks without an event between them leave no number out, which would be a gap.
static void an_empty_segment_is_not_sealed(void **state)
{
    struct fixture *f = *state;
    struct spool *s = begin_spool(f->dir, 0);
    assert_int_equal(append(f, s), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(spool_seal(s), FIRST);
        spool_drop(s, spool_end(s));
    }
    assert_int_equal(append(f, s), 0);
    assert_int_equal(spool_end(s).segment, 2);
    (void)spool_free(s, &everything);
}

static void segments_have_their_limit(void **state)
{
    struct fixture *f = *state;
    struct rlimit files = {0};
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    const struct rlimit more = {files.rlim_max, files.rlim_max};
    if (files.rlim_max < SPOOL_SEGMENTS_MAX + 64 || setrlimit(RLIMIT_NOFILE, &more))
        skip();
    struct spool *s = begin_spool(f->dir, SPOOL_SEGMENT_PART); // each batch fills a segment
    for (int i = 0; i < SPOOL_SEGMENTS_MAX; i++)
        assert_int_equal(append_bytes(s, "", 0), 0);
    assert_int_equal(spool_end(s).segment, SPOOL_SEGMENTS_MAX);
    assert_int_equal(append_bytes(s, "", 0), 0); // the last one grows
    assert_int_equal(spool_end(s).segment, SPOOL_SEGMENTS_MAX);
    spool_drop(s, (struct spool_position){1, UINT64_MAX});
    assert_int_equal(append_bytes(s, "", 0), 0);
    assert_int_equal(spool_end(s).segment, SPOOL_SEGMENTS_MAX + 1);
    (void)spool_free(s, &everything);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
}

static void a_segment_of_its_size_is_followed_by_another(void **state)
{
    struct fixture *f = *state;
    for (int more = -1; more <= 1; more++) {
        struct spool *s =
            begin_spool(f->dir, (uint64_t)(FIRST + BATCH + more) * SPOOL_SEGMENT_PART);
        for (int i = 0; i < 3; i++)
            assert_int_equal(append(f, s), 0);
        assert_int_equal(has(f, s, 2), more <= 0);
        (void)spool_free(s, &everything);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

// The state directory is moved away while the last segment is empty: the next one has its number,
// since a number that is left out would be a gap.
static void an_empty_segment_in_a_moved_directory_leaves_no_gap(void **state)
{
    struct fixture *f = *state;
    char moved[sizeof(f->dir) + 8];
    (void)snprintf(moved, sizeof(moved), "%s-moved", f->dir);
    for (int drops = 0; drops < 2; drops++) {
        struct spool *s = begin_spool(f->dir, 0);
        assert_int_equal(append(f, s), 0);
        const struct spool_position indexed = spool_end(s);
        spool_seal(s);
        spool_drop(s, indexed);
        assert_int_equal(spool_end(s).segment, 2);
        assert_int_equal(rename(f->dir, moved), 0);
        assert_int_equal(mkdir(f->dir, 0700), 0);
        spool_follow(s);
        if (drops)
            spool_drop(s, indexed);
        assert_int_equal(append(f, s), 0);
        assert_true(has(f, s, 2));
        struct spool_reader r;
        spool_reader_init(&r, s, indexed);
        assert_int_equal(spool_reader_batch(&r), 1);
        assert_int_equal(r.breaks, 0);
        spool_reader_deinit(&r);
        (void)spool_free(s, &everything);
        remove_all(moved);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(seals_have_their_limit),
        TEST(an_empty_segment_in_a_moved_directory_leaves_no_gap),
        TEST(the_last_segments_file_is_used_again),
        TEST(an_empty_segment_is_not_sealed),
        TEST(segments_have_their_limit),
        TEST(a_segment_of_its_size_is_followed_by_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
