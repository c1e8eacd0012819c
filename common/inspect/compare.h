// SPDX-License-Identifier: MIT
// Finds the differences between two exchanges: request line, status, fields, bodies, messages.
// Times never count.
#pragma once
#include <stdio.h>
#include "common/record/read/reader.h"
#include "proto/buf.h"

// An exchange with its bodies and messages, in memory of its own.
struct compare_input {
    struct record_exchange x;
    struct slice body[2]; // content codings removed
    bool whole[2];        // `body` is all that passed
    struct buf messages;  // of a WebSocket, a line each
    char *text;           // memory of the slices of `x`
    char *bytes[2];       // memory of `body`
};

// Copies an exchange, so that the reader can go on to the next. False: out of memory, or the record
// is damaged. compare_unload in either case.
bool compare_load(struct compare_input *c, struct record_reader *r,
                  const struct record_exchange *x);
void compare_unload(struct compare_input *c);

enum difference_kind {
    DIFFERENCE_VALUE,  // of `name`: "method", "status", …
    DIFFERENCE_FIELD,  // of the field `name` in `part`
    DIFFERENCE_LINE,   // `mark` and `line` of `part`, as line_diff.h defines them
    DIFFERENCE_BYTES,  // `part` differs from byte `offset` on
    DIFFERENCE_LAYOUT, // `part` is the same JSON with other white space
    DIFFERENCE_UNKEPT, // `part` differs in bytes that were not kept
};

struct difference {
    enum difference_kind kind;
    const char *part; // "request head", "response body", "messages" …
    struct slice name;
    struct slice before, after; // p == NULL: absent
    char mark;
    struct slice line;
    uint64_t bytes[2], offset; // bytes: the lengths of both
};

typedef void compare_sink(void *ctx, const struct difference *d);

// Gives `sink` every difference, in the order of the parts. True: there is none.
bool compare_exchanges(const struct compare_input *a, const struct compare_input *b,
                       compare_sink *sink, void *ctx);
// The same of the answers alone. Fields that change with every answer or connection (Date,
// Connection …) do not count, nor does a field whose value was redacted in either.
bool compare_answers(const struct compare_input *a, const struct compare_input *b,
                     compare_sink *sink, void *ctx);
