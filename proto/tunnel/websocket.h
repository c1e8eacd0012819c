// SPDX-License-Identifier: MIT
// WebSocket frames (RFC 6455 §5) and the values of its handshake (§4.2). No extension is ever
// negotiated.
#pragma once
#include "proto/http/message.h"

enum ws_opcode {
    WS_CONTINUATION = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10
};

enum ws_error {
    WS_E_PROTOCOL = -1, // close 1002: reserved bits or opcode, mask where it must not be,
                        // fragmented control frame…
    WS_E_TOO_BIG = -2,  // close 1009
};

const char *ws_strerror(int error);

enum {
    WS_HEADER_MAX = 14,
    WS_CONTROL_MAX = 125
};

struct ws_header {
    bool fin;
    enum ws_opcode opcode;
    bool masked;
    uint8_t mask[4];
    uint64_t length;
};

// Parses one frame header. > 0: its size in bytes; 0: needs more; < 0: ws_error. Lengths must be in
// their shortest form.
int ws_parse_header(const uint8_t *buf, size_t len, struct ws_header *h);

// Writes a frame header. Returns its size, at most WS_HEADER_MAX.
size_t ws_write_header(uint8_t out[static WS_HEADER_MAX], const struct ws_header *h);

// XORs `len` bytes from src into dst (which may be the same memory) with the mask, beginning at
// byte `phase` of it (0 to 3). Eight bytes at a time or wider. Returns the phase to go on with.
unsigned ws_mask(uint8_t *dst, const uint8_t *src, size_t len, const uint8_t mask[4],
                 unsigned phase);

// A reader of frames that never reassembles: payload is handed out as it comes.
struct ws_reader {
    bool expect_masked;     // what the peer must do (RFC 6455 §5.1): true when we are the server
    uint64_t max_frame;     // bytes of a data frame's payload
    bool in_message;        // between the first frame of a message and its FIN
    bool begun;             // a piece of the message was handed out
    enum ws_opcode message; // WS_TEXT or WS_BINARY, of the message
    bool in_frame;
    struct ws_header h; // of the current frame
    uint64_t remaining; // bytes of its payload to come
    unsigned phase;
    uint8_t partial[WS_HEADER_MAX]; // a header that came in pieces
    size_t partial_len;
    uint8_t control[WS_CONTROL_MAX];
    size_t control_len;
};

enum ws_event_kind {
    WS_EVENT_NONE,    // nothing yet
    WS_EVENT_DATA,    // payload of a text or binary message: bytes, first, last
    WS_EVENT_CONTROL, // a whole control frame: opcode, bytes
};

struct ws_event {
    enum ws_event_kind kind;
    enum ws_opcode opcode; // of the message (never WS_CONTINUATION) or the control frame
    bool first, last;      // piece of a message: begins it, ends it
    uint8_t *bytes;        // unmasked, in place in the fed buffer or in the reader
    size_t len;
};

void ws_reader_init(struct ws_reader *r, bool expect_masked, uint64_t max_frame);

// Feeds bytes (which are unmasked in place). > 0: consumed, with at most one event; 0: needs more;
// < 0: ws_error.
int ws_read(struct ws_reader *r, uint8_t *buf, size_t len, struct ws_event *e);

// Is this the opening handshake of a WebSocket (RFC 6455 §4.2.1): GET, HTTP/1.1, Upgrade:
// websocket, version 13, a key of 16 bytes in base64?
bool ws_is_handshake(const struct http_head *request);

// The bytes of which SHA-1 is to be taken for Sec-WebSocket-Accept: key and GUID. `out` takes 60
// bytes; `key` is 24.
void ws_accept_input(char out[static 60], struct slice key);
// Sec-WebSocket-Accept out of that SHA-1: 28 characters, no zero.
void ws_accept_value(char out[static 28], const uint8_t sha1[static 20]);
