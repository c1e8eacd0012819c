// SPDX-License-Identifier: MIT
// Starts the agent and takes it down.
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

static bool begin_recording(struct agent *a)
{
    a->reporter = (struct exchange_observer){.closed = agent_report_exchange,
                                             .wants_digests = agent_wants_digests,
                                             .ctx = a,
                                             .next = a->display.observer};
    a->observers = &a->reporter;
    if (a->config.record.level == EXCHANGE_RECORD_NONE)
        return true;
    a->config.record.token = a->config.relay.token;
    a->recorder = recorder_new(&a->loop, &a->config.record);
    if (!a->recorder)
        return false;
    recorder_observer(a->recorder)->next = a->observers;
    a->observers = recorder_observer(a->recorder);
    return true;
}

static int agent_init(struct agent *a, const struct agent_config *config)
{
    uint64_t seed = 0;
    *a = (struct agent){.config = *config};
    agent_tunnel_init(a);
    if (!secret_random(&seed, sizeof(seed)))
        return UV_EIO;
    exchange_ids_init(&a->ids, seed);
    int error = loop_init(&a->loop);
    if (error)
        return error;
    if (!display_init(&a->display, &a->loop, &config->service.target, config->print_bodies))
        return UV_ENOMEM;
    a->loop.limits = config->limits;
    service_init(&a->config.service, &a->upstream, &a->loop);
    service_add_filter(&a->config.service, &a->upstream, &a->host_rewrite, &a->filters);
    signals_watch(&a->signals, &a->loop, on_signal, a);
    (void)uv_timer_init(&a->loop.uv, &a->retry_timer);
    a->retry_timer.data = a;
    a->connect = agent_connect;
    if (!begin_recording(a))
        return UV_ENOMEM;
    a->link_context = link_context_new(&a->loop, &config->relay);
    return a->link_context ? 0 : UV_EMFILE; // a guess: libwebsockets gives no reason
}

static void agent_deinit(struct agent *a)
{
    agent_leave(a);
    upstream_deinit(&a->upstream);
    display_stop(&a->display);
    uv_close((uv_handle_t *)&a->retry_timer, NULL);
    conn_flush_closing(&a->loop, LIMIT_LEAVE_MS); // the relay's reports come meanwhile
    agent_close_link(a, WS_CLOSE_NORMAL);
    recorder_free(a->recorder);
    loop_run_once(&a->loop);
    conn_close_all(&a->loop);
    link_context_free(a->link_context);
    secret_wipe((char *)&a->config.relay, sizeof(a->config.relay));
    bool settled = loop_settle(&a->loop);
    display_deinit(&a->display);
    if (!settled) {
        // A thread is inside getaddrinfo, which cannot be cancelled: the loop and exit() would
        // wait.
        log_end();
        _exit(a->exit_status);
    }
    signals_close(&a->signals);
    loop_deinit(&a->loop);
}

int agent_run(const struct agent_config *config)
{
    struct agent *a = calloc(1, sizeof(*a));
    int error = a ? agent_init(a, config) : UV_ENOMEM;
    if (error) {
        // A library that failed to start may have left handles of freed memory in the loop, and
        // threads may be running: neither run the loop nor free anything.
        log_error("cannot start: %s", uv_strerror(error));
        log_end();
        _exit(EXIT_FAILURE);
    }
    agent_connect(a);
    loop_run(&a->loop);
    agent_deinit(a);
    int status = a->exit_status;
    free(a);
    return status;
}
