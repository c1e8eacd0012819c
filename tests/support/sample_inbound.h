// SPDX-License-Identifier: MIT
// A whole kind of inbound in one file: each is a byte stream that is no HTTP, as of a TCP
// connection. Its bytes come from the caller, and what comes back is kept.
#pragma once
#include "common/exchange/inbound.h"
#include "proto/buf.h"

struct sample_inbound {
    struct exchange_endpoint endpoint;
    struct buf waiting; // to be sent once the stream is open and there is credit
    struct buf got;
    uint16_t status; // of the answer; 0: none yet
    bool open, ended, closed;
    bool ends;    // behind what waits
    bool pumping; // credit came while bytes are sent
    enum exchange_outcome why;
};

static inline struct sample_inbound *sample_inbound_of(struct exchange_endpoint *e)
{
    return container_of(e, struct sample_inbound, endpoint);
}

static inline bool sample_inbound_may_send(const struct sample_inbound *s)
{
    return s->open && s->endpoint.x && exchange_may_send(&s->endpoint) > 0;
}

static inline void sample_inbound_pump(struct sample_inbound *s)
{
    if (s->pumping)
        return;
    s->pumping = true;
    while (buf_len(&s->waiting) > 0 && sample_inbound_may_send(s)) {
        const int64_t most = exchange_may_send(&s->endpoint);
        struct slice bytes = buf_slice(&s->waiting);
        bytes.len = (int64_t)bytes.len > most ? (size_t)most : bytes.len;
        exchange_data(&s->endpoint, bytes.p, bytes.len);
        buf_take(&s->waiting, bytes.len);
    }
    if (s->ends && s->open && s->endpoint.x && buf_len(&s->waiting) == 0) {
        s->ends = false;
        exchange_finish(&s->endpoint, NULL);
    }
    s->pumping = false;
}

static inline void sample_inbound_head(struct exchange_endpoint *e, const struct http_head *head,
                                       const struct body_framing *framing)
{
    struct sample_inbound *s = sample_inbound_of(e);
    s->status = head->status;
    s->open = framing->kind == BODY_TUNNEL;
}

// A refusal has a body for people: a byte stream has no use for it.
static inline void sample_inbound_data(struct exchange_endpoint *e, const char *bytes, size_t len)
{
    struct sample_inbound *s = sample_inbound_of(e);
    if (s->open && !buf_append(&s->got, bytes, len))
        exchange_abort(e, EXCHANGE_MEMORY);
    else
        exchange_credit(e, len);
}

static inline void sample_inbound_finish(struct exchange_endpoint *e,
                                         const struct http_head *trailers)
{
    (void)trailers;
    sample_inbound_of(e)->ended = true;
}

static inline void sample_inbound_unwanted(struct exchange_endpoint *e)
{
    sample_inbound_of(e)->closed = true;
    exchange_abandon(e);
}

static inline void sample_inbound_credit(struct exchange_endpoint *e, size_t len)
{
    (void)len;
    sample_inbound_pump(sample_inbound_of(e));
}

static inline void sample_inbound_closed(struct exchange_endpoint *e, const struct exchange *x,
                                         enum exchange_outcome why)
{
    struct sample_inbound *s = sample_inbound_of(e);
    (void)x;
    s->closed = true;
    s->why = why;
}

// Opens a stream to an authority: the handler finds out who answers. False: out of memory.
static inline bool sample_inbound_open(struct sample_inbound *s,
                                       const struct inbound_handler *handler, const char *authority,
                                       const struct exchange_observer *observer)
{
    static const struct exchange_ops ops = {
        .head = sample_inbound_head,
        .data = sample_inbound_data,
        .finish = sample_inbound_finish,
        .unwanted = sample_inbound_unwanted,
        .credit = sample_inbound_credit,
        .closed = sample_inbound_closed,
    };
    struct http_head request;
    const struct body_framing none = {BODY_NONE, 0};
    head_init(&request);
    request.method = SLICE("CONNECT");
    request.authority = request.target = slice_str(authority);
    *s = (struct sample_inbound){.endpoint.ops = &ops};
    struct exchange *x = exchange_new(&s->endpoint, &request, observer);
    if (!x)
        return false;
    x->facts.scheme = "tcp";
    handler->request(handler->ctx, x, &request, &none);
    sample_inbound_pump(s);
    return true;
}

static inline bool sample_inbound_send(struct sample_inbound *s, const char *bytes, size_t len)
{
    bool ok = buf_append(&s->waiting, bytes, len);
    sample_inbound_pump(s);
    return ok;
}

static inline void sample_inbound_end(struct sample_inbound *s)
{
    s->ends = true;
    sample_inbound_pump(s);
}

static inline void sample_inbound_free(struct sample_inbound *s)
{
    exchange_abort(&s->endpoint, EXCHANGE_VISITOR_GONE);
    buf_free(&s->waiting);
    buf_free(&s->got);
}
