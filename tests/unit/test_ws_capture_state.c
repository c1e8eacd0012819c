// SPDX-License-Identifier: MIT
// A capture that goes on from a saved state, in another program.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/support/check.h"
#include "ws_capture_fixture.h"

enum {
    TALK_MAX = 1200,
    MESSAGES_MAX = 32,
    MEDIUM = 200,   // a message's bytes; the length takes two more in the header
    LARGE = 65536,  // eight more
    CAPTURED = 1000 // bytes of payload that a limited capture keeps
};

// The bytes of both sides.
struct talk {
    uint8_t bytes[TALK_MAX], side[TALK_MAX];
    size_t len;
};

struct message {
    uint64_t number;
    struct record_message m;
    char bytes[MEDIUM];
};

struct messages {
    struct message list[MESSAGES_MAX];
    size_t count;
};

// A capture, the budget it has, and the messages that it has given.
struct fixture {
    struct ws_capture capture;
    struct ws_capture_budget budget;
    struct messages got;
};

static void make_talk(struct talk *t)
{
    static const char medium[MEDIUM] = "medium";
    struct stream from[2] = {{.len = 0}, {.len = 0}};
    for (int side = 0; side < 2; side++) {
        conversation(&from[side], side == RECORD_REQUEST);
        add_frame(&from[side], FIN | WS_BINARY, slice_of(medium, sizeof(medium)), side == 0);
        add_frame(&from[side], FIN | WS_TEXT, SLICE("last"), side == RECORD_REQUEST);
    }
    t->len = 0;
    for (size_t at = 0; at < from[0].len || at < from[1].len; at++)
        for (unsigned side = 0; side < 2; side++)
            if (at < from[side].len) {
                CHECK(t->len < TALK_MAX);
                t->side[t->len] = (uint8_t)side;
                t->bytes[t->len++] = from[side].bytes[at];
            }
}

static void begin(struct fixture *f, uint64_t keep_max)
{
    *f = (struct fixture){.budget = {.max = 1 << 20}};
    ws_capture_init(&f->capture, &f->budget, 0, keep_max);
}

// Takes the complete messages out of the capture, as a transaction does.
static void take(struct fixture *f)
{
    for (const struct ws_capture_message *d = f->capture.first; d; d = d->next) {
        struct message *out = &f->got.list[f->got.count++];
        CHECK(f->got.count < MESSAGES_MAX && d->message.bytes.len <= sizeof(out->bytes));
        *out = (struct message){.number = d->number, .m = d->message};
        memcpy(out->bytes, d->message.bytes.len ? d->message.bytes.p : "", out->m.bytes.len);
        out->m.bytes.p = NULL;
    }
    ws_capture_clear(&f->capture);
}

// Feeds the bytes [from, to). Each one has its place as its time.
static void feed(struct fixture *f, const struct talk *t, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        ws_capture_feed(&f->capture, (enum record_side)t->side[i], (int64_t)i,
                        slice_of((const char *)t->bytes + i, 1));
    take(f);
}

static void end(struct fixture *f)
{
    ws_capture_deinit(&f->capture);
    CHECK(f->budget.used == 0 && f->budget.messages == 0);
}

static bool restore(struct fixture *f, const uint8_t *state, size_t len, uint64_t number)
{
    return ws_capture_restore(&f->capture, slice_of((const char *)state, len), number);
}

// Ends the capture, and goes on with another one.
static void restart(struct fixture *f, uint64_t keep_max)
{
    uint8_t state[WS_CAPTURE_STATE_BYTES];
    ws_capture_save(&f->capture, state);
    end(f);
    ws_capture_init(&f->capture, &f->budget, 0, keep_max);
    CHECK(restore(f, state, sizeof(state), f->got.count));
}

static bool are_alike(const struct message *a, const struct message *b)
{
    return a->number == b->number && a->m.side == b->m.side && a->m.opcode == b->m.opcode &&
           a->m.compressed == b->m.compressed && a->m.at_ns == b->m.at_ns && a->m.size == b->m.size;
}

static bool has_bytes_of(const struct message *a, const struct message *b)
{
    return slice_eq(slice_of(a->bytes, a->m.bytes.len), slice_of(b->bytes, b->m.bytes.len));
}

static bool is_control(const struct message *m)
{
    return m->m.opcode >= WS_CLOSE;
}

// Whether of the message whose last byte is at `end` some payload is before `split`, and some
// behind. `lost` has what the capture held at the split.
static bool straddles(const struct messages *all, size_t i, size_t before, const bool lost[2][2])
{
    const struct message *m = &all->list[i];
    for (size_t k = before; k < i; k++)
        if (all->list[k].m.side == m->m.side && is_control(&all->list[k]) == is_control(m))
            return false; // that one was in progress
    return i >= before && lost[m->m.side][is_control(m)];
}

static void every_message_is_found_wherever_the_capture_begins_anew(void **state)
{
    (void)state;
    static struct talk t;
    static struct fixture all;
    static struct fixture f;
    size_t cut = 0;
    make_talk(&t);
    begin(&all, 0);
    feed(&all, &t, 0, t.len);
    CHECK(all.got.count == 16);
    for (size_t split = 0; split <= t.len; split++) {
        check_context("split %zu of %zu", split, t.len);
        begin(&f, 0);
        feed(&f, &t, 0, split);
        bool lost[2][2];
        for (int side = 0; side < 2; side++) {
            lost[side][0] = buf_len(&f.capture.side[side].payload) > 0;
            lost[side][1] = buf_len(&f.capture.side[side].control) > 0;
        }
        const size_t before = f.got.count;
        restart(&f, 0);
        CHECK(f.capture.missed == (lost[0][0] || lost[0][1] || lost[1][0] || lost[1][1]));
        feed(&f, &t, split, t.len);
        CHECK(f.got.count == all.got.count && !f.capture.broken);
        for (size_t i = 0; i < all.got.count; i++) {
            bool is_cut = straddles(&all.got, i, before, (const bool(*)[2])lost);
            CHECK(are_alike(&f.got.list[i], &all.got.list[i]));
            CHECK(is_cut ? f.got.list[i].m.bytes.len == 0
                         : has_bytes_of(&f.got.list[i], &all.got.list[i]));
            cut += is_cut;
        }
        end(&f);
    }
    CHECK(cut > MEDIUM); // that message alone
    check_context("%s", "");
    end(&all);
}

static void a_capture_that_begins_anew_at_each_byte_knows_all_sizes(void **state)
{
    (void)state;
    static struct talk t;
    static struct fixture all;
    static struct fixture f;
    make_talk(&t);
    begin(&all, 0);
    feed(&all, &t, 0, t.len);
    begin(&f, 0);
    for (size_t i = 0; i < t.len; i++) {
        restart(&f, 0);
        feed(&f, &t, i, i + 1);
    }
    CHECK(f.got.count == all.got.count);
    for (size_t i = 0; i < all.got.count; i++) {
        CHECK(are_alike(&f.got.list[i], &all.got.list[i]));
        CHECK(f.got.list[i].m.bytes.len == 0);
    }
    end(&f);
    end(&all);
}

// Headers of all lengths, masked and not.
static void a_header_may_straddle(void **state)
{
    static const size_t sizes[] = {125, 126, LARGE - 1, LARGE};
    static char payload[LARGE];
    static struct stream s;
    (void)state;
    for (size_t k = 0; k < 8; k++) {
        const size_t size = sizes[k / 2];
        s.len = 0;
        add_frame(&s, FIN | WS_BINARY, slice_of(payload, size), k % 2);
        const size_t head = s.len - size;
        for (size_t split = 0; split < head + 2; split++) {
            static struct fixture f;
            const struct slice b = stream_bytes(&s);
            check_context("size %zu, split %zu", size, split);
            begin(&f, 0);
            ws_capture_feed(&f.capture, RECORD_REQUEST, 1, slice_of(b.p, split));
            restart(&f, 0);
            CHECK(f.capture.missed == (split > head));
            ws_capture_feed(&f.capture, RECORD_REQUEST, 2, slice_of(b.p + split, b.len - split));
            const struct ws_capture_message *d = f.capture.first;
            CHECK(d && d->message.size == size);
            CHECK(d->message.bytes.len == (split > head ? 0 : size));
            CHECK(d->message.bytes.len == 0 || memcmp(d->message.bytes.p, payload, size) == 0);
            end(&f);
        }
    }
    check_context("%s", "");
}

static void the_limit_counts_what_was_captured_before(void **state)
{
    static struct fixture f;
    static const char payload[600];
    struct stream s = {.len = 0};
    (void)state;
    add_frame(&s, FIN | WS_BINARY, slice_of(payload, sizeof(payload)), true);
    begin(&f, CAPTURED);
    ws_capture_feed(&f.capture, RECORD_REQUEST, 1, stream_bytes(&s));
    ws_capture_clear(&f.capture);
    restart(&f, CAPTURED);
    ws_capture_feed(&f.capture, RECORD_REQUEST, 1, stream_bytes(&s));
    assert_int_equal(f.capture.first->message.bytes.len, CAPTURED - sizeof(payload));
    ws_capture_clear(&f.capture);
    restart(&f, CAPTURED); // nothing is left of the limit
    ws_capture_feed(&f.capture, RECORD_REQUEST, 1, stream_bytes(&s));
    assert_int_equal(f.capture.first->message.bytes.len, 0);
    assert_int_equal(f.capture.first->message.size, sizeof(payload));
    end(&f);
}

static void what_was_no_frame_is_none_behind_a_restart(void **state)
{
    static struct fixture f;
    struct stream good = {.len = 0};
    (void)state;
    add_frame(&good, FIN | WS_TEXT, SLICE("good"), false);
    begin(&f, 0);
    ws_capture_feed(&f.capture, RECORD_RESPONSE, 1, SLICE("\x81\x05half"));
    ws_capture_feed(&f.capture, RECORD_REQUEST, 1, SLICE("\xff\xff"));
    assert_true(f.capture.broken);
    restart(&f, 0);
    for (int side = 0; side < 2; side++)
        ws_capture_feed(&f.capture, (enum record_side)side, 2, stream_bytes(&good));
    assert_true(f.capture.broken && !f.capture.first);
    end(&f);
}

// Members of a saved state: offset and bytes (docs/record.md).
enum {
    KEPT = 0,
    BROKEN = 8,
    PASSED = 16,
    SIZE = 24,
    HEAD = 32,
    HEAD_LEN = 46,
    BEGUN = 47
};

static void put(uint8_t *state, size_t at, uint64_t value)
{
    if (at >= HEAD)
        state[at] = (uint8_t)value;
    else
        memcpy(state + at, &value, sizeof(value));
}

struct change {
    struct slice bytes; // of the visitor, before
    size_t at;
    uint64_t value;
    bool valid;
};

static void a_state_that_no_capture_has_is_refused(void **state)
{
    const struct slice none = SLICE("");
    const struct slice text = SLICE("\x81\x85\1\2\3\4he");  // two of five bytes
    const struct slice half = SLICE("\x01\x02go");          // more frames are to come
    const struct slice last = SLICE("\x01\x02go\x80\x03o"); // one byte of three
    const uint64_t most = UINT64_C(1) << 60;
    const struct change all[] = {
        {text, PASSED, 4, true},
        {text, PASSED, 5, false},
        {text, PASSED, 6, false},
        {text, PASSED, UINT64_MAX, false},
        {none, PASSED, 1, false},
        {half, PASSED, 1, false},
        {text, SIZE, 1, false},
        {none, SIZE, 1, false},
        {half, SIZE, most, true},
        {half, SIZE, most + 1, false},
        {last, SIZE, most, true},
        {last, SIZE, UINT64_MAX, false},
        {text, HEAD_LEN, 5, false},
        {text, HEAD_LEN, 7, false},
        {text, HEAD_LEN, 15, false},
        {text, HEAD_LEN, 255, false},
        {none, HEAD_LEN, 1, true},
        {none, HEAD_LEN, 2, false},
        {text, HEAD, 0x83, false},
        {text, HEAD, 0x80, false},
        {text, HEAD + 1, 0x80, false},
        {text, BEGUN, WS_TEXT, false},
        {none, BEGUN, WS_BINARY, true},
        {none, BEGUN, 3, false},
        {none, BEGUN, RSV1, false},
        {none, BEGUN, WS_CLOSE, false},
        {none, BEGUN, RSV1 | WS_TEXT, true},
        {none, BEGUN, 0x80 | WS_TEXT, false},
        {last, BEGUN, 0, false},
        {none, BROKEN, 1, true},
        {none, BROKEN, 2, false},
        {none, BROKEN, UINT64_MAX, false},
        {none, KEPT, CAPTURED, true},
        {none, KEPT, CAPTURED + 1, false},
        {none, KEPT, UINT64_MAX, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        static struct fixture f;
        uint8_t saved[WS_CAPTURE_STATE_BYTES];
        check_context("change %zu", i);
        begin(&f, CAPTURED);
        ws_capture_feed(&f.capture, RECORD_REQUEST, 1, all[i].bytes);
        ws_capture_save(&f.capture, saved);
        end(&f);
        put(saved, all[i].at, all[i].value);
        begin(&f, CAPTURED);
        CHECK(restore(&f, saved, sizeof(saved), 0) == all[i].valid);
        end(&f);
    }
    check_context("%s", "");
}

static void a_state_of_another_length_is_refused(void **state)
{
    (void)state;
    for (size_t len = 0; len <= WS_CAPTURE_STATE_BYTES + 1; len++) {
        static struct fixture f;
        const uint8_t saved[WS_CAPTURE_STATE_BYTES + 1] = {0};
        check_context("length %zu", len);
        begin(&f, 0);
        CHECK(restore(&f, saved, len, 0) == (len == WS_CAPTURE_STATE_BYTES));
        end(&f);
    }
    check_context("%s", "");
}

// A restored capture goes on, whichever damaged state it accepted.
static void any_damage_is_borne(void **state)
{
    static const uint8_t values[] = {0, 1, 2, 0x7f, 0x80, 0xff};
    static struct talk t;
    static struct fixture f;
    (void)state;
    make_talk(&t);
    for (size_t split = 0; split < t.len; split += 7)
        for (size_t change = 0; change < WS_CAPTURE_STATE_BYTES * sizeof(values); change++) {
            uint8_t saved[WS_CAPTURE_STATE_BYTES];
            begin(&f, CAPTURED);
            feed(&f, &t, 0, split);
            ws_capture_save(&f.capture, saved);
            end(&f);
            saved[change / sizeof(values)] = values[change % sizeof(values)];
            begin(&f, CAPTURED);
            if (restore(&f, saved, sizeof(saved), WS_CAPTURE_MESSAGES_MAX - 3))
                for (size_t i = split; i < t.len; i++)
                    ws_capture_feed(&f.capture, (enum record_side)t.side[i], 1,
                                    slice_of((const char *)t.bytes + i, 1));
            CHECK(f.capture.kept <= CAPTURED && f.budget.messages <= 3);
            end(&f);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_is_found_wherever_the_capture_begins_anew),
        cmocka_unit_test(a_capture_that_begins_anew_at_each_byte_knows_all_sizes),
        cmocka_unit_test(a_header_may_straddle),
        cmocka_unit_test(the_limit_counts_what_was_captured_before),
        cmocka_unit_test(what_was_no_frame_is_none_behind_a_restart),
        cmocka_unit_test(a_state_that_no_capture_has_is_refused),
        cmocka_unit_test(a_state_of_another_length_is_refused),
        cmocka_unit_test(any_damage_is_borne),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
