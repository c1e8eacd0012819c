// SPDX-License-Identifier: MIT
// Tells the observers of an exchange its events: one loop over the chain for each.
#pragma once
#include "exchange.h"

static inline void tell_begun(struct exchange *x, const struct http_head *request)
{
    for (const struct exchange_observer *o = x->observer; o; o = o->next)
        if (o->begun)
            o->begun(o->ctx, x, request);
}

static inline void tell_routed(struct exchange *x)
{
    for (const struct exchange_observer *o = x->observer; o; o = o->next)
        if (o->routed)
            o->routed(o->ctx, x);
}

static inline bool wants_digests(const struct exchange *x)
{
    for (const struct exchange_observer *o = x->observer; o; o = o->next)
        if (o->wants_digests && o->wants_digests(o->ctx, x))
            return true;
    return false;
}

static inline void tell_head(struct exchange *x, const struct http_head *response)
{
    for (const struct exchange_observer *o = x->observer; o; o = o->next)
        if (o->head)
            o->head(o->ctx, x, response);
}

static inline void tell_bad_head(struct exchange *x, struct slice bytes)
{
    for (const struct exchange_observer *o = x->observer; o; o = o->next)
        if (o->bad_head)
            o->bad_head(o->ctx, x, bytes);
}

static inline void tell_data(struct exchange *x, enum exchange_side from, struct slice bytes)
{
    for (const struct exchange_observer *o = x->observer; o; o = o->next)
        if (o->data)
            o->data(o->ctx, x, from, bytes);
}

static inline void tell_finished(struct exchange *x, enum exchange_side from,
                                 const struct http_head *trailers)
{
    for (const struct exchange_observer *o = x->observer; o; o = o->next)
        if (o->finished)
            o->finished(o->ctx, x, from, trailers);
}

static inline void tell_closed(struct exchange *x, enum exchange_outcome why)
{
    for (const struct exchange_observer *o = x->observer; o; o = o->next)
        if (o->closed)
            o->closed(o->ctx, x, why);
}

static inline void tell_discarded(struct exchange *x)
{
    for (const struct exchange_observer *o = x->observer; o; o = o->next)
        if (o->discarded)
            o->discarded(o->ctx, x);
}
