// SPDX-License-Identifier: MIT
// The tunnel on the link: its messages, its requests, and the reports of its exchanges.
#include <stdio.h>
#include "agent_internal.h"
#include "common/base/clock.h"
#include "common/base/version.h"
#include "common/tunnel/tunnel_stream.h"
#include "proto/http/fields.h"
#include "proto/tunnel/private_fields.h"
#include "proto/tunnel/spelling.h"

enum {
    TICK_MS = TUNNEL_TICK_MS
};

static void on_free_tunnel(struct loop_task *task)
{
    struct agent *a = container_of(task, struct agent, free_tunnel);
    tunnel_free(a->closed_tunnel);
    a->closed_tunnel = NULL;
}

static void on_flush(struct loop_task *task)
{
    struct agent *a = container_of(task, struct agent, flush);
    uint8_t *scratch = (uint8_t *)a->loop.scratch;
    if (a->tunnel)
        tunnel_set_now(a->tunnel, clock_ns() / 1000);
    while (a->link && a->tunnel && link_ready(a->link)) {
        int n = tunnel_send(a->tunnel, scratch, TUNNEL_MESSAGE_MAX);
        if (n < 0)
            agent_lose_tunnel(a, n);
        if (n <= 0)
            return;
        if (!link_send(a->link, scratch, (size_t)n))
            return;
    }
}

static void on_tick(struct timeout *t)
{
    struct agent *a = container_of(t, struct agent, tick);
    int error = tunnel_tick(a->tunnel, loop_now_ms(&a->loop));
    if (error) {
        agent_lose_tunnel(a, error);
        return;
    }
    timeout_start(&a->loop, &a->tick, TICK_MS, on_tick);
    if (tunnel_wants_send(a->tunnel))
        agent_wake(a);
}

static void on_bind_timeout(struct timeout *t)
{
    agent_lose_link(container_of(t, struct agent, bind_timeout), "the relay gave no name in time");
}

// The private fields of a request (docs/protocol.md §4).
struct private_values {
    struct slice id;  // the exchange's id; empty: none was sent
    uint64_t inbound; // the number of the visitor's connection; 0: none was sent
};

// Reads the private fields. False: the relay may not send one of them, or not with this value.
static bool take_private(struct http_head *request, struct private_values *values)
{
    *values = (struct private_values){0};
    if (!private_fields_check(request, PRIVATE_REQUEST))
        return false;
    const struct field *id = head_find(request, SLICE("adit-id"));
    const struct field *visitor = head_find(request, SLICE("adit-visitor"));
    if (id)
        values->id = id->value;
    if (visitor)
        (void)private_number(visitor->value, &values->inbound);
    return true;
}

// Opens an exchange between the request's stream and the upstream.
static void on_request(void *ctx, struct mux_stream *s, struct http_head *request, bool end)
{
    struct agent *a = ctx;
    struct body_framing framing;
    struct private_values values;
    bool valid = !fields_check(request) && tunnel_stream_framing(request, end, &framing) &&
                 take_private(request, &values) && spelling_apply(request);
    private_fields_drop(request);
    struct tunnel_stream *e = valid ? tunnel_stream_inbound(&a->loop, s, agent_wake, a) : NULL;
    struct exchange *x = e ? exchange_new(&e->endpoint, request, a->observers) : NULL;
    if (!x) {
        mux_set_user(s, NULL);
        mux_reset(s, MUX_RESET_REFUSED);
        if (e)
            tunnel_stream_discard(e);
        agent_wake(a);
        return;
    }
    if (values.id.len > 0)
        memcpy(x->info.id, values.id.p, EXCHANGE_ID_LEN);
    else
        exchange_id_next(&a->ids, (uint64_t)x->info.begun_wall_ns / 1000000, x->info.id);
    x->info.tunnel = a->config.name;
    x->info.tunnel_id = a->tunnel_number;
    x->info.inbound_id = values.inbound;
    if (!upstream_attach(&a->upstream, x))
        exchange_answer(x, ANSWER_BUSY);
    else
        exchange_head(&e->endpoint, request, &framing);
    if (end && e->endpoint.x)
        exchange_finish(&e->endpoint, NULL);
}

void agent_report_exchange(void *ctx, struct exchange *x, enum exchange_outcome why)
{
    struct agent *a = ctx;
    struct report report;
    if (!a->tunnel || x->info.tunnel_id != a->tunnel_number)
        return;
    exchange_report(x, why, &report);
    tunnel_queue_report(a->tunnel, &report);
    agent_wake(a);
}

static void on_report(void *ctx, const struct report *report)
{
    struct agent *a = ctx;
    recorder_report(a->recorder, a->tunnel_number, report);
}

static const struct tunnel_handler handler = {
    .mux = {on_request, tunnel_stream_on_data, tunnel_stream_on_end, tunnel_stream_on_drained,
            tunnel_stream_on_closed, NULL},
    .control = agent_on_control,
    .report = on_report,
};

bool agent_open_tunnel(struct agent *a)
{
    struct control_message hello = {.type = CONTROL_HELLO, .version = CONTROL_VERSION};
    (void)snprintf(hello.features, sizeof(hello.features), "%s",
                   a->recorder ? "owner,reports" : "owner");
    a->tunnel_number++;
    const struct tunnel_config config = {.role = TUNNEL_AGENT};
    a->tunnel = tunnel_new(&config, &handler, a, loop_now_ms(&a->loop));
    if (!a->tunnel)
        return false;
    (void)snprintf(hello.software, sizeof(hello.software), "adit %s", adit_version());
    memcpy(hello.owner, a->config.owner, sizeof(hello.owner));
    memcpy(hello.before, a->config.before, sizeof(hello.before));
    memcpy(hello.record, a->config.relay_record, sizeof(hello.record));
    agent_send_control(a, &hello);
    timeout_start(&a->loop, &a->tick, TICK_MS, on_tick);
    timeout_start(&a->loop, &a->bind_timeout, a->loop.limits.hello_ms, on_bind_timeout);
    return true;
}

void agent_tunnel_init(struct agent *a)
{
    a->flush.run = on_flush;
    a->free_tunnel.run = on_free_tunnel;
}
