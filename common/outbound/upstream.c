// SPDX-License-Identifier: MIT
// An origin, and the making of its requests.
#include "upstream.h"
#include <stdio.h>
#include <stdlib.h>
#include "upstream_internal.h"

enum {
    HTTPS_PORT = 443
};

static bool attach(struct outbound *o, struct exchange *x, enum answer *why)
{
    struct upstream *u = container_of(o, struct upstream, outbound);
    struct upstream_request *r = malloc(sizeof(*r)); // faster than calloc: uses the thread cache
    *why = ANSWER_BUSY;
    if (!r)
        return false;
    *r = (struct upstream_request){
        .upstream = u,
        .h = {.endpoint.ops = &upstream_request_ops, .ops = &upstream_http1_ops},
        .conn_ops = &upstream_response_ops};
    x->facts.upstream = u->name;
    exchange_attach(x, &r->h.endpoint);
    return true;
}

static const struct outbound_ops outbound_ops = {attach};

void upstream_authority(const struct dial_target *target, char out[static AUTHORITY_MAX])
{
    if (target->path[0]) {
        (void)snprintf(out, AUTHORITY_MAX, "localhost");
        return;
    }
    size_t len = authority_text(target->host, target->port, out);
    if (target->tls && target->port == HTTPS_PORT)
        out[len - (sizeof(":443") - 1)] = 0;
}

void upstream_init(struct upstream *u, struct loop *l, const struct dial_target *target)
{
    const struct upstream_trust unknown = {.closes_ms = UINT32_MAX,
                                           .patience = LIMIT_POOL_PATIENCE};
    *u = (struct upstream){.outbound.ops = &outbound_ops,
                           .loop = l,
                           .target = *target,
                           .idle_ms = LIMIT_POOL_IDLE_MS,
                           .trust = {unknown, unknown}};
    dial_target_name(target, u->name);
    upstream_authority(target, u->authority);
}

void upstream_deinit(struct upstream *u)
{
    outbound_end(&u->outbound, ANSWER_UPSTREAM_UNREACHABLE);
    upstream_pool_close(u);
}
