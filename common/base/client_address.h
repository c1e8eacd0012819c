// SPDX-License-Identifier: MIT
// The address of a client as limits count it: an IPv4 address, or an IPv6 /64, since the holder of
// one address of a /64 usually holds all of them.
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include "proto/bytes.h"

// IPv4 is mapped into IPv6 (RFC 4291 §2.5.5.2). All zero is no client's address.
struct client_address {
    struct in6_addr bytes;
    // Limits per address do not apply: behind loopback, or behind a trusted proxy that names no
    // client, there may be many clients.
    bool exempt;
};

void client_address_of(const struct sockaddr_storage *peer, struct client_address *a);
// Parses an address as people and proxies write it: IPv4, or IPv6 with or without brackets. A zone
// and a port (RFC 7239 §6) may follow and are dropped. False: it is no address.
bool client_address_parse(struct slice text, struct client_address *a);
// Writes the whole address without port; a mapped IPv4 address as IPv4.
void client_address_text(const struct client_address *a, char out[static INET6_ADDRSTRLEN]);

enum {
    CLIENT_KEY_BYTES = 16
};

// Writes the key under which limits count the address (shares.h): the /64 of an IPv6 address, all
// bytes of an IPv4 one. Returns it as a slice of `out`.
struct slice client_address_key(const struct client_address *a,
                                unsigned char out[static CLIENT_KEY_BYTES]);

// Writes that key as text: the IPv4 address, or the first address of the /64; empty when exempt.
void client_address_share_text(const struct client_address *a, char out[static INET6_ADDRSTRLEN]);
