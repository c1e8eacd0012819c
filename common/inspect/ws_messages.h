// SPDX-License-Identifier: MIT
// The messages of a WebSocket one after the other, inflated where they were compressed (RFC 7692).
#pragma once
#include "common/record/read/inflater.h"
#include "common/record/read/reader.h"
#include "proto/buf.h"

enum {
    WS_MESSAGES_INFLATED_MAX = 16 << 20, // bytes of a message; what is more is left out
};

// A message can refer back to those before it on its side: they are gone through from the first.
struct ws_messages {
    struct record_reader *reader;
    int64_t seq;
    uint64_t number, end; // of the next one; how many there were when it began
    struct inflater inflater[2];
    bool broken[2];
    struct buf text;
};

struct ws_message {
    struct record_message kept; // as it passed
    struct slice text;          // what it says: inflated, or as it passed
    bool inflated;              // `text` is not what passed
    bool cut;                   // not all of it is in `text`
};

void ws_messages_init(struct ws_messages *m, struct record_reader *r, int64_t seq);
void ws_messages_deinit(struct ws_messages *m);
// 1, or 0 behind the last, or an SQLite error below 0. Valid until the next call.
int ws_messages_next(struct ws_messages *m, struct ws_message *out);

// "text", "binary", "close", …
const char *ws_opcode_name(unsigned opcode);
