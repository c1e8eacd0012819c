// SPDX-License-Identifier: MIT
// What each end of a tunnel tells the other of an exchange that has ended (docs/protocol.md §5.1):
// packed binary, since there are as many as exchanges. Both ends can so tell where the time went,
// and whether they saw the same bytes.
#pragma once
#include "proto/digest.h"
#include "proto/exchange_id.h"

enum {
    REPORT_MAX = 128,    // bytes of one
    REPORT_OUTCOMES = 9, // enum exchange_outcome
};

// The most that a time (36 years) or a count of bytes may be: sums of a few can be had without a
// thought. More is written as this much, and is no report when it is read.
#define REPORT_MOST ((uint64_t)1 << 60)

struct report_body {
    uint64_t bytes;
    bool whole; // it ended as it should
    uint8_t digest[DIGEST_BYTES];
};

// Times are ns since the head of the request had been received; NONE: did not happen.
#define REPORT_NONE UINT64_MAX
struct report {
    char id[EXCHANGE_ID_LEN + 1];
    uint8_t outcome;            // enum exchange_outcome, below REPORT_OUTCOMES
    struct report_body body[2]; // of the request, of the response
    uint64_t sent_on_ns, connect_ns, answered_ns, duration_ns;
};

// Writes one. Returns its length.
size_t report_write(const struct report *r, uint8_t out[static REPORT_MAX]);
// Reads the first of those in `bytes`. Returns its length, or -1 when it is none.
int report_read(struct slice bytes, struct report *r);
