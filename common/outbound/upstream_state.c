// SPDX-License-Identifier: MIT
// A request's state: whether the response is read, the limit of the wait for it, and the end.
#include <stdlib.h>
#include "upstream_internal.h"

static void on_free(struct loop_task *task)
{
    struct upstream_request *r = container_of(task, struct upstream_request, free_task);
    buf_free(&r->waiting);
    http1_conn_free(&r->h);
    free(r);
}

void upstream_request_close(struct upstream_request *r, bool to_pool)
{
    if (r->state == REQUEST_CLOSED)
        return;
    // A FIN would mean that an upgraded stream is whole.
    bool broken = r->state == REQUEST_BODY && r->h.body.kind == BODY_TUNNEL;
    r->state = REQUEST_CLOSED;
    timeout_stop(&r->answer_limit);
    dial_cancel(r->dial);
    if (r->h.conn && to_pool)
        upstream_pool_put(r->upstream, r->h.conn, &r->use);
    else
        conn_close(r->h.conn, broken ? CONN_CLOSE_RESET : CONN_CLOSE_NOW);
    r->h.conn = NULL;
    r->free_task.run = on_free;
    loop_queue(r->upstream->loop, &r->free_task);
}

void upstream_request_fail(struct upstream_request *r, enum answer answer,
                           enum exchange_outcome why)
{
    exchange_refuse(&r->h.endpoint, answer, why);
    upstream_request_close(r, false);
}

void upstream_request_refuse(struct upstream_request *r, enum answer answer)
{
    upstream_request_fail(r, answer, EXCHANGE_UPSTREAM_GONE);
}

static void on_answer_limit(struct timeout *t)
{
    upstream_request_refuse(container_of(t, struct upstream_request, answer_limit),
                            ANSWER_UPSTREAM_TIMEOUT);
}

// No limit unless one was configured: the origin may be stopped at a breakpoint.
void upstream_request_update_limit(struct upstream_request *r)
{
    uint32_t ms = r->upstream->loop->limits.answer_ms;
    if (ms == 0 || r->state != REQUEST_HEAD || !exchange_has_request(r->h.endpoint.x))
        timeout_stop(&r->answer_limit);
    else if (!timeout_runs(&r->answer_limit))
        timeout_start(r->upstream->loop, &r->answer_limit, ms, on_answer_limit);
}

void upstream_request_update(struct upstream_request *r)
{
    if (!r->h.conn || r->state == REQUEST_CLOSED)
        return;
    upstream_request_update_limit(r);
    if (r->state == REQUEST_BODY) {
        http1_conn_want_body(&r->h, LIMIT_READ_BULK_BYTES);
        return;
    }
    conn_set_read_max(r->h.conn, LIMIT_READ_BYTES);
    conn_want_read(r->h.conn, true);
}
