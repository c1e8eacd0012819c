// SPDX-License-Identifier: MIT
// --print-bodies: prints an exchange with its heads, bodies and times when it has ended. Bodies are
// decoded and laid out as `adit show` does it. Credentials are not shown, binary bodies are only
// counted, and control characters never reach the terminal.
#pragma once
#include "console.h"
#include "proto/buf.h"

enum {
    DUMP_HEAD_BYTES = 16 * 1024, // of text: a request's head, or all heads of a response
    DUMP_TRAILER_BYTES = 2 * 1024,
    DUMP_BODY_BYTES = 16 * 1024,    // kept of each body as it passed
    DUMP_DECODED_BYTES = 64 * 1024, // of these, once decoded
    DUMP_SHOWN_BYTES = 24 * 1024,   // of the laid-out lines of each body
    DUMP_BODY_LINES = 1000,         // and at most that many lines
    DUMP_HELD_BYTES = 16 << 20,     // for all running exchanges; beyond it bytes are only counted
};

struct exchange_dump {
    struct exchange_observer observer; // prints the exchange's usual line too
    struct console *console;
    struct buf block; // scratch: the block being put together
    size_t held;      // bytes kept for running exchanges, at most DUMP_HELD_BYTES
};

void exchange_dump_init(struct exchange_dump *dump, struct console *console);
void exchange_dump_deinit(struct exchange_dump *dump);
