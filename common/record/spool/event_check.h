// SPDX-License-Identifier: MIT
// Checks events that come from a file: a damaged or forged one must not make pending rows read or
// write beyond an event, or beyond the memory that they have for its texts.
#pragma once
#include "event.h"

enum {
    SPOOL_SLOTS_MAX = 1 << 20, // of a program: `visitors` allows a million exchanges at once
    EVENT_TUNNEL_MAX = 63,     // characters of a tunnel's name
};

// Whether `len` bytes, aligned to 8, are exactly one event: of a kind, side, flags and lengths that
// the recorder makes, of a slot below `slots_max`, with `unused` bytes that are 0. Times, counts of
// bytes and texts may have any value. The order of events is not checked: pending rows take any.
bool event_is_valid(const void *event, size_t len, uint32_t slots_max);
