// SPDX-License-Identifier: MIT
// Addresses to listen on, as people write and read them.
#pragma once
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    ADDRESS_TEXT_MAX = 64
};

// Reads an address alone, as inet_pton(3) does; behind an IPv6 one its zone may stand ("%eth0").
// False: it is none.
bool address_v4(const char *text, uint16_t port, struct sockaddr_in *addr);
bool address_v6(const char *text, uint16_t port, struct sockaddr_in6 *addr);

// Parses an IPv4 or IPv6 address, in brackets or not, or "localhost" (127.0.0.1). Empty: every
// address. False when it is none of them.
bool address_parse_host(const char *host, uint16_t port, struct sockaddr_storage *addr);
// The same with a port: "ADDR:PORT", "[v6]:PORT", ":PORT" or "localhost:PORT".
bool address_parse(const char *text, struct sockaddr_storage *addr);

bool address_is_loopback(const struct sockaddr_storage *addr);
uint16_t address_port(const struct sockaddr_storage *addr);
// "127.0.0.1:80" or "[::1]:80".
void address_text(const struct sockaddr_storage *addr, char out[static ADDRESS_TEXT_MAX]);
