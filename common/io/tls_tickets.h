// SPDX-License-Identifier: MIT
// The keys by which a server seals session tickets (RFC 5077, RFC 8446 §4.6.1): random, never
// written anywhere, and replaced by the clock of the caller. A key seals for
// LIMIT_TICKET_KEY_MS, opens for as long again, and is wiped then.
#pragma once
#include <stdint.h>

struct tls_tickets;

// NULL: no memory or no randomness.
struct tls_tickets *tls_tickets_new(uint64_t now_ms);
// Replaces keys whose time is over. Without randomness the keys stay until the next call.
void tls_tickets_tick(struct tls_tickets *t, uint64_t now_ms);
void tls_tickets_free(struct tls_tickets *t);
