// SPDX-License-Identifier: MIT
// The digest of a body, piece by piece: XXH3-128 in its canonical, big-endian form. It shows
// whether two ends saw the same bytes; it is not cryptographic.
#pragma once
#include "bytes.h"

enum {
    DIGEST_BYTES = 16
};

// All zero: of no bytes yet.
struct digest {
    void *state; // XXH3's, for a body in several pieces
    bool whole;  // the body came in one piece, and `value` is its digest
    bool lost;   // out of memory: there is no digest
    uint8_t value[DIGEST_BYTES];
};

// Frees the state.
void digest_deinit(struct digest *d);
// Adds a piece. `all`: it is the whole body, which needs no state.
void digest_add(struct digest *d, struct slice piece, bool all);
// The digest of the pieces so far. False when memory had run out.
bool digest_value(const struct digest *d, uint8_t out[static DIGEST_BYTES]);
