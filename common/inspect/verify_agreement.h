// SPDX-License-Identifier: MIT
// Whether both ends of a tunnel saw the same bytes of an exchange, from what each says of them.
#pragma once
#include "common/record/record.h"

enum verdict {
    VERDICT_SAME,       // both directions came whole at both ends, and are alike
    VERDICT_DIFFERS,    // a direction that came whole at both ends is not alike
    VERDICT_UNVERIFIED, // no report, or a direction did not come whole at both ends
    VERDICT_DAMAGED,    // what is kept is not what the record says has passed
    VERDICT_RUNNING,
};

// What is known of one direction.
enum direction_verdict {
    DIRECTION_SAME,
    DIRECTION_DIFFERS,
    DIRECTION_NO_REPORT,
    DIRECTION_CUT_HERE,  // it did not come whole at this end
    DIRECTION_CUT_THERE, // or at the other
    DIRECTION_CUT_BOTH,
};

struct agreement {
    enum verdict verdict;
    enum direction_verdict direction[2];
    bool damaged[2];
};

// Whether a direction's kept bytes can be held against its digest: all of them are there, and they
// are bytes of a body.
bool agreement_can_check(const struct record_exchange *x, enum record_side side);
// `damaged`: the sides of which the kept bytes do not have the digest.
struct agreement agreement_of(const struct record_exchange *x, const bool damaged[static 2]);
const char *verdict_str(enum verdict v);
const char *direction_str(enum direction_verdict d);  // for people
const char *direction_name(enum direction_verdict d); // for programs: docs/json.md
