// SPDX-License-Identifier: MIT
// Batches that are cut, damaged or missing: what is whole is read, once and in order.
#include "spool_fixture.h"

enum {
    EVENTS = 9,         // in the spools of these tests, each in a batch of its own
    SEGMENT_EVENTS = 3, // of a segment
    SEGMENTS = EVENTS / SEGMENT_EVENTS,
    SEGMENT_MAX = 4096
};

struct fixture {
    char dir[64], id[SPOOL_ID_MAX];
    struct events *events;
    char segments[SEGMENTS][SEGMENT_MAX]; // as they were written
    size_t sizes[SEGMENTS];
};

static void segment_path(const struct fixture *f, size_t i, char path[static PATH_BYTES])
{
    char name[32];
    (void)snprintf(name, sizeof(name), "%08zu.seg", i + 1);
    path_of(path, f->dir, f->id, name);
}

static void write_segment(const struct fixture *f, size_t i, const char *bytes, size_t len)
{
    char path[PATH_BYTES];
    segment_path(f, i, path);
    (void)unlink(path); // quicker than emptying it
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && write(fd, bytes, len) == (ssize_t)len && close(fd) == 0);
}

static void restore(const struct fixture *f)
{
    for (size_t i = 0; i < SEGMENTS; i++)
        write_segment(f, i, f->segments[i], f->sizes[i]);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    CHECK(f);
    make_dir(f->dir);
    f->events = new_events();
    for (uint32_t i = 0; i < EVENTS; i++)
        add_discarded(f->events, i); // its slot tells it from others
    struct spool *s = begin_spool(f->dir, 0);
    (void)snprintf(f->id, sizeof(f->id), "%s", spool_id(s));
    for (size_t i = 0; i < EVENTS; i++) {
        CHECK(append_events(s, f->events, i, i + 1) == 0);
        if (i % SEGMENT_EVENTS == SEGMENT_EVENTS - 1)
            spool_seal(s);
    }
    (void)spool_free(s, NULL);
    for (size_t i = 0; i < SEGMENTS; i++) {
        char path[PATH_BYTES];
        segment_path(f, i, path);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = read(fd, f->segments[i], SEGMENT_MAX);
        CHECK(n > 0 && n < SEGMENT_MAX && close(fd) == 0);
        f->sizes[i] = (size_t)n;
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    remove_all(f->dir);
    free_events(f->events);
    free(f->events);
    free(f);
    return 0;
}

// What a reader found: a bit for each event.
struct found {
    unsigned events;
    uint64_t breaks;
};

static struct spool *adopt(const struct fixture *f)
{
    struct spool *s = NULL;
    int parent = open_parent(f->dir);
    CHECK(parent >= 0 && spool_adopt(parent, f->id, &s) == 0 && close(parent) == 0);
    return s;
}

static struct found read_from(const struct fixture *f, struct spool_position at)
{
    struct found found = {0};
    struct spool_reader r;
    struct spool *s = adopt(f);
    spool_reader_init(&r, s, at);
    int64_t last = -1;
    int batches = 0;
    while (spool_reader_batch(&r) == 1) {
        const struct event *e = NULL;
        CHECK(batches++ < 100);
        while ((e = spool_reader_event(&r))) {
            CHECK(e->slot < EVENTS && e->slot > last); // in order, and never twice
            last = e->slot;
            found.events |= 1U << e->slot;
        }
    }
    CHECK(spool_left(s, r.at) == 0);
    CHECK(spool_reader_batch(&r) == 0);
    found.breaks = r.breaks;
    spool_reader_deinit(&r);
    (void)spool_free(s, NULL);
    return found;
}

static struct found read_all(const struct fixture *f)
{
    return read_from(f, (struct spool_position){0});
}

// The events of a segment.
static unsigned events_of(size_t segment)
{
    return ((1U << SEGMENT_EVENTS) - 1) << segment * SEGMENT_EVENTS;
}

static const unsigned all = (1U << EVENTS) - 1;

static size_t batch_bytes(const struct fixture *f)
{
    return sizeof(struct spool_batch_head) + f->events->at[1];
}

// How many batches end within these bytes of a segment.
static size_t batches_in(const struct fixture *f, size_t len)
{
    const size_t head = sizeof(struct spool_segment_head);
    return len < head ? 0 : (len - head) / batch_bytes(f);
}

static void what_was_appended_is_read(void **state)
{
    struct fixture *f = *state;
    struct found found = read_all(f);
    assert_int_equal(found.events, all);
    assert_int_equal(found.breaks, 0);
}

static void a_segment_that_is_cut_has_the_batches_before(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < SEGMENTS; i++) {
        for (size_t len = 0; len < f->sizes[i]; len++) {
            write_segment(f, i, f->segments[i], len);
            struct found found = read_all(f);
            unsigned whole = ((1U << batches_in(f, len)) - 1) << i * SEGMENT_EVENTS;
            check_context("segment %zu cut at %zu", i, len);
            CHECK(found.events == ((all & ~events_of(i)) | whole));
        }
        write_segment(f, i, f->segments[i], f->sizes[i]);
    }
    check_context("%s", "");
}

// The rest may also be zeros, after the death of the machine.
static void zeros_are_no_batch(void **state)
{
    struct fixture *f = *state;
    for (size_t len = 0; len < f->sizes[1]; len++) {
        char bytes[SEGMENT_MAX] = {0};
        memcpy(bytes, f->segments[1], len);
        write_segment(f, 1, bytes, sizeof(bytes));
        struct found found = read_all(f);
        unsigned whole = ((1U << batches_in(f, len)) - 1) << SEGMENT_EVENTS;
        check_context("zeros from %zu", len);
        // a batch whose last bytes are 0 is whole before its end
        CHECK((found.events & ~events_of(1)) == (all & ~events_of(1)));
        CHECK((found.events & whole) == whole && found.breaks > 0);
    }
    check_context("%s", "");
}

static void a_flipped_bit_is_found(void **state)
{
    struct fixture *f = *state;
    // the head's magic, number and the size before count, its facts are not checked
    const size_t checked = offsetof(struct spool_segment_head, pid);
    const size_t before = offsetof(struct spool_segment_head, before);
    for (size_t bit = 0; bit < 8 * f->sizes[1]; bit++) {
        char bytes[SEGMENT_MAX];
        const size_t at = bit / 8;
        const bool fact = at >= checked && at < sizeof(struct spool_segment_head);
        memcpy(bytes, f->segments[1], f->sizes[1]);
        bytes[at] = (char)(bytes[at] ^ 1 << bit % 8);
        write_segment(f, 1, bytes, f->sizes[1]);
        struct found found = read_all(f);
        unsigned whole = fact ? events_of(1) : ((1U << batches_in(f, at)) - 1) << SEGMENT_EVENTS;
        check_context("bit %zu", bit);
        CHECK(found.events == ((all & ~events_of(1)) | whole));
        const bool breaks = !fact || (at >= before && at < before + sizeof(uint64_t));
        CHECK(found.breaks == (breaks ? 1 : 0));
    }
    check_context("%s", "");
}

static void a_missing_segment_leaves_the_others(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < SEGMENTS; i++) {
        char path[PATH_BYTES];
        segment_path(f, i, path);
        assert_int_equal(unlink(path), 0);
        struct found found = read_all(f);
        assert_int_equal(found.events, all & ~events_of(i));
        restore(f);
    }
}

static void a_segment_under_anothers_name_does_not_count(void **state)
{
    struct fixture *f = *state;
    write_segment(f, 1, f->segments[0], f->sizes[0]);
    struct found found = read_all(f);
    assert_int_equal(found.events, all & ~events_of(1));
    assert_int_equal(found.breaks, 1);
}

// Positions are from the record, which another program may have changed.
static void any_position_may_be_read_from(void **state)
{
    struct fixture *f = *state;
    for (uint32_t segment = 0; segment <= SEGMENTS + 1; segment++) {
        for (uint64_t offset = 0; offset < SEGMENT_MAX; offset += 8) {
            struct found found = read_from(f, (struct spool_position){segment, offset});
            unsigned later = 0;
            for (size_t i = segment; i < SEGMENTS; i++)
                later |= events_of(i);
            check_context("from %u, %llu", (unsigned)segment, (unsigned long long)offset);
            CHECK((found.events & later) == later);
            if (segment > 0 && segment <= SEGMENTS && offset > 0)
                CHECK((found.events & ~later & ~events_of(segment - 1)) == 0);
        }
        struct found found = read_from(f, (struct spool_position){segment, UINT64_MAX});
        CHECK(found.breaks <= 1); // the place before the next segment is unknown
    }
    check_context("%s", "");
}

// Appends a batch with a right hash to a spool of its own, and reads it.
static struct found read_forged(const void *entries, size_t len)
{
    struct fixture f;
    make_dir(f.dir);
    struct spool *s = begin_spool(f.dir, 0);
    (void)snprintf(f.id, sizeof(f.id), "%s", spool_id(s));
    CHECK(append_bytes(s, entries, len) == 0);
    (void)spool_free(s, NULL);
    struct found found = read_all(&f);
    remove_all(f.dir);
    return found;
}

// Entries whose hash is right are forged, or a mistake of a writer.
static void an_entry_that_is_no_event_ends_its_batch(void **state)
{
    (void)state;
    struct {
        struct spool_entry_head head;
        struct event event;
    } entries[3];
    static const uint64_t lens[] = {
        0, 1, 7, 9, 16, sizeof(entries), 1 << 20, ~7ULL, UINT64_MAX, UINT64_MAX - 6};
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        for (uint32_t n = 0; n < 3; n++) {
            entries[n].head.len = sizeof(struct event);
            entries[n].event = event_of(EVENT_DISCARDED, n, 0);
        }
        entries[1].head.len = lens[i];
        struct found found = read_forged(entries, sizeof(entries));
        check_context("length %llu", (unsigned long long)lens[i]);
        CHECK(found.events == 1 && found.breaks > 0);
    }
    check_context("%s", "");
    entries[1].head.len = sizeof(struct event);
    for (size_t len = 0; len < sizeof(entries); len++) {
        struct found found = read_forged(entries, len);
        check_context("cut at %zu", len);
        CHECK(found.events == (1U << len / sizeof(entries[0])) - 1);
    }
    check_context("%s", "");
}

static void counters_are_those_of_the_last_batch(void **state)
{
    struct fixture *f = *state;
    struct spool_reader r;
    struct spool *s = adopt(f);
    spool_reader_init(&r, s, (struct spool_position){0});
    assert_int_equal(spool_reader_batch(&r), 1);
    assert_int_equal(r.shed, 3);
    assert_int_equal(r.shed_bytes, 50);
    spool_reader_shrink(&r); // between two batches
    assert_null(spool_reader_event(&r));
    assert_int_equal(spool_reader_batch(&r), 1);
    assert_non_null(spool_reader_event(&r));
    spool_reader_deinit(&r);
    (void)spool_free(s, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_appended_is_read),
        TEST(a_segment_that_is_cut_has_the_batches_before),
        TEST(zeros_are_no_batch),
        TEST(a_flipped_bit_is_found),
        TEST(a_missing_segment_leaves_the_others),
        TEST(a_segment_under_anothers_name_does_not_count),
        TEST(any_position_may_be_read_from),
        cmocka_unit_test(an_entry_that_is_no_event_ends_its_batch),
        TEST(counters_are_those_of_the_last_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
