// SPDX-License-Identifier: MIT
// Counts body bytes, and tells observers once that the way of an exchange is final.
#include "exchange_internal.h"

void exchange_mark_routed(struct exchange *x)
{
    if (x->routed)
        return;
    x->routed = true;
    tell_routed(x);
    x->digested = wants_digests(x);
}

// Counts body bytes, and digests them where that is wanted: a body of known length that came in one
// piece in one go, unless an upgrade may append more.
void exchange_count(struct exchange *x, enum exchange_side from, struct slice bytes)
{
    struct exchange_direction *d = &x->direction[from];
    d->last_ns = uv_hrtime();
    if (d->bytes == 0)
        d->first_ns = d->last_ns;
    d->bytes += bytes.len;
    bool all = d->framing.kind == BODY_LENGTH && d->framing.length == bytes.len && !x->offers;
    if (x->digested)
        digest_add(&d->digest, bytes, all);
    tell_data(x, from, bytes);
}
