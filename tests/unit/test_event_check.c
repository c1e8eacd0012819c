// SPDX-License-Identifier: MIT
// Which bytes are an event: of each kind the shortest and the longest, and what is next to these.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/record/record.h"
#include "common/record/spool/event_check.h"
#include "common/record/spool/spool_format.h"
#include "tests/support/check.h"

enum {
    SLOTS = 100,
    KINDS = EVENT_REPORTED + 1,
};

static const char id[] = "0123456789abcdef";

union fixed {
    struct event event;
    struct event_begun begun;
    struct event_routed routed;
    struct event_head head;
    struct event_data data;
    struct event_trailers trailers;
    struct event_bad_head bad_head;
    struct event_facts facts;
    struct event_report report;
    uint8_t bytes[80];
};

// An event, of whose parts after the fixed one only the length matters.
struct made {
    union fixed fixed;
    size_t size, rest;
};

static const size_t sizes[KINDS] = {
    [EVENT_BEGUN] = sizeof(struct event_begun),
    [EVENT_ROUTED] = sizeof(struct event_routed),
    [EVENT_DISCARDED] = sizeof(struct event),
    [EVENT_HEAD] = sizeof(struct event_head),
    [EVENT_DATA] = sizeof(struct event_data),
    [EVENT_TRAILERS] = sizeof(struct event_trailers),
    [EVENT_BAD_HEAD] = sizeof(struct event_bad_head),
    [EVENT_PROGRESS] = sizeof(struct event_facts),
    [EVENT_CLOSED] = sizeof(struct event_facts),
    [EVENT_REPORTED] = sizeof(struct event_report),
};

// Checks the first `len` bytes, in memory that has no more.
static bool is_valid(const struct made *m, size_t len, uint32_t slots_max)
{
    char *copy = malloc(len + !len);
    CHECK(copy);
    memset(copy, 'x', len + !len);
    memcpy(copy, m->fixed.bytes, len < m->size ? len : m->size);
    const bool valid = event_is_valid(copy, len, slots_max);
    free(copy);
    return valid;
}

// Whether an event is valid, and then neither longer nor shorter.
static bool fits(const struct made *m)
{
    const size_t len = m->size + m->rest;
    const bool valid = is_valid(m, len, SLOTS);
    CHECK(!valid || (!is_valid(m, len - 1, SLOTS) && !is_valid(m, len + 1, SLOTS)));
    return valid;
}

static struct made shortest(unsigned kind)
{
    struct made m = {.fixed.event.kind = (uint8_t)kind, .size = sizes[kind]};
    if (kind == EVENT_ROUTED)
        memcpy(m.fixed.routed.id, id, EXCHANGE_ID_LEN);
    if (kind == EVENT_HEAD)
        m.fixed.head.status = 100;
    if (kind == EVENT_REPORTED)
        memcpy(m.fixed.report.id, id, EXCHANGE_ID_LEN);
    return m;
}

static void make_long_routed(struct made *m)
{
    struct event_routed *e = &m->fixed.routed;
    e->event.flags = EVENT_HEADS_ONLY;
    e->visitor_len = 64;
    e->tunnel_len = EVENT_TUNNEL_MAX;
    e->scheme_len = 16;
    e->upstream_len = 300;
    e->replay_len = 16;
    e->owner_len = RECORD_OWNER_MAX;
    e->address_len = RECORD_ADDRESS_MAX;
    e->share = UINT8_MAX;
    e->tunnel_id = UINT64_MAX;
    m->rest = 64 + EVENT_TUNNEL_MAX + 16 + 300 + 16 + RECORD_OWNER_MAX + RECORD_ADDRESS_MAX;
}

static void make_long_facts(struct made *m, unsigned kind)
{
    struct event_facts *e = &m->fixed.facts;
    e->event.flags = EVENT_REFUSED | EVENT_UPGRADED | EVENT_REUSED | EVENT_SHED | EVENT_NO_DIGEST |
                     EVENT_NO_RESPONSE_DIGEST | EVENT_REQUEST_WHOLE | EVENT_RESPONSE_WHOLE |
                     EVENT_REQUEST_BODY | EVENT_RESPONSE_BODY;
    e->status = 999;
    e->outcome = kind == EVENT_CLOSED ? EXCHANGE_MEMORY : 0;
    e->answer = ANSWERS - 1;
    e->detail_len = EXCHANGE_DETAIL_MAX;
    e->sent_on_ns = INT64_MIN;
    e->duration_ns = INT64_MAX;
    m->rest = 2 * sizeof(struct event_body) + EXCHANGE_DETAIL_MAX;
}

static struct made longest(unsigned kind)
{
    struct made m = shortest(kind);
    m.rest = SPOOL_EVENT_BYTES - m.size;
    switch ((enum event_kind)kind) {
    case EVENT_BEGUN:
        m.fixed.event.flags = EVENT_REDACTED | EVENT_HTTP_10 | EVENT_HTTP_2;
        m.fixed.begun.method_len = m.fixed.begun.scheme_len = m.fixed.begun.host_len = 1000;
        m.fixed.begun.target_len = m.fixed.begun.visitor_len = 1000;
        m.fixed.begun.lines_len = (uint32_t)m.rest - 5000;
        break;
    case EVENT_ROUTED: make_long_routed(&m); break;
    case EVENT_HEAD:
        m.fixed.event.flags =
            EVENT_REDACTED | EVENT_HTTP_10 | EVENT_HTTP_2 | EVENT_WEBSOCKET | EVENT_REASON;
        m.fixed.head.status = 999;
        m.fixed.head.reason_len = 1000;
        m.fixed.head.lines_len = (uint32_t)m.rest - 1000;
        break;
    case EVENT_DATA:
        m.fixed.event.side = 1;
        m.fixed.data.len = (uint32_t)(m.rest = RECORD_CHUNK_BYTES);
        break;
    case EVENT_TRAILERS:
        m.fixed.event.side = 1;
        m.fixed.event.flags = EVENT_REDACTED;
        m.fixed.trailers.lines_len = (uint32_t)m.rest;
        break;
    case EVENT_BAD_HEAD:
        m.fixed.event.flags = EVENT_REDACTED;
        m.fixed.bad_head.len = (uint32_t)(m.rest = RECORD_BAD_HEAD_BYTES);
        break;
    case EVENT_PROGRESS:
    case EVENT_CLOSED: make_long_facts(&m, kind); break;
    case EVENT_REPORTED:
        m.fixed.event.flags =
            EVENT_REQUEST_WHOLE | EVENT_RESPONSE_WHOLE | EVENT_REQUEST_BODY | EVENT_RESPONSE_BODY;
        m.fixed.report.outcome = REPORT_OUTCOMES - 1;
        m.rest = 2 * sizeof(struct event_peer_body);
        break;
    default: m.rest = 0;
    }
    return m;
}

static void each_kind_has_a_shortest_and_a_longest_form(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        check_context("kind %u", kind);
        struct made m = shortest(kind);
        CHECK(fits(&m));
        for (size_t len = 0; len < m.size; len++)
            CHECK(!is_valid(&m, len, SLOTS));
        m = longest(kind);
        CHECK(fits(&m));
        CHECK(!is_valid(&m, 2 * (size_t)SPOOL_EVENT_BYTES, SLOTS));
    }
}

static void other_kinds_are_none(void **state)
{
    (void)state;
    for (unsigned kind = KINDS; kind <= UINT8_MAX; kind++)
        for (size_t size = sizeof(struct event); size <= sizeof(union fixed); size++) {
            struct made m = {.fixed.event.kind = (uint8_t)kind, .size = size};
            CHECK(!is_valid(&m, size, SLOTS));
        }
}

static void only_data_and_trailers_come_from_either_side(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++)
        for (unsigned side = 0; side <= UINT8_MAX; side++) {
            struct made m = shortest(kind);
            m.fixed.event.side = (uint8_t)side;
            CHECK(fits(&m) ==
                  (side == 0 || (side == 1 && (kind == EVENT_DATA || kind == EVENT_TRAILERS))));
        }
}

static void a_slot_is_below_the_bound(void **state)
{
    static const uint32_t bounds[] = {0, 1, SLOTS, SPOOL_SLOTS_MAX, UINT32_MAX};
    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++)
        for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
            struct made m = longest(kind);
            const size_t len = m.size + m.rest;
            m.fixed.event.slot = bounds[i];
            CHECK(!is_valid(&m, len, bounds[i]));
            m.fixed.event.slot = bounds[i] - 1;
            CHECK(is_valid(&m, len, bounds[i]) == (bounds[i] > 0));
        }
}

// A kind has the flags of its longest form; those of bodies change the length.
static void flags_are_those_of_the_kind(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++)
        for (unsigned bit = 0; bit < 16; bit++) {
            const struct made most = longest(kind);
            const size_t one =
                kind == EVENT_REPORTED ? sizeof(struct event_peer_body) : sizeof(struct event_body);
            struct made m = shortest(kind);
            m.fixed.event.flags = (uint16_t)(1U << bit);
            const bool may = most.fixed.event.flags & m.fixed.event.flags;
            const bool body =
                m.fixed.event.flags & (unsigned)(EVENT_REQUEST_BODY | EVENT_RESPONSE_BODY);
            m.rest = may && body ? one : 0;
            check_context("kind %u, bit %u", kind, bit);
            CHECK(fits(&m) == may);
        }
}

// The places of lengths in an event.
struct lengths {
    unsigned kind;
    size_t first, count, width;
};

static const struct lengths lengths[] = {
    {EVENT_BEGUN, offsetof(struct event_begun, method_len), 6, 4},
    {EVENT_ROUTED, offsetof(struct event_routed, visitor_len), 7, 2},
    {EVENT_HEAD, offsetof(struct event_head, lines_len), 2, 4},
    {EVENT_DATA, offsetof(struct event_data, len), 1, 4},
    {EVENT_TRAILERS, offsetof(struct event_trailers, lines_len), 1, 4},
    {EVENT_BAD_HEAD, offsetof(struct event_bad_head, len), 1, 4},
    {EVENT_PROGRESS, offsetof(struct event_facts, detail_len), 1, 2},
    {EVENT_CLOSED, offsetof(struct event_facts, detail_len), 1, 2},
};

static void add_length(struct made *m, const struct lengths *l, size_t i, uint32_t more)
{
    uint32_t value = 0;
    memcpy(&value, m->fixed.bytes + l->first + i * l->width, l->width); // little-endian
    value += more;
    memcpy(m->fixed.bytes + l->first + i * l->width, &value, l->width);
}

// Each length alone is raised, by one, by half and by all of its range; then with another one so
// that their sum, in their own width, stays the same.
static void lengths_add_up_without_overflow(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof(lengths) / sizeof(lengths[0]); n++) {
        const struct lengths *l = &lengths[n];
        const uint32_t half = l->width == 4 ? UINT32_MAX / 2 + 1 : UINT16_MAX / 2 + 1;
        for (size_t i = 0; i < l->count; i++) {
            const uint32_t raised[] = {1, half, half - 1, UINT32_MAX};
            for (size_t r = 0; r < sizeof(raised) / sizeof(raised[0]); r++) {
                struct made m = longest(l->kind);
                add_length(&m, l, i, raised[r]);
                check_context("kind %u, length %zu, %u more", l->kind, i, raised[r]);
                CHECK(!is_valid(&m, m.size + m.rest, SLOTS));
                CHECK(!is_valid(&m, m.size, SLOTS));
            }
            for (size_t j = 0; j < l->count; j++) {
                struct made m = longest(l->kind);
                add_length(&m, l, i, half);
                add_length(&m, l, j, half);
                CHECK(i == j || !is_valid(&m, m.size + m.rest, SLOTS));
            }
        }
    }
}

static void a_bound_of_texts_holds(void **state)
{
    (void)state;
    for (unsigned more = 0; more <= 1; more++) {
        struct made m = shortest(EVENT_ROUTED);
        m.rest = m.fixed.routed.tunnel_len = (uint16_t)(63 + more);
        CHECK(fits(&m) == !more);
        m = shortest(EVENT_ROUTED);
        m.rest = m.fixed.routed.owner_len = (uint16_t)(RECORD_OWNER_MAX + more);
        CHECK(fits(&m) == !more);
        m = shortest(EVENT_ROUTED);
        m.rest = m.fixed.routed.address_len = (uint16_t)(RECORD_ADDRESS_MAX + more);
        CHECK(fits(&m) == !more);
        m = shortest(EVENT_DATA);
        m.rest = m.fixed.data.len = RECORD_CHUNK_BYTES + more;
        CHECK(fits(&m) == !more);
        m = shortest(EVENT_BAD_HEAD);
        m.rest = m.fixed.bad_head.len = RECORD_BAD_HEAD_BYTES + more;
        CHECK(fits(&m) == !more);
        m = shortest(EVENT_CLOSED);
        m.rest = m.fixed.facts.detail_len = (uint16_t)(EXCHANGE_DETAIL_MAX + more);
        CHECK(fits(&m) == !more);
        m = longest(EVENT_TRAILERS);
        m.fixed.trailers.lines_len += more;
        m.rest += more;
        CHECK(fits(&m) == !more);
    }
    struct made m = shortest(EVENT_HEAD);
    m.rest = m.fixed.head.reason_len = 1;
    CHECK(!fits(&m)); // a phrase without its flag
    m.fixed.event.flags = EVENT_REASON;
    CHECK(fits(&m));
}

static void numbers_are_in_their_ranges(void **state)
{
    (void)state;
    for (unsigned n = 0; n <= UINT16_MAX; n++) {
        const bool three_digits = n >= 100 && n <= 999;
        struct made m = shortest(EVENT_HEAD);
        m.fixed.head.status = (uint16_t)n;
        CHECK(is_valid(&m, m.size, SLOTS) == three_digits);
        m = shortest(EVENT_PROGRESS);
        m.fixed.facts.status = (uint16_t)n;
        CHECK(is_valid(&m, m.size, SLOTS) == (n == 0 || three_digits));
    }
    for (unsigned n = 0; n <= UINT8_MAX; n++) {
        struct made m = shortest(EVENT_CLOSED);
        m.fixed.facts.outcome = (uint8_t)n;
        CHECK(fits(&m) == (n <= EXCHANGE_MEMORY));
        m = shortest(EVENT_PROGRESS);
        m.fixed.facts.outcome = (uint8_t)n;
        CHECK(fits(&m) == (n == 0));
        m = shortest(EVENT_CLOSED);
        m.fixed.facts.answer = (uint8_t)n;
        CHECK(fits(&m) == (n < ANSWERS));
        m = shortest(EVENT_REPORTED);
        m.fixed.report.outcome = (uint8_t)n;
        CHECK(fits(&m) == (n < REPORT_OUTCOMES));
    }
}

static void ids_have_the_form_of_ids(void **state)
{
    static const char others[] = {0, 1, ' ', '/', ':', 'A', 'i', 'l', 'o', 'u', 127, (char)0xff};
    (void)state;
    for (size_t at = 0; at < EXCHANGE_ID_LEN; at++)
        for (size_t i = 0; i < sizeof(others); i++) {
            struct made m = shortest(EVENT_ROUTED);
            m.fixed.routed.id[at] = others[i];
            CHECK(!fits(&m));
            m = shortest(EVENT_REPORTED);
            m.fixed.report.id[at] = others[i];
            CHECK(!fits(&m));
        }
}

static void unused_bytes_are_zero(void **state)
{
    static const struct {
        unsigned kind;
        size_t at, count;
    } unused[] = {
        {EVENT_ROUTED, offsetof(struct event_routed, unused), 1},
        {EVENT_HEAD, offsetof(struct event_head, unused), 2},
        {EVENT_DATA, offsetof(struct event_data, unused), 4},
        {EVENT_PROGRESS, offsetof(struct event_facts, unused), 2},
        {EVENT_CLOSED, offsetof(struct event_facts, unused), 2},
        {EVENT_REPORTED, offsetof(struct event_report, unused), 7},
    };
    (void)state;
    for (size_t n = 0; n < sizeof(unused) / sizeof(unused[0]); n++)
        for (size_t i = 0; i < unused[n].count; i++) {
            struct made m = shortest(unused[n].kind);
            m.fixed.bytes[unused[n].at + i] = 1;
            CHECK(!fits(&m));
        }
}

// The tables of docs/record.md, "The spool".
static void the_layout_is_the_documented_one(void **state)
{
    static const size_t documented[KINDS] = {40, 48, 8, 20, 24, 12, 12, 56, 56, 72};
    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++)
        CHECK(sizes[kind] == documented[kind]);
    CHECK(sizeof(struct event_body) == 48 && sizeof(struct event_peer_body) == 24);
    CHECK(offsetof(struct event, kind) == 4 && offsetof(struct event, side) == 5 &&
          offsetof(struct event, flags) == 6);
    CHECK(offsetof(struct event_begun, began_ns) == 8 &&
          offsetof(struct event_begun, method_len) == 16 &&
          offsetof(struct event_begun, visitor_len) == 36);
    CHECK(offsetof(struct event_routed, tunnel_id) == 8 && offsetof(struct event_routed, id) == 16);
    CHECK(offsetof(struct event_routed, visitor_len) == 32 &&
          offsetof(struct event_routed, address_len) == 44 &&
          offsetof(struct event_routed, share) == 46);
    CHECK(offsetof(struct event_head, reason_len) == 12 &&
          offsetof(struct event_head, status) == 16);
    CHECK(offsetof(struct event_data, at_ns) == 8 && offsetof(struct event_data, len) == 16);
    CHECK(offsetof(struct event_facts, status) == 8 &&
          offsetof(struct event_facts, outcome) == 10 &&
          offsetof(struct event_facts, answer) == 11 &&
          offsetof(struct event_facts, detail_len) == 12 &&
          offsetof(struct event_facts, sent_on_ns) == 16 &&
          offsetof(struct event_facts, duration_ns) == 48);
    CHECK(offsetof(struct event_body, digest) == 32 &&
          offsetof(struct event_peer_body, digest) == 8);
    CHECK(offsetof(struct event_report, tunnel_id) == 8 &&
          offsetof(struct event_report, id) == 16 &&
          offsetof(struct event_report, sent_on_ns) == 32 &&
          offsetof(struct event_report, outcome) == 64);
    CHECK(sizeof(struct spool_segment_head) == 104 && sizeof(struct spool_batch_head) == 32 &&
          sizeof(struct spool_entry_head) == 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_has_a_shortest_and_a_longest_form),
        cmocka_unit_test(other_kinds_are_none),
        cmocka_unit_test(only_data_and_trailers_come_from_either_side),
        cmocka_unit_test(a_slot_is_below_the_bound),
        cmocka_unit_test(flags_are_those_of_the_kind),
        cmocka_unit_test(lengths_add_up_without_overflow),
        cmocka_unit_test(a_bound_of_texts_holds),
        cmocka_unit_test(numbers_are_in_their_ranges),
        cmocka_unit_test(ids_have_the_form_of_ids),
        cmocka_unit_test(unused_bytes_are_zero),
        cmocka_unit_test(the_layout_is_the_documented_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
