// SPDX-License-Identifier: MIT
// In what two exchanges differ: request line, status, fields, bodies, messages. Times never count.
#pragma once
#include <stdio.h>
#include "common/record/read/reader.h"
#include "proto/buf.h"

// An exchange and what there is of its bodies, in memory that stays.
struct compare_input {
    struct record_exchange x;
    struct slice body[2]; // decoded from their content coding
    bool whole[2];        // all that passed is in it
    struct buf messages;  // of a WebSocket, a line each
    char *text;           // what the slices of `x` point into
    char *bytes[2];       // what the bodies do
};

// Copies an exchange with its bodies and messages, so that the reader can go on to the next.
// False: out of memory, or the record is damaged. compare_unload either way.
bool compare_load(struct compare_input *c, struct record_reader *r,
                  const struct record_exchange *x);
void compare_unload(struct compare_input *c);

enum difference_kind {
    DIFFERENCE_VALUE,  // `name` is "method", "status", …
    DIFFERENCE_FIELD,  // `name` of a field in `part`
    DIFFERENCE_LINE,   // a line of `part`, as line_diff tells it
    DIFFERENCE_BYTES,  // `part` differs from byte `offset` on
    DIFFERENCE_LAYOUT, // the same JSON, laid out in another way
    DIFFERENCE_UNKEPT, // `part` differs, but where is not kept
};

struct difference {
    enum difference_kind kind;
    const char *part; // "request head", "response body", "messages" …
    struct slice name;
    struct slice before, after; // p == NULL: there is none
    char mark;                  // of a line
    struct slice line;
    uint64_t bytes[2], offset;
};

typedef void compare_sink(void *ctx, const struct difference *d);

// Tells `sink` every difference, in the order of the messages. True: there is none.
bool compare_exchanges(const struct compare_input *a, const struct compare_input *b,
                       compare_sink *sink, void *ctx);
// The same of what the service said alone. Fields that are of a moment or a connection (Date,
// Connection and the like) do not count here, nor does one whose value was redacted in either.
bool compare_answers(const struct compare_input *a, const struct compare_input *b,
                     compare_sink *sink, void *ctx);
