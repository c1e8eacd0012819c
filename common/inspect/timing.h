// SPDX-License-Identifier: MIT
// Splits the time of an exchange into parts (docs/record.md, "Timing"), using durations alone: the
// clocks of relay and agent need not agree.
//
// With R the relay's numbers and A the agent's, one of them the row's own and the other the report
// of the peer:
//   relay   = R.sent_on
//   tunnel  = R.answered - R.sent_on - A.answered
//   agent   = A.sent_on - A.connect
//   connect = A.connect                  (0 for a connection that was reused)
//   service = A.answered - A.sent_on
//   body    = R.duration - R.answered
// The sum is R.duration. A part that is negative because clocks are coarse counts as 0.
// Without a report the parts are relay | beyond | body in the record of a relay, and
// own | connect | service | body in that of an agent, a proxy or a replay.
#pragma once
#include "common/record/record.h"

enum {
    TIMING_PARTS_MAX = 6
};

struct timing_part {
    const char *name;
    int64_t ns;
};

struct timing {
    size_t count; // 0: nothing is known yet
    int64_t total_ns;
    struct timing_part part[TIMING_PARTS_MAX];
};

// The duration of an exchange; of a running one, until `now_ns` (since 1970); of one whose recorder
// died, until the last time that was recorded.
int64_t timing_elapsed(const struct record_exchange *x, int64_t now_ns);

void timing_split(const struct record_exchange *x, struct timing *t);
// The part of this name. NULL: the split lacks it.
const struct timing_part *timing_find(const struct timing *t, const char *name);
