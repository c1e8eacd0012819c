// SPDX-License-Identifier: MIT
// The bytes that spools have at one moment, and how many of these are still there.
#include "common/record/spool/spool_marks.h"
#include "segments_fixture.h"

static void what_is_appended_later_does_not_count(void **state)
{
    struct fixture *f = *state;
    struct spool_marks m = {0};
    struct spool *s = begin_spool(f->dir, 0);
    assert_int_equal(append(f, s), 0);
    assert_true(spool_marks_take(&m, f->dir));
    assert_int_equal(spool_marks_left(&m, f->dir), FIRST);
    assert_int_equal(append(f, s), 0); // to the same segment
    assert_int_equal(spool_marks_left(&m, f->dir), FIRST);
    spool_seal(s);
    assert_int_equal(append(f, s), 0); // to the next one
    assert_int_equal(spool_marks_left(&m, f->dir), FIRST);
    spool_drop(s, (struct spool_position){1, FIRST + BATCH});
    assert_true(has(f, s, 2));
    assert_int_equal(spool_marks_left(&m, f->dir), 0);
    (void)spool_free(s, &everything);
    spool_marks_deinit(&m);
}

// A segment that is all in rows is emptied, and goes on under the next number.
static void a_segment_that_is_used_again_is_another_one(void **state)
{
    struct fixture *f = *state;
    struct spool_marks m = {0};
    struct spool *s = begin_spool(f->dir, 0);
    assert_int_equal(append(f, s), 0);
    assert_true(spool_marks_take(&m, f->dir));
    spool_seal(s);
    spool_drop(s, spool_end(s));
    assert_int_equal(append(f, s), 0);
    assert_int_equal(spool_bytes_of_all(f->dir), FIRST);
    assert_int_equal(spool_marks_left(&m, f->dir), 0);
    (void)spool_free(s, &everything);
    spool_marks_deinit(&m);
}

static void every_segment_of_every_spool_counts(void **state)
{
    enum {
        SPOOLS = 5,
        SEGMENTS = 4
    }; // more than a list begins with
    struct fixture *f = *state;
    struct spool *s[SPOOLS];
    struct spool_marks m = {0};
    for (int i = 0; i < SPOOLS; i++) {
        s[i] = begin_spool(f->dir, FIRST * SPOOL_SEGMENT_PART);
        for (int n = 0; n < SEGMENTS; n++)
            assert_int_equal(append(f, s[i]), 0);
    }
    assert_true(spool_marks_take(&m, f->dir));
    uint64_t left = spool_marks_left(&m, f->dir);
    assert_int_equal(left, SPOOLS * SEGMENTS * FIRST);
    spool_drop(s[2], (struct spool_position){2, FIRST});
    assert_int_equal(spool_marks_left(&m, f->dir), left - 2 * FIRST);
    for (int i = 0; i < SPOOLS; i++)
        (void)spool_free(s[i], &everything);
    assert_int_equal(spool_marks_left(&m, f->dir), 0);
    spool_marks_deinit(&m);
}

static void a_record_without_spools_has_no_bytes(void **state)
{
    struct fixture *f = *state;
    struct spool_marks m = {0};
    assert_true(spool_marks_take(&m, f->dir));
    assert_int_equal(spool_marks_left(&m, f->dir), 0);
    assert_true(spool_marks_take(&m, "/nowhere"));
    assert_int_equal(spool_marks_left(&m, "/nowhere"), 0);
    spool_marks_deinit(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_appended_later_does_not_count, setup, teardown),
        cmocka_unit_test_setup_teardown(a_segment_that_is_used_again_is_another_one, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(every_segment_of_every_spool_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(a_record_without_spools_has_no_bytes, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
