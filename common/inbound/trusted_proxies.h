// SPDX-License-Identifier: MIT
// The proxies before us that are believed: for whom they ask, and by which scheme (docs/protocol.md
// §6).
#pragma once
#include "common/base/client_address.h"
#include "proto/http/message.h"

enum {
    TRUSTED_PROXIES_MAX = 32, // ranges
};

struct address_range {
    struct in6_addr first; // IPv4 mapped into IPv6
    uint8_t bits;          // of it that count, 1 to 128
};

// Zero trusts nobody.
struct trusted_proxies {
    struct address_range ranges[TRUSTED_PROXIES_MAX];
    size_t count;
};

// Takes one more range: an address, an address and the length of its prefix behind a slash, or
// "loopback". Returns NULL, or what is wrong with it, to be followed by the value.
const char *trusted_proxies_take(struct trusted_proxies *t, const char *value);

bool trusted_proxies_have(const struct trusted_proxies *t, const struct client_address *a);

// Where a request that has come from a trusted proxy came from in truth.
struct proxied_request {
    struct client_address client; // in: the proxy itself, which it stays when nobody else is told
    const char *scheme;           // "http" or "https"; NULL: nothing is said
};

// Reads it out of X-Forwarded-For and X-Forwarded-Proto, or, where the first is missing, out of
// Forwarded. The client is the last address that is not trusted itself. At what is no address
// nothing further left is believed.
void trusted_proxies_read(const struct trusted_proxies *t, const struct http_head *head,
                          struct proxied_request *request);
