// SPDX-License-Identifier: MIT
// Frames from a peer; the first byte says whether they must be masked ('m'). Splits change nothing,
// and a message with the same bytes is written and read to itself.
#include <stdio.h>
#include <stdlib.h>

#include "proto/tunnel/websocket.h"

#define CHECK(condition)                                                    \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                        \
        }                                                                   \
    } while (0)

enum {
    FRAME_MAX = 70000
};

// The events of a reader: an opcode, payload, and an end per message or control frame.
struct transcript {
    uint8_t *text;
    size_t len, cap;
    int error;
};

static void put(struct transcript *t, const uint8_t *p, size_t len)
{
    CHECK(t->len + len <= t->cap);
    if (len > 0)
        memcpy(t->text + t->len, p, len);
    t->len += len;
}

static void note(struct transcript *t, const struct ws_event *e)
{
    bool control = e->kind == WS_EVENT_CONTROL;

    if (e->kind == WS_EVENT_NONE)
        return;
    CHECK(control == (e->opcode >= WS_CLOSE) && e->opcode != WS_CONTINUATION);
    CHECK(!control || e->len <= WS_CONTROL_MAX);
    uint8_t opcode = (uint8_t)e->opcode;
    // Marks surround a control frame, which may come anywhere.
    if (control || e->first)
        put(t, &opcode, 1);
    put(t, e->bytes, e->len);
    if (control || e->last)
        put(t, (const uint8_t *)"\xff", 1);
}

static void read_piece(struct ws_reader *r, const uint8_t *p, size_t len, struct transcript *t)
{
    uint8_t *copy = malloc(len ? len : 1);
    size_t at = 0;

    CHECK(copy);
    if (len > 0)
        memcpy(copy, p, len);
    while (at < len && !t->error) {
        struct ws_event e;
        int n = ws_read(r, copy + at, len - at, &e);
        CHECK(n != 0 && (n < 0 || (size_t)n <= len - at));
        t->error = n < 0 ? n : 0;
        at += n > 0 ? (size_t)n : 0;
        if (n > 0)
            note(t, &e);
    }
    free(copy);
}

// Pieces of changing length, or a single one when `seed` is 0.
static struct transcript read_all(const uint8_t *p, size_t len, bool masked, uint32_t seed)
{
    struct transcript t = {.cap = len * 2 + 16};
    struct ws_reader r;

    t.text = malloc(t.cap);
    CHECK(t.text);
    ws_reader_init(&r, masked, FRAME_MAX);
    for (size_t at = 0; at < len && !t.error;) {
        size_t piece = len - at;
        if (seed) {
            seed = seed * 1664525 + 1013904223;
            size_t wanted = 1 + (seed >> 16) % 20;
            piece = wanted < piece ? wanted : piece;
        }
        read_piece(&r, p + at, piece, &t);
        at += piece;
    }
    return t;
}

static void check_pieces(const uint8_t *p, size_t len, bool masked)
{
    struct transcript whole = read_all(p, len, masked, 0);
    struct transcript pieces = read_all(p, len, masked, (uint32_t)len + 1);

    CHECK(whole.error == pieces.error && whole.len == pieces.len);
    CHECK(memcmp(whole.text, pieces.text, whole.len) == 0);
    free(whole.text);
    free(pieces.text);
}

// Appends one of our frames.
static size_t write_frame(uint8_t *out, struct ws_header *h, const uint8_t *payload)
{
    struct ws_header back;
    size_t size = ws_write_header(out, h);

    CHECK(ws_parse_header(out, size, &back) == (int)size);
    CHECK(back.length == h->length && back.opcode == h->opcode && back.fin == h->fin);
    if (h->masked)
        (void)ws_mask(out + size, payload, (size_t)h->length, h->mask, 0);
    else if (h->length > 0)
        memcpy(out + size, payload, (size_t)h->length);
    return size + (size_t)h->length;
}

// Two frames of one message with a ping between them.
static void check_round_trip(const uint8_t *p, size_t len, bool masked)
{
    size_t cut = len / 3;
    uint8_t *out = malloc(len + 3 * WS_HEADER_MAX + 4);
    struct ws_header h = {
        .opcode = WS_BINARY, .masked = masked, .mask = {7, 0, 255, 1}, .length = cut};
    size_t out_len = 0;

    CHECK(out);
    out_len += write_frame(out, &h, p);
    h = (struct ws_header){
        .fin = true, .opcode = WS_PING, .masked = masked, .mask = {3}, .length = 4};
    out_len += write_frame(out + out_len, &h, (const uint8_t *)"ping");
    h = (struct ws_header){
        .fin = true, .masked = masked, .mask = {1, 2, 3, 4}, .length = len - cut};
    out_len += write_frame(out + out_len, &h, p + cut);
    struct transcript t = read_all(out, out_len, masked, (uint32_t)len + 1);
    CHECK(t.error == 0 && t.len == len + 8 && t.text[0] == WS_BINARY);
    CHECK(memcmp(t.text + 1, p, cut) == 0);
    CHECK(memcmp(t.text + 1 + cut, "\x09ping\xff", 6) == 0);
    CHECK(memcmp(t.text + 7 + cut, p + cut, len - cut) == 0 && t.text[len + 7] == 0xff);
    free(t.text);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    bool masked = data[0] == 'm';
    check_pieces(data + 1, size - 1, masked);
    if (size - 1 <= FRAME_MAX)
        check_round_trip(data + 1, size - 1, masked);
    return 0;
}
