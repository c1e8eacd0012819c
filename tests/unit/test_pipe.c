// SPDX-License-Identifier: MIT
// Link messages and their records: every split, every limit, every fault (docs/protocol.md §3).
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/buf.h"
#include "proto/tunnel/pipe.h"

static void put(struct buf *b, const void *bytes, size_t len)
{
    assert_true(buf_append(b, bytes, len));
}

static void put_offset(struct buf *b, uint8_t kind, uint64_t offset)
{
    uint8_t head[9] = {kind};
    for (int i = 8; i > 0; i--, offset >>= 8)
        head[i] = (uint8_t)offset;
    put(b, head, sizeof(head));
}

static void put_record_head(struct buf *b, uint8_t kind, size_t len)
{
    uint8_t head[PIPE_RECORD_HEAD] = {kind, (uint8_t)(len >> 16), (uint8_t)(len >> 8),
                                      (uint8_t)len};
    put(b, head, sizeof(head));
}

static void put_record(struct buf *b, uint8_t kind, const char *text)
{
    put_record_head(b, kind, strlen(text));
    put(b, text, strlen(text));
}

// The events of a pipe as text: mux bytes as they are, the others in brackets.
static void note(struct buf *told, const struct pipe_event *e)
{
    static const char *const open[] = {
        [PIPE_EVENT_NONE] = "",
        [PIPE_EVENT_MUX] = "",
        [PIPE_EVENT_CONTROL] = "[control ",
        [PIPE_EVENT_REPORT] = "[report ",
        [PIPE_EVENT_HELLO] = "[hello ",
        [PIPE_EVENT_WELCOME] = "[welcome ",
        [PIPE_EVENT_REFUSED] = "[refused ",
    };
    bool whole = e->kind > PIPE_EVENT_MUX;
    if (e->kind == PIPE_EVENT_NONE)
        return;
    put(told, open[e->kind], strlen(open[e->kind]));
    put(told, e->bytes.p, e->bytes.len);
    put(told, "]", whole);
}

// Feeds one piece of a message, from memory of exactly its size.
static int recv_piece(struct pipe *p, const char *bytes, size_t len, struct buf *told)
{
    uint8_t *copy = malloc(len + !len);
    size_t at = 0;
    int n = 0;
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    while (at < len && n >= 0) {
        struct pipe_event e;
        n = pipe_recv(p, copy + at, len - at, &e);
        assert_true(n != 0 && n <= (int)(len - at));
        bool all = len - at == (size_t)n || n == PIPE_RECORD_MAX;
        assert_true(n < 0 || all || e.kind != PIPE_EVENT_NONE); // no call for nothing
        if (n > 0)
            note(told, &e);
        else
            assert_int_equal(e.kind, PIPE_EVENT_NONE);
        at += n > 0 ? (size_t)n : 0;
    }
    free(copy);
    return n < 0 ? n : 0;
}

// Feeds a whole message: a first piece of `first` bytes, then pieces of `piece`.
static int recv_message(struct pipe *p, const struct buf *b, size_t first, size_t piece,
                        struct buf *told)
{
    size_t len = buf_len(b);
    int error = 0;
    for (size_t at = 0; at < len && !error;) {
        size_t n = at == 0 && first > 0 ? first : piece;
        n = n < len - at ? n : len - at;
        error = recv_piece(p, buf_at(b) + at, n, told);
        at += n;
    }
    struct pipe_event e;
    if (!error)
        error = pipe_recv_end(p, &e);
    if (!error)
        note(told, &e);
    return error;
}

static void text_is(const struct buf *told, const char *text)
{
    assert_int_equal(buf_len(told), strlen(text));
    if (*text)
        assert_memory_equal(buf_at(told), text, strlen(text));
}

// Checks that a new pipe that has sent 1,000 bytes, 100 of them acknowledged, answers this message
// with `error` and the events `text`, in every split.
static void answers(const struct buf *message, int error, const char *text)
{
    for (size_t cut = 1; cut <= buf_len(message) + 1; cut++) {
        struct buf told = {0};
        struct pipe p;
        pipe_init(&p);
        p.sent = 1000;
        p.acked = 100;
        bool by_byte = cut > buf_len(message);
        size_t piece = by_byte ? 1 : buf_len(message);
        assert_int_equal(recv_message(&p, message, by_byte ? 1 : cut, piece, &told), error);
        text_is(&told, text);
        buf_free(&told);
        pipe_deinit(&p);
    }
}

static void every_message_is_the_same_in_every_split(void **state)
{
    struct buf b = {0};
    (void)state;
    put(&b, "\1{\"a\":1}", 8);
    answers(&b, 0, "[hello {\"a\":1}]");
    b.bytes[0] = PIPE_WELCOME;
    answers(&b, 0, "[welcome {\"a\":1}]");
    b.bytes[0] = PIPE_REFUSED;
    answers(&b, 0, "[refused {\"a\":1}]");
    buf_free(&b);
    put_offset(&b, PIPE_ACK, 500);
    answers(&b, 0, "");
    buf_free(&b);
    put_offset(&b, PIPE_DATA, 0);
    answers(&b, 0, ""); // no stream bytes: legal
    b.bytes[0] = PIPE_DATA_ASK;
    answers(&b, 0, "");
    put_record(&b, PIPE_RECORD_CONTROL, "{}");
    put_record(&b, PIPE_RECORD_MUX, "mux bytes, ");
    put_record(&b, PIPE_RECORD_CONTROL, "{\"type\":\"x\"}");
    put_record(&b, PIPE_RECORD_CONTROL, "again");
    put_record(&b, PIPE_RECORD_MUX, "more");
    answers(&b, 0, "[control {}]mux bytes, [control {\"type\":\"x\"}][control again]more");
    buf_free(&b);
    put(&b, "\1", 1);
    answers(&b, 0, "[hello ]");
    buf_free(&b);
}

// Records may span messages.
static void records_span_messages(void **state)
{
    struct buf stream = {0};
    (void)state;
    put_record(&stream, PIPE_RECORD_MUX, "0123456789");
    put_record(&stream, PIPE_RECORD_CONTROL, "{\"k\":\"v\"}");
    put_record(&stream, PIPE_RECORD_MUX, "abc");
    for (size_t piece = 1; piece <= buf_len(&stream); piece++) {
        struct buf told = {0};
        struct pipe p;
        pipe_init(&p);
        for (size_t at = 0; at < buf_len(&stream); at += piece) {
            struct buf b = {0};
            size_t left = buf_len(&stream) - at;
            put_offset(&b, PIPE_DATA, at);
            put(&b, buf_at(&stream) + at, piece < left ? piece : left);
            assert_int_equal(recv_message(&p, &b, 0, 3, &told), 0);
            buf_free(&b);
            put(&b, "\2{}", 3); // other messages may come between
            assert_int_equal(recv_message(&p, &b, 0, 2, &told), 0);
            assert_int_equal(buf_len(&told) >= 11, true);
            told.end -= 12; // [welcome {}]
            buf_free(&b);
        }
        text_is(&told, "0123456789[control {\"k\":\"v\"}]abc");
        assert_int_equal(p.received, buf_len(&stream));
        buf_free(&told);
        pipe_deinit(&p);
    }
    buf_free(&stream);
}

static void messages_of_unknown_kind_are_refused_at_once(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 256; kind++) {
        struct pipe p;
        struct pipe_event e;
        uint8_t byte = (uint8_t)kind;
        bool known = kind >= PIPE_HELLO && kind <= PIPE_DATA_ASK;
        pipe_init(&p);
        assert_int_equal(pipe_recv(&p, &byte, 1, &e), known ? 1 : PIPE_E_MESSAGE);
        assert_int_equal(e.kind, PIPE_EVENT_NONE);
        pipe_deinit(&p);
    }
}

static void messages_cut_short_or_too_long_are_refused(void **state)
{
    struct buf b = {0};
    (void)state;
    answers(&b, PIPE_E_MESSAGE, ""); // no kind
    for (int kind = PIPE_DATA; kind <= PIPE_DATA_ASK; kind++)
        for (size_t len = 1; len < 9; len++) {
            put_offset(&b, (uint8_t)kind, 0);
            b.end = b.start + len;
            answers(&b, PIPE_E_MESSAGE, "");
            buf_free(&b);
        }
    put_offset(&b, PIPE_ACK, 500);
    put(&b, "x", 1);
    answers(&b, PIPE_E_MESSAGE, "");
    buf_free(&b);
}

static void data_that_does_not_follow_on_is_refused(void **state)
{
    static const uint64_t wrong[] = {0, 6, 8, 1u << 31, UINT64_MAX, 7ull << 56};
    struct pipe p;
    struct buf b = {0};
    struct buf told = {0};
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        pipe_init(&p);
        put_offset(&b, PIPE_DATA, 0);
        put_record(&b, PIPE_RECORD_MUX, "abc");
        assert_int_equal(recv_message(&p, &b, 0, 100, &told), 0);
        buf_free(&b);
        put_offset(&b, PIPE_DATA, wrong[i]);
        put_record(&b, PIPE_RECORD_MUX, "def");
        assert_int_equal(recv_message(&p, &b, 0, 100, &told), PIPE_E_OFFSET);
        text_is(&told, "abc");
        assert_int_equal(p.received, 7);
        buf_free(&b);
        buf_free(&told);
        pipe_deinit(&p);
    }
}

static void acknowledgements_are_of_what_was_sent_and_never_go_back(void **state)
{
    static const struct {
        uint64_t offset;
        bool ok;
    } cases[] = {
        {0, false},   {99, false},   {100, true},         {101, true},
        {1000, true}, {1001, false}, {UINT64_MAX, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf b = {0};
        put_offset(&b, PIPE_ACK, cases[i].offset);
        answers(&b, cases[i].ok ? 0 : PIPE_E_OFFSET, "");
        buf_free(&b);
    }
}

// One DATA message with the head of a record and `body` bytes of it.
static int recv_record(unsigned kind, size_t len, size_t body, size_t *told_len)
{
    struct buf b = {0};
    struct buf told = {0};
    struct pipe p;
    pipe_init(&p);
    put_offset(&b, PIPE_DATA, 0);
    put_record_head(&b, (uint8_t)kind, len);
    memset(buf_reserve(&b, body + 1), '7', body);
    buf_commit(&b, body);
    int error = recv_message(&p, &b, 0, 60000, &told);
    *told_len = buf_len(&told);
    buf_free(&b);
    buf_free(&told);
    pipe_deinit(&p);
    return error;
}

static void records_have_their_kinds_and_limits(void **state)
{
    enum {
        BRACKETS = 10 // of "[control ]"
    };
    size_t told;
    (void)state;
    for (unsigned kind = 3; kind < 256; kind++)
        assert_int_equal(recv_record(kind, 1, 1, &told), PIPE_E_RECORD);
    for (unsigned kind = 0; kind < 3; kind++)
        assert_int_equal(recv_record(kind, 0, 1, &told), PIPE_E_RECORD);
    assert_int_equal(recv_record(PIPE_RECORD_MUX, PIPE_RECORD_MAX, PIPE_RECORD_MAX, &told), 0);
    assert_int_equal(told, PIPE_RECORD_MAX);
    assert_int_equal(recv_record(PIPE_RECORD_MUX, PIPE_RECORD_MAX + 1, 100, &told), PIPE_E_TOO_BIG);
    assert_int_equal(told, 0);
    assert_int_equal(recv_record(PIPE_RECORD_MUX, 0xffffff, 100, &told), PIPE_E_TOO_BIG);
    assert_int_equal(recv_record(PIPE_RECORD_CONTROL, PIPE_JSON_MAX, PIPE_JSON_MAX, &told), 0);
    assert_int_equal(told, PIPE_JSON_MAX + BRACKETS);
    assert_int_equal(recv_record(PIPE_RECORD_CONTROL, PIPE_JSON_MAX + 1, 100, &told),
                     PIPE_E_TOO_BIG);
    assert_int_equal(recv_record(PIPE_RECORD_CONTROL, 0xffffff, 100, &told), PIPE_E_TOO_BIG);
    assert_int_equal(recv_record(PIPE_RECORD_REPORT, PIPE_JSON_MAX, PIPE_JSON_MAX, &told), 0);
    assert_int_equal(told, PIPE_JSON_MAX + BRACKETS - 1);
    assert_int_equal(recv_record(PIPE_RECORD_REPORT, PIPE_JSON_MAX + 1, 100, &told),
                     PIPE_E_TOO_BIG);
    // No event before the record is whole.
    assert_int_equal(recv_record(PIPE_RECORD_CONTROL, PIPE_JSON_MAX, PIPE_JSON_MAX - 1, &told), 0);
    assert_int_equal(told, 0);
}

static void json_messages_have_their_limit(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++)
        for (size_t piece = 1; piece <= PIPE_JSON_MAX + 2; piece = piece * 3 + 1) {
            struct buf b = {0};
            struct buf told = {0};
            struct pipe p;
            pipe_init(&p);
            memset(buf_reserve(&b, PIPE_JSON_MAX + 2), 'j', PIPE_JSON_MAX + 2);
            buf_commit(&b, 1 + PIPE_JSON_MAX + over);
            b.bytes[0] = PIPE_HELLO;
            assert_int_equal(recv_message(&p, &b, 1, piece, &told), over ? PIPE_E_TOO_BIG : 0);
            assert_int_equal(buf_len(&told), over ? 0 : PIPE_JSON_MAX + 8); // "[hello ]"
            buf_free(&b);
            buf_free(&told);
            pipe_deinit(&p);
        }
}

static void a_piece_of_any_size_is_taken(void **state)
{
    struct pipe p;
    struct pipe_event e;
    struct buf b = {0};
    (void)state;
    pipe_init(&p);
    assert_int_equal(pipe_recv(&p, (const uint8_t *)"", 0, &e), 0);
    put_offset(&b, PIPE_DATA, 0);
    put_record_head(&b, PIPE_RECORD_MUX, PIPE_RECORD_MAX);
    assert_non_null(buf_reserve(&b, (size_t)PIPE_RECORD_MAX * 3));
    memset(buf_at(&b) + buf_len(&b), 0, (size_t)PIPE_RECORD_MAX * 3);
    buf_commit(&b, (size_t)PIPE_RECORD_MAX * 3);
    size_t at = 0;
    for (int n = 1; n > 0 && p.record_remaining + (size_t)(at < 13) > 0; at += (size_t)n) {
        n = pipe_recv(&p, (const uint8_t *)buf_at(&b) + at, buf_len(&b) - at, &e);
        assert_in_range(n, 1, PIPE_RECORD_MAX);
    }
    assert_int_equal(at, 9 + 4 + PIPE_RECORD_MAX);
    buf_free(&b);
    pipe_deinit(&p);
}

static void acknowledgements_are_owed_by_amount_or_soon(void **state)
{
    struct pipe p;
    uint8_t ack[PIPE_ACK_SIZE];
    const uint8_t wanted[PIPE_ACK_SIZE] = {
        PIPE_ACK, [6] = PIPE_ACK_EVERY >> 16, [7] = PIPE_ACK_EVERY >> 8 & 255,
        [8] = PIPE_ACK_EVERY & 255};
    (void)state;
    pipe_init(&p);
    assert_false(pipe_owes_ack(&p, true));
    p.received = 1;
    assert_true(pipe_owes_ack(&p, true) && !pipe_owes_ack(&p, false));
    p.received = PIPE_ACK_EVERY - 1;
    assert_false(pipe_owes_ack(&p, false));
    p.received = PIPE_ACK_EVERY;
    assert_true(pipe_owes_ack(&p, false));
    pipe_write_ack(&p, ack);
    assert_memory_equal(ack, wanted, sizeof(wanted));
    assert_false(pipe_owes_ack(&p, true));
    pipe_deinit(&p);
}

// Offsets exceed 32 bits.
static void what_is_written_is_what_is_read(void **state)
{
    static const uint64_t offsets[] = {0, 1, 65536, 0x123456789abcdef0, UINT64_MAX - 1000};
    (void)state;
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        struct pipe from;
        struct pipe to;
        struct buf b = {0};
        struct buf told = {0};
        uint8_t head[PIPE_DATA_HEAD];
        uint8_t record[PIPE_RECORD_HEAD];
        pipe_init(&from);
        pipe_init(&to);
        from.sent = from.acked = to.received = to.ack_sent = offsets[i];
        pipe_write_data_head(&from, head, 7);
        put(&b, head, sizeof(head));
        pipe_write_record_head(record, PIPE_RECORD_CONTROL, 3);
        put(&b, record, sizeof(record));
        put(&b, "abc", 3);
        assert_int_equal(recv_message(&to, &b, 0, 100, &told), 0);
        text_is(&told, "[control abc]");
        assert_true(to.received == offsets[i] + 7);
        buf_free(&b);
        uint8_t ack[PIPE_ACK_SIZE];
        pipe_write_ack(&to, ack);
        put(&b, ack, sizeof(ack));
        assert_int_equal(recv_message(&from, &b, 0, 100, &told), 0);
        assert_true(from.acked == offsets[i] + 7);
        buf_free(&b);
        buf_free(&told);
        pipe_deinit(&from);
        pipe_deinit(&to);
    }
    uint8_t record[PIPE_RECORD_HEAD];
    pipe_write_record_head(record, PIPE_RECORD_MUX, 0x123456);
    assert_memory_equal(record, "\0\x12\x34\x56", 4);
}

static void every_error_has_its_words(void **state)
{
    (void)state;
    for (int error = PIPE_E_MEMORY; error < 0; error++)
        assert_string_not_equal(pipe_strerror(error), pipe_strerror(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_is_the_same_in_every_split),
        cmocka_unit_test(records_span_messages),
        cmocka_unit_test(messages_of_unknown_kind_are_refused_at_once),
        cmocka_unit_test(messages_cut_short_or_too_long_are_refused),
        cmocka_unit_test(data_that_does_not_follow_on_is_refused),
        cmocka_unit_test(acknowledgements_are_of_what_was_sent_and_never_go_back),
        cmocka_unit_test(records_have_their_kinds_and_limits),
        cmocka_unit_test(json_messages_have_their_limit),
        cmocka_unit_test(a_piece_of_any_size_is_taken),
        cmocka_unit_test(acknowledgements_are_owed_by_amount_or_soon),
        cmocka_unit_test(what_is_written_is_what_is_read),
        cmocka_unit_test(every_error_has_its_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
