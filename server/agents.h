// SPDX-License-Identifier: MIT
// The relay's side of a tunnel: an agent's WebSocket, its tunnel and its names.
#pragma once
#include "relay.h"

struct agent;

// Takes over a connection of this client on which the 101 has been written. Closes it when out of
// memory. Where there are too many that have no name yet, one of those makes room.
void agent_accept(struct relay *r, struct conn *c, const struct client_address *client);
// Makes the outbound of an exchange through this agent and attaches it. False: its client has as
// many as it may have, or we are out of memory; `*why` is the answer to that.
bool agent_attach(struct agent *a, struct exchange *x, const struct client_address *client,
                  enum answer *why);
// The address by which its tunnel counts, as text: an IPv4 address or the first one of an IPv6 /64.
// Empty where it may stand for anybody.
const char *agent_address(const struct agent *a);
// Observes exchanges for their agents, who hear how they ended. `ctx` is the relay.
void agents_report(void *ctx, struct exchange *x, enum exchange_outcome why);
void agents_close(struct relay *r);
