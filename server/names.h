// SPDX-License-Identifier: MIT
// Names of tunnels: one DNS label (RFC 1123 §2.1), lower case.
#pragma once
#include "proto/bytes.h"

enum {
    NAME_MAX_BYTES = 63
};

// Lower-cases a name into `out`. False when it is not a legal one: letters, digits and hyphens, no
// hyphen at either end.
bool name_normalise(struct slice name, char out[static NAME_MAX_BYTES + 1]);
// A random name such as "quiet-harbour-3f9a". False when the system has no randomness.
bool name_random(char out[static NAME_MAX_BYTES + 1]);
