// SPDX-License-Identifier: MIT
#include "body_limit.h"

static uint64_t most_of(const struct filter *f)
{
    return container_of(f, struct body_limit, filter)->most;
}

static void on_head(const struct filter *f, struct exchange *x, enum exchange_side from,
                    struct http_head *head, const struct body_framing *framing)
{
    if (from == INBOUND && framing->kind == BODY_LENGTH && framing->length > most_of(f))
        exchange_stop(x, ANSWER_BODY_TOO_LARGE, EXCHANGE_REFUSED);
    else
        filter_pass_head(f, x, from, head, framing);
}

static void on_data(const struct filter *f, struct exchange *x, enum exchange_side from,
                    struct slice bytes)
{
    if (from == INBOUND && !x->upgraded && x->direction[INBOUND].bytes > most_of(f))
        exchange_stop(x, ANSWER_BODY_TOO_LARGE, EXCHANGE_REFUSED);
    else
        filter_pass_data(f, x, from, bytes);
}

void body_limit_add(struct body_limit *l, uint64_t most, struct filter_chain *c)
{
    static const struct filter_ops ops = {.head = on_head, .data = on_data};
    *l = (struct body_limit){.filter.ops = &ops, .most = most};
    if (most > 0)
        filter_chain_add(c, &l->filter);
}
