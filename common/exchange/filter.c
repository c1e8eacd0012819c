// SPDX-License-Identifier: MIT
#include "filter.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "exchange_internal.h"

void filter_chain_add(struct filter_chain *c, struct filter *f)
{
    if (c->last)
        c->last->next[INBOUND] = f;
    else
        c->first[INBOUND] = f;
    f->next[INBOUND] = NULL;
    f->next[OUTBOUND] = c->last;
    c->first[OUTBOUND] = c->last = f;
    f->memory_at = c->memory;
    c->memory += (f->ops->memory + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
}

void *filter_memory(const struct filter *f, const struct exchange *x)
{
    return (char *)x->filter_memory + f->memory_at;
}

// From a filter on, to the first one that wants the event, or to the other endpoint.

static void run_head(const struct filter *f, struct exchange *x, enum exchange_side from,
                     struct http_head *head, const struct body_framing *framing)
{
    while (f && !f->ops->head)
        f = f->next[from];
    if (f)
        f->ops->head(f, x, from, head, framing);
    else
        exchange_deliver_head(x, from, head, framing);
}

static void run_data(const struct filter *f, struct exchange *x, enum exchange_side from,
                     struct slice bytes)
{
    while (f && !f->ops->data)
        f = f->next[from];
    if (f)
        f->ops->data(f, x, from, bytes);
    else
        exchange_deliver_data(x, from, bytes);
}

static void run_finish(const struct filter *f, struct exchange *x, enum exchange_side from,
                       const struct http_head *trailers)
{
    while (f && !f->ops->finish)
        f = f->next[from];
    if (f)
        f->ops->finish(f, x, from, trailers);
    else
        exchange_deliver_finish(x, from, trailers);
}

static void enter_head(struct exchange *x, enum exchange_side from, struct http_head *head,
                       const struct body_framing *framing)
{
    run_head(x->filters->first[from], x, from, head, framing);
}

static void enter_data(struct exchange *x, enum exchange_side from, struct slice bytes)
{
    run_data(x->filters->first[from], x, from, bytes);
}

static void enter_finish(struct exchange *x, enum exchange_side from,
                         const struct http_head *trailers)
{
    run_finish(x->filters->first[from], x, from, trailers);
}

void filter_pass_head(const struct filter *f, struct exchange *x, enum exchange_side from,
                      struct http_head *head, const struct body_framing *framing)
{
    run_head(f->next[from], x, from, head, framing);
}

void filter_pass_data(const struct filter *f, struct exchange *x, enum exchange_side from,
                      struct slice bytes)
{
    run_data(f->next[from], x, from, bytes);
}

void filter_pass_finish(const struct filter *f, struct exchange *x, enum exchange_side from,
                        const struct http_head *trailers)
{
    run_finish(f->next[from], x, from, trailers);
}

static void free_hold(struct exchange_hold *h)
{
    free(h->head);
    free(h->trailers);
    free(h->received);
    buf_free(&h->data);
    free(h);
}

// Takes what is held out of the exchange: what passes may be held again, or end the exchange.
static struct exchange_hold *take_held(struct exchange *x, enum exchange_side from)
{
    struct exchange_hold *h = x->hold[from];
    x->hold[from] = NULL;
    if (from == INBOUND && x->outbound)
        list_remove(&x->outbound->held, &h->in_outbound);
    return h;
}

static void end_filters(struct exchange *x)
{
    for (enum exchange_side from = INBOUND; from <= OUTBOUND; from++)
        if (x->hold[from])
            free_hold(take_held(x, from));
    for (const struct filter *f = x->filters->first[INBOUND]; f; f = f->next[INBOUND])
        if (f->ops->closed)
            f->ops->closed(f, x);
    free(x->filter_memory);
}

static const char *keep_text(char *copy, size_t cap, const char *text)
{
    (void)snprintf(copy, cap, "%s", text);
    return copy;
}

// Keeps what observers will be told of the request's way.
static void keep_way(struct exchange *x, struct exchange_hold *h)
{
    struct exchange_facts *f = &x->facts;
    f->tunnel = keep_text(h->tunnel, sizeof(h->tunnel), f->tunnel);
    f->owner = keep_text(h->owner, sizeof(h->owner), f->owner);
    f->tunnel_address = keep_text(h->address, sizeof(h->address), f->tunnel_address);
    if (x->outbound)
        list_append(&x->outbound->held, &h->in_outbound);
}

void filter_hold(const struct filter *f, struct exchange *x, enum exchange_side from,
                 const struct http_head *head, const struct body_framing *framing)
{
    struct exchange_hold *h = calloc(1, sizeof(*h));
    assert(!status_is_interim(head->status) && !x->hold[from]);
    if (h)
        h->head = head_copy_new(head);
    if (!h || !h->head) {
        free(h);
        exchange_stop(x, ANSWER_BUSY, EXCHANGE_MEMORY);
        return;
    }
    h->x = x;
    h->by = f;
    h->framing = *framing;
    x->hold[from] = h;
    if (from == INBOUND)
        keep_way(x, h);
}

// Whether the exchange of this inbound goes on.
static bool lasts(const struct exchange_endpoint *inbound, const struct exchange *x)
{
    return inbound->x == x;
}

// Whether a body of known length may have `more` bytes behind those that are held.
static bool fits(const struct exchange *x, enum exchange_side from, size_t more)
{
    const struct exchange_direction *d = &x->direction[from];
    const uint64_t held = d->bytes + buf_len(&x->hold[from]->data);
    return d->framing.kind != BODY_LENGTH || held + more <= d->framing.length;
}

// A body contradicts its head, which is held.
static void break_off(struct exchange *x, enum exchange_side from)
{
    if (from == OUTBOUND)
        exchange_stop(x, ANSWER_UPSTREAM_INVALID, EXCHANGE_PROTOCOL);
    else
        exchange_close(x, EXCHANGE_PROTOCOL, NULL);
}

// Without memory the exchange is stopped: what has been held has then ended there, and so do these
// bytes behind it.
static void keep_data(struct exchange *x, enum exchange_side from, struct slice bytes)
{
    const struct exchange_endpoint *inbound = x->endpoint[INBOUND];
    if (!fits(x, from, bytes.len)) {
        break_off(x, from);
        return;
    }
    if (buf_append(&x->hold[from]->data, bytes.p, bytes.len)) {
        x->direction[from].credit -= (int64_t)bytes.len;
        return;
    }
    exchange_stop(x, ANSWER_BUSY, EXCHANGE_MEMORY);
    if (lasts(inbound, x))
        exchange_send_data(x, from, bytes);
}

static struct head_copy *copy_of(const struct http_head *trailers, bool *ok)
{
    struct head_copy *copy = trailers ? head_copy_new(trailers) : NULL;
    *ok = *ok && (copy || !trailers);
    return copy;
}

static void keep_finish(struct exchange *x, enum exchange_side from,
                        const struct http_head *trailers, const struct http_head *received)
{
    struct exchange_hold *h = x->hold[from];
    bool ok = true;
    if (x->direction[from].framing.kind == BODY_LENGTH && fits(x, from, 1)) {
        break_off(x, from); // shorter than its head says
        return;
    }
    h->finished = true;
    h->trailers = copy_of(trailers, &ok);
    h->received = copy_of(received, &ok);
    if (!ok)
        exchange_stop(x, ANSWER_BUSY, EXCHANGE_MEMORY);
}

static void go_on_head(struct exchange *x, enum exchange_side from, const struct exchange_hold *h)
{
    struct http_head head;
    head_copy_read(h->head, &head);
    filter_pass_head(h->by, x, from, &head, &h->framing);
}

static void go_on_data(struct exchange *x, enum exchange_side from, const struct exchange_hold *h)
{
    const struct slice bytes = slice_of(buf_at(&h->data), buf_len(&h->data));
    x->direction[from].credit += (int64_t)bytes.len;
    exchange_send_data(x, from, bytes);
}

static const struct http_head *read_copy(const struct head_copy *copy, struct http_head *head)
{
    if (copy)
        head_copy_read(copy, head);
    return copy ? head : NULL;
}

static void go_on_finish(struct exchange *x, enum exchange_side from, const struct exchange_hold *h)
{
    struct http_head trailers;
    struct http_head received;
    exchange_send_finish(x, from, read_copy(h->trailers, &trailers),
                         read_copy(h->received, &received));
}

// Another filter holds the head that went on: what follows it waits there.
static void hand_on(struct exchange_hold *to, struct exchange_hold *h)
{
    to->data = h->data;
    to->finished = h->finished;
    to->trailers = h->trailers;
    to->received = h->received;
    h->data = (struct buf){0};
    h->trailers = h->received = NULL;
}

static void go_on_body(const struct exchange_endpoint *inbound, struct exchange *x,
                       enum exchange_side from, struct exchange_hold *h)
{
    if (lasts(inbound, x) && x->hold[from]) {
        hand_on(x->hold[from], h);
        return;
    }
    if (lasts(inbound, x) && buf_len(&h->data) > 0)
        go_on_data(x, from, h);
    if (lasts(inbound, x) && h->finished)
        go_on_finish(x, from, h);
}

void filter_go_on(struct exchange *x, enum exchange_side from)
{
    if (!x->hold[from])
        return;
    const struct exchange_endpoint *inbound = x->endpoint[INBOUND];
    struct exchange_hold *h = take_held(x, from);
    go_on_head(x, from, h);
    go_on_body(inbound, x, from, h);
    free_hold(h);
}

static void drop_held(struct exchange *x)
{
    if (x->hold[OUTBOUND])
        free_hold(take_held(x, OUTBOUND));
    if (!x->hold[INBOUND])
        return;
    struct exchange_hold *h = take_held(x, INBOUND);
    x->outbound = NULL;
    go_on_body(x->endpoint[INBOUND], x, INBOUND, h);
    free_hold(h);
}

bool filter_begin(struct exchange *x, const struct filter_chain *chain)
{
    static const struct exchange_between between = {
        enter_head, enter_data, enter_finish, keep_data, keep_finish, drop_held, end_filters};
    if (!chain)
        return true;
    if (chain->memory > 0) {
        x->filter_memory = calloc(1, chain->memory);
        if (!x->filter_memory)
            return false;
    }
    x->filters = chain;
    x->between = &between;
    return true;
}
