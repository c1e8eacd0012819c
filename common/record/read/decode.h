// SPDX-License-Identifier: MIT
// Undoes content codings (RFC 9110 §8.4) of foreign bodies: within bounds, as far as possible when
// a body is truncated, and not at all when it is not coded as its field says.
#pragma once
#include "proto/buf.h"

enum {
    DECODE_CODINGS_MAX = 8,  // codings of one body; with more it is left as it is
    DECODE_ZSTD_WINDOW = 23, // log2 of 8 MiB, the largest window that HTTP allows (RFC 9659)
    // A body of n bytes may become DECODE_FREE_BYTES + DECODE_FREE_RATIO * n bytes. Beyond that it
    // uses up the budget of the command, DECODE_BUDGET_BYTES for all bodies, and may become
    // DECODE_MAX_BYTES + DECODE_MAX_RATIO * n bytes at most.
    DECODE_FREE_BYTES = 16 << 10,
    DECODE_FREE_RATIO = 16,
    DECODE_MAX_BYTES = 128 << 10,
    DECODE_MAX_RATIO = 100,
    DECODE_BUDGET_BYTES = 256 << 20,
};

// The budget of one command.
struct decode_budget {
    bool unbounded; // --decode-all
    uint64_t used;  // of DECODE_BUDGET_BYTES
};

// Returns how many bytes a body of `len` bytes may become, at most `max`.
size_t decode_allowance(const struct decode_budget *b, size_t len, size_t max);
// Charges a body of `len` bytes that became `decoded` bytes to the budget.
void decode_charge(struct decode_budget *b, size_t len, size_t decoded);

struct decoded {
    struct slice body;  // points into `in` or into one of the buffers
    bool decoded;       // false: no coding, an unknown one, or a wrong one
    bool whole;         // neither truncated nor over `max`
    bool over;          // cut at `max`
    size_t work;        // bytes written by all codings together
    struct slice wrong; // the declared coding that the body does not have, or empty
};

// The codings of a body, in the order in which they were applied.
struct decode_codings {
    size_t count;
    struct slice names[DECODE_CODINGS_MAX];
    bool too_many;
    bool partial; // the body is truncated: set by the caller
};

// Adds the codings of one Content-Encoding value, which must outlive `c`.
void decode_add(struct decode_codings *c, struct slice content_encoding);

// Undoes all codings, the last one first; all together write at most `max` bytes. The buffers
// `work` hold the result, and may be used again for the next body. False: out of memory.
bool decode_body(const struct decode_codings *c, struct slice in, size_t max, struct buf work[2],
                 struct decoded *out);
