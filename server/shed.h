// SPDX-License-Identifier: MIT
// Sheds load in a tunnel: resets one stream when the tunnel is at its limit of streams or of unread
// bytes (docs/protocol.md §7).
#pragma once
#include "proto/http2/mux.h"

// Makes room for a new stream; the users of the mux's streams are struct tunnel_stream. If too much
// is unread, refuses the stream of shed_fullest. If all streams are in use, refuses the first of:
// - an exchange that has run for LIMIT_SHED_AGE_MS and whose visitor is slower than
//   LIMIT_SHED_RATE: the slowest. A thousand of these would otherwise shut out all others, and cost
//   their senders next to nothing;
// - if more than half of the exchanges are long-lived, one of these: of the client that has the
//   most, hanging ones (LIMIT_SHED_HANG_MS without a byte) before event streams before upgraded
//   ones, the longest idle first.
void shed_make_room(struct mux *m);

// For struct mux_handler: the stream with the most unread bytes of the client with the most unread
// bytes. `ctx` is not used.
struct mux_stream *shed_fullest(void *ctx, struct mux *m);
