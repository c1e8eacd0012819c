// SPDX-License-Identifier: MIT
// The digest of a body that comes in pieces: XXH3-128 in its canonical, big-endian form. It tells
// whether two ends saw the same bytes; it is no signature.
#pragma once
#include "bytes.h"

enum {
    DIGEST_BYTES = 16
};

struct digest {
    void *state; // XXH3's, of a body in several pieces
    bool whole;  // `value` is that of a body in one piece
    bool lost;   // there was no memory for it
    uint8_t value[DIGEST_BYTES];
};

// All zero is the digest of nothing so far.
void digest_deinit(struct digest *d);
// Adds a piece; `all` says that it is the whole body, which saves the state.
void digest_add(struct digest *d, struct slice piece, bool all);
// The digest of what has come. False: there was no memory for it.
bool digest_value(const struct digest *d, uint8_t out[static DIGEST_BYTES]);
