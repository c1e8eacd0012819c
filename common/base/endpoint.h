// SPDX-License-Identifier: MIT
// Where something listens, as people write it: a service or a relay. Every option and argument that
// takes one takes the same forms, and refuses the rest in the same words.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ENDPOINT_HOST_MAX = 256, // of a name (RFC 1035 allows 253 bytes) or address
    ENDPOINT_URL_MAX = 300,
    ENDPOINT_MESSAGE_MAX = 640
};

enum endpoint_use {
    ENDPOINT_SERVICE, // that requests are forwarded to: http only
    ENDPOINT_RELAY    // http or https
};

struct endpoint {
    bool tls;
    char host[ENDPOINT_HOST_MAX]; // in lower case, without a dot at its end; an IPv6 address
                                  // without brackets; of a port alone "localhost"
    uint16_t port;
};

// Takes PORT, :PORT, HOST:PORT, http://HOST[:PORT][/], and for a relay https:// likewise; an IPv6
// address stands in brackets. Returns NULL, or what is wrong with it, for endpoint_explain.
const char *endpoint_parse(const char *text, enum endpoint_use use, struct endpoint *e);

// The same for HOST[:PORT], of a URL whose scheme has this port; with 0 there has to be one.
const char *endpoint_parse_authority(const char *text, size_t len, uint16_t port,
                                     struct endpoint *e);

// Writes "PLACE: WHY: TEXT", of the text nothing behind the host and port, where a token may stand,
// and nothing at all where it may hold a password or what a terminal would obey.
void endpoint_explain(char out[static ENDPOINT_MESSAGE_MAX], const char *place, const char *why,
                      const char *text);

// "http://HOST[:PORT]": a port that the scheme has of itself is left out.
void endpoint_url(const struct endpoint *e, char out[static ENDPOINT_URL_MAX]);

// Whether it is an IP address and no name.
bool endpoint_is_address(const char *host);
// Whether the name is localhost or lies below it, which is this machine's loopback whatever a
// resolver says (RFC 6761 §6.3).
bool endpoint_is_localhost(const char *host);
// The same, or an address of loopback.
bool endpoint_is_loopback(const char *host);
