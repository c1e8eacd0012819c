// SPDX-License-Identifier: MIT
// The facts known of an exchange, for EVENT_PROGRESS and EVENT_CLOSED.
#include "recorder_internal.h"

int64_t recorder_since(const struct exchange *x, uint64_t ns)
{
    return ns > x->facts.begun_ns ? (int64_t)(ns - x->facts.begun_ns) : ns ? 0 : -1;
}

uint64_t recorder_stalled_ns(const struct exchange_direction *d, uint64_t now_ns)
{
    return d->stalled_ns + (d->stalled_since_ns ? now_ns - d->stalled_since_ns : 0);
}

// Whether the digest covers the whole body.
static bool has_digest(const struct exchange *x, const struct exchange_direction *d)
{
    return !d->digest.lost && (d->ended || x->facts.ended_ns);
}

static void put_body(struct event_body *p, const struct exchange *x,
                     const struct exchange_direction *d, uint64_t now_ns)
{
    p->bytes = d->bytes;
    p->first_ns = recorder_since(x, d->first_ns);
    p->last_ns = recorder_since(x, d->last_ns);
    p->stalled_ns = (int64_t)recorder_stalled_ns(d, now_ns);
    if (!has_digest(x, d) || !digest_value(&d->digest, p->digest))
        memset(p->digest, 0, sizeof(p->digest));
}

// Whether the body has facts to tell. Otherwise it is empty so far.
static bool has_passed(const struct exchange_direction *d)
{
    return d->bytes > 0 || d->stalled_ns > 0 || d->stalled_since_ns > 0;
}

uint16_t recorder_facts_flags(const struct exchange *x, const struct slot *s)
{
    unsigned flags = (x->facts.refused ? EVENT_REFUSED : 0) | (x->upgraded ? EVENT_UPGRADED : 0) |
                     (s->shed ? EVENT_SHED : 0);
    if (x->facts.upstream[0] && x->facts.sent_on_ns && !x->facts.connect_ns)
        flags |= EVENT_REUSED;
    for (int side = 0; side < 2; side++) {
        const struct exchange_direction *d = &x->direction[side];
        flags |= (d->ended && !d->digest.lost ? (unsigned)EVENT_REQUEST_WHOLE << side : 0) |
                 (has_passed(d) ? (unsigned)EVENT_REQUEST_BODY << side : 0) |
                 (has_digest(x, d) ? 0 : (unsigned)EVENT_NO_DIGEST << side);
    }
    return (uint16_t)flags;
}

void recorder_put_facts(struct recorder *r, struct event_facts *e, const struct exchange *x,
                        uint64_t now_ns)
{
    struct event_body *passed = (struct event_body *)(e + 1);
    e->status = x->facts.status;
    e->answer = (uint8_t)x->facts.answer;
    e->sent_on_ns = recorder_since(x, x->facts.sent_on_ns);
    e->connect_ns = x->facts.connect_ns ? (int64_t)x->facts.connect_ns : -1;
    e->heard_ns = recorder_since(x, x->facts.heard_ns);
    e->answered_ns = recorder_since(x, x->facts.answered_ns);
    e->duration_ns = recorder_since(x, x->facts.ended_ns);
    for (int side = 0; side < 2; side++)
        if (has_passed(&x->direction[side]))
            put_body(passed++, x, &x->direction[side], now_ns);
    const struct slice detail = recorder_text(x->facts.detail, EXCHANGE_DETAIL_MAX);
    e->detail_len = (uint16_t)detail.len;
    recorder_commit(r, e, recorder_put((char *)passed, detail));
}
