// SPDX-License-Identifier: MIT
#include "outbound.h"

void outbound_forward(struct outbound *o, struct exchange *x, const struct http_head *head,
                      const struct body_framing *framing)
{
    enum answer why = ANSWER_BUSY;
    if (!o->ops->attach(o, x, &why)) {
        exchange_answer(x, why);
        return;
    }
    x->outbound = o;
    exchange_head(x->endpoint[INBOUND], head, framing);
}
