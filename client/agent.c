// SPDX-License-Identifier: MIT
#include "agent.h"
#include <openssl/rand.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include "common/log.h"
#include "common/stream_end.h"
#include "proto/fields.h"

enum {
    TICK_MS = TUNNEL_TICK_MS,
    BIND_ID = 1,
    RETRY_FIRST_MS = 500,
    RETRY_MAX_MS = 32000,
    RETRY_HERD_MS = 2000
};

static void connect_now(struct agent *a);

static void stop(struct agent *a, int status)
{
    a->exit_status = status;
    loop_stop(&a->loop);
}

static void on_bury(struct loop_task *task)
{
    struct agent *a = container_of(task, struct agent, bury);
    tunnel_free(a->dead_tunnel);
    a->dead_tunnel = NULL;
}

static void on_retry(uv_timer_t *timer)
{
    connect_now(timer->data);
}

// Full jitter under a bound that doubles, so that a thousand agents don't come back at once
// (docs/protocol.md §2).
static void retry_later(struct agent *a, bool by_relay)
{
    uint32_t random = 0;
    uint32_t bound = RETRY_MAX_MS;
    (void)RAND_bytes((unsigned char *)&random, sizeof(random));
    if (a->failures < 6)
        bound = (uint32_t)RETRY_FIRST_MS << a->failures;
    if (by_relay && a->failures == 0)
        bound = RETRY_HERD_MS;
    a->failures++;
    (void)uv_timer_start(&a->retry, on_retry, random % bound, 0);
}

// The tunnel of a link that is gone: its exchanges end with it.
static void drop_tunnel(struct agent *a)
{
    struct tunnel *t = a->tunnel;
    a->tunnel = NULL;
    a->bound = false;
    timeout_stop(&a->tick);
    if (!t)
        return;
    mux_lose(tunnel_mux(t));
    tunnel_free(a->dead_tunnel);
    a->dead_tunnel = t;
    loop_queue(&a->loop, &a->bury);
}

static void drop_link(struct agent *a, const char *why)
{
    log_warn("the tunnel is lost: %s; connecting again", why);
    link_close(a->link, false);
    a->link = NULL;
    drop_tunnel(a);
    retry_later(a, false);
}

static void wake(void *ctx)
{
    struct agent *a = ctx;
    loop_queue(&a->loop, &a->flush);
}

static void on_flush(struct loop_task *task)
{
    struct agent *a = container_of(task, struct agent, flush);
    uint8_t *scratch = (uint8_t *)a->loop.scratch;
    while (a->link && a->tunnel && link_ready(a->link)) {
        int n = tunnel_send(a->tunnel, scratch, TUNNEL_MESSAGE_MAX);
        if (n < 0)
            drop_link(a, tunnel_strerror(n));
        if (n <= 0)
            return;
        if (!link_send(a->link, scratch, (size_t)n))
            return;
    }
}

static void say(struct agent *a, const struct hello *message)
{
    (void)tunnel_say(a->tunnel, message);
    wake(a);
}

static void on_tick(struct timeout *t)
{
    struct agent *a = container_of(t, struct agent, tick);
    int error = tunnel_tick(a->tunnel, loop_now_ms(&a->loop));
    if (error) {
        drop_link(a, tunnel_strerror(error));
        return;
    }
    timeout_start(&a->loop, &a->tick, TICK_MS, on_tick);
    if (tunnel_wants_send(a->tunnel))
        wake(a);
}

static void bind_name(struct agent *a)
{
    struct hello bind = {.type = HELLO_BIND, .id = BIND_ID};
    memcpy(bind.name, a->config.name, sizeof(bind.name));
    say(a, &bind);
}

static void on_bound(struct agent *a, const struct hello *bound)
{
    const struct dial_target *to = &a->config.upstream;
    a->failures = 0;
    a->bound = true;
    memcpy(a->config.name, bound->name, sizeof(a->config.name));
    const char *how = a->was_bound ? "connected again, " : "";
    const char *host = to->host[0] ? to->host : "localhost";
    bool v6 = strchr(host, ':') != NULL;
    console_line(&a->console, "adit: %s%s -> http://%s%s%s:%u", how, bound->url, v6 ? "[" : "",
                 host, v6 ? "]" : "", to->port);
    a->was_bound = true;
    a->told_trouble = false;
}

static void on_refused(struct agent *a, const struct hello *refused)
{
    log_error("%s (%s)", refused->message, refused->code);
    stop(a, EXIT_FAILURE);
}

static void on_control(void *ctx, const struct hello *message)
{
    struct agent *a = ctx;
    switch (message->type) {
    case HELLO_WELCOME: bind_name(a); return;
    case HELLO_BOUND: on_bound(a, message); return;
    case HELLO_REFUSED: on_refused(a, message); return;
    case HELLO_DRAIN: log_info("the relay will stop: %s", message->message); return;
    case HELLO_HELLO:
    case HELLO_BIND: return;
    }
}

// A request has come through the tunnel: an exchange between its stream and the upstream.
static void on_request(void *ctx, struct mux_stream *s, const struct http_head *head, bool end)
{
    struct agent *a = ctx;
    struct http_head request;
    struct body_framing framing;
    head_copy(&request, head);
    head_remove(&request, SLICE("adit-bind")); // one name only, so far
    bool sound = !fields_check(&request) && stream_end_framing(&request, end, &framing);
    struct stream_end *e = sound ? stream_end_inbound(&a->loop, s, wake, a) : NULL;
    struct exchange *x = e ? exchange_new(&e->end, &request, &a->console.observer) : NULL;
    if (!x) {
        mux_set_user(s, NULL);
        mux_reset(s, MUX_RESET_REFUSED);
        if (e)
            stream_end_discard(e);
        wake(a);
        return;
    }
    if (!upstream_attach(&a->upstream, x))
        exchange_answer(x, ANSWER_BUSY);
    else
        exchange_head(&e->end, &request, &framing);
    if (end && e->end.x)
        exchange_finish(&e->end, NULL);
}

static const struct tunnel_handler handler = {
    .mux = {on_request, stream_end_on_data, stream_end_on_end, stream_end_on_drained,
            stream_end_on_closed},
    .control = on_control,
};

static void on_link_up(void *ctx)
{
    struct agent *a = ctx;
    struct hello hello = {.type = HELLO_HELLO, .version = HELLO_VERSION};
    const struct tunnel_config config = {.role = TUNNEL_AGENT};
    a->tunnel = tunnel_new(&config, &handler, a, loop_now_ms(&a->loop));
    if (!a->tunnel) {
        drop_link(a, "out of memory");
        return;
    }
    (void)snprintf(hello.software, sizeof(hello.software), "adit %s", ADIT_VERSION);
    memcpy(hello.owner, a->config.owner, sizeof(hello.owner));
    say(a, &hello);
    timeout_start(&a->loop, &a->tick, TICK_MS, on_tick);
}

static bool on_link_received(void *ctx, const uint8_t *bytes, size_t len, bool last)
{
    struct agent *a = ctx;
    int error = a->tunnel ? tunnel_recv(a->tunnel, bytes, len, last) : TUNNEL_E_PIPE;
    if (!error) {
        wake(a);
        return true;
    }
    drop_link(a, tunnel_strerror(error));
    return false;
}

static void on_link_down(void *ctx, const struct link_end *end)
{
    struct agent *a = ctx;
    a->link = NULL;
    drop_tunnel(a);
    if (end->status == 401) {
        log_error("the relay wants a valid token: pass it with --token-file FILE or ADIT_TOKEN "
                  "(ADIT-UNAUTHORIZED)");
        stop(a, EXIT_FAILURE);
        return;
    }
    if (!a->told_trouble && end->was_up)
        log_warn("the relay %s has gone; connecting again", a->config.relay_url);
    else if (!a->told_trouble && end->status)
        log_warn("%s answered with %u: is it an adit relay? trying again", a->config.relay_url,
                 end->status);
    else if (!a->told_trouble)
        log_warn("cannot reach the relay %s (%s); %s. Trying again", a->config.relay_url, end->text,
                 a->config.relay.tls ? "check its address and its certificate"
                                     : "start one with: aditd");
    a->told_trouble = true;
    retry_later(a, end->by_relay);
}

static const struct link_ops link_ops = {on_link_up, on_link_received, wake, on_link_down};

static void connect_now(struct agent *a)
{
    a->link = link_open(a->links, &a->config.relay, &link_ops, a);
    if (!a->link)
        retry_later(a, false);
}

static void on_signal(uv_signal_t *signal, int number)
{
    (void)number;
    stop(signal->data, EXIT_SUCCESS);
}

static int agent_init(struct agent *a, const struct agent_config *config)
{
    static const int numbers[2] = {SIGINT, SIGTERM};
    *a = (struct agent){.config = *config, .flush.run = on_flush, .bury.run = on_bury};
    int error = loop_init(&a->loop);
    if (error)
        return error;
    console_init(&a->console, &a->loop);
    upstream_init(&a->upstream, &a->loop, &config->upstream);
    a->upstream.host_mode = config->host_mode;
    if (config->host[0])
        memcpy(a->upstream.host, config->host, sizeof(a->upstream.host));
    for (int i = 0; i < 2; i++) {
        (void)uv_signal_init(&a->loop.uv, &a->signals[i]);
        a->signals[i].data = a;
        (void)uv_signal_start(&a->signals[i], on_signal, numbers[i]);
    }
    (void)uv_timer_init(&a->loop.uv, &a->retry);
    a->retry.data = a;
    a->links = link_context_new(&a->loop, &config->relay);
    return a->links ? 0 : UV_ENOMEM;
}

static void agent_deinit(struct agent *a)
{
    link_close(a->link, true);
    a->link = NULL;
    drop_tunnel(a);
    tunnel_free(a->dead_tunnel);
    loop_unqueue(&a->loop, &a->bury);
    upstream_deinit(&a->upstream);
    uv_close((uv_handle_t *)&a->retry, NULL);
    for (int i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&a->signals[i], NULL);
    loop_run_once(&a->loop);
    conn_close_all(&a->loop);
    link_context_free(a->links);
    loop_deinit(&a->loop);
}

int agent_run(const struct agent_config *config)
{
    struct agent *a = calloc(1, sizeof(*a));
    int error = a ? agent_init(a, config) : UV_ENOMEM;
    if (error) {
        log_error("cannot start: %s", uv_strerror(error));
        free(a);
        return EXIT_FAILURE;
    }
    connect_now(a);
    loop_run(&a->loop);
    agent_deinit(a);
    int status = a->exit_status;
    secret_wipe(a->config.relay.token, sizeof(a->config.relay.token));
    free(a);
    return status;
}
