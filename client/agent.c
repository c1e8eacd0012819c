// SPDX-License-Identifier: MIT
// The agent's parts, and the order in which they begin.
#include "agent.h"
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include "agent_internal.h"
#include "common/base/limits.h"
#include "common/base/log.h"

static void on_signal(void *ctx, int number)
{
    struct agent *a = ctx;
    if (number == SIGUSR1)
        display_table(&a->display);
    else
        agent_stop(a, EXIT_SUCCESS);
}

static const char *begin_signals(void *ctx)
{
    struct agent *a = ctx;
    signals_watch(&a->worker.signals, &a->worker.loop, on_signal, a);
    return NULL;
}

static const char *begin_display(void *ctx)
{
    struct agent *a = ctx;
    bool ok = display_init(&a->display, &a->worker, a->config.print_bodies);
    return ok ? NULL : uv_strerror(UV_ENOMEM);
}

static void end_display(void *ctx)
{
    struct agent *a = ctx;
    display_deinit(&a->display);
}

static const char *begin_bindings(void *ctx)
{
    struct agent *a = ctx;
    for (size_t i = 0; i < a->config.binding_count; i++)
        (void)bindings_add(&a->bindings, &a->config.bindings[i], &a->worker, &a->display.console);
    return NULL;
}

static void end_bindings(void *ctx)
{
    struct agent *a = ctx;
    bindings_deinit(&a->bindings);
}

static const char *begin_observing(void *ctx)
{
    struct agent *a = ctx;
    a->reporter = (struct exchange_observer){
        .closed = agent_report_exchange, .wants_digests = agent_wants_digests, .ctx = a};
    worker_observe(&a->worker, &a->reporter);
    a->config.record.token = a->config.relay.token;
    return worker_record(&a->worker, &a->config.record) ? NULL : uv_strerror(UV_ENOMEM);
}

static const char *begin_link(void *ctx)
{
    struct agent *a = ctx;
    uint64_t seed = 0;
    if (!secret_random(&seed, sizeof(seed)))
        return uv_strerror(UV_EIO);
    exchange_ids_init(&a->ids, seed);
    agent_tunnel_init(a);
    (void)uv_timer_init(&a->worker.loop.uv, &a->link.retry_timer);
    a->link.retry_timer.data = a;
    a->link.connect = agent_connect;
    a->link.context = link_context_new(&a->worker.loop, &a->config.relay);
    if (!a->link.context)
        return uv_strerror(UV_EMFILE); // a guess: libwebsockets gives no reason
    agent_connect(a);
    return NULL;
}

static void leave_relay(void *ctx)
{
    struct agent *a = ctx;
    agent_leave(a);
    uv_close((uv_handle_t *)&a->link.retry_timer, NULL);
}

static void close_link(void *ctx)
{
    agent_close_link(ctx, WS_CLOSE_NORMAL);
}

static void free_link(void *ctx)
{
    struct agent *a = ctx;
    link_context_free(a->link.context);
    secret_wipe((char *)&a->config.relay, sizeof(a->config.relay));
}

static const struct worker_part parts[] = {
    {begin_bindings, {[WORKER_ABORT] = end_bindings}},
    {begin_display, {[WORKER_FREE] = end_display}},
    {begin_signals, {0}},
    {begin_observing, {0}},
    {begin_link,
     {[WORKER_LEAVE] = leave_relay, [WORKER_CLOSE] = close_link, [WORKER_RELEASE] = free_link}},
};

static const char *begin(struct agent *a)
{
    int error = worker_init(&a->worker, &a->config.limits);
    if (error)
        return uv_strerror(error);
    a->worker.leave_ms = LIMIT_LEAVE_MS;
    return worker_begin(&a->worker, parts, sizeof(parts) / sizeof(parts[0]), a);
}

// A library that failed to start may have left handles of freed memory in the loop: neither runs
// the loop nor frees anything.
_Noreturn static void give_up(const char *why)
{
    log_error("cannot start: %s", why);
    log_end();
    _exit(EXIT_FAILURE);
}

int agent_run(const struct agent_config *config)
{
    struct agent *a = calloc(1, sizeof(*a));
    if (!a)
        give_up(uv_strerror(UV_ENOMEM));
    a->config = *config;
    const char *why = begin(a);
    if (why)
        give_up(why);
    worker_run(&a->worker);
    int status = a->exit_status;
    worker_end(&a->worker, status);
    free(a);
    return status;
}
