// SPDX-License-Identifier: MIT
// Frames of a WebSocket, made by hand.
#pragma once
#include <string.h>

#include "common/record/write/ws_capture.h"

enum {
    FIN = 0x80,
    RSV1 = 0x40
};

struct stream {
    uint8_t bytes[70000];
    size_t len;
};

// Appends a frame; `first` is its first byte.
static inline void add_frame(struct stream *s, unsigned first, struct slice payload, bool masked)
{
    struct ws_header h = {.fin = first & FIN,
                          .opcode = (enum ws_opcode)(first & 0xf),
                          .masked = masked,
                          .mask = {1, 2, 0xf0, 0xff},
                          .length = payload.len};
    size_t head = ws_write_header(s->bytes + s->len, &h);
    s->bytes[s->len] = (uint8_t)first;
    uint8_t *at = s->bytes + s->len + head;
    memcpy(at, payload.p, payload.len);
    if (masked)
        (void)ws_mask(at, at, payload.len, h.mask, 0);
    s->len += head + payload.len;
}

static inline struct slice stream_bytes(const struct stream *s)
{
    return slice_of((const char *)s->bytes, s->len);
}

// Messages of each kind, one in fragments.
static inline void conversation(struct stream *s, bool masked)
{
    add_frame(s, FIN | WS_TEXT, SLICE("hello"), masked);
    add_frame(s, FIN | WS_BINARY, SLICE(""), masked);
    add_frame(s, RSV1 | WS_TEXT, SLICE("be"),
              masked); // compressed, in three frames, with a ping between them
    add_frame(s, FIN | WS_PING, SLICE("ping"), masked);
    add_frame(s, WS_CONTINUATION, SLICE(""), masked);
    add_frame(s, FIN | WS_PONG, SLICE(""), masked);
    add_frame(s, FIN | WS_CONTINUATION, SLICE("gun"), masked);
    add_frame(s, FIN | WS_CLOSE, SLICE("\x03\xe8"), masked);
}
