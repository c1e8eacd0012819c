// SPDX-License-Identifier: MIT
// Link messages to a pipe, each after two bytes of length. Splits change nothing, offsets only
// grow, and events keep to their limits.
#include <stdlib.h>

#include "proto/buf.h"
#include "proto/tunnel/pipe.h"
#include "tests/support/check.h"

struct transcript {
    struct buf text;
    int error;
    struct pipe pipe;
};

static void put(struct transcript *t, const void *bytes, size_t len)
{
    CHECK(buf_append(&t->text, bytes, len));
}

static void note(struct transcript *t, const struct pipe_event *e)
{
    uint8_t kind = (uint8_t)e->kind;
    if (kind > PIPE_EVENT_MUX)
        CHECK(e->bytes.len <= PIPE_JSON_MAX);
    if (kind > PIPE_EVENT_MUX)
        put(t, &kind, 1);
    if (kind > PIPE_EVENT_NONE)
        put(t, e->bytes.p, e->bytes.len);
}

static void recv_piece(struct transcript *t, const uint8_t *bytes, size_t len)
{
    uint8_t *copy = malloc(len + !len);
    CHECK(copy);
    if (len > 0)
        memcpy(copy, bytes, len);
    for (size_t at = 0; at < len && !t->error;) {
        struct pipe_event e;
        uint64_t received = t->pipe.received;
        int n = pipe_recv(&t->pipe, copy + at, len - at, &e);
        CHECK(n != 0 && (n < 0 || (size_t)n <= len - at));
        CHECK(t->pipe.received >= received && t->pipe.acked <= t->pipe.sent);
        t->error = n < 0 ? n : 0;
        at += n > 0 ? (size_t)n : 0;
        if (n > 0)
            note(t, &e);
    }
    free(copy);
}

static void recv_message(struct transcript *t, const uint8_t *p, size_t len, uint32_t *seed)
{
    struct pipe_event e;
    for (size_t at = 0; at < len && !t->error;) {
        size_t piece = len - at;
        if (*seed) {
            *seed = *seed * 1664525 + 1013904223;
            size_t wanted = 1 + (*seed >> 16) % 20;
            piece = wanted < piece ? wanted : piece;
        }
        recv_piece(t, p + at, piece);
        at += piece;
    }
    if (!t->error)
        t->error = pipe_recv_end(&t->pipe, &e);
    if (!t->error)
        note(t, &e);
}

static struct transcript recv_all(const uint8_t *data, size_t size, uint32_t seed)
{
    struct transcript t = {0};
    pipe_init(&t.pipe);
    t.pipe.sent = 100000;
    while (size >= 2 && !t.error) {
        size_t len = (size_t)data[0] << 8 | data[1];
        len = len < size - 2 ? len : size - 2;
        recv_message(&t, data + 2, len, &seed);
        data += 2 + len;
        size -= 2 + len;
    }
    CHECK(pipe_room(&t.pipe) <= PIPE_UNACKED_MAX);
    return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct transcript whole = recv_all(data, size, 0);
    struct transcript pieces = recv_all(data, size, (uint32_t)size + 1);
    uint8_t ack[PIPE_ACK_SIZE];

    CHECK(whole.error == pieces.error && buf_len(&whole.text) == buf_len(&pieces.text));
    CHECK(buf_len(&whole.text) == 0 ||
          memcmp(buf_at(&whole.text), buf_at(&pieces.text), buf_len(&whole.text)) == 0);
    CHECK(whole.error ||
          (whole.pipe.received == pieces.pipe.received && whole.pipe.acked == pieces.pipe.acked));
    pipe_write_ack(&whole.pipe, ack);
    CHECK(!pipe_owes_ack(&whole.pipe, true));
    pipe_deinit(&whole.pipe);
    pipe_deinit(&pieces.pipe);
    buf_free(&whole.text);
    buf_free(&pieces.text);
    return 0;
}
