// SPDX-License-Identifier: MIT
// The queue between a program's loop and its record writer.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include <cmocka.h>

#include "common/record/spool/spool_format.h"
#include "common/record/write/queue.h"
#include "tests/support/chance.h"
#include "tests/support/check.h"

enum {
    HEAD = 16 // overhead of an event, at most
};

static bool push(struct queue *q, uint64_t number, size_t len, size_t spare)
{
    uint8_t *event = queue_reserve(q, len, spare);
    if (!event)
        return false;
    CHECK((uintptr_t)event % 8 == 0);
    pattern_write(event, len, number, 0);
    queue_commit(q, len);
    queue_publish(q);
    return true;
}

static void expect(struct queue *q, uint64_t number, size_t len)
{
    size_t got = 0;
    const struct spool_entry_head *head = queue_peek(q, &got);
    const size_t size = sizeof(*head) + ((len + 7) & ~(size_t)7);
    CHECK(head);
    CHECK(got >= size);
    CHECK(head->len == len);
    CHECK(pattern_is(head + 1, len, number, 0));
    CHECK(queue_peek(q, &got) == head);
    queue_release(q, size);
}

static bool is_empty(struct queue *q)
{
    size_t len = 0;
    return queue_peek(q, &len) == NULL && queue_used(q) == 0;
}

static size_t length_of(struct chance *c)
{
    return chance_one_in(c, 50) ? chance_below(c, QUEUE_EVENT_MAX + 1) : chance_below(c, 600);
}

static void what_goes_in_comes_out_in_order(void **state)
{
    struct queue *q = queue_new();
    struct chance in = chance_of_seed(1);
    struct chance out = in;
    struct chance steps = chance_of_seed(2);
    uint64_t written = 0;
    uint64_t read = 0;
    (void)state;
    assert_non_null(q);
    while (written < 20000) { // many blocks' worth, with many or few events waiting
        for (uint32_t i = chance_below(&steps, 200); i > 0; i--)
            assert_true(push(q, written++, length_of(&in), 0));
        for (uint32_t i = chance_below(&steps, 220); i > 0 && read < written; i--)
            expect(q, read++, length_of(&out));
    }
    while (read < written)
        expect(q, read++, length_of(&out));
    assert_true(is_empty(q));
    queue_free(q);
}

static void an_event_may_be_empty_or_as_large_as_allowed(void **state)
{
    struct queue *q = queue_new();
    (void)state;
    assert_true(push(q, 1, 0, 0));
    assert_true(push(q, 2, QUEUE_EVENT_MAX, 0));
    assert_null(queue_reserve(q, QUEUE_EVENT_MAX + 1, 0));
    assert_true(push(q, 3, QUEUE_EVENT_MAX, 0));
    expect(q, 1, 0);
    expect(q, 2, QUEUE_EVENT_MAX);
    expect(q, 3, QUEUE_EVENT_MAX);
    assert_true(is_empty(q));
    queue_free(q);
}

static void a_mark_is_passed_when_all_before_it_has_been_read(void **state)
{
    struct queue *q = queue_new();
    (void)state;
    assert_non_null(q);
    assert_true(queue_has_passed(q, 0) && queue_has_passed(q, queue_mark(q)));
    assert_true(push(q, 1, 10, 0) && push(q, 2, 0, 0));
    const size_t mark = queue_mark(q);
    assert_true(push(q, 3, 10, 0));
    expect(q, 1, 10);
    assert_false(queue_has_passed(q, mark));
    expect(q, 2, 0);
    assert_true(queue_has_passed(q, mark) && !queue_has_passed(q, queue_mark(q)));
    expect(q, 3, 10);
    assert_true(queue_has_passed(q, mark) && queue_has_passed(q, queue_mark(q)));
    queue_free(q);
}

static void events_are_seen_when_they_are_published(void **state)
{
    struct queue *q = queue_new();
    size_t len = 0;
    (void)state;
    assert_non_null(q);
    assert_non_null(queue_reserve(q, 8, 0));
    queue_commit(q, 8);
    assert_true(is_empty(q));
    const size_t mark = queue_mark(q);
    assert_false(queue_has_passed(q, mark));
    queue_publish(q);
    queue_publish(q); // nothing new
    assert_int_equal(queue_used(q), 16);
    assert_non_null(queue_peek(q, &len));
    assert_int_equal(len, 16);
    queue_release(q, len);
    assert_true(queue_has_passed(q, mark) && queue_mark(q) == mark);
    queue_free(q);
}

// However long a turn of the loop takes, the queue does not fill up behind it.
static void many_events_are_published_without_being_asked(void **state)
{
    struct queue *q = queue_new();
    const size_t size = QUEUE_PUBLISH_BYTES / 4;
    (void)state;
    assert_non_null(q);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(queue_used(q), 0);
        assert_non_null(queue_reserve(q, size, 0));
        queue_commit(q, i < 3 ? size - 8 : size - 16);
    }
    assert_int_equal(queue_used(q), 0); // 8 bytes are missing
    assert_non_null(queue_reserve(q, 0, 0));
    queue_commit(q, 0);
    assert_int_equal(queue_used(q), QUEUE_PUBLISH_BYTES);
    assert_non_null(queue_reserve(q, QUEUE_EVENT_MAX, 0));
    queue_commit(q, QUEUE_EVENT_MAX);
    assert_non_null(queue_reserve(q, 8, 0));
    queue_commit(q, 8);
    const size_t mark = queue_mark(q);
    assert_non_null(queue_reserve(q, QUEUE_EVENT_MAX, 0)); // a new block shows all before it
    assert_int_equal(queue_used(q), mark);
    queue_free(q);
}

static void what_was_reserved_and_not_committed_never_was(void **state)
{
    struct queue *q = queue_new();
    (void)state;
    for (int i = 0; i < 5; i++)
        assert_non_null(queue_reserve(q, QUEUE_EVENT_MAX, 0));
    assert_true(is_empty(q));
    assert_true(push(q, 1, QUEUE_EVENT_MAX, 0));
    assert_non_null(queue_reserve(q, QUEUE_EVENT_MAX, 0)); // a new block, which stays empty
    expect(q, 1, QUEUE_EVENT_MAX);
    assert_true(is_empty(q));
    assert_true(push(q, 2, 8, 0));
    expect(q, 2, 8);
    queue_free(q);
}

static uint64_t fill(struct queue *q, size_t len, size_t spare)
{
    uint64_t count = 0;
    while (push(q, count, len, spare))
        count++;
    return count;
}

static void it_is_full_at_its_bound_and_takes_more_when_it_is_emptied(void **state)
{
    static const size_t lengths[] = {40, 5000, QUEUE_EVENT_MAX};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct queue *q = queue_new();
        uint64_t count = fill(q, lengths[i], 0);
        assert_in_range(count * lengths[i], (uint64_t)QUEUE_BLOCKS * QUEUE_BLOCK_BYTES / 3,
                        (uint64_t)QUEUE_BLOCKS * QUEUE_BLOCK_BYTES);
        for (uint64_t n = 0; n < count; n++)
            expect(q, n, lengths[i]);
        assert_true(is_empty(q));
        assert_in_range(fill(q, lengths[i], 0), count / 100 * 98, count); // within a block
        queue_free(q);
    }
}

// Spared room is there even when everything else is refused.
static void room_that_was_spared_is_there(void **state)
{
    static const size_t lengths[] = {100, 3000, QUEUE_EVENT_MAX};
    const size_t small = 200;
    const uint64_t count = 20000;
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct queue *q = queue_new();
        uint64_t others = fill(q, lengths[i], count * (small + HEAD));
        assert_true(others * lengths[i] > 8 << 20); // most of the queue is used
        for (uint64_t n = 0; n < count; n++)
            assert_true(push(q, n, small, 0));
        queue_free(q);
    }
}

// The beginning of an exchange spares room for its end, while others begin and end.
static void the_shortest_beginnings_leave_room_for_their_ends(void **state)
{
    struct queue *q = queue_new();
    const size_t begin = 100;
    const size_t end = 208;
    uint64_t running = 0;
    (void)state;
    while (push(q, running, begin, (running + 1) * (end + HEAD)))
        running++;
    assert_true(running > 50000);
    for (uint64_t n = 0; n < running; n++)
        assert_true(push(q, n, end, 0));
    queue_free(q);
}

// In a full queue each end makes room for one beginning at most, again and again.
static void ends_find_room_however_long_it_is_full(void **state)
{
    struct queue *q = queue_new();
    const size_t begin = 500;
    const size_t end = 208;
    uint64_t running = 0;
    (void)state;
    for (int i = 0; i < 50; i++, running++)
        assert_true(push(q, 0, begin, (running + 1) * (end + HEAD)));
    while (push(q, 0, 60000, (running + 1) * (end + HEAD)))
        ;
    for (int i = 0; i < 100000 && running > 0; i++, running--) {
        assert_true(push(q, 0, end, 0));
        while (running < 50 && push(q, 0, begin, (running + 1) * (end + HEAD)))
            running++;
        (void)push(q, 0, 3000, (running + 1) * (end + HEAD));
    }
    assert_int_equal(running, 0);
    queue_free(q);
}

struct traffic {
    struct queue *queue;
    uint64_t count;
    uint64_t seed;
    uint64_t refused; // times that the producer found no room
    bool slow_reader;
};

static void write_all(void *arg)
{
    struct traffic *t = arg;
    struct chance lengths = chance_of_seed(t->seed);
    for (uint64_t n = 0; n < t->count; n++) {
        size_t len = length_of(&lengths);
        while (!push(t->queue, n, len, 0)) {
            t->refused++;
            uv_sleep(1);
        }
    }
}

static void read_all(struct traffic *t)
{
    struct chance lengths = chance_of_seed(t->seed);
    size_t len = 0;
    for (uint64_t n = 0; n < t->count; n++) {
        while (!queue_peek(t->queue, &len))
            queue_wait(t->queue, 10000, n % 3 ? 0 : 1);
        expect(t->queue, n, length_of(&lengths));
        if (t->slow_reader && n % 20000 == 0)
            uv_sleep(30);
    }
    CHECK(is_empty(t->queue));
}

static void two_threads_lose_nothing(void **state)
{
    (void)state;
    for (int slow = 0; slow < 2; slow++) {
        struct traffic t = {
            .queue = queue_new(), .count = 60000, .seed = 7, .slow_reader = slow == 1};
        uv_thread_t writer;
        assert_int_equal(uv_thread_create(&writer, write_all, &t), 0);
        read_all(&t);
        assert_int_equal(uv_thread_join(&writer), 0);
        queue_free(t.queue);
    }
}

static void wake_later(void *arg)
{
    queue_wake(arg);
}

// A wake-up before the wait is not missed: a program's end would hang.
static void a_wake_is_not_missed(void **state)
{
    struct queue *q = queue_new();
    uv_thread_t thread;
    (void)state;
    queue_wake(q);
    queue_wait(q, 0, 0);
    queue_wake(q);
    queue_pause(q, 1000 * 1000);
    assert_int_equal(uv_thread_create(&thread, wake_later, q), 0);
    queue_wait(q, 0, 1000 * 1000);
    assert_int_equal(uv_thread_join(&thread), 0);
    for (int i = 0; i < 40; i++) // QUEUE_URGENT_BYTES end the gathering
        assert_true(push(q, 0, QUEUE_EVENT_MAX, 0));
    queue_wait(q, 0, 1000 * 1000);
    queue_free(q);
    queue_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_in_comes_out_in_order),
        cmocka_unit_test(an_event_may_be_empty_or_as_large_as_allowed),
        cmocka_unit_test(a_mark_is_passed_when_all_before_it_has_been_read),
        cmocka_unit_test(events_are_seen_when_they_are_published),
        cmocka_unit_test(many_events_are_published_without_being_asked),
        cmocka_unit_test(what_was_reserved_and_not_committed_never_was),
        cmocka_unit_test(it_is_full_at_its_bound_and_takes_more_when_it_is_emptied),
        cmocka_unit_test(room_that_was_spared_is_there),
        cmocka_unit_test(the_shortest_beginnings_leave_room_for_their_ends),
        cmocka_unit_test(ends_find_room_however_long_it_is_full),
        cmocka_unit_test(two_threads_lose_nothing),
        cmocka_unit_test(a_wake_is_not_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
