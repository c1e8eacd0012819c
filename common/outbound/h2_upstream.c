// SPDX-License-Identifier: MIT
#include "common/base/limits.h"
#include "h2_upstream_internal.h"
#include "upstream.h"

static bool attach(struct outbound *o, struct exchange *x, enum answer *why)
{
    struct h2_upstream *u = container_of(o, struct h2_upstream, outbound);
    struct h2_request *r = h2_request_new(u);
    *why = ANSWER_BUSY;
    if (!r)
        return false;
    x->facts.upstream = u->name;
    exchange_attach(x, &r->h.endpoint);
    return true;
}

static const struct outbound_ops outbound_ops = {attach};

void h2_upstream_init(struct h2_upstream *u, struct loop *l, const struct dial_target *target)
{
    *u = (struct h2_upstream){.outbound.ops = &outbound_ops,
                              .loop = l,
                              .target = *target,
                              .idle_ms = LIMIT_POOL_IDLE_MS,
                              .requests = &h2_request_ops};
    dial_target_name(target, u->name);
    upstream_authority(target, u->authority);
}

void h2_upstream_deinit(struct h2_upstream *u)
{
    outbound_end(&u->outbound, ANSWER_UPSTREAM_UNREACHABLE);
    h2_trunks_close(u);
    mux_scratch_free(&u->scratch);
}
