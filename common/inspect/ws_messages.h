// SPDX-License-Identifier: MIT
// The messages of a recorded WebSocket, in order, inflated where they were compressed (RFC 7692).
#pragma once
#include "common/record/read/inflater.h"
#include "common/record/read/reader.h"
#include "proto/buf.h"

enum {
    WS_MESSAGES_INFLATED_MAX = 16 << 20, // bytes of one message; the rest is left out
};

// A compressed message may refer back to those before it on its side, so all are read from the
// first on.
struct ws_messages {
    struct record_reader *reader;
    int64_t seq;
    uint64_t number; // of the next message
    uint64_t end;    // messages there were at ws_messages_init
    struct inflater inflater[2];
    bool broken[2]; // of each side: messages from here on cannot be inflated
    struct buf text;
};

struct ws_message {
    struct record_message kept; // as it passed
    struct slice text;          // inflated, or as it passed
    bool inflated;              // `text` differs from what passed
    bool cut;                   // `text` is not the whole message
};

void ws_messages_init(struct ws_messages *m, struct record_reader *r, int64_t seq);
void ws_messages_deinit(struct ws_messages *m);
// 1: `out` has the next message, valid until the next call. 0: there are no more. Negative: an
// error of the reader.
int ws_messages_next(struct ws_messages *m, struct ws_message *out);

// "text", "binary", "close" … (RFC 6455 §11.8).
const char *ws_opcode_name(unsigned opcode);
