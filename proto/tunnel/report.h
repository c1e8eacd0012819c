// SPDX-License-Identifier: MIT
// The report that each end of a tunnel sends the other when an exchange has ended
// (docs/protocol.md §5.1), so that both know the times and whether they saw the same bytes. Packed
// in binary: there is one per exchange.
#pragma once
#include "proto/digest.h"
#include "proto/exchange_id.h"

enum {
    REPORT_MAX = 128,    // bytes of a report
    REPORT_OUTCOMES = 9, // enum exchange_outcome
};

// The largest time (36 years) or count of bytes, so that sums of a few cannot overflow. The writer
// caps larger values; the reader refuses them.
#define REPORT_VALUE_MAX ((uint64_t)1 << 60)

struct report_body {
    uint64_t bytes;
    bool whole; // it was not cut short
    uint8_t digest[DIGEST_BYTES];
};

// Times are ns since the head of the request was received; REPORT_NONE: did not happen.
#define REPORT_NONE UINT64_MAX
struct report {
    char id[EXCHANGE_ID_LEN + 1];
    uint8_t outcome;            // enum exchange_outcome, below REPORT_OUTCOMES
    struct report_body body[2]; // of the request, of the response
    uint64_t sent_on_ns, connect_ns, answered_ns, duration_ns;
};

// Writes a report. Returns its length.
size_t report_write(const struct report *r, uint8_t out[static REPORT_MAX]);
// Reads the first report in `bytes`. Returns its length, or -1 when it is malformed.
int report_read(struct slice bytes, struct report *r);
