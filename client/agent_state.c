// SPDX-License-Identifier: MIT
// The end of the tunnel, of the link and of the agent, and the next attempt to connect.
#include "agent_internal.h"
#include "common/base/log.h"

void agent_stop(struct agent *a, int status)
{
    if (!a->stops) // a signal that comes while it ends changes nothing
        a->exit_status = status;
    a->stops = true;
    loop_stop(&a->worker.loop);
}

void agent_warn(struct agent *a, const char *text)
{
    if (link_message_is_due(&a->link.last_message, text, loop_now_ms(&a->worker.loop)))
        log_warn("%s", text);
}

void agent_send_control(struct agent *a, const struct control_message *message)
{
    (void)tunnel_queue_control(session_tunnel(a->link.session), message);
    agent_wake(a);
}

static void stop_binding(struct agent *a)
{
    link_close(a->link.opening);
    a->link.opening = NULL;
    a->link.bind_deferred = a->link.protocol_error = false;
    bindings_forget_answers(&a->bindings);
    timeout_stop(&a->link.bind_timeout);
    loop_unqueue(&a->worker.loop, &a->link.leave);
}

void agent_leave(struct agent *a)
{
    a->stops = true;
    stop_binding(a);
    session_leave(a->link.session, &(struct session_close){.code = WS_CLOSE_NORMAL});
}

void agent_close_link(struct agent *a, enum ws_close_code code)
{
    stop_binding(a);
    session_close(a->link.session, &(struct session_close){.code = code});
    a->link.session = NULL; // no sooner: exchanges that end with it are reported
}

static void on_retry(uv_timer_t *timer)
{
    struct agent *a = timer->data;
    a->link.connect(a);
}

void agent_retry_later(struct agent *a, uint32_t first_ms, uint32_t retry_after_ms)
{
    uint32_t random = 0;
    uint32_t bound = retry_bound(&a->link.retry, first_ms);
    if (retry_after_ms > RETRY_MAX_MS)
        retry_after_ms = RETRY_MAX_MS;
    if (!secret_random(&random, sizeof(random)))
        random = bound - 1; // no randomness: rather late than in a busy loop
    uint32_t chosen = retry_wait(&a->link.retry, retry_after_ms, random);
    log_debug("connecting again in %u ms, of %u, not before %u", (unsigned)chosen,
              (unsigned)(retry_after_ms + bound), (unsigned)retry_after_ms);
    (void)uv_timer_start(&a->link.retry_timer, on_retry, chosen, 0);
}

void agent_retry_link(struct agent *a, enum ws_close_code code)
{
    agent_close_link(a, code);
    agent_retry_later(a, RETRY_FIRST_MS, 0);
}

void agent_lose_link(struct agent *a, enum ws_close_code code, const char *why)
{
    log_warn("the tunnel to the relay %s is lost: %s; connecting again", a->config.relay_url, why);
    agent_retry_link(a, code);
}

static void lose_tunnel(struct agent *a, const struct session_end *end)
{
    char text[LINK_MESSAGE_MAX];
    link_message_lost(text, a->config.relay_url, end->error, end->detail);
    log_warn("%s", text);
    agent_retry_link(a, end->code);
}

static void relay_gone(struct agent *a, const struct session_end *end, const char *why)
{
    char text[LINK_MESSAGE_MAX];
    link_message_gone(text, a->config.relay_url, why);
    agent_warn(a, text);
    agent_close_link(a, end->code);
    agent_retry_later(a, retry_first_within(end->retry_within_ms), 0);
}

void agent_on_session_end(void *ctx, const struct session_end *end)
{
    struct agent *a = ctx;
    if (a->stops) {
        agent_close_link(a, end->code);
        return;
    }
    switch (end->fault) {
    case SESSION_TUNNEL_FAILED: lose_tunnel(a, end); return;
    case SESSION_BAD_FRAME:
        agent_lose_link(a, end->code, "it broke the WebSocket protocol");
        return;
    case SESSION_NOT_BINARY:
        agent_lose_link(a, end->code, "it sent a message that is not binary");
        return;
    case SESSION_STALLED: agent_lose_link(a, end->code, "it does not read"); return;
    case SESSION_NO_MEMORY: agent_lose_link(a, end->code, "out of memory"); return;
    case SESSION_PEER_LEFT: relay_gone(a, end, "it stops or starts again"); return;
    case SESSION_EOF:
    case SESSION_CONN_FAILED:
    case SESSION_REFUSED: relay_gone(a, end, "the connection broke off"); return;
    }
}
