// SPDX-License-Identifier: MIT
// Frames in every split, masks at every alignment, and the values of the handshake.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/http/http1.h"
#include "proto/tunnel/websocket.h"

enum {
    MASKED_MAX = 300, // several blocks of vectors and every rest
    OFFSETS = 8,
    MASK_ROOM = MASKED_MAX + 2 * OFFSETS
};

// Masks by ws_mask what lies `from` bytes behind an alignment to `to` bytes behind one, or in
// place.
static void assert_masked(size_t len, unsigned phase, size_t from, size_t to)
{
    static const uint8_t mask[4] = {0x5a, 0x01, 0xff, 0x80};
    _Alignas(64) uint8_t plain[MASK_ROOM];
    _Alignas(64) uint8_t wanted[MASK_ROOM];
    _Alignas(64) uint8_t out[MASK_ROOM];
    for (size_t i = 0; i < sizeof(plain); i++)
        plain[i] = (uint8_t)(i * 37 + 11);
    memset(wanted, '#', sizeof(wanted));
    memset(out, '#', sizeof(out));
    for (size_t i = 0; i < len; i++)
        wanted[to + i] = plain[from + i] ^ mask[(phase + i) & 3];
    const unsigned next = (unsigned)((phase + len) & 3);
    assert_int_equal(ws_mask(out + to, plain + from, len, mask, phase), next);
    assert_memory_equal(out, wanted, sizeof(out));
    memset(out, '#', sizeof(out));
    memcpy(out + to, plain + from, len);
    assert_int_equal(ws_mask(out + to, out + to, len, mask, phase), next);
    assert_memory_equal(out, wanted, sizeof(out));
}

static void masking_equals_a_byte_by_byte_reference(void **state)
{
    (void)state;
    for (size_t len = 0; len <= MASKED_MAX; len++)
        for (unsigned phase = 0; phase < 4; phase++)
            for (size_t at = 0; at < OFFSETS * OFFSETS; at++)
                assert_masked(len, phase, at % OFFSETS, at / OFFSETS);
}

static void masking_in_place_and_in_pieces_is_the_same(void **state)
{
    static const uint8_t mask[4] = {1, 2, 3, 4};
    uint8_t whole[100];
    uint8_t pieces[100];

    (void)state;
    for (size_t cut = 0; cut <= sizeof(whole); cut++) {
        for (size_t i = 0; i < sizeof(whole); i++)
            whole[i] = pieces[i] = (uint8_t)i;
        (void)ws_mask(whole, whole, sizeof(whole), mask, 0);
        unsigned phase = ws_mask(pieces, pieces, cut, mask, 0);
        (void)ws_mask(pieces + cut, pieces + cut, sizeof(pieces) - cut, mask, phase);
        assert_memory_equal(pieces, whole, sizeof(whole));
    }
}

static void a_written_header_parses_to_the_same(void **state)
{
    static const uint64_t lengths[] = {0,     1,     125,     126,        127,
                                       65535, 65536, 1 << 24, UINT32_MAX, INT64_MAX};
    static const size_t sizes[] = {2, 2, 2, 4, 4, 4, 10, 10, 10, 10};
    static const enum ws_opcode opcodes[] = {WS_CONTINUATION, WS_TEXT, WS_BINARY};

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        for (unsigned k = 0; k < 12; k++) {
            struct ws_header h = {.fin = k & 1,
                                  .opcode = opcodes[k / 4],
                                  .masked = k & 2,
                                  .mask = {9, 8, 7, 6},
                                  .length = lengths[i]};
            struct ws_header back;
            uint8_t out[WS_HEADER_MAX];
            size_t size = ws_write_header(out, &h);
            assert_int_equal(size, sizes[i] + (h.masked ? 4 : 0));
            for (size_t len = 0; len < size; len++)
                assert_int_equal(ws_parse_header(out, len, &back), 0);
            assert_int_equal(ws_parse_header(out, size, &back), size);
            assert_true(back.fin == h.fin && back.opcode == h.opcode && back.masked == h.masked);
            assert_true(back.length == h.length);
            if (h.masked)
                assert_memory_equal(back.mask, h.mask, 4);
        }
}

struct bytes {
    const char *p;
    size_t len;
};

#define BYTES(literal)                 \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }

static void headers_against_the_rules_are_refused_as_soon_as_seen(void **state)
{
    static const struct bytes cases[] = {
        BYTES("\x90"),
        BYTES("\xa0"),
        BYTES("\xc0"), // reserved bits
        BYTES("\x83"),
        BYTES("\x87"),
        BYTES("\x8b"),
        BYTES("\x8f"), // reserved opcodes
        BYTES("\x08"),
        BYTES("\x09"),
        BYTES("\x0a"), // fragmented control frames
        BYTES("\x88\x7e"),
        BYTES("\x89\xfe"),
        BYTES("\x8a\xff"), // too long
        BYTES("\x82\x7e\x00\x7d"),
        BYTES("\x82\x7e\x00\x00"), // not in the shortest form
        BYTES("\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff"),
        BYTES("\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00"), // length over 63 bits
    };
    struct ws_header h;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const uint8_t *p = (const uint8_t *)cases[i].p;
        for (size_t len = 0; len < cases[i].len; len++)
            assert_int_equal(ws_parse_header(p, len, &h), 0);
        assert_int_equal(ws_parse_header(p, cases[i].len, &h), WS_E_PROTOCOL);
    }
}

// The events of a reader, pieces of a message joined: "T(text)" for a message, "9(ping)" for a
// control frame.
struct transcript {
    char text[1024];
    size_t len;
    size_t consumed;
    int error;
};

static void note(struct transcript *t, const struct ws_event *e)
{
    static const char letters[] = "0TB34567CPO";

    if (e->kind == WS_EVENT_NONE)
        return;
    assert_true(t->len + e->len + 3 < sizeof(t->text));
    if (e->kind == WS_EVENT_CONTROL || e->first) {
        t->text[t->len++] = letters[e->opcode];
        t->text[t->len++] = '(';
    }
    memcpy(t->text + t->len, e->bytes, e->len);
    t->len += e->len;
    if (e->kind == WS_EVENT_CONTROL || e->last)
        t->text[t->len++] = ')';
}

static void read_some(struct ws_reader *r, const uint8_t *bytes, size_t len, struct transcript *t)
{
    uint8_t *copy = malloc(len ? len : 1);
    size_t at = 0;

    assert_non_null(copy);
    memcpy(copy, bytes, len);
    while (at < len && !t->error) {
        struct ws_event e;
        int n = ws_read(r, copy + at, len - at, &e);
        assert_int_not_equal(n, 0);
        if (n < 0) {
            t->error = n;
            break;
        }
        at += (size_t)n;
        note(t, &e);
    }
    t->consumed += at;
    free(copy);
}

static void read_in_pieces(struct bytes in, size_t piece, bool masked, struct transcript *t)
{
    struct ws_reader r;

    ws_reader_init(&r, masked, 300);
    *t = (struct transcript){0};
    for (size_t at = 0; at < in.len && !t->error; at += piece)
        read_some(&r, (const uint8_t *)in.p + at, in.len - at < piece ? in.len - at : piece, t);
}

static void read_every_way(struct bytes in, bool masked, struct transcript *whole)
{
    struct transcript other;

    read_in_pieces(in, in.len, masked, whole);
    for (size_t piece = 1; piece < in.len; piece++) {
        read_in_pieces(in, piece, masked, &other);
        assert_int_equal(other.error, whole->error);
        assert_int_equal(other.len, whole->len);
        assert_memory_equal(other.text, whole->text, whole->len);
    }
}

static void frames_are_read_in_every_split(void **state)
{
    static const struct {
        struct bytes in;
        const char *said;
        bool masked;
    } cases[] = {
        {BYTES("\x81\x05hello"), "T(hello)", false},
        {BYTES("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "T(Hello)", true},
        {BYTES("\x82\x00"), "B()", false},
        {BYTES("\x82\x80\x01\x02\x03\x04"), "B()", true},
        {BYTES("\x01\x03Hel\x80\x02lo"), "T(Hello)", false},
        {BYTES("\x01\x00\x00\x00\x00\x01x\x80\x00"), "T(x)", false},
        {BYTES("\x89\x05hello\x8a\x00"), "P(hello)O()", false},
        {BYTES("\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "P(Hello)", true},
        {BYTES("\x88\x00"), "C()", false},
        {BYTES("\x88\x04\x03\xe9ok"), "C(\x03\xe9ok)", false},
        {BYTES("\x82\x01x\x81\x01y\x02\x01z\x80\x00"), "B(x)T(y)B(z)", false},
    };
    struct transcript t;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        read_every_way(cases[i].in, cases[i].masked, &t);
        assert_int_equal(t.error, 0);
        assert_int_equal(t.consumed, cases[i].in.len);
        assert_int_equal(t.len, strlen(cases[i].said));
        assert_memory_equal(t.text, cases[i].said, t.len);
    }
}

static void control_frames_pass_between_the_pieces_of_a_message(void **state)
{
    static uint8_t in[] = "\x01\x02He\x89\x01p\x00\x01l\x8a\x00\x80\x02lo";
    static const struct {
        enum ws_event_kind kind;
        enum ws_opcode opcode;
        bool first, last;
        const char *bytes;
    } wanted[] = {
        {WS_EVENT_DATA, WS_TEXT, true, false, "He"}, {WS_EVENT_CONTROL, WS_PING, false, false, "p"},
        {WS_EVENT_DATA, WS_TEXT, false, false, "l"}, {WS_EVENT_CONTROL, WS_PONG, false, false, ""},
        {WS_EVENT_DATA, WS_TEXT, false, true, "lo"},
    };
    struct ws_reader r;
    struct ws_event e;
    size_t at = 0;

    (void)state;
    ws_reader_init(&r, false, 100);
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        int n = ws_read(&r, in + at, sizeof(in) - 1 - at, &e);
        assert_true(n > 0);
        at += (size_t)n;
        assert_int_equal(e.kind, wanted[i].kind);
        assert_int_equal(e.opcode, wanted[i].opcode);
        assert_int_equal(e.first, wanted[i].first);
        assert_int_equal(e.last, wanted[i].last);
        assert_int_equal(e.len, strlen(wanted[i].bytes));
        assert_memory_equal(e.bytes, wanted[i].bytes, e.len);
    }
    assert_int_equal(at, sizeof(in) - 1);
    assert_int_equal(ws_read(&r, in, 0, &e), 0);
}

static void frames_that_make_no_sense_end_the_reading(void **state)
{
    static const struct {
        struct bytes in;
        int error;
        bool masked;
    } cases[] = {
        {BYTES("\x81\x01x"), WS_E_PROTOCOL, true},                  // a client's frame without mask
        {BYTES("\x81\x81\x01\x02\x03\x04x"), WS_E_PROTOCOL, false}, // a server's frame with mask
        {BYTES("\x80\x01x"), WS_E_PROTOCOL, false},                 // a continuation of nothing
        {BYTES("\x01\x01x\x81\x01y"), WS_E_PROTOCOL, false},        // a new message within another
        {BYTES("\x81\x01x\x00\x01y"), WS_E_PROTOCOL, false},
        {BYTES("\x88\x01\x03"), WS_E_PROTOCOL, false},     // half a code
        {BYTES("\x88\x02\x03\xe7"), WS_E_PROTOCOL, false}, // 999
        {BYTES("\x88\x02\x03\xec"), WS_E_PROTOCOL, false}, // 1004
        {BYTES("\x88\x02\x03\xed"), WS_E_PROTOCOL, false}, // 1005
        {BYTES("\x88\x02\x03\xee"), WS_E_PROTOCOL, false}, // 1006
        {BYTES("\x88\x02\x03\xf7"), WS_E_PROTOCOL, false}, // 1015
        {BYTES("\x88\x02\x0b\xb7"), WS_E_PROTOCOL, false}, // 2999
        {BYTES("\x88\x02\x13\x88"), WS_E_PROTOCOL, false}, // 5000
        {BYTES("\x82\x7e\x01\x2d"), WS_E_TOO_BIG, false},  // 301 of 300
        {BYTES("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"), WS_E_TOO_BIG, false},
    };
    struct transcript t;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        read_every_way(cases[i].in, cases[i].masked, &t);
        if (t.error != cases[i].error)
            fail_msg("case %zu: %d", i, t.error);
    }
}

static void close_codes_that_may_be_sent_pass(void **state)
{
    static const uint16_t codes[] = {1000, 1003, 1007, 1014, 3000, 4999};

    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        uint8_t in[4] = {0x88, 2, (uint8_t)(codes[i] >> 8), (uint8_t)codes[i]};
        struct ws_reader r;
        struct ws_event e;
        ws_reader_init(&r, false, 0);
        assert_int_equal(ws_read(&r, in, 4, &e), 4);
        assert_int_equal(e.kind, WS_EVENT_CONTROL);
    }
}

static void a_frame_is_taken_at_its_limit_and_refused_above(void **state)
{
    (void)state;
    for (unsigned length = 299; length <= 301; length++) {
        uint8_t in[4 + 301] = {0x82, 126, (uint8_t)(length >> 8), (uint8_t)length};
        struct ws_reader r;
        struct ws_event e;
        ws_reader_init(&r, false, 300);
        int n = ws_read(&r, in, 4 + length, &e);
        assert_int_equal(n, length <= 300 ? (int)length + 4 : WS_E_TOO_BIG);
    }
}

static void control_payloads_are_taken_up_to_125_bytes(void **state)
{
    uint8_t in[2 + 4 + WS_CONTROL_MAX] = {0x89, 0x80 | WS_CONTROL_MAX, 1, 2, 3, 4};
    struct transcript t;

    (void)state;
    for (size_t i = 0; i < WS_CONTROL_MAX; i++)
        in[6 + i] = (uint8_t)('a' ^ in[2 + i % 4]);
    read_every_way((struct bytes){(const char *)in, sizeof(in)}, true, &t);
    assert_int_equal(t.error, 0);
    assert_int_equal(t.len, WS_CONTROL_MAX + 3);
    for (size_t i = 0; i < WS_CONTROL_MAX; i++)
        assert_int_equal(t.text[2 + i], 'a');
}

#define KEY     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define OFFER   "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"

static void handshakes_are_told_from_other_requests(void **state)
{
    static const struct {
        const char *text;
        bool is;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n" OFFER KEY VERSION "\r\n", true},
        {"POST / HTTP/1.1\r\nHost: a\r\n" OFFER KEY VERSION "\r\n", false},
        {"GET / HTTP/1.0\r\nHost: a\r\n" OFFER KEY VERSION "\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n" KEY VERSION "\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n" KEY VERSION "\r\n",
         false},
        {"GET / HTTP/1.1\r\nHost: a\r\n" OFFER VERSION "\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\n" OFFER KEY "\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\n" OFFER KEY KEY VERSION "\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\n" OFFER KEY VERSION VERSION "\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\n" OFFER KEY "Sec-WebSocket-Version: 8\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\n" OFFER VERSION "Sec-WebSocket-Key: abc\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a\r\n" OFFER VERSION
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA\r\n\r\n",
         false},
        {"GET / HTTP/1.1\r\nHost: a\r\n" OFFER VERSION
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j-Q==\r\n\r\n",
         false},
    };
    const struct http1_limits limits = {4096, 100};
    struct http_head head;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t scanned = 0;
        assert_true(http1_parse_request(cases[i].text, strlen(cases[i].text), &scanned, &limits,
                                        &head) > 0);
        if (ws_is_handshake(&head) != cases[i].is)
            fail_msg("%s", cases[i].text);
    }
}

static void the_handshake_of_rfc_6455_is_accepted_with_its_value(void **state)
{
    // The example of RFC 6455 §1.3.
    static const uint8_t sha1[20] = {0xb3, 0x7a, 0x4f, 0x2c, 0xc0, 0x62, 0x4f, 0x16, 0x90, 0xf6,
                                     0x46, 0x06, 0xcf, 0x38, 0x59, 0x45, 0xb2, 0xbe, 0xc4, 0xea};
    char input[60];
    char value[28];

    (void)state;
    ws_accept_input(input, SLICE("dGhlIHNhbXBsZSBub25jZQ=="));
    assert_memory_equal(input, "dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 60);
    ws_accept_value(value, sha1);
    assert_memory_equal(value, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 28);
}

static void every_error_has_its_own_words(void **state)
{
    (void)state;
    for (int a = WS_E_TOO_BIG - 1; a <= 0; a++)
        for (int b = WS_E_TOO_BIG - 1; b < a; b++)
            assert_string_not_equal(ws_strerror(a), ws_strerror(b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masking_equals_a_byte_by_byte_reference),
        cmocka_unit_test(masking_in_place_and_in_pieces_is_the_same),
        cmocka_unit_test(a_written_header_parses_to_the_same),
        cmocka_unit_test(headers_against_the_rules_are_refused_as_soon_as_seen),
        cmocka_unit_test(frames_are_read_in_every_split),
        cmocka_unit_test(control_frames_pass_between_the_pieces_of_a_message),
        cmocka_unit_test(frames_that_make_no_sense_end_the_reading),
        cmocka_unit_test(close_codes_that_may_be_sent_pass),
        cmocka_unit_test(a_frame_is_taken_at_its_limit_and_refused_above),
        cmocka_unit_test(control_payloads_are_taken_up_to_125_bytes),
        cmocka_unit_test(handshakes_are_told_from_other_requests),
        cmocka_unit_test(the_handshake_of_rfc_6455_is_accepted_with_its_value),
        cmocka_unit_test(every_error_has_its_own_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
