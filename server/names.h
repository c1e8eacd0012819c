// SPDX-License-Identifier: MIT
// Names that agents bind: one DNS label (RFC 1123 §2.1), in lower case.
#pragma once
#include "proto/bytes.h"

enum {
    NAME_MAX_BYTES = 63
};

// Writes a name in lower case. False unless it has 1 to 63 letters, digits and hyphens, with no
// hyphen at either end.
bool name_normalise(struct slice name, char out[static NAME_MAX_BYTES + 1]);
// Writes a random name such as "quiet-harbour-3f9ac201". False when the system has no randomness.
bool name_random(char out[static NAME_MAX_BYTES + 1]);
