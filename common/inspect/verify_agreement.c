// SPDX-License-Identifier: MIT
#include "verify_agreement.h"

bool agreement_can_check(const struct record_exchange *x, enum record_side side)
{
    const struct record_body *b = &x->body[side];
    return b->has_digest && b->kept == b->bytes && !(x->flags & RECORD_UPGRADED);
}

static enum direction_verdict direction_of(const struct record_exchange *x, enum record_side side)
{
    const struct record_body *b = &x->body[side];
    unsigned flag = side == RECORD_REQUEST ? RECORD_REQUEST_WHOLE : RECORD_RESPONSE_WHOLE;
    bool here = (x->flags & flag) && b->has_digest;
    if (!x->peer.known)
        return DIRECTION_NO_REPORT;
    if (!here)
        return x->peer.whole[side] ? DIRECTION_CUT_HERE : DIRECTION_CUT_BOTH;
    if (!x->peer.whole[side])
        return DIRECTION_CUT_THERE;
    bool same = b->bytes == x->peer.bytes[side] &&
                memcmp(b->digest, x->peer.digest[side], RECORD_DIGEST_BYTES) == 0;
    return same ? DIRECTION_SAME : DIRECTION_DIFFERS;
}

struct agreement agreement_of(const struct record_exchange *x, const bool damaged[static 2])
{
    struct agreement a = {.verdict = VERDICT_RUNNING};
    bool differs = false;
    bool same = true;
    for (int side = 0; side < 2; side++) {
        a.direction[side] = direction_of(x, (enum record_side)side);
        a.damaged[side] = damaged[side];
        differs = differs || a.direction[side] == DIRECTION_DIFFERS;
        same = same && a.direction[side] == DIRECTION_SAME;
    }
    if (x->outcome.len == 0)
        return a;
    a.verdict = VERDICT_UNVERIFIED;
    if (damaged[0] || damaged[1])
        a.verdict = VERDICT_DAMAGED;
    else if (differs)
        a.verdict = VERDICT_DIFFERS;
    else if (same)
        a.verdict = VERDICT_SAME;
    return a;
}

const char *verdict_str(enum verdict v)
{
    switch (v) {
    case VERDICT_SAME: return "same";
    case VERDICT_DIFFERS: return "differs";
    case VERDICT_UNVERIFIED: return "unverified";
    case VERDICT_DAMAGED: return "damaged";
    case VERDICT_RUNNING: return "running";
    }
    return "";
}

const char *direction_str(enum direction_verdict d)
{
    switch (d) {
    case DIRECTION_SAME: return "same";
    case DIRECTION_DIFFERS: return "differs";
    case DIRECTION_NO_REPORT: return "no report from the other end";
    case DIRECTION_CUT_HERE: return "did not come whole here";
    case DIRECTION_CUT_THERE: return "did not come whole at the other end";
    case DIRECTION_CUT_BOTH: return "did not come whole at either end";
    }
    return "";
}

const char *direction_name(enum direction_verdict d)
{
    switch (d) {
    case DIRECTION_SAME: return "same";
    case DIRECTION_DIFFERS: return "differs";
    case DIRECTION_NO_REPORT: return "no report";
    case DIRECTION_CUT_HERE: return "cut here";
    case DIRECTION_CUT_THERE: return "cut there";
    case DIRECTION_CUT_BOTH: return "cut both";
    }
    return "";
}
