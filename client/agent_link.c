// SPDX-License-Identifier: MIT
// The link: connecting, its events, and the effect of a failure.
#include <stdlib.h>
#include <sys/stat.h>
#include "agent_internal.h"
#include "common/base/clock.h"
#include "common/base/log.h"

// The bound of the first retry: that of the relay's close frame, kept within limits.
static uint32_t retry_base(const struct link_failure *failure)
{
    if (!failure->was_up)
        return RETRY_FIRST_MS;
    if (failure->retry_within_ms == 0 || failure->retry_within_ms > RETRY_MAX_MS)
        return RETRY_LOST_MS;
    return failure->retry_within_ms < RETRY_MIN_MS ? RETRY_MIN_MS : failure->retry_within_ms;
}

static void on_link_up(void *ctx)
{
    struct agent *a = ctx;
    log_debug("connected to the relay, asking for a name");
    if (!agent_open_tunnel(a))
        agent_lose_link(a, "out of memory");
}

static bool on_link_received(void *ctx, const uint8_t *bytes, size_t len, bool last)
{
    struct agent *a = ctx;
    if (a->tunnel)
        tunnel_set_now(a->tunnel, clock_ns() / 1000);
    int error = a->tunnel ? tunnel_recv(a->tunnel, bytes, len, last) : TUNNEL_E_PIPE;
    if (error && a->tunnel)
        agent_lose_tunnel(a, error);
    else if (error)
        agent_lose_link(a, "the relay sent a message too early");
    else if (a->protocol_error)
        agent_lose_tunnel(a, TUNNEL_E_CONTROL);
    else if (a->bind_deferred)
        agent_retry_link(a, LINK_CLOSE_GOES_AWAY);
    else
        agent_wake(a);
    return a->link != NULL;
}

// A token that was never accepted is wrong: stop. A token that was accepted before has been
// replaced at the relay, and will be replaced here too: keep trying.
static void on_unauthorized(struct agent *a, const struct link_failure *failure)
{
    char text[LINK_MESSAGE_MAX];
    const char *url = a->config.relay_url;
    if (!a->was_bound) {
        log_error(
            "the relay %s %s (ADIT-UNAUTHORIZED)", url,
            a->config.relay.token[0]
                ? "does not accept this token: compare --token-file or ADIT_TOKEN with its own"
                : "wants a token: pass it with --token-file FILE or ADIT_TOKEN");
        agent_stop(a, EXIT_FAILURE);
        return;
    }
    (void)snprintf(text, sizeof(text),
                   "the relay %s does not accept this token any more (ADIT-UNAUTHORIZED): %s. "
                   "Trying again",
                   url,
                   a->config.token_file ? "put its new one into the file given with --token-file"
                                        : "start adit again with its new one");
    agent_warn(a, text);
    a->token_refused = true;
    agent_retry_later(a, RETRY_FIRST_MS, failure->retry_after_ms);
}

static void on_link_down(void *ctx, const struct link_failure *failure)
{
    struct agent *a = ctx;
    char text[LINK_MESSAGE_MAX];
    a->link = NULL;
    agent_close_tunnel(a);
    if (failure->status == 401 && !failure->at_proxy) {
        on_unauthorized(a, failure);
        return;
    }
    link_message_failed(text, &a->config.relay, a->config.relay_url, failure);
    agent_warn(a, text);
    agent_retry_later(a, retry_base(failure), failure->retry_after_ms);
}

static const struct link_ops link_ops = {on_link_up, on_link_received, agent_wake, on_link_down};

// Regular files only: opening a pipe may block, and it yields the token only once.
static void read_token_again(struct agent *a)
{
    char token[SECRET_MAX];
    struct stat st;
    const char *path = a->config.token_file;
    if (path && !stat(path, &st) && S_ISREG(st.st_mode) && !secret_read_file(path, token)) {
        memcpy(a->config.relay.token, token, sizeof(token));
        recorder_set_token(a->recorder, token);
    }
    secret_wipe(token, sizeof(token));
}

void agent_connect(struct agent *a)
{
    if (a->token_refused)
        read_token_again(a);
    const struct relay_proxy *proxy = &a->config.relay.proxy;
    log_debug("connecting to the relay %s%s%s", a->config.relay_url,
              proxy->used ? " through the proxy " : "", proxy->used ? proxy->url : "");
    a->link = link_open(a->link_context, &a->config.relay, &link_ops, a);
    if (a->link)
        return;
    agent_warn(a, "out of memory. Trying again");
    agent_retry_later(a, RETRY_FIRST_MS, 0);
}
