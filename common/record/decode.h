// SPDX-License-Identifier: MIT
// Undoes content codings (RFC 9110 §8.4) of bodies that strangers sent: bounded, and as far as it
// goes when they are broken.
#pragma once
#include "proto/buf.h"

enum {
    DECODE_CODINGS_MAX = 8, // in a row; with more of them a body is left as it is
};

struct decoded {
    struct slice body; // points into `in` or into one of the buffers
    bool decoded;      // false: it has no coding, or one that is not known
    bool whole;        // nothing was broken, cut short or over `max`
};

// The codings of a body, in the order in which they were applied.
struct decode_codings {
    size_t count;
    struct slice names[DECODE_CODINGS_MAX];
    bool too_many;
};

// Adds those that one Content-Encoding lists.
void decode_add(struct decode_codings *c, struct slice content_encoding);

// Undoes all of them, the last first. At most `max` bytes come out of each. The two buffers are
// the memory it works in, and may be used again for the next body. False: out of memory.
bool decode_body(const struct decode_codings *c, struct slice in, size_t max, struct buf work[2],
                 struct decoded *out);
