// SPDX-License-Identifier: MIT
// The tunnel on the link: its requests, and the reports of its exchanges.
#include <stdio.h>
#include "agent_internal.h"
#include "common/base/version.h"
#include "common/tunnel/tunnel_stream.h"
#include "proto/tunnel/private_fields.h"

static void on_leave(struct loop_task *task)
{
    struct agent *a = container_of(task, struct agent, link.leave);
    const struct session_end breach = {.fault = SESSION_TUNNEL_FAILED,
                                       .error = TUNNEL_E_CONTROL,
                                       .detail = "",
                                       .code = WS_CLOSE_PROTOCOL};
    if (a->link.protocol_error)
        agent_on_session_end(a, &breach);
    else
        agent_retry_link(a, WS_CLOSE_GOING_AWAY);
}

static void on_bind_timeout(struct timeout *t)
{
    agent_lose_link(container_of(t, struct agent, link.bind_timeout), WS_CLOSE_GOING_AWAY,
                    "the relay gave no name in time");
}

// Opens an exchange between the request's stream and the upstream of its binding. A request of no
// binding breaks the rules (docs/protocol.md §4.1).
static void on_request(void *ctx, struct mux_stream *s, struct http_head *request,
                       const struct body_framing *framing, bool end)
{
    struct agent *a = ctx;
    struct private_request values;
    private_fields_take(request, &values);
    struct binding *b = bindings_of_request(&a->bindings, values.bind);
    struct tunnel_stream *e = b ? tunnel_stream_inbound(&a->worker.loop, s, agent_wake, a) : NULL;
    struct exchange *x = e ? exchange_new(&e->h.endpoint, request, a->worker.observer) : NULL;
    if (!x) {
        mux_set_user(s, NULL);
        mux_reset(s, MUX_RESET_REFUSED);
        if (e)
            tunnel_stream_discard(e);
        agent_wake(a);
        return;
    }
    if (values.id.len > 0)
        memcpy(x->facts.id, values.id.p, EXCHANGE_ID_LEN);
    else
        exchange_id_next(&a->ids, (uint64_t)x->facts.begun_wall_ns / 1000000, x->facts.id);
    x->facts.tunnel = b->name;
    x->facts.tunnel_id = a->link.tunnel_number;
    x->facts.inbound_id = values.visitor;
    outbound_forward(b->outbound.outbound, &b->filters, x, request, framing);
    if (end && e->h.endpoint.x)
        exchange_finish(&e->h.endpoint, NULL);
}

void agent_report_exchange(void *ctx, struct exchange *x, enum exchange_outcome why)
{
    struct agent *a = ctx;
    struct report report;
    if (!a->link.session || x->facts.tunnel_id != a->link.tunnel_number)
        return;
    exchange_report(x, why, &report);
    tunnel_queue_report(session_tunnel(a->link.session), &report);
    agent_wake(a);
}

bool agent_wants_digests(void *ctx, const struct exchange *x)
{
    const struct agent *a = ctx;
    return a->link.session && x->facts.tunnel_id == a->link.tunnel_number &&
           tunnel_wants_reports(session_tunnel(a->link.session));
}

static void on_report(void *ctx, const struct report *report)
{
    struct agent *a = ctx;
    recorder_report(a->worker.recorder, a->link.tunnel_number, report);
}

static const struct session_handler handler = {
    .tunnel =
        {
            .mux = {on_request, http2_stream_on_data, http2_stream_on_end, http2_stream_on_drained,
                    http2_stream_on_closed, NULL},
            .control = agent_on_control,
            .report = on_report,
        },
    .ended = agent_on_session_end,
};

bool agent_open_tunnel(struct agent *a, struct conn *c)
{
    struct control_message hello = {.type = CONTROL_HELLO, .version = CONTROL_VERSION};
    (void)snprintf(hello.features, sizeof(hello.features), "%s",
                   a->worker.recorder ? "owner,reports" : "owner");
    a->link.tunnel_number++;
    const struct tunnel_config config = {.role = TUNNEL_AGENT};
    a->link.session = session_new(&a->worker.loop, c, &config, &handler, a);
    if (!a->link.session)
        return false;
    (void)snprintf(hello.software, sizeof(hello.software), "adit %s", adit_version());
    memcpy(hello.owner, a->config.owner, sizeof(hello.owner));
    memcpy(hello.before, a->config.before, sizeof(hello.before));
    memcpy(hello.record, a->config.relay_record, sizeof(hello.record));
    agent_send_control(a, &hello);
    timeout_start(&a->worker.loop, &a->link.bind_timeout, a->worker.loop.limits.hello_ms,
                  on_bind_timeout);
    return true;
}

void agent_tunnel_init(struct agent *a)
{
    a->link.leave.run = on_leave;
}
