// SPDX-License-Identifier: MIT
// Makes agents, and finds the agent of an exchange.
#include "agents.h"
#include <stdlib.h>
#include "agents_internal.h"
#include "common/record/write/recorder.h"
#include "common/tunnel/tunnel_stream.h"
#include "shed.h"

enum {
    // When the relay stops, agents spread their return over this time, so that few come back at
    // once and a thousand do not come together (docs/protocol.md §2).
    RETRY_LEAST_MS = 100,
    RETRY_PER_1000_MS = 1500
};

static void on_report(void *ctx, const struct report *report)
{
    struct agent *a = ctx;
    recorder_report(a->set->recorder, a->number, report);
}

static const struct session_handler handler = {
    .tunnel =
        {
            .mux = {http2_stream_on_head, http2_stream_on_data, http2_stream_on_end,
                    http2_stream_on_drained, http2_stream_on_closed, shed_fullest},
            .control = agent_on_control,
            .report = on_report,
        },
    .ended = agent_on_session_end,
};

static struct session *open_session(struct agent *a, struct loop *l, struct conn *c)
{
    struct mux_limits limits = mux_default_limits;
    const struct tunnel_config config = {
        .role = TUNNEL_RELAY, .limits = &limits, .heads = &a->set->heads};
    limits.streams = l->limits.streams;
    limits.unread = l->limits.unread_bytes;
    return session_new(l, c, &config, &handler, a);
}

static bool attach(struct outbound *o, struct exchange *x, enum answer *why)
{
    struct agent *a = container_of(o, struct agent, outbound);
    struct loop *loop = a->set->loop;
    struct mux *m = tunnel_mux(session_tunnel(a->session));
    struct tunnel_stream *e = tunnel_stream_outbound(loop, m, agent_wake, a);
    *why = ANSWER_BUSY;
    if (!e)
        return false;
    if (!tunnel_stream_count(e, &a->clients, &x->facts.client, loop->limits.streams_per_address)) {
        tunnel_stream_discard(e);
        *why = ANSWER_TOO_MANY;
        return false;
    }
    shed_make_room(m);
    x->facts.tunnel_id = a->number;
    exchange_attach(x, &e->h.endpoint);
    return true;
}

static const struct outbound_ops outbound_ops = {attach};

struct outbound *agent_outbound(struct agent *a)
{
    return &a->outbound;
}

void agents_accept(struct agents *set, struct conn *c, const struct client_address *client)
{
    struct agent *a = calloc(1, sizeof(*a));
    if (!a) {
        conn_close(c, CONN_CLOSE_NOW);
        return;
    }
    a->set = set;
    a->session = open_session(a, set->loop, c);
    if (!a->session) {
        free(a);
        return;
    }
    a->outbound.ops = &outbound_ops;
    a->clients.seed = set->seed;
    a->number = ++set->tunnels;
    a->client = *client;
    client_address_share_text(client, a->address);
    tunnel_summary_begin(&a->summary, a->number, client, loop_now_ms(set->loop));
    agent_wait_for_name(a);
    set->count++;
    agent_await_hello(a);
}

const char *agent_address(const struct agent *a)
{
    return a->address;
}

static struct agent *find_number(const struct list *agents, uint64_t number)
{
    for (struct list_link *link = agents->first; link; link = link->next) {
        struct agent *a = LIST_ITEM(link, struct agent, in_list);
        if (a->number == number)
            return a;
    }
    return NULL;
}

// The agent of an exchange, or NULL when its tunnel is gone. While the exchange has its outbound,
// that is the agent. Later both lists are searched: another agent may have taken over its name.
static struct agent *agent_of(const struct agents *set, const struct exchange *x)
{
    if (x->outbound && x->outbound->ops == &outbound_ops)
        return container_of(x->outbound, struct agent, outbound);
    struct agent *a = find_number(&set->named, x->facts.tunnel_id);
    return a ? a : find_number(&set->waiting, x->facts.tunnel_id);
}

static void on_exchange_closed(void *ctx, struct exchange *x, enum exchange_outcome why)
{
    struct agents *set = ctx;
    struct agent *a = x->facts.tunnel_id ? agent_of(set, x) : NULL;
    struct report report;
    relay_log_limits(set->log, x);
    if (!a)
        return;
    tunnel_summary_count(&a->summary, x);
    exchange_report(x, why, &report);
    tunnel_queue_report(session_tunnel(a->session), &report);
    agent_wake(a);
}

static bool wants_digests(void *ctx, const struct exchange *x)
{
    const struct agent *a = x->facts.tunnel_id ? agent_of(ctx, x) : NULL;
    return a && !a->closed && tunnel_wants_reports(session_tunnel(a->session));
}

struct exchange_observer *agents_observer(struct agents *set)
{
    set->observer = (struct exchange_observer){
        .closed = on_exchange_closed, .wants_digests = wants_digests, .ctx = set};
    return &set->observer;
}

static void leave_list(const struct agents *set, const struct list *agents)
{
    const struct session_close how = {.code = WS_CLOSE_GOING_AWAY,
                                      .retry_within_ms = (uint32_t)set->retry_ms};
    for (struct list_link *link = agents->first; link; link = link->next)
        session_leave(LIST_ITEM(link, struct agent, in_list)->session, &how);
}

void agents_leave(struct agents *set)
{
    set->retry_ms = RETRY_LEAST_MS + set->count * RETRY_PER_1000_MS / 1000;
    leave_list(set, &set->named);
    leave_list(set, &set->waiting);
}

static void close_list(struct list *agents)
{
    while (agents->first)
        agent_close(LIST_ITEM(agents->first, struct agent, in_list), WS_CLOSE_GOING_AWAY,
                    AGENT_RELAY_STOPS);
}

void agents_close(struct agents *set)
{
    close_list(&set->named);
    close_list(&set->waiting);
}

void agents_free(struct agents *set)
{
    mux_scratch_free(&set->heads);
}
