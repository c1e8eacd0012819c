// SPDX-License-Identifier: MIT
// A body as lines for people: text as it is, JSON laid out, forms a name and value a line,
// multipart by part, all else as hex. Bodies are what strangers sent: each line says whether it is
// theirs or ours, and none is safe to print before its sink has made it so.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "proto/bytes.h"

enum {
    BODY_TEXT_PARTS = 100,  // parts of a multipart body, nested ones included; the rest is counted
    BODY_TEXT_PAIRS = 1000, // names and values of a form; the rest is counted
    BODY_TEXT_DEPTH = 3,    // multiparts inside each other; a deeper one is shown as text
    BODY_TEXT_HEX_ROW = 16, // bytes in a line of hex, which then takes 75 columns
    BODY_TEXT_LOOK = 16 * 1024, // bytes by which text is told from all else
    BODY_TEXT_REMARK_MAX = 768, // bytes of a line of ours
    BODY_TEXT_WORD_MAX = 100,   // and of a name, a file's name or a type in it
};

enum body_line_kind {
    BODY_LINE_TEXT,   // a line of the body, without its line end
    BODY_LINE_PAIR,   // of a form: `name` and `text`, both decoded
    BODY_LINE_REMARK, // ours; names and types in it are quoted or cut, and foreign all the same
    BODY_LINE_MORE,   // ours: how much of a part is left out
};

struct body_line {
    enum body_line_kind kind;
    struct slice name, text;
};

typedef void body_line_sink(void *ctx, const struct body_line *line);

struct body_text {
    struct slice type;     // Content-Type
    bool cut;              // this is not all of the body
    bool as_it_is;         // lay nothing out
    size_t part_hex_bytes; // of a part that is no text, as hex; 0: it is only counted
    size_t part_lines;     // of a part that is text; 0: all of them
    size_t hex_row;        // bytes in a line of hex, BODY_TEXT_HEX_ROW at most; 0: so many
    body_line_sink *put;
    void *ctx;
};

// Whether a person can read it: by its bytes, and where its type says that it is text also when
// some of them are of another character set.
bool body_is_text(struct slice type, struct slice body);
// Gives all lines of a body to the sink. False, and no line: it is no text.
bool body_text(const struct body_text *b, struct slice body);
// Gives the first `max` bytes as lines of hex to the sink.
void body_hex(const struct body_text *b, struct slice body, size_t max);
