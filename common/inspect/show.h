// SPDX-License-Identifier: MIT
// How one exchange is shown to people. `show` takes it apart, other commands may show parts.
#pragma once
#include <stdio.h>
#include "common/record/reader.h"

enum {
    SHOW_BODY_MAX = 16 * 1024, // bytes of a body that are shown
    SHOW_LINE_MAX = 4096,      // and of one of its lines
    SHOW_HEX_MAX = 256,        // of what is not text
    SHOW_MESSAGE_MAX = 1024,   // of a WebSocket's message
    SHOW_BAR = 40,             // columns of the bar that draws the timing
};

struct show {
    struct record_reader *reader;
    FILE *out;
    const char *program; // for the lines that say how to get all
    bool decode;
};

// Writes it all. False: a part of it could not be read.
bool show_exchange(const struct show *s, const struct record_exchange *x);
// Writes a body for people, every line behind `indent`.
bool show_body(const struct show *s, const struct record_exchange *x, enum record_side side);
// Writes the messages of a WebSocket.
bool show_messages(const struct show *s, const struct record_exchange *x);
// Writes where the time went, a line a part, drawn along the whole.
void show_timing(FILE *out, const struct record_exchange *x);

// Writes it as HTTP messages; what was chunked has one chunk for each piece that was kept. Returns
// NULL, or a phrase on what is missing.
const char *show_raw(const struct show *s, const struct record_exchange *x);
