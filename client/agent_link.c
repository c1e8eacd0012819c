// SPDX-License-Identifier: MIT
// Opening the link, and the effect of a failure.
#include <stdlib.h>
#include <sys/stat.h>
#include "agent_internal.h"
#include "common/base/log.h"

static void on_link_up(void *ctx, struct conn *c)
{
    struct agent *a = ctx;
    a->link.opening = NULL;
    log_debug("connected to the relay, asking for a name");
    if (!agent_open_tunnel(a, c))
        agent_lose_link(a, WS_CLOSE_GOING_AWAY, "out of memory");
}

// A token that was never accepted is wrong: stop. A token that was accepted before has been
// replaced at the relay, and will be replaced here too: keep trying.
static void on_unauthorized(struct agent *a, const struct link_failure *failure)
{
    char text[LINK_MESSAGE_MAX];
    const char *url = a->config.relay_url;
    if (!a->link.was_bound) {
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
    a->link.token_refused = true;
    agent_retry_later(a, RETRY_FIRST_MS, failure->retry_after_ms);
}

// Whether a response says for good that the relay is at an https:// URL of the same host. Portals
// before the network redirect to others, for a while.
static bool has_moved(const struct agent *a, const struct link_failure *failure)
{
    struct destination to;
    return (failure->status == 301 || failure->status == 308) && failure->location[0] &&
           !destination_parse(failure->location, DESTINATION_RELAY, &to) &&
           strcmp(to.host, a->config.relay.at.host) == 0;
}

static void on_moved(struct agent *a, const struct link_failure *failure)
{
    bool spared = a->config.relay.asks;
    log_error("the relay %s redirects to %s: say --relay %s%s", a->config.relay_url,
              failure->location, failure->location, spared ? ". The token was not sent" : "");
    agent_stop(a, EXIT_FAILURE);
}

static void on_link_failed(void *ctx, const struct link_failure *failure)
{
    struct agent *a = ctx;
    char text[LINK_MESSAGE_MAX];
    a->link.opening = NULL;
    if (a->config.relay.asks && failure->status == 200 && !failure->at_proxy) {
        a->link.asked = true;
        agent_connect(a);
        return;
    }
    if (!a->link.was_bound && !failure->at_proxy && has_moved(a, failure)) {
        on_moved(a, failure);
        return;
    }
    if (failure->status == 401 && !failure->at_proxy) {
        on_unauthorized(a, failure);
        return;
    }
    link_message_failed(text, &a->config.relay, a->config.relay_url, failure);
    agent_warn(a, text);
    agent_retry_later(a, RETRY_FIRST_MS, failure->retry_after_ms);
}

static const struct link_ops link_ops = {on_link_up, on_link_failed};

// Regular files only: opening a pipe may block, and it yields the token only once.
static void read_token_again(struct agent *a)
{
    char token[SECRET_MAX];
    struct stat st;
    const char *path = a->config.token_file;
    if (path && !stat(path, &st) && S_ISREG(st.st_mode) && !secret_read_file(path, token)) {
        memcpy(a->config.relay.token, token, sizeof(token));
        recorder_set_token(a->worker.recorder, token);
    }
    secret_wipe(token, sizeof(token));
}

// In the clear, a token goes to a relay only that has just shown that it does not redirect to https
// (docs/security.md). On loopback nobody listens.
void agent_connect(struct agent *a)
{
    if (a->link.token_refused)
        read_token_again(a);
    struct link_target *relay = &a->config.relay;
    const struct relay_proxy *proxy = &relay->proxy;
    relay->asks = !a->link.asked && relay->token[0] && !relay->at.tls &&
                  !destination_is_loopback(relay->at.host);
    a->link.asked = false;
    log_debug("connecting to the relay %s%s%s", a->config.relay_url,
              proxy->used ? " through the proxy " : "", proxy->used ? proxy->url : "");
    a->link.opening = link_open(a->link.context, &a->config.relay, &link_ops, a);
    if (a->link.opening)
        return;
    agent_warn(a, "out of memory. Trying again");
    agent_retry_later(a, RETRY_FIRST_MS, 0);
}
