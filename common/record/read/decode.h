// SPDX-License-Identifier: MIT
// Undoes content codings (RFC 9110 §8.4) of bodies that strangers sent: bounded; as far as it goes
// when a body is cut short; and not at all when it is not coded as it is said to be.
#pragma once
#include "proto/buf.h"

enum {
    DECODE_CODINGS_MAX = 8,  // in a row; with more of them a body is left as it is
    DECODE_ZSTD_WINDOW = 23, // 8 MiB, the largest one that HTTP allows (RFC 9659)
    // Bytes that come out of a body of n bytes: so many always,
    DECODE_FREE_BYTES = 16 << 10, // and DECODE_FREE_RATIO * n; and if what one command may take
    DECODE_FREE_RATIO = 16, // beyond that, DECODE_BUDGET_BYTES for all bodies, is not used up,
    DECODE_MAX_BYTES = 128 << 10, // at most so many
    DECODE_MAX_RATIO = 100,       // and these times n.
    DECODE_BUDGET_BYTES = 256 << 20,
};

// What bodies have taken so far, in one command.
struct decode_budget {
    bool unbounded; // it was said that all is to be decoded
    uint64_t used;  // of DECODE_BUDGET_BYTES
};

// How much may come out of a body of `len` bytes, never more than `most`.
size_t decode_allowance(const struct decode_budget *b, size_t len, size_t most);
// So much has.
void decode_charge(struct decode_budget *b, size_t len, size_t decoded);

struct decoded {
    struct slice body;  // points into `in` or into one of the buffers
    bool decoded;       // false: it has no coding, one that is not known, or a wrong one
    bool whole;         // nothing was cut short or over `max`
    bool over;          // it was over `max`
    size_t work;        // bytes that came out of all codings
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

// Undoes all of them, the last first. At most `max` bytes come out of all of them together. The two
// buffers are the memory it works in, and may be used again for the next body. False: out of
// memory.
bool decode_body(const struct decode_codings *c, struct slice in, size_t max, struct buf work[2],
                 struct decoded *out);
