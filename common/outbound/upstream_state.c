// SPDX-License-Identifier: MIT
// A request's state: whether the response is read, the limit of the wait for it, and the end.
#include <stdlib.h>
#include "upstream_internal.h"

static void on_free(struct loop_task *task)
{
    struct upstream_request *r = container_of(task, struct upstream_request, free_task);
    buf_free(&r->waiting);
    free(r->offer);
    free(r->public_origin);
    free(r->hop_names);
    free(r);
}

void upstream_request_close(struct upstream_request *r, bool to_pool)
{
    if (r->state == REQUEST_CLOSED)
        return;
    bool broken = r->state == REQUEST_UPGRADED; // a FIN would mean that the stream is whole
    r->state = REQUEST_CLOSED;
    timeout_stop(&r->answer_limit);
    dial_cancel(r->dial);
    if (r->conn && r->unconsumed > 0)
        conn_consume(r->conn, r->unconsumed);
    if (r->conn && to_pool)
        upstream_pool_put(r->upstream, r->conn, &r->use);
    else
        conn_close(r->conn, broken ? CONN_CLOSE_RESET : CONN_CLOSE_NOW);
    r->conn = NULL;
    r->free_task.run = on_free;
    loop_queue(r->upstream->loop, &r->free_task);
}

void upstream_request_refuse(struct upstream_request *r, enum answer answer)
{
    exchange_refuse(&r->endpoint, answer, EXCHANGE_UPSTREAM_GONE);
    upstream_request_close(r, false);
}

void upstream_request_abort(struct upstream_request *r, enum exchange_outcome why)
{
    exchange_abort(&r->endpoint, why);
    upstream_request_close(r, false);
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
    if (ms == 0 || r->state != REQUEST_HEAD || !upstream_request_is_whole(r))
        timeout_stop(&r->answer_limit);
    else if (!timeout_runs(&r->answer_limit))
        timeout_start(r->upstream->loop, &r->answer_limit, ms, on_answer_limit);
}

void upstream_request_update(struct upstream_request *r)
{
    if (!r->conn || r->state == REQUEST_CLOSED)
        return;
    upstream_request_update_limit(r);
    bool body = r->state == REQUEST_BODY || r->state == REQUEST_UPGRADED;
    bool read = !body || r->credit >= LIMIT_CREDIT_MIN;
    conn_set_read_max(r->conn, body && read ? exchange_read_max(r->credit) : LIMIT_READ_BYTES);
    conn_want_read(r->conn, read);
}
