// SPDX-License-Identifier: MIT
// The events that one endpoint sends to the other: counted, told to the observers, passed through
// the filters, delivered.
#include <assert.h>
#include <stdlib.h>
#include "exchange_internal.h"

static uint32_t fields_size(const struct http_head *head)
{
    size_t size = 0;
    for (size_t i = 0; i < head->field_count; i++)
        size += head->fields[i].name.len + head->fields[i].value.len;
    return (uint32_t)size;
}

bool exchange_takes_interim(const struct exchange *x, const struct http_head *head)
{
    return x->interim < LIMIT_INTERIM &&
           x->interim_bytes + fields_size(head) <= LIMIT_INTERIM_BYTES;
}

void exchange_set_received(struct exchange_endpoint *from, const struct http_head *received)
{
    if (from->x)
        from->x->received = received;
}

// The trailers for observers: those set by exchange_set_received, else those passed on.
static const struct http_head *take_received(struct exchange *x, const struct http_head *passed_on)
{
    const struct http_head *received = x->received;
    x->received = NULL;
    return received ? received : passed_on;
}

// Keeps the offer of an upgrade for those who must compare the protocol that is switched to.
static bool keep_offer(struct exchange *x, struct slice offer)
{
    if (offer.len == 0)
        return true;
    x->offer = malloc(offer.len + 1);
    if (!x->offer)
        return false;
    memcpy(x->offer, offer.p, offer.len);
    x->offer[offer.len] = 0;
    return true;
}

// The last step of a request head: finds its outbound, now that no filter has refused it.
static void deliver_request(struct exchange *x, struct http_head *head,
                            const struct body_framing *framing)
{
    enum answer why = ANSWER_BUSY;
    if (!x->endpoint[OUTBOUND] && x->outbound && !x->outbound->ops->attach(x->outbound, x, &why)) {
        x->outbound = NULL;
        exchange_answer(x, why);
        return;
    }
    if (!keep_offer(x, head->upgrade)) {
        exchange_answer_instead(x, ANSWER_BUSY, EXCHANGE_MEMORY);
        return;
    }
    x->facts.sent_on_ns = uv_hrtime(); // set again by an outbound that has to connect first
    exchange_mark_routed(x);
    struct exchange_endpoint *to = x->endpoint[OUTBOUND];
    if (to)
        to->ops->head(to, head, framing);
}

static void deliver_response(struct exchange *x, struct http_head *head,
                             const struct body_framing *framing)
{
    struct exchange_endpoint *inbound = x->endpoint[INBOUND];
    tell_head(x, head);
    if (!status_is_interim(head->status)) {
        x->facts.status = head->status;
        x->responded = true;
        x->upgraded = x->direction[OUTBOUND].framing.kind == BODY_TUNNEL;
    }
    if (x->strip)
        x->strip(head);
    inbound->ops->head(inbound, head, framing);
}

void exchange_deliver_head(struct exchange *x, enum exchange_side from, struct http_head *head,
                           const struct body_framing *framing)
{
    if (from == INBOUND)
        deliver_request(x, head, framing);
    else
        deliver_response(x, head, framing);
}

void exchange_deliver_data(struct exchange *x, enum exchange_side from, struct slice bytes)
{
    struct exchange_endpoint *to = x->endpoint[exchange_other(from)];
    if (to)
        to->ops->data(to, bytes.p, bytes.len);
}

void exchange_deliver_finish(struct exchange *x, enum exchange_side from,
                             const struct http_head *trailers)
{
    struct exchange_endpoint *to = x->endpoint[exchange_other(from)];
    if (to)
        to->ops->finish(to, trailers);
}

static inline void pass_head(struct exchange *x, enum exchange_side from, struct http_head *head,
                             const struct body_framing *framing)
{
    if (x->between)
        x->between->head(x, from, head, framing);
    else
        exchange_deliver_head(x, from, head, framing);
}

static void respond_head(struct exchange *x, struct http_head *head,
                         const struct body_framing *framing)
{
    const bool interim = status_is_interim(head->status);
    const uint64_t now_ns = uv_hrtime();
    if (interim && !exchange_takes_interim(x, head)) {
        exchange_close(x, EXCHANGE_PROTOCOL, NULL);
        return;
    }
    if (x->facts.heard_ns == 0) // an outbound that reads bytes has set an earlier time
        x->facts.heard_ns = now_ns;
    if (interim) {
        x->interim++;
        x->interim_bytes += fields_size(head);
    } else {
        x->direction[OUTBOUND].begun = true;
        x->direction[OUTBOUND].framing = *framing;
        x->facts.answered_ns = now_ns;
    }
    pass_head(x, OUTBOUND, head, framing);
}

void exchange_head(struct exchange_endpoint *from, struct http_head *head,
                   const struct body_framing *framing)
{
    struct exchange *x = from->x;
    if (from->side == OUTBOUND) {
        respond_head(x, head, framing);
        return;
    }
    x->offers = head->upgrade.len > 0;
    x->direction[INBOUND].begun = true;
    x->direction[INBOUND].framing = *framing;
    pass_head(x, INBOUND, head, framing);
}

void exchange_send_data(struct exchange *x, enum exchange_side from, struct slice bytes)
{
    struct exchange_direction *d = &x->direction[from];
    const size_t len = bytes.len;
    if (len == 0 || d->ended)
        return;
    bool over = d->framing.kind == BODY_LENGTH && d->bytes + len > d->framing.length;
    bool none = d->begun && d->framing.kind == BODY_NONE;
    if ((over || none) && !x->upgraded) {
        exchange_close(x, EXCHANGE_PROTOCOL, NULL);
        return;
    }
    exchange_count(x, from, bytes);
    if (!x->endpoint[exchange_other(from)]) {
        x->endpoint[from]->ops->credit(x->endpoint[from], len);
        return;
    }
    if (d->uncredited == 0) {
        d->uncredited_since_ns = d->last_ns;
        d->credited_before = d->bytes - len;
    }
    d->uncredited += len;
    d->credit -= (int64_t)len;
    if (d->credit < LIMIT_CREDIT_MIN && !d->stalled_since_ns)
        d->stalled_since_ns = d->last_ns;
    if (x->between)
        x->between->data(x, from, bytes);
    else
        exchange_deliver_data(x, from, bytes);
}

void exchange_data(struct exchange_endpoint *from, const char *bytes, size_t len)
{
    struct exchange *x = from->x;
    if (x->hold[from->side])
        x->between->keep_data(x, from->side, slice_of(bytes, len));
    else
        exchange_send_data(x, from->side, slice_of(bytes, len));
}

void exchange_send_finish(struct exchange *x, enum exchange_side from,
                          const struct http_head *trailers, const struct http_head *received)
{
    struct exchange_direction *d = &x->direction[from];
    const struct exchange_endpoint *inbound = x->endpoint[INBOUND];
    assert(inbound); // an inbound stays until its response is whole
    if (d->ended)
        return;
    if (d->framing.kind == BODY_LENGTH && !x->upgraded && d->bytes != d->framing.length) {
        exchange_close(x, EXCHANGE_PROTOCOL, NULL);
        return;
    }
    d->ended = true;
    if (d->stalled_since_ns)
        exchange_end_stall(d, uv_hrtime());
    tell_finished(x, from, received);
    if (x->between && x->endpoint[exchange_other(from)])
        x->between->finish(x, from, trailers);
    else
        exchange_deliver_finish(x, from, trailers);
    if (inbound->x && x->direction[INBOUND].ended && x->direction[OUTBOUND].ended)
        exchange_close(x, EXCHANGE_COMPLETE, NULL);
    else if (inbound->x && from == OUTBOUND)
        exchange_notify_unwanted(x);
}

void exchange_finish(struct exchange_endpoint *from, const struct http_head *trailers)
{
    struct exchange *x = from->x;
    const struct http_head *received = take_received(x, trailers);
    x->sent[from->side] = true;
    if (x->hold[from->side])
        x->between->keep_finish(x, from->side, trailers, received);
    else
        exchange_send_finish(x, from->side, trailers, received);
}

void exchange_credit(struct exchange_endpoint *from, size_t len)
{
    struct exchange *x = from->x;
    struct exchange_endpoint *to = x ? x->endpoint[exchange_other(from->side)] : NULL;
    if (!to || len == 0)
        return;
    struct exchange_direction *d = &x->direction[to->side];
    d->uncredited -= len < d->uncredited ? len : d->uncredited;
    d->credit += (int64_t)len;
    if (d->stalled_since_ns && d->credit >= LIMIT_CREDIT_MIN)
        exchange_end_stall(d, uv_hrtime());
    to->ops->credit(to, len);
}
