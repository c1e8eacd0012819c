// SPDX-License-Identifier: MIT
// The end of the tunnel, of the link and of the agent, and the next attempt to connect.
#include "agent_internal.h"
#include "common/base/log.h"

void agent_stop(struct agent *a, int status)
{
    a->exit_status = status;
    loop_stop(&a->loop);
}

void agent_warn(struct agent *a, const char *text)
{
    if (link_message_is_due(&a->last_message, text, loop_now_ms(&a->loop)))
        log_warn("%s", text);
}

void agent_send_control(struct agent *a, const struct control_message *message)
{
    (void)tunnel_queue_control(a->tunnel, message);
    agent_wake(a);
}

void agent_close_tunnel(struct agent *a)
{
    struct tunnel *t = a->tunnel;
    a->tunnel = NULL;
    a->bind_deferred = a->protocol_error = a->bind_answered = false;
    timeout_stop(&a->tick);
    timeout_stop(&a->bind_timeout);
    if (!t)
        return;
    mux_link_lost(tunnel_mux(t));
    tunnel_free(a->closed_tunnel);
    a->closed_tunnel = t;
    loop_queue(&a->loop, &a->free_tunnel);
}

static void on_retry(uv_timer_t *timer)
{
    struct agent *a = timer->data;
    a->connect(a);
}

// Full jitter below a bound that doubles, so that a thousand agents do not return at once
// (docs/protocol.md §2), added to the response's Retry-After.
void agent_retry_later(struct agent *a, uint32_t first_ms, uint32_t retry_after_ms)
{
    uint32_t random = 0;
    uint32_t bound = RETRY_MAX_MS;
    if (a->failed_attempts == 0)
        a->retry_base_ms = first_ms;
    if (a->failed_attempts < RETRY_DOUBLINGS && a->retry_base_ms << a->failed_attempts < bound)
        bound = a->retry_base_ms << a->failed_attempts;
    if (!secret_random(&random, sizeof(random)))
        random = bound - 1; // no randomness: rather late than in a busy loop
    a->failed_attempts++;
    if (retry_after_ms > RETRY_MAX_MS)
        retry_after_ms = RETRY_MAX_MS;
    uint32_t chosen = retry_after_ms + random % bound;
    log_debug("connecting again in %u ms, of %u, not before %u", (unsigned)chosen,
              (unsigned)(retry_after_ms + bound), (unsigned)retry_after_ms);
    (void)uv_timer_start(&a->retry_timer, on_retry, chosen, 0);
}

void agent_retry_link(struct agent *a, enum link_close_code code)
{
    link_close(a->link, code);
    a->link = NULL;
    agent_close_tunnel(a);
    agent_retry_later(a, RETRY_FIRST_MS, 0);
}

void agent_lose_link(struct agent *a, const char *why)
{
    log_warn("the tunnel to the relay %s is lost: %s; connecting again", a->config.relay_url, why);
    agent_retry_link(a, LINK_CLOSE_GOES_AWAY);
}

void agent_lose_tunnel(struct agent *a, int error)
{
    char text[LINK_MESSAGE_MAX];
    bool silent = error == TUNNEL_E_SILENT || error == TUNNEL_E_MEMORY || error == TUNNEL_E_FULL;
    link_message_lost(text, a->config.relay_url, error, tunnel_detail(a->tunnel));
    log_warn("%s", text);
    agent_retry_link(a, silent ? LINK_CLOSE_GOES_AWAY : LINK_CLOSE_BREACH);
}
