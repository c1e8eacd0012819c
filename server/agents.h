// SPDX-License-Identifier: MIT
// The relay's side of all tunnels: each agent's WebSocket link, its tunnel and the names it has
// bound (docs/protocol.md §1, §2 and §5).
#pragma once
#include "common/base/client_address.h"
#include "common/base/shares.h"
#include "common/exchange/outbound.h"
#include "common/io/conn.h"
#include "proto/http2/mux.h"
#include "proto/list.h"
#include "rate_limit.h"

struct agent;
struct public_urls;
struct recorder;
struct relay_log;
struct reserved_names;
struct routes;

// All agents of one worker. Embedded; the first group is what they use, set before the first agent
// comes; the rest is zero.
struct agents {
    struct loop *loop;
    struct routes *routes;
    struct relay_log *log;
    struct recorder *recorder; // NULL: nothing is recorded
    const struct reserved_names *reserved;
    const struct public_urls *urls;
    uint64_t seed; // of hashes; random

    struct exchange_observer observer;
    struct mux_scratch heads;  // of all tunnels
    struct list named;         // agents that have names, longest first
    struct list waiting;       // agents that have none, longest first
    size_t waiting_count;      // of `waiting`
    struct shares waiting_of;  // the same by address
    size_t count;              // of both lists
    uint64_t tunnels;          // opened ever; numbers them
    struct rate_limit lingers; // closed links whose agents get time to read why
    size_t retry_ms;           // stopping: agents come back within this time; 0: not stopping
};

// Takes over a connection on which the 101 has been written, or closes it when out of memory. When
// too many agents have no name yet, one of them is closed.
void agents_accept(struct agents *set, struct conn *c, const struct client_address *client);
// Tells all agents that the relay stops, and when to come back. Their last reports still come,
// until agents_close.
void agents_leave(struct agents *set);
// Closes all agents that have not left since then.
void agents_close(struct agents *set);
// Frees what they share, once all are gone.
void agents_free(struct agents *set);
// The observer that reports to the exchange's agent how it ended (docs/protocol.md §5.1), with
// digests if that agent has asked for reports.
struct exchange_observer *agents_observer(struct agents *set);

// The agent as what answers. The tunnel in the exchange's facts is the name of one of its routes. A
// client has a limit of exchanges in each tunnel.
struct outbound *agent_outbound(struct agent *a);
// The agent's address as text, by which its names and tunnels are counted: an IPv4 address, or the
// first one of an IPv6 /64. Empty where it may stand for anybody.
const char *agent_address(const struct agent *a);
