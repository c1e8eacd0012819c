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
    if (link_message_is_due(&a->last_message, text, loop_now_ms(&a->worker.loop)))
        log_warn("%s", text);
}

void agent_send_control(struct agent *a, const struct control_message *message)
{
    (void)tunnel_queue_control(session_tunnel(a->session), message);
    agent_wake(a);
}

static void stop_binding(struct agent *a)
{
    link_close(a->link);
    a->link = NULL;
    a->bind_deferred = a->protocol_error = a->bind_answered = false;
    timeout_stop(&a->bind_timeout);
    loop_unqueue(&a->worker.loop, &a->leave);
}

void agent_leave(struct agent *a)
{
    a->stops = true;
    stop_binding(a);
    session_leave(a->session, &(struct session_close){.code = WS_CLOSE_NORMAL});
}

void agent_close_link(struct agent *a, enum ws_close_code code)
{
    stop_binding(a);
    session_close(a->session, &(struct session_close){.code = code});
    a->session = NULL; // no sooner: exchanges that end with it are reported
}

static void on_retry(uv_timer_t *timer)
{
    struct agent *a = timer->data;
    a->connect(a);
}

// The bound of the next wait (docs/protocol.md §2). It stays until the waits add up to it, so that
// a relay that was away for less has its agents back within the first bound; then it doubles.
static uint32_t next_bound(struct agent *a, uint32_t first_ms)
{
    if (a->retry_bound_ms == 0) {
        a->retry_first_ms = a->retry_bound_ms = first_ms;
        a->retry_waited_ms = 0;
    } else if (a->retry_waited_ms >= a->retry_first_ms) {
        a->retry_bound_ms *= 2;
    }
    if (a->retry_bound_ms > RETRY_MAX_MS)
        a->retry_bound_ms = RETRY_MAX_MS;
    return a->retry_bound_ms;
}

// Full jitter below the bound, so that a thousand agents do not return at once, added to the
// response's Retry-After.
void agent_retry_later(struct agent *a, uint32_t first_ms, uint32_t retry_after_ms)
{
    uint32_t random = 0;
    uint32_t bound = next_bound(a, first_ms);
    if (!secret_random(&random, sizeof(random)))
        random = bound - 1; // no randomness: rather late than in a busy loop
    if (retry_after_ms > RETRY_MAX_MS)
        retry_after_ms = RETRY_MAX_MS;
    uint32_t chosen = retry_after_ms + random % bound;
    if (a->retry_waited_ms < a->retry_first_ms)
        a->retry_waited_ms += chosen;
    log_debug("connecting again in %u ms, of %u, not before %u", (unsigned)chosen,
              (unsigned)(retry_after_ms + bound), (unsigned)retry_after_ms);
    (void)uv_timer_start(&a->retry_timer, on_retry, chosen, 0);
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

// The bound of the first retry: that of the relay's Close frame, kept within limits.
static uint32_t retry_base(uint32_t within_ms)
{
    if (within_ms == 0 || within_ms > RETRY_MAX_MS)
        return RETRY_LOST_MS;
    return within_ms < RETRY_MIN_MS ? RETRY_MIN_MS : within_ms;
}

static void relay_gone(struct agent *a, const struct session_end *end, const char *why)
{
    char text[LINK_MESSAGE_MAX];
    link_message_gone(text, a->config.relay_url, why);
    agent_warn(a, text);
    agent_close_link(a, end->code);
    agent_retry_later(a, retry_base(end->retry_within_ms), 0);
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
