// SPDX-License-Identifier: MIT
// Undoes content codings (RFC 9110 §8.4) of bodies that strangers sent: bounded; as far as it goes
// when a body is cut short; and not at all when it is not coded as it is said to be.
#pragma once
#include "proto/buf.h"

enum {
    DECODE_CODINGS_MAX = 8, // in a row; with more of them a body is left as it is
};

struct decoded {
    struct slice body;  // points into `in` or into one of the buffers
    bool decoded;       // false: it has no coding, one that is not known, or a wrong one
    bool whole;         // nothing was cut short or over `max`
    struct slice wrong; // the coding that it is said to have and has not; or empty
};

// The codings of a body, in the order in which they were applied.
struct decode_codings {
    size_t count;
    struct slice names[DECODE_CODINGS_MAX];
    bool too_many;
    bool partial; // the body is cut short: set by the caller
};

// Adds those that one Content-Encoding lists.
void decode_add(struct decode_codings *c, struct slice content_encoding);

// Undoes all of them, the last first. At most `max` bytes come out of each. The two buffers are
// the memory it works in, and may be used again for the next body. False: out of memory.
bool decode_body(const struct decode_codings *c, struct slice in, size_t max, struct buf work[2],
                 struct decoded *out);
