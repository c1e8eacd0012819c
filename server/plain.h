// SPDX-License-Identifier: MIT
// Requests that came without TLS although the relay has certificates: a redirect to https, or the
// answer to a challenge of ACME.
#pragma once
#include "common/exchange/exchange.h"

// Embedded. The strings must outlive it.
struct plain {
    const char *dir;    // of the state, for challenges
    const char *domain; // where requests go that name an address instead of a host
    uint16_t port;      // of https
};

// Answers a request; `host` is its host if that is a name, without the port, else the domain.
void plain_answer(const struct plain *p, struct exchange *x, const struct http_head *head,
                  struct slice host);
