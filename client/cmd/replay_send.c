// SPDX-License-Identifier: MIT
#include "replay_send.h"
#include <stdlib.h>
#include "common/worker/worker.h"

// A replay deletes nothing to make room: it does not know the other programs' limits. It keeps as
// much of bodies as the first exchange did, so that they can be compared.
static void set_limits(struct limits *limits, const struct record_exchange *first)
{
    *limits = limits_default;
    limits->record_bytes = 0;
    limits->record_age_ms = 0;
    for (int side = 0; side < 2; side++)
        if (first->body[side].kept > limits->record_body_bytes)
            limits->record_body_bytes = first->body[side].kept;
}

// A replay runs one exchange on a worker of its own.
struct replay {
    struct worker worker;
    struct replay_sender *sender;
    struct service_outbound outbound;
    uv_poll_t signals;
};

static void on_signal(uv_poll_t *poll, int status, int events)
{
    struct replay *r = poll->data;
    (void)status;
    (void)events;
    r->sender->stopped = true;
    loop_stop(&r->worker.loop);
    (void)uv_poll_stop(poll); // the descriptor stays readable
}

static const char *begin_signals(void *ctx)
{
    struct replay *r = ctx;
    (void)uv_poll_init(&r->worker.loop.uv, &r->signals, r->sender->signals);
    r->signals.data = r;
    (void)uv_poll_start(&r->signals, UV_READABLE, on_signal);
    return NULL;
}

static void end_signals(void *ctx)
{
    struct replay *r = ctx;
    uv_close((uv_handle_t *)&r->signals, NULL);
}

static const char *begin_service(void *ctx)
{
    struct replay *r = ctx;
    service_init(&r->sender->service, &r->outbound, &r->worker.loop);
    return NULL;
}

static void end_service(void *ctx)
{
    struct replay *r = ctx;
    service_deinit(&r->outbound);
}

static const struct worker_part parts[] = {
    {begin_signals, {[WORKER_ABORT] = end_signals}},
    {begin_service, {[WORKER_ABORT] = end_service}},
};

_Static_assert((int)REPLAY_REDACTED_MAX <= (int)RECORDER_REDACT_MAX,
               "everything redacted is redacted again");

static bool run(struct replay *r, const struct record_exchange *first,
                const struct replay_request *request, struct replay_inbound_result *result)
{
    struct replay_sender *s = r->sender;
    struct recorder_config config = {.dir = s->dir, .program = "adit replay"};
    struct replay_inbound_request sent = request->request;
    if (first->flags & RECORD_HEADS_ONLY)
        config.level = EXCHANGE_RECORD_HEADS;
    for (size_t i = 0; i < request->redacted_count; i++)
        config.redact[config.redact_count++] = request->redacted[i];
    sent.stopped = &s->stopped;
    if (!worker_record(&r->worker, &config) ||
        worker_begin(&r->worker, parts, sizeof(parts) / sizeof(parts[0]), r))
        return false;
    const struct replay_inbound_way way = {.loop = &r->worker.loop,
                                           .outbound = r->outbound.outbound,
                                           .authority = service_authority(&r->outbound),
                                           .observer = r->worker.observer};
    return replay_inbound_run(&way, &s->ids, &sent, result);
}

bool replay_send(struct replay_sender *s, const struct record_exchange *first,
                 const struct replay_request *request, struct replay_inbound_result *result)
{
    struct limits limits;
    struct replay *r = calloc(1, sizeof(*r));
    if (!r)
        return false;
    r->sender = s;
    set_limits(&limits, first);
    bool ok = !worker_init(&r->worker, &limits) && run(r, first, request, result);
    (void)worker_stop(&r->worker); // a name that is being resolved: worker_free waits
    worker_free(&r->worker);
    free(r);
    return ok;
}
