// SPDX-License-Identifier: MIT
// Events in an order that no recorder makes, as a damaged file may have them: their exchange ends,
// and others are as they would be without it.
#include "pending_row_fixture.h"

static const char id[] = "0123456789abcdef";

// Applies an event of this kind, of slot 0, with no texts.
static void tell_bare(struct fixture *f, enum event_kind kind)
{
    uint64_t bare[16] = {0};
    const struct event e = event_of(kind, 0);
    memcpy(bare, &e, sizeof(e));
    if (kind == EVENT_ROUTED)
        memcpy(((struct event_routed *)(void *)bare)->id, id, EXCHANGE_ID_LEN);
    if (kind == EVENT_HEAD)
        ((struct event_head *)(void *)bare)->status = 200;
    tell(f, bare, sizeof(bare), (struct slice){0});
}

// Not yet routed, an exchange is in no list of rows: bytes that it took would never be written, and
// a row that ended would never be freed.
static void what_comes_before_the_route_ends_the_exchange(void **state)
{
    static const enum event_kind early[] = {EVENT_HEAD,     EVENT_DATA,     EVENT_TRAILERS,
                                            EVENT_BAD_HEAD, EVENT_PROGRESS, EVENT_CLOSED};
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof(early) / sizeof(early[0]); i++) {
        begin(f, 0, SLICE("A: 1\r\n"));
        tell_bare(f, early[i]);
        assert_int_equal(f->pending.lost, i + 1);
        assert_int_equal(f->pending.kept_count, 1); // the row, for reuse
        route(f, 0, 0, id);
        end(f, 0);
    }
    assert_int_equal(pending_rows_count_dirty(&f->pending), 0);
    begin(f, 0, SLICE("A: 1\r\n"));
    tell_bare(f, EVENT_DISCARDED);
    assert_int_equal(f->pending.lost, sizeof(early) / sizeof(early[0])); // not lost
    small(f, 0);
    write_all(f, 0);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE outcome='complete'"), 1);
}

// A second route would index the row twice, and a discarded row be freed while it is to be written.
static void a_routed_exchange_is_neither_routed_again_nor_discarded(void **state)
{
    static const enum event_kind late[] = {EVENT_ROUTED, EVENT_DISCARDED};
    struct fixture *f = *state;
    for (uint32_t i = 0; i < 2; i++)
        for (int written = 0; written < 2; written++) {
            begin(f, 0, SLICE("A: 1\r\n"));
            route(f, 0, 7, id);
            if (written)
                write_all(f, 0);
            tell_bare(f, late[i]);
            report(f, 8, id); // of no row: all with this hash are compared
            report(f, 7, id);
            end(f, 0);
            small(f, 1);
            write_all(f, 0);
        }
    assert_int_equal(number(f, "SELECT count(*) FROM exchange"), 8);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE outcome='recorder gone'"
                               " AND flags & 2 AND far_outcome IS NOT NULL"),
                     4);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE outcome='complete'"), 4);
    assert_int_equal(f->pending.waiting_count, 0);
}

static void an_exchange_that_begins_in_anothers_slot_ends_it(void **state)
{
    struct fixture *f = *state;
    for (int written = 0; written < 2; written++) {
        begin(f, 0, SLICE("A: 1\r\n"));
        begin(f, 0, SLICE("A: 2\r\n"));
        route(f, 0, 0, id);
        if (written)
            write_all(f, 0);
        small(f, 0);
        write_all(f, 0);
    }
    assert_int_equal(f->pending.lost, 2);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE outcome='recorder gone'"), 2);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE outcome='complete'"), 2);
}

static void events_of_no_exchange_change_nothing(void **state)
{
    struct fixture *f = *state;
    for (unsigned kind = EVENT_ROUTED; kind <= EVENT_REPORTED; kind++)
        tell_bare(f, (enum event_kind)kind);
    small(f, 0);
    for (unsigned kind = EVENT_ROUTED; kind <= EVENT_REPORTED; kind++)
        tell_bare(f, (enum event_kind)kind);
    write_all(f, 0);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE outcome='complete'"), 1);
    assert_int_equal(number(f, "SELECT count(*) FROM exchange WHERE far_outcome IS NULL"), 1);
    assert_int_equal(f->pending.lost, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_comes_before_the_route_ends_the_exchange),
        TEST(a_routed_exchange_is_neither_routed_again_nor_discarded),
        TEST(an_exchange_that_begins_in_anothers_slot_ends_it),
        TEST(events_of_no_exchange_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
