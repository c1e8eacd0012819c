// SPDX-License-Identifier: MIT
// The messages of a WebSocket one after the other, inflated where they were compressed (RFC 7692).
#pragma once
#include "common/record/read/inflater.h"
#include "common/record/read/reader.h"
#include "proto/buf.h"

enum {
    MESSAGE_INFLATED_MAX = 16 << 20, // bytes of a message; what is more is left out
};

// A message can refer back to those before it on its side: they are gone through from the first.
struct messages {
    struct record_reader *reader;
    int64_t seq;
    uint64_t number, end; // of the next one; how many there were when it began
    struct inflater inflater[2];
    bool broken[2];
    struct buf text;
};

struct message {
    struct record_message kept; // as it passed
    struct slice text;          // what it says: inflated, or as it passed
    bool inflated;              // `text` is not what passed
    bool cut;                   // not all of it is in `text`
};

void messages_init(struct messages *m, struct record_reader *r, int64_t seq);
void messages_deinit(struct messages *m);
// 1, or 0 behind the last, or an SQLite error below 0. Valid until the next call.
int messages_next(struct messages *m, struct message *out);

// "text", "binary", "close", …
const char *message_kind(unsigned opcode);
