// SPDX-License-Identifier: MIT
// An origin, and the making of its requests.
#include "upstream.h"
#include <stdlib.h>
#include "upstream_internal.h"

void upstream_init(struct upstream *u, struct loop *l, const struct dial_target *target)
{
    const struct upstream_trust unknown = {.closes_ms = UINT32_MAX,
                                           .patience = LIMIT_POOL_PATIENCE};
    *u = (struct upstream){
        .loop = l, .target = *target, .idle_ms = LIMIT_POOL_IDLE_MS, .trust = {unknown, unknown}};
    (void)authority_text(target->host, target->port, u->name);
    memcpy(u->host, u->name, sizeof(u->host));
}

void upstream_deinit(struct upstream *u)
{
    upstream_pool_close(u);
}

bool upstream_attach(struct upstream *u, struct exchange *x)
{
    struct upstream_request *r = malloc(sizeof(*r)); // faster than calloc: uses the thread cache
    if (!r)
        return false;
    *r = (struct upstream_request){.upstream = u,
                                   .endpoint.ops = &upstream_request_ops,
                                   .conn_ops = &upstream_response_ops,
                                   .credit = LIMIT_CREDIT_BYTES};
    x->info.upstream = u->name;
    exchange_attach(x, &r->endpoint);
    return true;
}
