// SPDX-License-Identifier: MIT
// Whose address something comes from, as far as shares go: an IPv4 address, or an IPv6 /64, since
// who has one IPv6 address has all of those.
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include "proto/bytes.h"

// IPv4 is mapped into IPv6. Zero is an address that nobody has.
struct client_address {
    struct in6_addr bytes;
    // It may stand for anybody, as loopback does, where a proxy may be: it has no share, and is not
    // slowed.
    bool exempt;
};

void client_address_of(const struct sockaddr_storage *peer, struct client_address *a);
// Reads an address as people and proxies write it: IPv4, or IPv6 with brackets or without, perhaps
// with a zone, which is dropped; perhaps with a port, which is dropped too. False: it is none.
bool client_address_parse(struct slice text, struct client_address *a);
// As text without port, all of it; an IPv4 address as IPv4.
void client_address_text(const struct client_address *a, char out[static INET6_ADDRSTRLEN]);

enum {
    CLIENT_KEY_BYTES = 16
};

// By what it is counted (struct shares): the bytes, of IPv6 those of the /64 alone.
struct slice client_address_key(const struct client_address *a,
                                unsigned char out[static CLIENT_KEY_BYTES]);

// The same as text: an IPv4 address, or the first one of the /64; empty where it has no share.
void client_address_share_text(const struct client_address *a, char out[static INET6_ADDRSTRLEN]);
