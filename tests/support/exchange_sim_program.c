// SPDX-License-Identifier: MIT
// The program of the simulation: `adit proxy` without its display and its record.
#include "check.h"
#include "common/exchange/body_limit.h"
#include "common/exchange/forward.h"
#include "common/exchange/host_rewrite.h"
#include "common/inbound/edge_set.h"
#include "common/outbound/upstream.h"
#include "exchange_sim_internal.h"

enum {
    HELD_TURNS = 2 // fewer than those after which all is quiet
};

static struct {
    struct loop loop;
    struct listener front;
    struct edge_set edges;
    struct upstream upstream;
    struct body_limit body_limit;
    struct forward forward;
    struct host_rewrite host_rewrite;
    struct filter holder;
    struct list held; // struct note
    struct filter_chain filters;
} program;

// A filter that holds heads for a few turns.
struct note {
    struct list_link in_held;
    struct exchange *x;
    int turns[2]; // left, by side; 0: not held
};

static void on_head(const struct filter *f, struct exchange *x, enum exchange_side from,
                    struct http_head *head, const struct body_framing *framing)
{
    struct note *n = filter_memory(f, x);
    if (status_is_interim(head->status) || !sim_maybe(8)) {
        filter_pass_head(f, x, from, head, framing);
        return;
    }
    if (!n->x)
        list_append(&program.held, &n->in_held);
    n->x = x;
    n->turns[from] = 1 + (int)chance_below(sim.chance, HELD_TURNS);
    filter_hold(f, x, from, head, framing);
}

static void on_closed(const struct filter *f, struct exchange *x)
{
    struct note *n = filter_memory(f, x);
    if (n->x)
        list_remove(&program.held, &n->in_held);
}

static const struct filter_ops holder_ops = {
    .memory = sizeof(struct note), .head = on_head, .closed = on_closed};

// One of those whose time is over goes on. Whether there was one.
static bool one_goes_on(void)
{
    for (struct list_link *link = program.held.first; link; link = link->next) {
        struct note *n = LIST_ITEM(link, struct note, in_held);
        for (int from = 0; from < 2; from++)
            if (n->turns[from] < 0) {
                n->turns[from] = 0;
                filter_go_on(n->x, (enum exchange_side)from);
                return true;
            }
    }
    return false;
}

static void let_go_on(void)
{
    for (struct list_link *link = program.held.first; link; link = link->next) {
        struct note *n = LIST_ITEM(link, struct note, in_held);
        for (int from = 0; from < 2; from++)
            if (n->turns[from] > 0 && --n->turns[from] == 0)
                n->turns[from] = -1;
    }
    while (one_goes_on())
        ;
}

static void on_request(void *ctx, struct exchange *x, struct http_head *head,
                       const struct body_framing *framing)
{
    (void)ctx;
    outbound_forward(&program.upstream.outbound, &program.filters, x, head, framing);
}

static void add_filters(void)
{
    program.filters = (struct filter_chain){0};
    body_limit_add(&program.body_limit, program.loop.limits.body_bytes, &program.filters);
    forward_init(&program.forward, "adit-0123456789abcdef");
    filter_chain_add(&program.filters, &program.forward.filter);
    program.held = (struct list){0};
    program.holder = (struct filter){.ops = &holder_ops};
    if (sim_maybe(2))
        filter_chain_add(&program.filters, &program.holder);
    if (!sim_maybe(4))
        return;
    host_rewrite_init(&program.host_rewrite, program.upstream.authority, SLICE("http"));
    filter_chain_add(&program.filters, &program.host_rewrite.filter);
}

bool sim_program_open(bool tight)
{
    static const uint32_t bodies[] = {0, 1000, 50000};
    const struct dial_target target = {.host = "127.0.0.1", .port = 80};
    if (loop_init(&program.loop) != 0)
        return false;
    if (tight) {
        struct limits *l = &program.loop.limits;
        l->visitors = 1 + chance_below(sim.chance, 3);
        l->body_bytes = bodies[chance_below(sim.chance, 3)];
        l->answer_ms = sim_maybe(2) ? 1000 : 0;
        l->head_bytes = sim_maybe(2) ? 400 : l->head_bytes;
    }
    upstream_init(&program.upstream, &program.loop, &target);
    add_filters();
    if (sim_maybe(8))
        program.upstream.idle_ms = 0;
    program.front = (struct listener){.loop = &program.loop};
    program.edges = (struct edge_set){.loop = &program.loop,
                                      .handler.request = on_request,
                                      .scheme = "http",
                                      .observer = &sim_observer};
    exchange_ids_init(&program.edges.ids, 1);
    return true;
}

void sim_program_accept(int fd)
{
    struct sockaddr_storage peer = {.ss_family = AF_INET};
    edge_set_accept(&program.edges, &program.front, fd, &peer);
}

void sim_program_turn(void)
{
    loop_run_once(&program.loop);
    let_go_on();
}

size_t sim_program_connections(void)
{
    return program.edges.count;
}

int64_t sim_program_credit_left(const struct exchange *x, enum exchange_side from)
{
    return x->direction[from].credit;
}

bool sim_program_answered(const struct exchange *x)
{
    return x->facts.refused;
}

void sim_program_close(void)
{
    edge_set_close(&program.edges);
    upstream_deinit(&program.upstream);
    loop_run_once(&program.loop);
    conn_close_all(&program.loop);
    CHECK(loop_settle(&program.loop));
    CHECK(program.edges.count == 0 && program.edges.admission.shares.count == 0);
    loop_deinit(&program.loop);
}
