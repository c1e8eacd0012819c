// SPDX-License-Identifier: MIT
// One side of a mux whose peer is written by hand (h2_raw.h). Any failure aborts the test.
#pragma once
#include "h2_raw.h"
#include "mux_pair.h"

enum {
    H2_GOOD_ID = 101 // the stream that h2_side_still_works uses at an agent
};

#define H2_REQUEST ":method: GET\n:scheme: http\n:authority: a.example\n:path: /"

// A side with a mux of its own. h2_side_deinit frees both.
void h2_side_init(struct mux_side *side, enum mux_role role);
void h2_side_deinit(struct mux_side *side);
// The same, with the SETTINGS of both exchanged; a relay has one request open, on stream 1.
void h2_side_greet(struct mux_side *side, enum mux_role role);

// Feeds bytes from..to of `b`, in memory of just that size. Returns 0 or a mux_error.
int h2_side_feed(struct mux_side *side, const struct buf *b, size_t from, size_t to);
// Drops what the mux has to send. Returns 0 or a mux_error.
int h2_side_flush(struct mux_side *side);
// Passes another exchange, on stream 3 at a relay.
void h2_side_still_works(struct mux_side *side);
