// SPDX-License-Identifier: MIT
// One agent. Shared by, from the bottom: agent_state.c (its lists, its end), agent_link.c (bytes
// between link and tunnel) and agent_names.c (control messages), agents.c (makes agents).
#pragma once
#include "agents.h"
#include "proto/tunnel/tunnel.h"
#include "proto/tunnel/websocket.h"
#include "relay_log.h"
#include "routes.h"

// Codes of WebSocket Close frames (RFC 6455 §7.4.1).
enum {
    CLOSE_NORMAL = 1000,
    CLOSE_GOING_AWAY = 1001,
    CLOSE_PROTOCOL = 1002
};

struct agent {
    struct agents *set;
    struct list_link in_list; // in set->named or set->waiting
    struct share *waits_of;   // of set->waiting_of; NULL: named, or out of memory
    bool named;               // in set->named
    struct client_address client;
    char address[INET6_ADDRSTRLEN]; // agent_address
    struct conn *conn;              // NULL once closed or failed
    struct tunnel *tunnel;
    struct ws_reader reader;
    struct loop_task flush, free_task;
    struct timeout tick;
    struct route *routes; // bound by this agent; see leave_routes
    size_t route_count;
    struct shares clients;       // running exchanges by client
    uint64_t number;             // of the tunnel
    enum exchange_record record; // the most that the agent allows
    uint64_t since_ms;
    struct rate_limit binds;
    uint64_t progress_ms; // when the link last took bytes or had none to take
    bool progress;        // the link has taken bytes since the last tick
    bool greeted;         // hello has come
    bool closed;
    bool drop_logged;                   // a message to the agent was dropped, and that was logged
    bool evicted;                       // closes to make room; its connection must go at once
    bool legacy_owner;                  // the agent sends its key unchanged (docs/protocol.md §2)
    char owner[ROUTE_OWNER_DIGITS + 1]; // SHA-256 of what it sends as owner
    char legacy_proof[72];              // `before` of its hello; may be empty
    struct tunnel_summary summary;      // for the log
};

// agent_state.c

// The key by which shares count this agent; empty where its address may stand for anybody.
struct slice agent_key(const struct agent *a, unsigned char bytes[static CLIENT_KEY_BYTES]);
// The tunnel has something to send: fills the link before the loop sleeps. `ctx` is the agent.
static inline void agent_wake(void *ctx)
{
    struct agent *a = ctx;
    if (!a->closed)
        loop_queue(a->set->loop, &a->flush);
}

// Writes a whole frame to the link. False when out of memory.
bool agent_write_frame(struct agent *a, enum ws_opcode opcode, const void *bytes, size_t len);
// The one way an agent ends: gives up its names, aborts its exchanges, closes its link with
// `ws_code` and logs `why`. The names are held for their owner, unless the code is CLOSE_NORMAL.
void agent_close(struct agent *a, unsigned ws_code, const char *why);
// The same for a tunnel_error.
void agent_close_error(struct agent *a, unsigned ws_code, int error);
// Enters set->waiting; when that is full, or the share of the agent's address, evicts another.
void agent_wait_for_name(struct agent *a);
// Moves the agent to set->named.
void agent_has_names(struct agent *a);
// Moves an agent that has lost its last name to set->waiting, as agent_wait_for_name does.
void agent_has_no_names(struct agent *a);

// agent_link.c

// Takes over the connection: its bytes go to the tunnel from now on.
void agent_link_begin(struct agent *a, struct conn *c);

// agent_names.c

// Handles a control message of the agent: hello or bind.
void agent_on_control(void *ctx, const struct control_message *message);
