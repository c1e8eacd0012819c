// SPDX-License-Identifier: MIT
// Inflates the messages of one side of a WebSocket (RFC 7692), one after the other: each may refer
// back to those before it.
#pragma once
#include "proto/buf.h"

// All zero: nothing has come so far.
struct inflater {
    void *stream; // zlib's
};

void inflater_deinit(struct inflater *f);

// Appends to `out` what a message says. False: it is broken, there is no memory, or `out` became
// longer than `most` bytes, in which case *over is set. `out` then has what came before that, and
// messages behind this one cannot be read.
bool inflater_message(struct inflater *f, struct slice message, struct buf *out, size_t most,
                      bool *over);
