// SPDX-License-Identifier: MIT
// --print-bodies: an exchange with its heads, bodies and times, when it has ended. Bodies are
// decoded and laid out as `adit show` does it. What is secret by its name is not shown, what is no
// text is only counted, and nothing moves the cursor.
#pragma once
#include "console.h"
#include "proto/buf.h"

enum {
    BODIES_HEAD_BYTES = 16 * 1024, // of the text of a request's head, or of a response's heads
    BODIES_TRAILER_BYTES = 2 * 1024,
    BODIES_BODY_BYTES = 16 * 1024,    // of each body as it passed that are kept to be shown
    BODIES_DECODED_BYTES = 64 * 1024, // that its codings yield of them, and
    BODIES_SHOWN_BYTES = 24 * 1024,   // what is shown of it: of its lines as they are laid out,
    BODIES_BODY_LINES = 1000,         // and so many of these
    BODIES_HELD_BYTES = 16 << 20,     // for all exchanges that run; what is more is only counted
};

struct bodies {
    struct exchange_observer observer; // prints, the exchange's usual line too
    struct console *console;
    struct buf block; // being put together
    size_t held;
};

void bodies_init(struct bodies *b, struct console *console);
void bodies_deinit(struct bodies *b);
