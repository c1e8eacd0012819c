// SPDX-License-Identifier: MIT
// Whether both ends of the tunnel saw the same bytes of an exchange: compares the byte counts and
// digests that each end reports.
#pragma once
#include "common/record/record.h"

enum verdict {
    VERDICT_SAME,       // both directions are whole at both ends, and equal
    VERDICT_DIFFERS,    // a direction is whole at both ends, and differs
    VERDICT_UNVERIFIED, // no report, or a direction is not whole at both ends
    VERDICT_DAMAGED,    // kept bytes do not match the digest in the record
    VERDICT_RUNNING,
};

enum direction_verdict {
    DIRECTION_SAME,
    DIRECTION_DIFFERS,
    DIRECTION_NO_REPORT,
    DIRECTION_CUT_HERE,  // not whole at this end
    DIRECTION_CUT_THERE, // not whole at the other end
    DIRECTION_CUT_BOTH,
};

struct agreement {
    enum verdict verdict;
    enum direction_verdict direction[2];
    bool damaged[2];
};

// Whether the kept bytes of a direction can be checked against its digest: all were kept, as the
// bytes of a body.
bool agreement_can_check(const struct record_exchange *x, enum record_side side);
// `damaged`: the sides whose kept bytes do not match their digest.
struct agreement agreement_of(const struct record_exchange *x, const bool damaged[static 2]);
const char *verdict_str(enum verdict v);
const char *direction_str(enum direction_verdict d);  // for people
const char *direction_name(enum direction_verdict d); // in JSON (docs/json.md)
