// SPDX-License-Identifier: MIT
// Shared by the files of the agent, from the bottom: agent_state.c (ends and retries), agent_bind.c
// (the name), agent_tunnel.c (the tunnel), agent_link.c (the link), agent.c (start and end).
#pragma once
#include "agent.h"
#include "client/display/display.h"
#include "client/link/link_messages.h"
#include "common/tunnel/session.h"
#include "common/worker/worker.h"
#include "retry.h"

struct agent;

// The link to the relay: the one that is being opened, or open, or awaited.
struct relay_link {
    struct link_context *context;
    struct link *opening;    // while it is being opened
    struct session *session; // once it is open
    uint64_t tunnel_number;  // of the current tunnel, or the last one
    struct retry retry;
    uv_timer_t retry_timer;
    void (*connect)(struct agent *a); // agent_connect, for the timer
    struct last_link_message last_message;
    bool asked;         // the relay does not redirect: it may get the token next
    bool was_bound;     // a name, ever
    bool token_refused; // after it had been accepted: read the token file again
    // Of the current tunnel:
    struct timeout bind_timeout;
    struct loop_task leave; // ends the session for bind_deferred or protocol_error
    bool bind_deferred;     // a bind was refused for now: close the link and retry
    bool protocol_error;    // the relay sent a control message that answers nothing
};

struct agent {
    struct worker worker;
    struct agent_config config;
    struct bindings bindings;
    struct relay_link link;
    struct display display;
    struct exchange_observer reporter; // sends the relay a report of each exchange
    struct exchange_ids ids;           // for requests of a relay that sends no ids
    bool stops;                        // agent_stop or agent_leave was called
    int exit_status;
};

// agent_state.c

// Ends agent_run.
void agent_stop(struct agent *a, int status);
// Warns, unless the same text was the last warning, less than LINK_MESSAGE_REPEAT_MS ago.
void agent_warn(struct agent *a, const char *text);
// The tunnel has something to send. `ctx` is the agent.
static inline void agent_wake(void *ctx)
{
    struct agent *a = ctx;
    if (a->link.session)
        session_wake(a->link.session);
}

void agent_send_control(struct agent *a, const struct control_message *message);
// The agent ends: says goodbye to the relay, whose last reports still come until agent_close_link.
void agent_leave(struct agent *a);
// Closes the link, or ends its opening, and ends the exchanges. Does nothing without a link.
void agent_close_link(struct agent *a, enum ws_close_code code);
// Connects again after a while: at random below a bound, `first_ms` after the first failure since
// the agent was bound, and not before retry_after_ms.
void agent_retry_later(struct agent *a, uint32_t first_ms, uint32_t retry_after_ms);
// Closes the link and connects again later.
void agent_retry_link(struct agent *a, enum ws_close_code code);
// The same, with a warning: `why` follows "is lost: ".
void agent_lose_link(struct agent *a, enum ws_close_code code, const char *why);
// The handler of a session that cannot go on. `ctx` is the agent.
void agent_on_session_end(void *ctx, const struct session_end *end);

// agent_bind.c

// Handles a control message of the relay. `ctx` is the agent.
void agent_on_control(void *ctx, const struct control_message *message);

// agent_tunnel.c

// Opens a tunnel on a link that has come up. False when out of memory; the link is closed then.
bool agent_open_tunnel(struct agent *a, struct conn *c);
// The observer that reports ended exchanges to the relay, with digests if it asked for reports.
// `ctx` is the agent.
void agent_report_exchange(void *ctx, struct exchange *x, enum exchange_outcome why);
bool agent_wants_digests(void *ctx, const struct exchange *x);
void agent_tunnel_init(struct agent *a);

// agent_link.c

// Starts to connect, now.
void agent_connect(struct agent *a);
