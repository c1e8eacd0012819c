// SPDX-License-Identifier: MIT
// Trusted proxies in front of us: their X-Forwarded-* or Forwarded fields name the client and the
// scheme of a request (docs/protocol.md §6).
#pragma once
#include "common/base/client_address.h"
#include "proto/http/message.h"

enum {
    TRUSTED_PROXIES_MAX = 32, // ranges
};

// For commands that got --proxy-protocol without --trusted-proxy.
#define TRUSTED_PROXIES_MISSING \
    "--proxy-protocol needs --trusted-proxy: say whose headers are believed"

struct address_range {
    struct in6_addr first; // IPv4 mapped into IPv6
    uint8_t bits;          // length of the prefix, 1 to 128
};

// All zero trusts no proxy.
struct trusted_proxies {
    struct address_range ranges[TRUSTED_PROXIES_MAX];
    size_t count;
};

// Adds a range: an address, ADDRESS/PREFIX-LENGTH or "loopback". Returns NULL, or a message that is
// to be followed by the value.
const char *trusted_proxies_add(struct trusted_proxies *t, const char *value);

bool trusted_proxies_contain(const struct trusted_proxies *t, const struct client_address *a);

// The facts that a trusted proxy tells of a request.
struct proxied_request {
    struct client_address client; // in: the proxy; out: the client, if the proxy names one
    const char *scheme;           // "http" or "https"; NULL: not said
};

// Reads X-Forwarded-For and X-Forwarded-Proto or, without the former, Forwarded (RFC 7239). The
// client is the last address that is not a trusted proxy itself. Addresses to the left of a
// malformed one are not believed.
void trusted_proxies_read(const struct trusted_proxies *t, const struct http_head *head,
                          struct proxied_request *request);
