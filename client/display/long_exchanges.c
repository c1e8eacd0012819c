// SPDX-License-Identifier: MIT
#include "long_exchanges.h"

static void on_progress_timer(struct timeout *t);

static void on_begun(void *ctx, struct exchange *x, const struct http_head *request)
{
    struct long_exchanges *w = ctx;
    (void)request;
    timeout_start(w->loop, &x->progress_timer, LONG_EXCHANGE_MS, on_progress_timer);
}

// The observer of this exchange that is a long_exchanges.
static struct long_exchanges *long_exchanges_of(const struct exchange *x)
{
    const struct exchange_observer *o = x->observer;
    while (o->begun != on_begun)
        o = o->next;
    return o->ctx;
}

static void on_progress_timer(struct timeout *t)
{
    struct exchange *x = container_of(t, struct exchange, progress_timer);
    console_running(long_exchanges_of(x)->console, x, x->facts.status);
}

static bool is_event_stream(const struct exchange *x, const struct http_head *response)
{
    const enum body_kind kind = x->direction[OUTBOUND].framing.kind;
    if (response->status < 200 || kind == BODY_NONE || kind == BODY_LENGTH)
        return false;
    return exchange_is_event_stream(response);
}

static void on_head(void *ctx, struct exchange *x, const struct http_head *response)
{
    struct long_exchanges *w = ctx;
    if (!timeout_runs(&x->progress_timer) ||
        !(response->status == 101 || is_event_stream(x, response)))
        return;
    timeout_stop(&x->progress_timer);
    console_running(w->console, x, response->status);
}

static void on_closed(void *ctx, struct exchange *x, enum exchange_outcome why)
{
    (void)ctx;
    (void)why;
    timeout_stop(&x->progress_timer);
}

static void on_discarded(void *ctx, struct exchange *x)
{
    (void)ctx;
    timeout_stop(&x->progress_timer);
}

void long_exchanges_init(struct long_exchanges *w, struct loop *l, struct console *console)
{
    *w = (struct long_exchanges){.loop = l, .console = console};
    w->observer = (struct exchange_observer){.begun = on_begun,
                                             .head = on_head,
                                             .closed = on_closed,
                                             .discarded = on_discarded,
                                             .ctx = w};
}
