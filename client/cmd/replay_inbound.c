// SPDX-License-Identifier: MIT
#include "replay_inbound.h"
#include <stdlib.h>

struct replay_inbound {
    struct exchange_endpoint end;
    struct loop *loop;
    const struct replay_inbound_request *request;
    struct replay_inbound_result *result;
    size_t sent;      // bytes of the body
    ptrdiff_t credit; // bytes that the outbound takes now
    bool finished;    // the request has been sent
};

static struct replay_inbound *replay_inbound_of(struct exchange_endpoint *end)
{
    return container_of(end, struct replay_inbound, end);
}

// Sends as much of the body as there is credit for, and then the end of the request.
static void send_body(struct replay_inbound *p)
{
    const struct replay_inbound_request *r = p->request;
    while (p->end.x && p->sent < r->body.len && p->credit > 0) {
        size_t left = r->body.len - p->sent;
        size_t len = left < (size_t)p->credit ? left : (size_t)p->credit;
        const char *at = r->body.p + p->sent;
        p->sent += len;
        p->credit -= (ptrdiff_t)len;
        exchange_data(&p->end, at, len);
    }
    if (!p->end.x || p->finished || p->sent < r->body.len)
        return;
    p->finished = true;
    exchange_finish(&p->end, r->trailers.field_count ? &r->trailers : NULL);
}

static void on_head(struct exchange_endpoint *end, const struct http_head *head,
                    const struct body_framing *framing)
{
    (void)framing;
    if (head->status >= 200)
        replay_inbound_of(end)->result->status = head->status;
}

static void on_data(struct exchange_endpoint *end, const char *bytes, size_t len)
{
    (void)bytes;
    replay_inbound_of(end)->result->bytes += len;
    exchange_credit(end, len);
}

static void on_finish(struct exchange_endpoint *end, const struct http_head *trailers)
{
    (void)end;
    (void)trailers;
}

// The response is complete, and the service does not take the rest of the request.
static void on_unwanted(struct exchange_endpoint *end)
{
    struct replay_inbound *p = replay_inbound_of(end);
    exchange_abandon(end);
    p->result->why = EXCHANGE_COMPLETE;
    loop_stop(p->loop);
}

static void on_credit(struct exchange_endpoint *end, size_t len)
{
    struct replay_inbound *p = replay_inbound_of(end);
    p->credit += (ptrdiff_t)len;
    send_body(p);
}

static void on_closed(struct exchange_endpoint *end, const struct exchange *x,
                      enum exchange_outcome why)
{
    (void)x;
    struct replay_inbound *p = replay_inbound_of(end);
    p->result->why = why;
    loop_stop(p->loop);
}

static const struct exchange_ops ops = {
    .head = on_head,
    .data = on_data,
    .finish = on_finish,
    .unwanted = on_unwanted,
    .credit = on_credit,
    .closed = on_closed,
};

// Copies the outcome before the exchange is freed.
struct result_observer {
    struct exchange_observer observer;
    struct replay_inbound_result *result;
};

static void on_exchange_closed(void *ctx, struct exchange *x, enum exchange_outcome why)
{
    struct result_observer *w = ctx;
    (void)why;
    w->result->refused = x->facts.refused;
    w->result->answer = x->facts.answer;
    memcpy(w->result->detail, x->facts.detail, sizeof(w->result->detail));
    w->result->duration_ns = x->facts.ended_ns - x->facts.begun_ns;
}

bool replay_inbound_run(const struct replay_inbound_way *way, struct exchange_ids *ids,
                        const struct replay_inbound_request *request,
                        struct replay_inbound_result *result)
{
    struct result_observer watcher = {
        .observer = {.closed = on_exchange_closed, .next = way->observer}, .result = result};
    struct replay_inbound p = {.end.ops = &ops,
                               .loop = way->loop,
                               .request = request,
                               .result = result,
                               .credit = LIMIT_CREDIT_BYTES};
    watcher.observer.ctx = &watcher;
    struct http_head head;
    head_copy(&head, &request->head);
    if (head.authority.len == 0)
        head.authority = slice_str(way->authority);
    *result = (struct replay_inbound_result){0};
    struct exchange *x = exchange_new(&p.end, &head, &watcher.observer);
    if (!x)
        return false;
    exchange_id_next(ids, (uint64_t)x->facts.begun_wall_ns / 1000000, x->facts.id);
    memcpy(result->id, x->facts.id, sizeof(result->id));
    x->facts.replay_of = request->replay_of;
    outbound_forward(way->outbound, NULL, x, &head, &request->framing);
    send_body(&p);
    while (p.end.x &&
           !*request->stopped) // loop_run may return at once: the last exchange's loop_stop
        loop_run(way->loop);
    if (p.end.x) {
        result->why = EXCHANGE_VISITOR_GONE;
        exchange_abort(&p.end, result->why);
    }
    return true;
}
