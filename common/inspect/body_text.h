// SPDX-License-Identifier: MIT
// A body as lines for people: text as it is, JSON indented, forms as one name and value a line,
// multipart by part, everything else as hex. Bodies are untrusted: each line says whether it is
// part of the body or a remark, and the sink must escape it before it prints it.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "proto/bytes.h"

enum {
    BODY_TEXT_PARTS = 100,  // parts of a multipart body, nested ones included; the rest is counted
    BODY_TEXT_PAIRS = 1000, // names and values of a form; the rest is counted
    BODY_TEXT_DEPTH = 3,    // nested multiparts; a deeper one is shown as text
    BODY_TEXT_HEX_ROW = 16, // bytes in a line of hex, which takes 75 columns
    BODY_TEXT_PROBE = 16 * 1024, // bytes that decide whether a body is text
    BODY_TEXT_REMARK_MAX = 768,  // bytes of a remark
    BODY_TEXT_WORD_MAX = 100,    // bytes of a name, file name or type in a remark
};

enum body_line_kind {
    BODY_LINE_TEXT,   // a line of the body, without its line end
    BODY_LINE_PAIR,   // of a form: `name` and `text`, both decoded
    BODY_LINE_REMARK, // ours, but the names and types in it are untrusted
    BODY_LINE_MORE,   // ours: how much of a part is left out
};

struct body_line {
    enum body_line_kind kind;
    struct slice name, text;
};

// Gets one line, valid during the call.
typedef void body_line_sink(void *ctx, const struct body_line *line);

struct body_text {
    struct slice type;     // Content-Type
    bool cut;              // the body is not complete
    bool as_it_is;         // do not lay out JSON, forms and multipart
    size_t part_hex_bytes; // hex of a part that is no text; 0: only its size
    size_t part_lines;     // lines of a part that is text; 0: all
    size_t hex_row;        // bytes in a line of hex; 0: BODY_TEXT_HEX_ROW, which is also the most
    body_line_sink *put;
    void *ctx;
};

// Whether people can read the body: it is UTF-8, or its type is a text type; and few of its
// characters are control characters.
bool body_is_text(struct slice type, struct slice body);
// Gives all lines of the body to the sink. False, and no line: the body is no text.
bool body_text(const struct body_text *b, struct slice body);
// Gives the first `max` bytes to the sink, as lines of hex.
void body_hex(const struct body_text *b, struct slice body, size_t max);
