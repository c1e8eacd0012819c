// SPDX-License-Identifier: MIT
#include "replay_send.h"
#include <stdlib.h>
#include "common/record/write/recorder.h"

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

static void on_signal(uv_poll_t *poll, int status, int events)
{
    struct replay_sender *s = poll->data;
    (void)status;
    (void)events;
    s->stopped = true;
    uv_stop(poll->loop);
    (void)uv_poll_stop(poll); // the descriptor stays readable
}

static bool run(struct replay_sender *s, struct loop *loop, const struct record_exchange *first,
                const struct replay_request *request, struct replay_inbound_result *result)
{
    struct upstream upstream;
    struct recorder_config config = {.dir = s->dir, .program = "adit replay"};
    if (first->flags & RECORD_HEADS_ONLY)
        config.level = EXCHANGE_RECORD_HEADS;
    for (size_t i = 0; i < request->redacted_count; i++)
        config.redact[config.redact_count++] = request->redacted[i];
    struct replay_inbound_request sent = request->request;
    sent.stopped = &s->stopped;
    set_limits(&loop->limits, first);
    struct recorder *recorder = recorder_new(loop, &config);
    if (!recorder)
        return false;
    upstream_init(&upstream, loop, &s->target);
    bool ok = replay_inbound_run(&upstream, recorder_observer(recorder), &s->ids, &sent, result);
    recorder_free(recorder);
    upstream_deinit(&upstream);
    return ok;
}

_Static_assert((int)REPLAY_REDACTED_MAX <= (int)RECORDER_REDACT_MAX,
               "everything redacted is redacted again");

bool replay_send(struct replay_sender *s, const struct record_exchange *first,
                 const struct replay_request *request, struct replay_inbound_result *result)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    if (!loop || loop_init(loop)) {
        free(loop);
        return false;
    }
    uv_poll_t poll;
    (void)uv_poll_init(&loop->uv, &poll, s->signals);
    poll.data = s;
    (void)uv_poll_start(&poll, UV_READABLE, on_signal);
    bool ok = run(s, loop, first, request, result);
    uv_close((uv_handle_t *)&poll, NULL);
    loop_run_once(loop);
    conn_close_all(loop);
    loop_deinit(loop);
    free(loop);
    return ok;
}
