// SPDX-License-Identifier: MIT
// A whole kind of outbound in one file: echoes the body of each request, and each byte stream.
#pragma once
#include <stdlib.h>
#include "common/exchange/outbound.h"
#include "common/io/loop.h"

struct sample_outbound {
    struct outbound outbound;
    struct loop *loop;
    size_t most;    // exchanges at a time; others are answered with 503
    size_t running; // now
};

// The endpoint of one exchange.
struct sample_echo {
    struct exchange_endpoint endpoint;
    struct sample_outbound *of;
    struct loop_task free_task;
};

static inline struct sample_echo *sample_echo_of(struct exchange_endpoint *e)
{
    return container_of(e, struct sample_echo, endpoint);
}

static inline void sample_echo_free(struct loop_task *task)
{
    free(container_of(task, struct sample_echo, free_task));
}

static inline void sample_echo_head(struct exchange_endpoint *e, const struct http_head *request,
                                    const struct body_framing *framing)
{
    struct http_head response;
    struct body_framing sent = *framing;
    head_init(&response);
    response.status = 200;
    response.reason = SLICE("OK");
    if (slice_eq(request->method, SLICE("CONNECT")))
        sent = (struct body_framing){BODY_TUNNEL, 0};
    else if (sent.kind == BODY_NONE)
        (void)head_add(&response, SLICE("Content-Length"), SLICE("0"));
    exchange_head(e, &response, &sent);
}

static inline void sample_echo_data(struct exchange_endpoint *e, const char *bytes, size_t len)
{
    exchange_data(e, bytes, len);
}

static inline void sample_echo_finish(struct exchange_endpoint *e, const struct http_head *trailers)
{
    exchange_finish(e, trailers);
}

// The echo goes on as fast as it is read.
static inline void sample_echo_credit(struct exchange_endpoint *e, size_t len)
{
    exchange_credit(e, len);
}

static inline void sample_echo_closed(struct exchange_endpoint *e, const struct exchange *x,
                                      enum exchange_outcome why)
{
    struct sample_echo *echo = sample_echo_of(e);
    (void)x;
    (void)why;
    echo->of->running--;
    echo->free_task.run = sample_echo_free;
    loop_queue(echo->of->loop, &echo->free_task);
}

static inline bool sample_outbound_attach(struct outbound *o, struct exchange *x, enum answer *why)
{
    static const struct exchange_ops ops = {
        .head = sample_echo_head,
        .data = sample_echo_data,
        .finish = sample_echo_finish,
        .credit = sample_echo_credit,
        .closed = sample_echo_closed,
    };
    struct sample_outbound *s = container_of(o, struct sample_outbound, outbound);
    struct sample_echo *echo = s->running < s->most ? calloc(1, sizeof(*echo)) : NULL;
    *why = ANSWER_BUSY;
    if (!echo)
        return false;
    echo->endpoint.ops = &ops;
    echo->of = s;
    s->running++;
    x->facts.upstream = "echo";
    exchange_attach(x, &echo->endpoint);
    return true;
}

static inline struct sample_outbound sample_outbound_of(struct loop *l, size_t most)
{
    static const struct outbound_ops ops = {sample_outbound_attach};
    return (struct sample_outbound){.outbound.ops = &ops, .loop = l, .most = most};
}
