// SPDX-License-Identifier: MIT
// WebSocket frames (RFC 6455 §5) and values of the handshake (§4.2). No extension is negotiated.
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
    WS_E_PROTOCOL = -1, // close with 1002: a reserved bit or opcode, a wrong mask bit, a fragmented
                        // control frame…
    WS_E_TOO_BIG = -2,  // close with 1009: a data frame over max_frame
};

const char *ws_strerror(int error);

// Codes of Close frames (RFC 6455 §7.4.1), as docs/protocol.md §1 uses them.
enum ws_close_code {
    WS_CLOSE_NORMAL = 1000,
    WS_CLOSE_GOING_AWAY = 1001,
    WS_CLOSE_PROTOCOL = 1002
};

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

// Parses one frame header. > 0: its size in bytes; 0: needs more; < 0: ws_error. A length must have
// its shortest form (§5.2).
int ws_parse_header(const uint8_t *buf, size_t len, struct ws_header *h);

// Writes a frame header. Returns its size, at most WS_HEADER_MAX.
size_t ws_write_header(uint8_t out[static WS_HEADER_MAX], const struct ws_header *h);

// XORs `len` bytes of `src` with the mask, beginning at its byte `phase` (0 to 3), into `dst`,
// which may be `src`. Returns the phase for the next call.
unsigned ws_mask(uint8_t *dst, const uint8_t *src, size_t len, const uint8_t mask[4],
                 unsigned phase);

// A reader of frames that hands out payload as it comes and never reassembles messages.
struct ws_reader {
    bool expect_masked;     // the peer is a client, which must mask (RFC 6455 §5.1)
    uint64_t max_frame;     // most bytes of a data frame's payload
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
    WS_EVENT_NONE,
    WS_EVENT_DATA,    // payload of a text or binary message: bytes, first, last
    WS_EVENT_CONTROL, // a whole control frame: opcode, bytes
};

struct ws_event {
    enum ws_event_kind kind;
    enum ws_opcode opcode; // of the message (never WS_CONTINUATION) or the control frame
    bool first, last;      // the piece begins or ends its message
    uint8_t *bytes;        // unmasked; in the fed buffer or in the reader, until the next call
    size_t len;
};

void ws_reader_init(struct ws_reader *r, bool expect_masked, uint64_t max_frame);

// Feeds bytes and unmasks them in place. > 0: consumed, with at most one event; 0: needs more;
// < 0: ws_error.
int ws_read(struct ws_reader *r, uint8_t *buf, size_t len, struct ws_event *e);

// Whether a request is the opening handshake of a WebSocket (RFC 6455 §4.2.1): GET, HTTP/1.1,
// Upgrade: websocket, version 13, a key of 16 bytes in base64.
bool ws_is_handshake(const struct http_head *request);

// Sec-WebSocket-Accept is the SHA-1 of key and GUID in base64 (§4.2.2). ws_accept_input writes the
// bytes to hash; `key` has 24 bytes. ws_accept_value encodes the hash, without a final zero.
void ws_accept_input(char out[static 60], struct slice key);
void ws_accept_value(char out[static 28], const uint8_t sha1[static 20]);
