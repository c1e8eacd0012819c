// SPDX-License-Identifier: MIT
// Captures the messages of a visitor's WebSocket (RFC 6455 §5) from the bytes that pass. Bytes that
// are no valid frame end the capture, not the stream.
#pragma once
#include "common/record/record.h"
#include "proto/buf.h"
#include "proto/tunnel/websocket.h"
#include "recorder.h"

enum {
    WS_CAPTURE_MESSAGES_MAX = 1000 * 1000, // of one WebSocket; further ones are only counted
    WS_CAPTURE_STATE_BYTES = 80
};

// Shared by all captures of a record writer.
struct ws_capture_budget {
    size_t used, max; // bytes of payload in memory
    size_t messages;  // in memory; their number is bounded by the caller
    size_t used_of[RECORDER_SHARES];
};

struct ws_capture_side {
    uint8_t head[WS_HEADER_MAX];
    size_t head_len;
    bool in_frame, in_message, compressed;
    struct ws_header frame;
    uint64_t left;         // bytes of the frame's payload to come
    unsigned phase;        // offset into the masking key
    unsigned opcode;       // of the message
    uint64_t size;         // of the message so far
    struct buf payload;    // its captured part
    uint64_t control_size; // of a control frame, which may come between a message's frames
    struct buf control;
};

struct ws_capture_message {
    struct ws_capture_message *next;
    struct record_message message; // its bytes lie behind the struct
    uint64_t number;
};

struct ws_capture {
    struct ws_capture_budget *budget;
    struct ws_capture_side side[2];
    struct ws_capture_message *first, **last; // complete, until ws_capture_clear
    uint64_t number;                          // of the next message
    uint64_t kept, keep_max;                  // bytes of payload captured
    bool broken;                              // an invalid frame ended the capture
    uint8_t share;
    bool missed; // messages were dropped, or payload of a message that is not complete
};

// Captures at most `keep_max` bytes of payload (0: no limit). Once three quarters of the budget are
// used, a share has at most 1 in RECORDER_SHARE_PART of it.
void ws_capture_init(struct ws_capture *m, struct ws_capture_budget *budget, uint8_t share,
                     uint64_t keep_max);
void ws_capture_deinit(struct ws_capture *m);
// Takes bytes that one side sent. Messages that they complete get the time `at_ns`.
void ws_capture_feed(struct ws_capture *m, enum record_side side, int64_t at_ns,
                     struct slice bytes);
// Frees the complete messages.
void ws_capture_clear(struct ws_capture *m);

// How far the frames of both sides have come, without payload (docs/record.md, ws_state).
void ws_capture_save(const struct ws_capture *m, uint8_t out[static WS_CAPTURE_STATE_BYTES]);
// Goes on from a saved state, right after ws_capture_init; `number` is that of the next message. Of
// a message whose payload had begun, the size will be right and no bytes are captured. False: no
// capture has this state; the capture is then to be deinitialised.
bool ws_capture_restore(struct ws_capture *m, struct slice state, uint64_t number);
