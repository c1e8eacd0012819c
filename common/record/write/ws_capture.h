// SPDX-License-Identifier: MIT
// The messages of a visitor's WebSocket (RFC 6455 §5), out of the bytes that pass. Looks on only:
// what is no frame ends the looking, not the stream.
#pragma once
#include "common/record/record.h"
#include "proto/buf.h"
#include "proto/tunnel/websocket.h"
#include "recorder.h"

enum {
    WS_CAPTURE_MESSAGES_MAX = 1000 * 1000 // of one WebSocket; what follows is only counted
};

// Bytes of payload that are held for messages that are not whole or not written yet, of all
// WebSockets together, and how many may be. How many messages are whole and not yet taken: who
// feeds sees to it that they do not become too many.
struct ws_capture_budget {
    size_t used, most, messages;
    size_t used_of[RECORDER_SHARES]; // of each share
};

struct ws_capture_side {
    uint8_t head[WS_HEADER_MAX];
    size_t head_len;
    bool in_frame, in_message, compressed;
    struct ws_header frame;
    uint64_t left; // of the frame's payload
    unsigned phase;
    unsigned opcode;       // of the message
    uint64_t size;         // of the message so far
    struct buf payload;    // what is kept of it
    uint64_t control_size; // the same of a control frame, which may come amid a message
    struct buf control;
};

struct ws_capture_message {
    struct ws_capture_message *next;
    struct record_message message; // its bytes lie behind it
    uint64_t number;
};

struct ws_capture {
    struct ws_capture_budget *budget;
    struct ws_capture_side side[2];
    struct ws_capture_message *first, **last; // whole, and not yet taken
    uint64_t number, kept, keep_most;         // bytes of payload kept, and how many may be
    bool broken;                              // not frames
    uint8_t share;
    bool missed; // there were messages that are not kept
};

// `share`: whose it is. Once three quarters of the budget are used a share has RECORDER_SHARE_PART
// of it.
void ws_capture_init(struct ws_capture *m, struct ws_capture_budget *budget, uint8_t share,
                     uint64_t keep_most);
void ws_capture_deinit(struct ws_capture *m);
// Bytes have passed from this side. `at_ns` is the time that whole messages get.
void ws_capture_feed(struct ws_capture *m, enum record_side side, int64_t at_ns,
                     struct slice bytes);
// Forgets the whole messages.
void ws_capture_clear(struct ws_capture *m);
