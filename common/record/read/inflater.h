// SPDX-License-Identifier: MIT
// Inflates the messages of one direction of a WebSocket in their order (RFC 7692): each may refer
// to those before it.
#pragma once
#include "proto/buf.h"

// Zero-initialised before the first message.
struct inflater {
    void *stream; // z_stream, allocated by the first message
};

void inflater_deinit(struct inflater *f);

// Appends an inflated message to `out`. False: the message is broken, memory is out, or `out`
// became longer than `max` bytes, and `*over` is set. `out` then has what came before, and later
// messages cannot be inflated.
bool inflater_message(struct inflater *f, struct slice message, struct buf *out, size_t max,
                      bool *over);
