// SPDX-License-Identifier: MIT
// Socket addresses from text and back.
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    ADDRESS_TEXT_MAX = 64
};

// Parse one address without port, as inet_pton(3) does; an IPv6 address may have a zone ("%eth0").
// False: the text is no such address.
bool address_v4(const char *text, uint16_t port, struct sockaddr_in *addr);
bool address_v6(const char *text, uint16_t port, struct sockaddr_in6 *addr);

// Parses an address to listen on: IPv4, IPv6 with or without brackets, or "localhost" (127.0.0.1).
// An empty host means all addresses ("::"). False: it is none of these.
bool address_parse_host(const char *host, uint16_t port, struct sockaddr_storage *addr);
// The same with a port: "ADDR:PORT", "[v6]:PORT", ":PORT" or "localhost:PORT".
bool address_parse(const char *text, struct sockaddr_storage *addr);

bool address_is_loopback(const struct sockaddr_storage *addr);
uint16_t address_port(const struct sockaddr_storage *addr);
// Writes "127.0.0.1:80" or "[::1]:80".
void address_text(const struct sockaddr_storage *addr, char out[static ADDRESS_TEXT_MAX]);
