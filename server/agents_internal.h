// SPDX-License-Identifier: MIT
// One agent. Shared by, from the bottom: agent_state.c (its lists, its end), agent_names.c (control
// messages), agents.c (makes agents).
#pragma once
#include "agents.h"
#include "common/tunnel/session.h"
#include "relay_log.h"
#include "routes.h"

struct agent {
    struct outbound outbound; // its tunnel
    struct agents *set;
    struct list_link in_list; // in set->named or set->waiting
    struct share *waits_of;   // of set->waiting_of; NULL: named, or out of memory
    bool named;               // in set->named
    struct client_address client;
    char address[INET6_ADDRSTRLEN]; // agent_address
    struct session *session;        // valid until `closed`
    struct loop_task free_task;
    struct timeout hello_timeout;
    struct route *routes; // bound by this agent; see leave_routes
    size_t route_count;
    struct shares clients;       // running exchanges by client
    uint64_t number;             // of the tunnel
    enum exchange_record record; // the most that the agent allows
    struct rate_limit binds;
    bool closed;
    bool drop_logged;                   // a message to the agent was dropped, and that was logged
    bool evicted;                       // closes to make room; its connection must go at once
    bool legacy_owner;                  // the agent sends its key unchanged (docs/protocol.md §2)
    char owner[ROUTE_OWNER_DIGITS + 1]; // SHA-256 of what it sends as owner
    char legacy_proof[72];              // `before` of its hello; may be empty
    struct tunnel_summary summary;      // for the log
};

// Why an agent ends that is told so.
#define AGENT_RELAY_STOPS "the relay stops"

// agent_state.c

// The key by which shares count this agent; empty where its address may stand for anybody.
struct slice agent_key(const struct agent *a, unsigned char bytes[static CLIENT_KEY_BYTES]);
// The tunnel has something to send. `ctx` is the agent.
static inline void agent_wake(void *ctx)
{
    struct agent *a = ctx;
    if (!a->closed)
        session_wake(a->session);
}

// The one way an agent ends: gives up its names, aborts its exchanges, closes its link with
// `code` and logs `why`. The names are held for their owner, unless the code is WS_CLOSE_NORMAL.
void agent_close(struct agent *a, enum ws_close_code code, const char *why);
// Enters set->waiting; when that is full, or the share of the agent's address, evicts another.
void agent_wait_for_name(struct agent *a);
// Moves the agent to set->named.
void agent_has_names(struct agent *a);
// Moves an agent that has lost its last name to set->waiting, as agent_wait_for_name does.
void agent_has_no_names(struct agent *a);
// Closes an agent that is silent, leaves, breaks the protocol or does not read. `ctx` is the agent.
void agent_on_session_end(void *ctx, const struct session_end *end);
// Starts the wait for the agent's hello.
void agent_await_hello(struct agent *a);

// agent_names.c

// Handles a control message of the agent: hello or bind.
void agent_on_control(void *ctx, const struct control_message *message);
