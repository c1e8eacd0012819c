// SPDX-License-Identifier: MIT
#include "outbound.h"
#include "exchange_internal.h"

void outbound_forward(struct outbound *o, const struct filter_chain *filters, struct exchange *x,
                      struct http_head *head, const struct body_framing *framing)
{
    if (!filter_begin(x, filters)) {
        exchange_answer(x, ANSWER_BUSY);
        return;
    }
    x->outbound = o;
    exchange_head(x->endpoint[INBOUND], head, framing);
}

void outbound_end(struct outbound *o, enum answer answer)
{
    while (o->held.first)
        exchange_stop(LIST_ITEM(o->held.first, struct exchange_hold, in_outbound)->x, answer,
                      EXCHANGE_UPSTREAM_GONE);
}
